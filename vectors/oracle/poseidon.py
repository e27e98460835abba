"""Poseidon with circomlib parameters, as the paper defines it, without shortcuts.

Source: Grassi et al. 2021, zerokit-spec 1.2-1.4.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from .field import R, Refused

FULL = 8
PARTIAL = {2: 56, 3: 57, 4: 56, 5: 60, 6: 60, 7: 63, 8: 64, 9: 63}


def grain_bits(width: int) -> Iterator[int]:
    """Yield the bits of the self-shrinking Grain generator for one width."""
    state = [
        int(bit)
        for value, size in (
            (1, 2),
            (0, 4),
            (254, 12),
            (width, 12),
            (FULL, 10),
            (PARTIAL[width], 10),
            (2**30 - 1, 30),
        )
        for bit in format(value, f"0{size}b")
    ]

    def step() -> int:
        new = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        del state[0]
        state.append(new)
        return new

    for _ in range(160):
        step()
    while True:
        keep, bit = step(), step()
        if keep:
            yield bit


@cache
def parameters(width: int) -> tuple[list[int], list[list[int]]]:
    """Return the round constants in order and the matrix."""
    bits = grain_bits(width)

    def number() -> int:
        return int("".join(str(next(bits)) for _ in range(254)), 2)

    constants: list[int] = []
    while len(constants) < width * (FULL + PARTIAL[width]):
        candidate = number()
        if candidate < R:
            constants.append(candidate)
    xs = [number() % R for _ in range(width)]
    ys = [number() % R for _ in range(width)]
    return constants, [[pow(x + y, -1, R) for y in ys] for x in xs]


def poseidon(inputs: Sequence[int]) -> int:
    """Hash 1 to 8 elements."""
    width = len(inputs) + 1
    if width not in PARTIAL:
        raise Refused("parameter")
    constants, matrix = parameters(width)
    state = [0, *inputs]
    rounds = FULL + PARTIAL[width]
    for k in range(rounds):
        state = [(s + c) % R for s, c in zip(state, constants[k * width : (k + 1) * width], strict=True)]
        full = k < FULL // 2 or k >= rounds - FULL // 2
        state = [pow(s, 5, R) if full or i == 0 else s for i, s in enumerate(state)]
        state = [sum(m * s for m, s in zip(row, state, strict=True)) % R for row in matrix]
    return state[0]
