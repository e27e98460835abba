"""snarkjs's Groth16 `.zkey`: the verifying key in it, in the layout of `rln.h`.

The C core reads the whole file, and refuses it if its verifying key is unsound. This module only takes the
points of the verifying key out, so that a report can say what is wrong with them.

    section 2   u32 32, p, u32 32, r, u32 wires, u32 public values, u32 domain,
                alpha_1, beta_1, beta_2, gamma_2, delta_1, delta_2
    section 3   the IC points, public values + 1

A coordinate is 32 bytes, little-endian, in Montgomery form: multiplied by 2^256 modulo p. Infinity is 0.
Source: iden3/snarkjs, zkey_utils.
"""

from __future__ import annotations

from rln.base.file_kind import FileKind, expect, zkey_sections
from rln.base.scalar import COORDINATE_MODULUS
from rln.errors import EncodingError
from rln.formats.points import encode_point

_HEADER, _CONSTANTS = 2, 3
_POINTS = 4 + 32 + 4 + 32 + 3 * 4
"""Start of the points in the header."""

_FROM_MONTGOMERY = pow(2, -256, COORDINATE_MODULUS)


def read_verifying_key(data: bytes) -> bytes:
    """Return the uncompressed verifying key in a file; its points are not checked.

    Raises:
        EncodingError: not such a file, or a section is missing or too short.
    """
    expect(data, "zkey", FileKind.ZKEY)
    sections = {number: data[start : start + length] for number, start, length in zkey_sections(data)}
    header, constants = sections.get(_HEADER, b""), sections.get(_CONSTANTS, b"")
    if len(header) != _POINTS + 3 * 64 + 3 * 128 or not constants or len(constants) % 64:
        raise EncodingError("zkey: expected a header of Groth16 over BN254 and whole IC points")
    places = ((0, 64), (128, 256), (256, 384), (448, 576))  # alpha, beta, gamma, delta
    points = [header[_POINTS + start : _POINTS + end] for start, end in places]
    ic = [constants[at : at + 64] for at in range(0, len(constants), 64)]
    return b"".join([*map(_plain, points), len(ic).to_bytes(8, "little"), *map(_plain, ic)])


def _plain(point: bytes) -> bytes:
    numbers = [int.from_bytes(point[at : at + 32], "little") for at in range(0, len(point), 32)]
    return encode_point([number * _FROM_MONTGOMERY % COORDINATE_MODULUS for number in numbers])
