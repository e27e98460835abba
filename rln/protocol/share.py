"""Share: one point (x, y) on a member's line y = secret + a1 x, and the nullifier, the id of the line."""

from __future__ import annotations

from dataclasses import dataclass

from rln.base import scalar
from rln.base.arguments import nonzero


@dataclass(frozen=True, slots=True)
class Share:
    """The point on a member's line that one message reveals for one message id.

    One share reveals nothing about the secret. Two shares with one nullifier and different x determine it.

    Args:
        x: hash of the signal, a field element other than 0 (at x = 0 the line has the secret itself).
        y: value of the line at x, a field element.
        nullifier: Poseidon(a1), a field element, or None if it was not kept.

    Raises:
        FieldRangeError: a number is not a field element.
        ParameterError: x is 0.
    """

    x: int
    y: int
    nullifier: int | None = None

    def __post_init__(self) -> None:
        nonzero(self.x, "x")
        scalar.check(self.y, "y")
        if self.nullifier is not None:
            scalar.check(self.nullifier, "nullifier")
