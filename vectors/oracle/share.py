"""The shares of one message id, which lie on a line, and the secret that two of them reveal.

Source: RLN specification, zerokit-spec 4.
"""

from .field import R, Refused
from .poseidon import poseidon


def share(secret: int, external_nullifier: int, message_id: int, x: int) -> tuple[int, int]:
    """Return (y, nullifier) of y = secret + a1 x."""
    if x == 0:
        raise Refused("parameter")
    slope = poseidon([secret, external_nullifier, message_id])
    return (secret + slope * x) % R, poseidon([slope])


def recover(nullifier: int, first: tuple[int, int], second: tuple[int, int]) -> int:
    """Return the secret on the line through two shares of one nullifier."""
    (x1, y1), (x2, y2) = first, second
    if x1 == x2:
        raise Refused("recovery")
    slope = (y1 - y2) * pow(x1 - x2, -1, R) % R
    if poseidon([slope]) != nullifier:
        raise Refused("recovery")
    return (y1 - x1 * slope) % R
