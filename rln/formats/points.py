"""Points as bytes in the layout of `rln.h`, from coordinates that some file gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rln.base.scalar import COORDINATE_MODULUS

_LARGER: Final = 0x80
_INFINITY: Final = 0x40


def encode_point(coordinates: Sequence[int]) -> bytes:
    """Return an uncompressed point; whether it is on the curve is not checked.

    Args:
        coordinates: x, y in group 1; x.c0, x.c1, y.c0, y.c1 in group 2; each below p. All 0 is infinity, as
            no point of the curves has these coordinates.
    """
    data = bytearray(b"".join(number.to_bytes(32, "little") for number in coordinates))
    y = coordinates[len(coordinates) // 2 :]
    # In group 2, c1 decides which of y and -y is larger; c0 decides if c1 is zero.
    deciding = next((part for part in reversed(y) if part), 0)
    if not any(coordinates):
        data[-1] |= _INFINITY
    elif deciding > COORDINATE_MODULUS - deciding:
        data[-1] |= _LARGER
    return bytes(data)
