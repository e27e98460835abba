"""Memberships: what a registration gives back, one or a million, without an object for each."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import overload

from rln.base import scalar
from rln.lowlevel import hashes
from rln.merkle.proof import MerkleProof
from rln.protocol.membership import Membership


class Memberships(Sequence[Membership]):
    """Members at neighbouring indices; each is made when it is asked for.

    Args:
        start: index of the first.
        limits: one each.
        commitments: 32 little-endian bytes each.
        paths: as for `Membership`.
    """

    __slots__ = ("_commitments", "_limits", "_paths", "_start")

    def __init__(
        self, start: int, limits: Sequence[int], commitments: bytes, paths: Callable[[int], MerkleProof]
    ) -> None:
        self._start = start
        self._limits = limits
        self._commitments = commitments
        self._paths = paths

    def __len__(self) -> int:
        return len(self._limits)

    @overload
    def __getitem__(self, place: int) -> Membership: ...
    @overload
    def __getitem__(self, place: slice) -> list[Membership]: ...
    def __getitem__(self, place: int | slice) -> Membership | list[Membership]:
        places = range(len(self))[place]
        return self._member(places) if isinstance(places, int) else [self._member(i) for i in places]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, tuple, Memberships)) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((self._start, self._commitments))

    def __repr__(self) -> str:
        return f"Memberships({len(self)} from index {self._start} on)"

    def _member(self, place: int) -> Membership:
        packed = self._commitments[place * scalar.SIZE : (place + 1) * scalar.SIZE]
        return Membership(
            self._start + place, self._limits[place], int.from_bytes(packed, "little"), self._paths
        )


def rate_commitments(commitments: bytes, limits: Sequence[int], threads: int | None) -> bytes:
    """Return leaves, as `rln.protocol.membership.rate_commitment` of each: 32 bytes each.

    Args:
        commitments: 32 little-endian bytes each.
        limits: one each.
        threads: for many; None is as many as the machine has.
    """
    size = scalar.SIZE
    pairs = bytearray(2 * size * len(limits))
    packed = struct.pack(f"<{len(limits)}Q", *limits)
    # One byte of all members at a time: few calls, where a slice for each member would be millions.
    for k in range(size):
        pairs[k :: 2 * size] = commitments[k::size]
    for k in range(8):
        pairs[size + k :: 2 * size] = packed[k::8]
    return hashes.poseidon_many(bytes(pairs), 2, threads=1 if len(limits) < 256 else threads)
