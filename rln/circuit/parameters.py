"""Parameters of a circuit, which say to which RLN relation a key or a witness belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rln.base.arguments import shown
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_SLOTS
from rln.errors import ParameterError

if TYPE_CHECKING:
    from rln.circuit.relation import Circuit

RLN_COUNTS: Final = f"5, or 3 + 3 for each of 1 to {MAX_SLOTS} slots"
"""The numbers of public values that RLN relations have, for messages."""


@dataclass(frozen=True, slots=True)
class CircuitParameters:
    """The RLN relation that a key proves.

    Attributes:
        depth: levels of the membership tree, 1 .. 32.
        limit_bits: 1 .. 16; the user message limit is at most 2^limit_bits.
        max_out: slots of the relation with several message ids, 1 .. 16; None for one message id.
    """

    depth: int
    limit_bits: int
    max_out: int | None = None

    def __post_init__(self) -> None:
        for name, value, high in (
            ("depth", self.depth, MAX_DEPTH),
            ("limit_bits", self.limit_bits, MAX_LIMIT_BITS),
            ("max_out", 1 if self.max_out is None else self.max_out, MAX_SLOTS),
        ):
            if type(value) is not int or not 1 <= value <= high:
                raise ParameterError(f"{name}: expected an int in 1 .. {high}, got {shown(value)}")

    @classmethod
    def of_circuit(cls, circuit: Circuit) -> CircuitParameters:
        """Return the parameters of a circuit."""
        return cls(circuit.depth, circuit.limit_bits, circuit.max_out)

    @property
    def public_inputs(self) -> int:
        """Number of public values of a proof."""
        return 5 if self.max_out is None else 3 + 3 * self.max_out

    @property
    def largest_limit(self) -> int:
        """The largest user message limit, 2^limit_bits messages an epoch."""
        return 1 << self.limit_bits


def is_rln_count(public_inputs: int) -> bool:
    """Return whether some RLN relation has this number of public values (zerokit-spec 4.1 and 4.2)."""
    slots, rest = divmod(public_inputs - 3, 3)
    return public_inputs == 5 or (rest == 0 and 1 <= slots <= MAX_SLOTS)
