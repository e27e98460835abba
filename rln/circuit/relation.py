"""The two RLN relations as circuits: with one message id in a proof, or with several.

One message id (zerokit-spec 4.1):

    commitment = Poseidon(secret)             leaf = Poseidon(commitment, limit)
    root       = Merkle root of leaf along the path, whose bits are 0 or 1
    a1         = Poseidon(secret, external nullifier, message id)
    y          = secret + a1 x                nullifier = Poseidon(a1)
    0 <= message id < 2^limit_bits            message id < limit <= message id + 2^limit_bits

Several (4.2): each slot i has its own message id and a public selector s_i, which is 0 or 1. The y and
nullifier of a slot are computed as above and multiplied by s_i. In the two range checks, message id and
limit - 1 - message id are multiplied by s_i, so the checks require nothing of an unused slot. At least one
slot is used, and the message ids of used slots differ: 1 + s_i s_j (id_i - id_j - 1) is not 0.

The relation does not prove that the limit is at most 2^limit_bits: the registry ensures it when it computes
the leaf. Public values, inputs and their order are zerokit's, so the same inputs fit its keys and ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import combinations

from rln.base.arguments import check_digest, instance, instances, plain_bytes, shown, text, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_SLOTS
from rln.base.scalar import ORDER
from rln.circuit.compare import require_boolean, require_less, require_nonzero, require_range
from rln.circuit.merkle import merkle_root
from rln.circuit.poseidon import Poseidon, PoseidonParameters
from rln.circuit.r1cs import Matrix, R1cs
from rln.circuit.system import ConstraintSystem, Names, Signal
from rln.errors import ParameterError
from rln.lowlevel import hashes

Hashes = Callable[[int], Poseidon]
"""Returns Poseidon of a width, over the circuit's field."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A relation that is ready for the setup of a key and for witnesses.

    Attributes:
        name: the relation with its parameters, as in `rln(20, 16)`.
        depth: levels of the Merkle path.
        limit_bits: bits of a message id.
        max_out: slots of `rln_multi`; None for `rln`.
        r1cs: the constraints.
        graph: the witness graph, a `wtns.graph.001` file.
        public_names: names of the public values, in order.
        inputs: number of field elements of each input, public inputs first.
        labels: for each constraint, the part of the relation that it comes from.
        digest: SHA-256 (hex) of the `.r1cs` file.
    """

    name: str
    depth: int
    limit_bits: int
    max_out: int | None
    r1cs: R1cs
    graph: bytes = field(repr=False)
    public_names: tuple[str, ...]
    inputs: Mapping[str, int]
    labels: tuple[str, ...] = field(repr=False)
    digest: str

    def __post_init__(self) -> None:
        text(self.name, "name")
        _check_range("depth", self.depth, MAX_DEPTH)
        _check_range("limit_bits", self.limit_bits, MAX_LIMIT_BITS)
        if self.max_out is not None:
            _check_range("max_out", self.max_out, MAX_SLOTS)
        instance(self.r1cs, R1cs, "r1cs")
        plain_bytes(self.graph, "graph")
        for name, values in (("public_names", self.public_names), ("labels", self.labels)):
            instance(values, tuple, name)
            instances(values, str, name)
        instance(self.inputs, Mapping, "inputs")
        for name, count in self.inputs.items():
            whole(count, text(name, "inputs"), 1, 1 << 16)
        check_digest(self.digest, "digest")

    @property
    def wires(self) -> int:
        """Number of wires, the constant 1 included."""
        return self.r1cs.wires

    @property
    def public_inputs(self) -> int:
        """Number of public values, the constant 1 not counted."""
        return self.r1cs.public

    @property
    def constraints(self) -> int:
        """Number of constraints."""
        return self.r1cs.constraints

    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """Return A, B and C, in the layout for the setup."""
        return self.r1cs.a, self.r1cs.b, self.r1cs.c


def rln(depth: int = 20, limit_bits: int = 16) -> Circuit:
    """Build the relation with one message id in a proof.

    Public values: y, root, nullifier, x, externalNullifier.

    Args:
        depth: levels of the tree, 1 to 32.
        limit_bits: message ids are below 2^limit_bits, 1 to 16. zerokit's is 16.

    Raises:
        ParameterError: an argument outside its range.
    """
    _check_range("depth", depth, MAX_DEPTH)
    _check_range("limit_bits", limit_bits, MAX_LIMIT_BITS)
    return _single(depth, limit_bits)


def rln_multi(depth: int = 20, limit_bits: int = 16, max_out: int = 4) -> Circuit:
    """Build the relation with up to `max_out` message ids in a proof.

    Public values: the y of every slot, root, the nullifiers, x, externalNullifier, the selectors.

    Args:
        depth: levels of the tree, 1 to 32.
        limit_bits: message ids of used slots are below 2^limit_bits, 1 to 16. zerokit's is 16.
        max_out: slots, 1 to 16. zerokit's is 4.

    Raises:
        ParameterError: an argument outside its range.
    """
    _check_range("depth", depth, MAX_DEPTH)
    _check_range("limit_bits", limit_bits, MAX_LIMIT_BITS)
    _check_range("max_out", max_out, MAX_SLOTS)
    return _multi(depth, limit_bits, max_out)


def build_single(depth: int, limit_bits: int, poseidon: Hashes, modulus: int) -> Circuit:
    """Build `rln` over any field, with any permutations of widths 2, 3, 4.

    Tests use a small field, in which they can try every witness.
    """
    outputs = (("y", 1), ("root", 1), ("nullifier", 1))
    public = (("x", 1), ("externalNullifier", 1))
    private = _member_inputs(depth, 1)
    system = ConstraintSystem(outputs, public, private, modulus)
    (secret,), (limit,) = map(system.input, ("identitySecret", "userMessageLimit"))
    (x,), (external,), (message_id,) = map(system.input, ("x", "externalNullifier", "messageId"))
    (y_wire,), (nullifier_wire,) = map(system.output, ("y", "nullifier"))
    _enforce_membership(system, poseidon, secret, limit)
    with system.scope("a1"):
        a1 = poseidon(4).hash(system, (secret, external, message_id))
    with system.scope("y"):
        y = system.allocate(system.graph.add(secret.node, system.graph.mul(x.node, a1.node)), y_wire)
        system.enforce(x.terms, a1.terms, (y - secret).terms)
    with system.scope("nullifier"):
        poseidon(2).hash(system, (a1,), nullifier_wire)
    with system.scope("messageId"):
        require_range(system, message_id, limit_bits)
    with system.scope("limit"):
        require_less(system, message_id, limit, limit_bits)
    assembly = system.assemble()
    return Circuit(
        name=f"rln({depth}, {limit_bits})",
        depth=depth,
        limit_bits=limit_bits,
        max_out=None,
        r1cs=assembly.r1cs,
        graph=assembly.graph,
        public_names=tuple(name for name, _ in (*outputs, *public)),
        inputs=dict((*public, *private)),
        labels=assembly.labels,
        digest=assembly.r1cs.digest().hex(),
    )


def build_multi(depth: int, limit_bits: int, max_out: int, poseidon: Hashes, modulus: int) -> Circuit:
    """Build `rln_multi` as `build_single` builds `rln`."""
    outputs = (("y", max_out), ("root", 1), ("nullifier", max_out))
    public = (("x", 1), ("externalNullifier", 1), ("selectorUsed", max_out))
    private = _member_inputs(depth, max_out)
    system = ConstraintSystem(outputs, public, private, modulus)
    (secret,), (limit,) = map(system.input, ("identitySecret", "userMessageLimit"))
    (x,), (external,) = map(system.input, ("x", "externalNullifier"))
    message_ids, selectors = map(system.input, ("messageId", "selectorUsed"))
    _enforce_membership(system, poseidon, secret, limit)
    slots = list(zip(message_ids, selectors, strict=True))
    for i, (message_id, selector) in enumerate(slots):
        with system.scope(f"slot[{i}]"):
            with system.scope("selector"):
                require_boolean(system, selector)
            with system.scope("a1"):
                a1 = poseidon(4).hash(system, (secret, external, message_id))
            with system.scope("y"):
                _gate(system, selector, secret + system.product(x, a1), system.output("y")[i])
            with system.scope("nullifier"):
                _gate(system, selector, poseidon(2).hash(system, (a1,)), system.output("nullifier")[i])
            with system.scope("messageId"):
                require_range(system, system.product(message_id, selector), limit_bits)
            with system.scope("limit"):
                require_range(system, system.product(limit - message_id - 1, selector), limit_bits)
    with system.scope("distinct"):
        require_nonzero(system, [_count_used(system, selectors), *_differences(system, slots)])
    assembly = system.assemble()
    shared = ("root", "x", "externalNullifier")
    names = [f"{name}[{i}]" for name, length in (*outputs, *public) for i in range(length)]
    return Circuit(
        name=f"rln_multi({depth}, {limit_bits}, {max_out})",
        depth=depth,
        limit_bits=limit_bits,
        max_out=max_out,
        r1cs=assembly.r1cs,
        graph=assembly.graph,
        public_names=tuple(n.removesuffix("[0]") if n.startswith(shared) else n for n in names),
        inputs=dict((*public, *private)),
        labels=assembly.labels,
        digest=assembly.r1cs.digest().hex(),
    )


def _member_inputs(depth: int, slots: int) -> Names:
    return (
        ("identitySecret", 1),
        ("userMessageLimit", 1),
        ("messageId", slots),
        ("pathElements", depth),
        ("identityPathIndex", depth),
    )


def _enforce_membership(system: ConstraintSystem, poseidon: Hashes, secret: Signal, limit: Signal) -> None:
    """Require that the public root is the root of a tree that contains this member."""
    with system.scope("commitment"):
        commitment = poseidon(2).hash(system, (secret,))
    with system.scope("leaf"):
        leaf = poseidon(3).hash(system, (commitment, limit))
    (wire,) = system.output("root")
    siblings, bits = system.input("pathElements"), system.input("identityPathIndex")
    merkle_root(system, poseidon(3), leaf, siblings, bits, wire)


def _gate(system: ConstraintSystem, selector: Signal, value: Signal, wire: int) -> None:
    """Set an output wire to selector * value."""
    gated = system.allocate(system.graph.mul(value.node, selector.node), wire)
    system.enforce(value.terms, selector.terms, gated.terms)


def _count_used(system: ConstraintSystem, selectors: Sequence[Signal]) -> Signal:
    """Return the number of used slots. It is below the modulus, so it is zero only if no slot is used."""
    if len(selectors) >= system.modulus:
        raise ParameterError(f"max_out: expected fewer slots than the modulus, got {len(selectors)}")
    total = selectors[0]
    for selector in selectors[1:]:
        total = total + selector
    return total


def _differences(system: ConstraintSystem, slots: Sequence[tuple[Signal, Signal]]) -> list[Signal]:
    """Return, for each pair of slots, a value that is 0 exactly if both are used and have the same id."""
    values = []
    for (first_id, first), (second_id, second) in combinations(slots, 2):
        both = system.product(first, second)
        values.append(system.product(both, first_id - second_id - 1) + 1)
    return values


@lru_cache(maxsize=4)
def _single(depth: int, limit_bits: int) -> Circuit:
    return build_single(depth, limit_bits, _poseidon, ORDER)


@lru_cache(maxsize=4)
def _multi(depth: int, limit_bits: int, max_out: int) -> Circuit:
    return build_multi(depth, limit_bits, max_out, _poseidon, ORDER)


@cache
def _poseidon(width: int) -> Poseidon:
    full, partial, constants, matrix = hashes.poseidon_parameters(width)
    return Poseidon(
        PoseidonParameters(
            ORDER,
            full,
            partial,
            tuple(constants[i : i + width] for i in range(0, len(constants), width)),
            tuple(matrix[i : i + width] for i in range(0, len(matrix), width)),
        )
    )


def _check_range(name: str, value: object, largest: int) -> None:
    if type(value) is not int or not 1 <= value <= largest:
        raise ParameterError(f"{name}: expected an integer from 1 to {largest}, got {shown(value)}")
