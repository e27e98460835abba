"""Membership: the index, limit and commitment of a member of a group."""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Final, Self, overload

from rln.base import scalar
from rln.base.arguments import nonzero, pairs, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.base.injected import callback
from rln.errors import ParameterError
from rln.lowlevel import hashes
from rln.merkle.proof import MerkleProof
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import PUBLIC_COMMITMENT

_PUBLIC_PACKED: Final = scalar.encode(PUBLIC_COMMITMENT)
_PUBLIC_PATTERN: Final = re.compile(re.escape(_PUBLIC_PACKED), re.DOTALL)
"""For a search in a memoryview, which has no `find`."""

_SMALL: Final = 256
"""With fewer hashes than this, several threads are slower than one."""

_PIECE: Final = 1 << 14
"""Members that are packed or hashed at a time: what this needs beside its result stays small."""


def check_commitment(commitment: int) -> int:
    """Return an identity commitment that a member may have.

    Raises:
        FieldRangeError: not a field element.
        ParameterError: 0, or the commitment of the secret 0.
    """
    if nonzero(commitment, "commitment") == PUBLIC_COMMITMENT:
        raise _public_secret()
    return commitment


def _public_secret() -> ParameterError:
    return ParameterError(
        "commitment: expected one whose secret only the member knows, got that of the secret 0; make another "
        "identity"
    )


@cache
def public_leaves(limit_bits: int) -> frozenset[bytes]:
    """Return the leaves of the secret 0 for all limits, 1 to 2^limit_bits, 32 bytes each.

    A bulletin has leaves without their commitments, so a mirror compares leaves.
    """
    limits = range(1, (1 << limit_bits) + 1)
    pairs = b"".join(_PUBLIC_PACKED + limit.to_bytes(scalar.SIZE, "little") for limit in limits)
    leaves = hashes.poseidon_many(pairs, 2, threads=None)
    return frozenset(leaves[at : at + scalar.SIZE] for at in range(0, len(leaves), scalar.SIZE))


def rate_commitment(commitment: int, limit: int) -> int:
    """Return the leaf Poseidon(identity commitment, user message limit).

    Raises:
        FieldRangeError: the commitment is not a field element.
        ParameterError: the commitment is 0 or that of the secret 0, or the limit is not 1 to 65,536.
    """
    check_commitment(commitment)
    whole(limit, "limit", 1, 1 << MAX_LIMIT_BITS)
    return poseidon_hash([commitment, limit])


@dataclass(frozen=True, slots=True)
class Membership:
    """A member's index, limit and identity commitment in a group.

    Args:
        index: of the leaf, 0 or more.
        limit: user message limit, messages in an epoch, 1 to 65,536; a group may allow less.
        commitment: identity commitment, a field element other than 0.
        paths: returns the newest path for an index, if the group is in this process; equality and `repr`
            ignore it.

    Raises:
        ParameterError: a number is outside its range.
        FieldRangeError: the commitment is not a field element.
    """

    index: int
    limit: int
    commitment: int
    paths: Callable[[int], MerkleProof] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        check_commitment(self.commitment)
        if self.paths is not None:
            callback(self.paths, "paths")

    def __reduce__(self) -> tuple[type[Self], tuple[int, int, int]]:
        """Copy and pickle only the three numbers: `paths` belongs to the group."""
        return type(self), (self.index, self.limit, self.commitment)

    @property
    def rate_commitment(self) -> int:
        """The leaf, computed from commitment and limit."""
        return rate_commitment(self.commitment, self.limit)


@dataclass(frozen=True, slots=True)
class PackedMembers:
    """The commitments and limits of many members, packed in two objects instead of two for each member.

    Args:
        commitments: identity commitments, 32 little-endian bytes each.
        limits: messages in an epoch, one for each commitment.

    Raises:
        ParameterError: a commitment is that of the secret 0. It is checked here, because every registration
            goes through this class, also one that another process has made.
    """

    commitments: bytes | memoryview = field(repr=False)
    limits: Sequence[int] = field(repr=False)

    def __post_init__(self) -> None:
        found = _PUBLIC_PATTERN.search(self.commitments)
        while found is not None:
            if found.start() % scalar.SIZE == 0:
                raise _public_secret()
            found = _PUBLIC_PATTERN.search(self.commitments, found.start() + 1)

    @classmethod
    def pack(cls, members: Iterable[tuple[int, int]], max_limit: int) -> Self:
        """Check members and pack them.

        Args:
            members: pairs of commitment and limit.
            max_limit: the highest limit.

        Raises:
            ParameterError: a commitment is 0 or that of the secret 0, or a limit is not 1 to `max_limit`.
            FieldRangeError: a commitment is not a field element.
        """
        source, packed, packed_limits = iter(members), bytearray(), array("Q")
        while piece := list(islice(source, _PIECE)):
            if set(map(type, piece)) != {tuple} or set(map(len, piece)) != {2}:
                pairs(piece, 2, "members")
            limits = [limit for _, limit in piece]
            # min and max are much faster than a check of each limit. The loop only raises the right error.
            if set(map(type, limits)) != {int} or min(limits) < 1 or max(limits) > max_limit:
                for limit in limits:
                    whole(limit, "limit", 1, max_limit)
            commitments = [commitment for commitment, _ in piece]
            packed += scalar.encode_many(commitments, "commitment")
            if 0 in commitments:
                nonzero(0, "commitment")
            packed_limits.fromlist(limits)
        return cls(memoryview(packed).toreadonly(), packed_limits)

    def __len__(self) -> int:
        return len(self.limits)

    def commitment(self, position: int) -> int:
        """Return the commitment of the member at a position, counted from 0."""
        packed = self.commitments[position * scalar.SIZE : (position + 1) * scalar.SIZE]
        return int.from_bytes(packed, "little")

    def part(self, start: int, stop: int) -> PackedMembers:
        """Return the members at the positions start .. stop, counted from 0."""
        return PackedMembers(
            self.commitments[start * scalar.SIZE : stop * scalar.SIZE], self.limits[start:stop]
        )

    def rate_commitments(self, threads: int | None) -> memoryview:
        """Return the leaves, the `rate_commitment` of each member, 32 little-endian bytes each.

        Args:
            threads: for many members, 1 to 256; None is as many as the machine has.

        Returns:
            New memory, which only the caller uses.
        """
        size, count = scalar.SIZE, len(self.limits)
        leaves = memoryview(bytearray(size * count))
        for start in range(0, count, _PIECE):
            stop = min(count, start + _PIECE)
            pairs = bytearray(2 * size * (stop - start))
            commitments = self.commitments[start * size : stop * size]
            limits = struct.pack(f"<{stop - start}Q", *self.limits[start:stop])
            # Copy byte k of all members at once, for each k: 40 copies, instead of two for each member.
            for k in range(size):
                pairs[k :: 2 * size] = commitments[k::size]
            for k in range(8):
                pairs[size + k :: 2 * size] = limits[k::8]
            hashes.poseidon_into(
                leaves[start * size : stop * size],
                memoryview(pairs),
                2,
                threads=1 if stop - start < _SMALL else threads,
            )
        return leaves


class Memberships(Sequence[Membership]):
    """Members at consecutive indices; a `Membership` is made when you read an item.

    Args:
        start: index of the first member.
        members: the commitments and limits.
        paths: as for `Membership`.
    """

    __slots__ = ("_members", "_paths", "_start")

    def __init__(self, start: int, members: PackedMembers, paths: Callable[[int], MerkleProof]) -> None:
        self._start = start
        self._members = members
        self._paths = paths

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, position: int) -> Membership: ...
    @overload
    def __getitem__(self, position: slice) -> list[Membership]: ...
    def __getitem__(self, position: int | slice) -> Membership | list[Membership]:
        found = range(len(self))[position]
        return self._member(found) if isinstance(found, int) else [self._member(i) for i in found]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, tuple, Memberships)) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((self._start, bytes(self._members.commitments)))

    def __repr__(self) -> str:
        return f"Memberships({len(self)} from index {self._start} on)"

    def _member(self, position: int) -> Membership:
        members = self._members
        return Membership(
            self._start + position, members.limits[position], members.commitment(position), self._paths
        )
