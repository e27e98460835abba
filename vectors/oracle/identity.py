"""Identities from seeds, exactly as zerokit makes them. Source: zerokit-spec 3; ChaCha20: Bernstein 2008."""

from collections.abc import Iterator

from .field import R
from .keccak import keccak256
from .poseidon import poseidon

MASK = 2**32 - 1


def quarter(s: list[int], a: int, b: int, c: int, d: int) -> None:
    """Apply one quarter round to four words of s."""
    for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[first] = (s[first] + s[second]) & MASK
        mixed = s[third] ^ s[first]
        s[third] = (mixed << turn | mixed >> (32 - turn)) & MASK


def keystream(key: bytes) -> Iterator[int]:
    """Yield the 64-bit words of ChaCha20; the counter starts at 0, the stream is 0."""
    counter = 0
    while True:
        start = [int.from_bytes(part, "little") for part in (b"expa", b"nd 3", b"2-by", b"te k")]
        start += [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
        start += [counter & MASK, counter >> 32, 0, 0]
        s = list(start)
        for _ in range(10):
            for i in range(4):
                quarter(s, i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        words = [(x + y) & MASK for x, y in zip(s, start, strict=True)]
        for low, high in zip(words[::2], words[1::2], strict=True):
            yield low | high << 32
        counter += 1


def draw(words: Iterator[int]) -> int:
    """Draw a field element; the drawn integer below r is its Montgomery form."""
    while True:
        limbs = [next(words) for _ in range(4)]
        limbs[3] &= 2**62 - 1
        value = sum(limb << 64 * i for i, limb in enumerate(limbs))
        if value < R:
            return value * pow(2**256, -1, R) % R


def from_seed(seed: bytes, extended: bool = False) -> dict[str, int]:
    """Return the parts of an identity by name."""
    words = keystream(keccak256(seed))
    if not extended:
        secret = draw(words)
        return {"secret": secret, "commitment": poseidon([secret])}
    trapdoor, nullifier = draw(words), draw(words)
    secret = poseidon([trapdoor, nullifier])
    return {"trapdoor": trapdoor, "nullifier": nullifier, "secret": secret, "commitment": poseidon([secret])}
