"""The text of generated headers: opening lines, limbs, field elements."""

from collections.abc import Iterable

R256 = 1 << 256


def limbs(value: int) -> str:
    """Return an integer below 2^256 as four 64-bit limbs, least significant first."""
    words = [value >> (64 * i) & (1 << 64) - 1 for i in range(4)]
    return "{" + ", ".join(f"0x{w:016x}u" for w in words) + "}"


def element(value: int, modulus: int) -> str:
    """Return the initialiser of a field element in Montgomery form."""
    return "{" + limbs(value % modulus * R256 % modulus) + "}"


def header(guard: str, topic: str, inputs: str, body: Iterable[str], types: str = "types.h") -> str:
    """Return the whole text of a generated header; types is the path of types.h from it."""
    opening = [
        f"/* {topic}",
        " *",
        f" * Written by native/gen from {inputs}; do not edit.",
        " * Regenerate: python native/gen. Compare: python native/gen --check. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdint.h>",
        "",
        f'#include "{types}"',
        "",
    ]
    return "\n".join([*opening, *body, "", "#endif", ""])
