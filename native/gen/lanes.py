"""Constants of the arithmetic on eight lanes: radix 2^52, five limbs, products divided by 2^260.

- MODULUS: p
- NEGATIVE: 2^260 - p: adding q times it, without the carry out of 2^260, subtracts q p
- N0: -1/p mod 2^52
- FOLD: 2^-52 mod p: a 2^-52 = (a >> 52) + (a mod 2^52) FOLD, mod p
- QUOTIENT: floor(2^97 / (floor(p / 2^208) + 1)): the quotient by p from the highest limb, see FN8(reduce)
- SIXTEENTH: -1/p mod 16
- ONE: 2^260 mod p, the 1 of multiplication
- MULTIPLES: 2^i p for i < 7, each below 2^260
"""

from functools import partial

from curve import P, R
from text import header

LIMBS, BITS = 5, 52


def limbs(value: int) -> list[int]:
    """Return five limbs of 52 bits, least significant first."""
    assert 0 <= value < 1 << LIMBS * BITS
    return [value >> BITS * i & (1 << BITS) - 1 for i in range(LIMBS)]


def row(value: int) -> str:
    """Return the limbs as the initialiser of an array."""
    return "{" + ", ".join(f"0x{limb:013x}u" for limb in limbs(value)) + "}"


def lanes_header(name: str, p: int) -> str:
    """Return the constants of one prime field on lanes, all named NAME8_*."""
    upper = name.upper() + "8"
    n0, top = -pow(p, -1, 1 << BITS) % (1 << BITS), p >> BITS * (LIMBS - 1)
    multiples = ",\n    ".join(row(p << i) for i in range(7))
    body = [
        f"static const uint64_t {upper}_MODULUS[5] = {row(p)};",
        f"static const uint64_t {upper}_NEGATIVE[5] = {row((1 << LIMBS * BITS) - p)}; /* 2^260 - p */",
        f"static const uint64_t {upper}_N0 = 0x{n0:013x}u; /* -1/p mod 2^52 */",
        f"static const uint64_t {upper}_FOLD[5] = {row(pow(2, -BITS, p))}; /* 2^-52 mod p */",
        f"static const uint64_t {upper}_QUOTIENT = 0x{(1 << BITS + 45) // (top + 1):013x}u;",
        f"static const uint64_t {upper}_SIXTEENTH = {-pow(p, -1, 16) % 16}; /* -1/p mod 16 */",
        f"static const uint64_t {upper}_ONE[5] = {row((1 << LIMBS * BITS) % p)}; /* 2^260 mod p */",
        f"/* 2^i p */\nstatic const uint64_t {upper}_MULTIPLES[7][5] = {{\n    {multiples},\n}};",
    ]
    return header(
        f"RLN_MATH_{upper}_CONSTANTS_H",
        f"{name} on eight lanes: five limbs of 52 bits.",
        "the BN254 parameter x",
        body,
        types="../types.h",
    )


HEADERS = {
    "ifma/fr8_constants.h": partial(lanes_header, "fr", R),
    "ifma/fp8_constants.h": partial(lanes_header, "fp", P),
}
