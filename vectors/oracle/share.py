"""The line of one message id, and what two points give away. Source: RLN specification, zerokit-spec 4."""

from .field import R, Refused
from .poseidon import poseidon


def share(secret, external_nullifier, message_id, x):
    """Return (y, nullifier) of y = secret + a1 x."""
    if x == 0:
        raise Refused("parameter")
    slope = poseidon([secret, external_nullifier, message_id])
    return (secret + slope * x) % R, poseidon([slope])


def recover(nullifier, first, second):
    """Return the secret on the line through two shares of one nullifier."""
    (x1, y1), (x2, y2) = first, second
    if x1 == x2:
        raise Refused("recovery")
    slope = (y1 - y2) * pow(x1 - x2, -1, R) % R
    if poseidon([slope]) != nullifier:
        raise Refused("recovery")
    return (y1 - x1 * slope) % R
