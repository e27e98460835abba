"""Statement: what one message proves, as the circuit's inputs without the secret, and as public values.

Source: zerokit-spec 4.1 and 4.2, RLN-v2 with one message id and with several slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from rln.base import scalar
from rln.base.arguments import nonzero, whole
from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError
from rln.lowlevel import entropy
from rln.merkle.proof import MerkleProof
from rln.protocol.identity import Identity
from rln.protocol.membership import rate_commitment

SECRET: Final = "identitySecret"
"""The name of the circuit input for the identity secret. Its value stays in the C core."""

MESSAGE_INPUTS: Final = ("x", "externalNullifier", "messageId", "selectorUsed")
"""The inputs that change from message to message. The others depend only on the member and their path."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one message of one member proves: all inputs of the circuit except the secret.

    Args:
        parameters: of the relation.
        limit: the member's user message limit, 1 to 2^limit_bits.
        message_ids: one for each slot; the single relation has one slot. In used slots they are different and
            below the limit, in unused slots any field element.
        selector_used: for each slot, whether it is used; at least one is.
        path: from the member's leaf to the root.
        x: hash of the signal, not 0.
        external_nullifier: of the epoch.

    Raises:
        ParameterError: a number is outside its range, or the path has the wrong depth.
        FieldRangeError: a number is not a field element.
    """

    parameters: CircuitParameters
    limit: int
    message_ids: tuple[int, ...]
    selector_used: tuple[bool, ...]
    path: MerkleProof
    x: int
    external_nullifier: int

    def __post_init__(self) -> None:
        slots = self.parameters.max_out or 1
        whole(self.limit, "userMessageLimit", 1, self.parameters.largest_limit)
        if len(self.message_ids) != slots or len(self.selector_used) != slots:
            raise ParameterError(
                f"messageId, selectorUsed: expected {slots} values each, "
                f"got {len(self.message_ids)} and {len(self.selector_used)}"
            )
        for message_id in self.message_ids:
            scalar.check(message_id, "messageId")
        used = self._used
        for message_id in used:
            whole(message_id, "messageId", 0, self.limit - 1)
        if not used or (self.parameters.max_out is None and not self.selector_used[0]):
            raise ParameterError("selectorUsed: expected at least one used slot, got none")
        if len(set(used)) != len(used):
            raise ParameterError("messageId: expected different message ids in the used slots")
        if self.path.depth != self.parameters.depth:
            raise ParameterError(f"path: expected {self.parameters.depth} levels, got {self.path.depth}")
        nonzero(self.x, "x")
        scalar.check(self.external_nullifier, "external_nullifier")

    @classmethod
    def spend(
        cls,
        parameters: CircuitParameters,
        limit: int,
        message_ids: Sequence[int],
        path: MerkleProof,
        x: int,
        external_nullifier: int,
    ) -> Self:
        """Return a statement: these message ids fill the first slots, and the other slots are unused."""
        used = whole(len(message_ids), "number of message ids", 1, parameters.max_out or 1)
        unused = (parameters.max_out or 1) - used
        return cls(
            parameters,
            limit,
            (*message_ids, *(0,) * unused),
            (True,) * used + (False,) * unused,
            path,
            x,
            external_nullifier,
        )

    @classmethod
    def from_inputs(cls, parameters: CircuitParameters, inputs: Mapping[str, Sequence[int]]) -> Self:
        """Return the statement that a circuit's inputs describe, without the secret.

        Args:
            parameters: of the relation.
            inputs: by name, as in witness.json; a single value is a sequence of length 1.

        Raises:
            ParameterError: a name is missing or unknown, or the number of values is wrong.
            InputError: as for the class.
        """
        lengths = input_lengths(parameters)
        del lengths[SECRET]
        for name in inputs:
            if name not in lengths:
                raise ParameterError(f"{name[:40]}: this circuit has no input of that name")
        for name, length in lengths.items():
            if name not in inputs:
                raise ParameterError(f"{name}: missing; the circuit needs this input")
            if len(inputs[name]) != length:
                raise ParameterError(f"{name}: expected {length} values, got {len(inputs[name])}")
        for bit in inputs["identityPathIndex"]:
            whole(bit, "identityPathIndex", 0, 1)
        selectors = inputs.get("selectorUsed", (1,))
        for selector in selectors:
            whole(selector, "selectorUsed", 0, 1)
        path = MerkleProof.from_path(0, inputs["pathElements"], inputs["identityPathIndex"])
        return cls(
            parameters,
            inputs["userMessageLimit"][0],
            tuple(inputs["messageId"]),
            tuple(selector == 1 for selector in selectors),
            path,
            inputs["x"][0],
            inputs["externalNullifier"][0],
        )

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Return the circuit's inputs by name, without the secret."""
        values: dict[str, tuple[int, ...]] = {
            "x": (self.x,),
            "externalNullifier": (self.external_nullifier,),
            "userMessageLimit": (self.limit,),
            "messageId": self.message_ids,
            "pathElements": self.path.siblings,
            "identityPathIndex": self.path.bits,
        }
        if self.parameters.max_out is not None:
            values["selectorUsed"] = self._selectors
        return values

    def public_values(self, identity: Identity) -> tuple[int, ...]:
        """Return the public values for this member, computed without a circuit or graph."""
        ys, nullifiers = [], []
        for message_id, used in zip(self.message_ids, self.selector_used, strict=True):
            share = identity.share(self.x, self.external_nullifier, message_id) if used else None
            ys.append(share.y if share else 0)
            nullifiers.append((share.nullifier or 0) if share else 0)
        root = self.path.root_of(rate_commitment(identity.commitment, self.limit))
        selectors = () if self.parameters.max_out is None else self._selectors
        return (*ys, root, *nullifiers, self.x, self.external_nullifier, *selectors)

    @property
    def _used(self) -> tuple[int, ...]:
        slots = zip(self.message_ids, self.selector_used, strict=True)
        return tuple(message_id for message_id, used in slots if used)

    @property
    def _selectors(self) -> tuple[int, ...]:
        return tuple(int(used) for used in self.selector_used)


def input_lengths(parameters: CircuitParameters) -> dict[str, int]:
    """Return the number of values of each input of the relation by name, the secret included."""
    lengths = {
        "x": 1,
        "externalNullifier": 1,
        SECRET: 1,
        "userMessageLimit": 1,
        "messageId": parameters.max_out or 1,
        "pathElements": parameters.depth,
        "identityPathIndex": parameters.depth,
    }
    return lengths if parameters.max_out is None else {**lengths, "selectorUsed": parameters.max_out}


def parameters_of(inputs: Mapping[str, tuple[int, int]], limit_bits: int) -> CircuitParameters:
    """Return the parameters of an imported graph's relation, from the names and lengths of its inputs.

    Args:
        inputs: (offset, length) by name.
        limit_bits: width of the range check, which the inputs do not tell.

    Raises:
        ParameterError: an input that every relation has is missing, or a number is outside its range.
    """
    for name in ("pathElements", "messageId"):
        if name not in inputs:
            raise ParameterError(f"graph: expected an input {name}, got none")
    slots = inputs["messageId"][1]
    return CircuitParameters(
        inputs["pathElements"][1], limit_bits, slots if "selectorUsed" in inputs else None
    )


def sample_statements(parameters: CircuitParameters) -> Iterator[Statement]:
    """Yield three true statements about a random member, to test all points of a key.

    They use one message id for each slot, or fewer if random ids are equal. A proof tests a point of the key
    only if the wire of that point is not 0. Most wires have random values, which are almost never 0. The bits
    of the path, of the ids and of limit - 1 - id may be 0. So each of these bits is 1 in the second or in the
    third statement: at the largest limit, limit - 1 - id has the opposite bits of id.
    """

    def below(bound: int) -> int:
        return int.from_bytes(entropy.draw(48), "little") % bound

    def different_ids(limit: int) -> tuple[int, ...]:
        return tuple(dict.fromkeys(below(limit) for _ in range(slots)))

    def statement(limit: int, ids: tuple[int, ...], index: int) -> Statement:
        siblings = tuple(below(scalar.ORDER) for _ in range(parameters.depth))
        path = MerkleProof(0, index, siblings)
        x, external_nullifier = 1 + below(scalar.ORDER - 1), below(scalar.ORDER)
        return Statement.spend(parameters, limit, ids, path, x, external_nullifier)

    slots, largest, leaves = parameters.max_out or 1, parameters.largest_limit, 1 << parameters.depth
    limit = min(slots, largest) + below(max(largest - slots, 0) + 1)
    yield statement(limit, different_ids(limit), below(leaves))
    ids, index = different_ids(largest), below(leaves)
    yield statement(largest, ids, index)
    yield statement(largest, tuple(largest - 1 - message_id for message_id in ids), leaves - 1 - index)
