"""The constants of Fr and Fp: modulus p, 2p, -1/p mod 2^64, 2^256 and 2^512 mod p."""

from functools import partial

from curve import P, R
from text import R256, header, limbs


def field_header(name: str, modulus: int) -> str:
    """Return the constants of one prime field, all named NAME_*."""
    upper = name.upper()
    n0 = -pow(modulus, -1, 1 << 64) % (1 << 64)
    body = [
        f"static const uint64_t {upper}_MODULUS[4] = {limbs(modulus)};",
        f"static const uint64_t {upper}_MODULUS2[4] = {limbs(2 * modulus)}; /* 2p */",
        f"static const uint64_t {upper}_N0 = 0x{n0:016x}u; /* -1/p mod 2^64 */",
        f"static const {name} {upper}_ONE = {{{limbs(R256 % modulus)}}}; /* 2^256 mod p */",
        f"static const {name} {upper}_R2 = {{{limbs(R256 * R256 % modulus)}}}; /* 2^512 mod p */",
    ]
    return header(
        f"RLN_MATH_{upper}_CONSTANTS_H",
        f"{name}: its modulus and Montgomery constants.",
        "the BN254 parameter x",
        body,
    )


HEADERS = {
    "fr_constants.h": partial(field_header, "fr", R),
    "fp_constants.h": partial(field_header, "fp", P),
}
