"""Multiples of p that the tower on eight lanes subtracts to keep numbers small.

EXCESS[i] holds limb i of floor(q 2^254 / p) p for q < 16. From a number below 2^258, fp8_tame subtracts the
multiple that bits 254 to 257 select. The result is below 2.3 p: 2^254 = 1.3224.. p.
"""

from curve import P
from lanes import limbs
from text import header


def tower8_header() -> str:
    """Return the table, eight entries in each row."""
    multiples = [(q << 254) // P * P for q in range(16)]
    assert all(10 * (((q + 1) << 254) - multiple) < 23 * P for q, multiple in enumerate(multiples))
    rows = []
    for i in range(5):
        words = [f"0x{limbs(multiple)[i]:013x}u" for multiple in multiples]
        rows.append(f"    {{{', '.join(words[:8])},\n     {', '.join(words[8:])}}},")
    body = [
        "/* limb i of floor(q 2^254 / p) p */",
        "static const uint64_t TOWER8_EXCESS[5][16] __attribute__((aligned(64))) = {",
        *rows,
        "};",
    ]
    return header(
        "RLN_MATH_TOWER8_CONSTANTS_H",
        "tower8: multiples of p to subtract.",
        "the BN254 parameter x",
        body,
        types="../types.h",
    )


HEADERS = {"ifma/tower8_constants.h": tower8_header}
