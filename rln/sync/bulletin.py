r"""Bulletin: what changed in a group between two steps, for members who keep its whole tree.

    8 bytes   rln-bul\n
    1 byte    format, 1
    1 byte    depth
    1 byte    limit_bits
    u64       step that it continues from; 0 is the empty group
    u64       step that it leads to
    32 bytes  root at the first step
    32 bytes  root at the second step
    u64       unix time of the second step, milliseconds, before the year 10000
    u64       index of the first new leaf
    u64       number of new leaves
    u64       number of removed leaves
    leaves    new leaves in the order of their indices, 32 bytes each; 0 is a leaf that was removed again
    indices   of older leaves that were removed, u32 each, ascending

Numbers are little-endian. A bulletin from step 0 contains the whole tree; one from a later step contains what
changed since. Both are the same for every reader, so a request does not reveal which member makes it. A
bulletin holds leaves, and no commitments or limits, because a path needs only leaves. The reader applies all
changes and compares the root that they give with the second root, so all of its content is checked.

A registrar signs these bytes (`rln.sync.signing`); a `rln.sync.mirror.Mirror` applies them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, Self

from rln.base import scalar
from rln.base.arguments import plain_bytes, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_STORED
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError, ParameterError

MAGIC: Final = b"rln-bul\n"
FORMAT: Final = 1

MAX_BYTES: Final = 1 << 30
"""Bytes of the largest bulletin, about 33 million leaves; a larger group needs several bulletins."""

_HEADER: Final = struct.Struct("<8sBBBQQ32s32sQQQQ")
_INDEX: Final = struct.Struct("<I")
_LAST_TIME: Final = 253_402_300_799_999
"""The end of the year 9999, the last year of a `datetime`."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The change of a group from one step to a later one.

    Args:
        depth: levels of the tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits.
        after: the step that it continues from, 0 or more.
        last: the step that it leads to, above `after`.
        before: root of the tree at step `after`, a field element other than 0.
        root: root of the tree at step `last`, a field element other than 0.
        at: unix time of `last` in milliseconds, up to the end of the year 9999.
        start: index of the first new leaf, the number of leaves before.
        leaves: packed, 32 bytes each; a leaf of 0 was added and removed again.
        gone: indices below `start` whose leaves were removed, ascending.

    Raises:
        ParameterError: a number is outside its range, or the indices are not ascending.
        FieldRangeError: a root is not a field element.
        EncodingError: the leaves are not `bytes`, or not 32 bytes each. The tree checks that each leaf is a
            field element.
    """

    depth: int
    limit_bits: int
    after: int
    last: int
    before: int
    root: int
    at: int
    start: int
    leaves: bytes = field(repr=False)
    gone: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        capacity = 1 << whole(self.depth, "depth", 1, MAX_DEPTH)
        whole(self.limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        whole(self.after, "after", 0, MAX_STORED - 1)
        whole(self.last, "last", self.after + 1, MAX_STORED)
        for name, root in (("before", self.before), ("root", self.root)):
            if scalar.check(root, name) == 0:
                raise ParameterError(f"{name}: expected a field element other than 0, got 0")
        whole(self.at, "at", 0, _LAST_TIME)
        whole(self.start, "start", 0, capacity)
        count, rest = divmod(len(plain_bytes(self.leaves, "leaves")), scalar.SIZE)
        if rest:
            raise EncodingError(f"leaves: expected {scalar.SIZE} bytes each, got {rest} bytes more")
        whole(count, "number of leaves", 0, capacity - self.start)
        if type(self.gone) is not tuple:
            raise ParameterError(f"gone: expected tuple, got {type(self.gone).__name__}")
        least = 0
        for index in self.gone:
            least = whole(index, "gone", least, self.start - 1) + 1

    @staticmethod
    def most_bytes(depth: int) -> int:
        """Return the size in bytes of the largest bulletin about a tree of this depth.

        Raises:
            ParameterError: the depth is not 1 to 32.
        """
        whole(depth, "depth", 1, MAX_DEPTH)
        return min(MAX_BYTES, _HEADER.size + (scalar.SIZE + _INDEX.size << depth))

    @property
    def count(self) -> int:
        """Number of new leaves."""
        return len(self.leaves) // scalar.SIZE

    def encode(self) -> bytes:
        """Return the bytes to sign.

        Raises:
            ParameterError: there are more than `MAX_BYTES`.
        """
        size = _HEADER.size + len(self.leaves) + _INDEX.size * len(self.gone)
        if size > MAX_BYTES:
            raise ParameterError(f"bulletin: expected at most {MAX_BYTES} bytes, got {size}")
        header = _HEADER.pack(
            MAGIC, FORMAT, self.depth, self.limit_bits, self.after, self.last,
            scalar.encode(self.before, "before"), scalar.encode(self.root, "root"),
            self.at, self.start, self.count, len(self.gone),
        )  # fmt: skip
        return header + self.leaves + struct.pack(f"<{len(self.gone)}I", *self.gone)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the bytes of a bulletin, with no bytes after them.

        The lengths are checked before anything is copied.

        Raises:
            EncodingError: not a bulletin, a wrong length, or more than `MAX_BYTES`.
            ParameterError, FieldRangeError: a number is outside its range.
        """
        expect(data, "bulletin", FileKind.BULLETIN)
        if not _HEADER.size <= len(plain_bytes(data, "bulletin")) <= MAX_BYTES:
            raise EncodingError(f"bulletin: expected {_HEADER.size} to {MAX_BYTES} bytes, got {len(data)}")
        magic, form, depth, limit_bits, after, last, before, root, at, start, count, removed = (
            _HEADER.unpack_from(data)
        )
        if magic != MAGIC:
            raise EncodingError(
                f"bulletin: expected {MAGIC!r} at the start, got {magic!r}: another kind of file"
            )
        if form != FORMAT:
            raise EncodingError(f"bulletin: format: expected {FORMAT}, got {form}")
        end = _HEADER.size + scalar.SIZE * count
        size = end + _INDEX.size * removed
        if size != len(data):
            raise EncodingError(
                f"bulletin: expected {size} bytes for {count} new and {removed} removed leaves, "
                f"got {len(data)}"
            )
        return cls(
            depth=depth,
            limit_bits=limit_bits,
            after=after,
            last=last,
            before=scalar.decode(before, "before"),
            root=scalar.decode(root, "root"),
            at=at,
            start=start,
            leaves=data[_HEADER.size : end],
            gone=struct.unpack_from(f"<{removed}I", data, end),
        )
