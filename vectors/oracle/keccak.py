"""Keccak-256 (padding 0x01) and the hash to the field. Source: the Keccak reference; zerokit-spec 2."""

from collections.abc import Iterator

from .field import R

MASK = 2**64 - 1


def round_constants() -> Iterator[int]:
    """Yield the 24 round constants from their LFSR x^8 + x^6 + x^5 + x^4 + 1."""
    lfsr = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant |= 1 << (2**j - 1)
            lfsr = lfsr << 1 ^ (0x171 if lfsr & 0x80 else 0)
        yield constant


def rotate(value: int, count: int) -> int:
    """Rotate a 64-bit word to the left."""
    count %= 64
    return (value << count | value >> (64 - count)) & MASK if count else value


def permute(lanes: list[list[int]]) -> list[list[int]]:
    """Apply Keccak-f[1600] to lanes[x][y]."""
    for constant in round_constants():
        columns = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
        lanes = [
            [lanes[x][y] ^ columns[(x - 1) % 5] ^ rotate(columns[(x + 1) % 5], 1) for y in range(5)]
            for x in range(5)
        ]
        x, y, current = 1, 0, lanes[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x][y], current = rotate(current, (t + 1) * (t + 2) // 2), lanes[x][y]
        lanes = [
            [lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & MASK & lanes[(x + 2) % 5][y]) for y in range(5)]
            for x in range(5)
        ]
        lanes[0][0] ^= constant
    return lanes


def keccak256(message: bytes) -> bytes:
    """Return the 32-byte digest."""
    rate = 136
    padded = bytearray(message) + bytes(rate - len(message) % rate)
    padded[len(message)] |= 0x01
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            word = int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
            lanes[i % 5][i // 5] ^= word
        lanes = permute(lanes)
    return b"".join(lanes[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def hash_to_field(message: bytes, big_endian: bool = False) -> int:
    """Return the digest, read as an integer, mod r."""
    return int.from_bytes(keccak256(message), "big" if big_endian else "little") % R
