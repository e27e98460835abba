"""Roots of unity of Fr: 5 generates the multiplicative group, and 2^28 is the largest power of two in r - 1.

NTT_ROOTS[k] = 5^((r-1) / 2^k) has order 2^k. Each root is the square of the next, so the shift of the coset
for a domain of 2^k is NTT_ROOTS[k + 1], the convention of circom's provers.
"""

from curve import R
from text import element, header

GENERATOR = 5
TWO_ADICITY = 28


def ntt_header() -> str:
    """Return the roots of every order."""
    assert (R - 1) % 2**TWO_ADICITY == 0
    assert (R - 1) >> TWO_ADICITY & 1
    assert pow(GENERATOR, (R - 1) // 2, R) == R - 1, "5 is a square"
    roots = ",\n    ".join(element(pow(GENERATOR, (R - 1) >> k, R), R) for k in range(TWO_ADICITY + 1))
    body = [
        f"#define NTT_LOG_MAX {TWO_ADICITY}",
        f"static const fr NTT_ROOTS[NTT_LOG_MAX + 1] = {{\n    {roots},\n}}; /* 5^((r-1) / 2^k) */",
    ]
    return header(
        "RLN_MATH_NTT_CONSTANTS_H", "ntt: the roots of unity of order 2^k.", "r and the generator 5", body
    )


HEADERS = {"ntt_constants.h": ntt_header}
