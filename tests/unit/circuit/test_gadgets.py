"""Gadgets over small primes: all witnesses are compared with the specified set (threats, Circuits)."""

from collections.abc import Callable, Sequence
from itertools import product

import pytest

from rln.circuit import failures, relation, undetermined
from rln.circuit.compare import require_boolean, require_less, require_nonzero, require_range
from rln.circuit.merkle import merkle_root, swap
from rln.circuit.poseidon import Poseidon
from rln.circuit.system import Assembly, ConstraintSystem
from rln.errors import ParameterError
from tests.unit.circuit import evaluator
from tests.unit.circuit.reference import merkle_root as plain_root
from tests.unit.circuit.reference import parameters, permute, root, share, solutions, toy, toy_gadgets

PRIMES = (13, 17, 97, 257)


def build(p: int, given: dict[str, int], body: Callable[[ConstraintSystem], object]) -> Assembly:
    system = ConstraintSystem(private=tuple(given.items()), modulus=p)
    body(system)
    return system.assemble()


def accepted(assembly: Assembly) -> set[tuple[int, ...]]:
    """Return the inputs that have a witness; check that there is only one, which is the graph's."""
    graph = evaluator.load(assembly.graph)
    found = set()
    for witness in solutions(assembly.r1cs):
        values = tuple(witness[wire] for wire in assembly.r1cs.inputs)
        assert values not in found
        found.add(values)
        rest = iter(values)
        given = {name: [next(rest) for _ in range(length)] for name, (_, length) in graph.inputs.items()}
        assert evaluator.evaluate(graph, given, assembly.r1cs.modulus) == witness
    return found


@pytest.mark.parametrize("p", PRIMES)
def test_boolean(p: int) -> None:
    assembly = build(p, {"v": 1}, lambda s: require_boolean(s, s.input("v")[0]))
    assert accepted(assembly) == {(0,), (1,)}


@pytest.mark.parametrize(
    ("p", "bits"), [(13, 1), (13, 2), (13, 3), (17, 2), (17, 3), (17, 4), (97, 3), (257, 2)]
)
def test_range(p: int, bits: int) -> None:
    assembly = build(p, {"v": 1}, lambda s: require_range(s, s.input("v")[0], bits))
    assert accepted(assembly) == {(value,) for value in range(1 << bits)}
    assert assembly.r1cs.constraints == bits
    assert undetermined(assembly.r1cs) == frozenset()


@pytest.mark.parametrize(("p", "bits"), [(13, 0), (13, 4), (17, 5), (257, 9), (13, -1)])
def test_a_range_that_wraps_is_refused(p: int, bits: int) -> None:
    with pytest.raises(ParameterError, match=f"^range: expected bits >= 1 .* got {bits}$"):
        build(p, {"v": 1}, lambda s: require_range(s, s.input("v")[0], bits))


@pytest.mark.parametrize(("p", "bits"), [(13, 2), (17, 2), (17, 3), (97, 2)])
def test_less(p: int, bits: int) -> None:
    def body(system: ConstraintSystem) -> None:
        value, limit = system.input("v")
        require_range(system, value, bits)
        require_less(system, value, limit, bits)

    size = 1 << bits
    expected = {(v, limit) for v in range(size) for limit in range(p) if v < limit <= v + size}
    assert accepted(build(p, {"v": 2}, body)) == expected


@pytest.mark.parametrize("p", [13, 17])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_nonzero(p: int, count: int) -> None:
    assembly = build(p, {"v": count}, lambda s: require_nonzero(s, s.input("v")))
    assert accepted(assembly) == set(product(range(1, p), repeat=count))
    assert undetermined(assembly.r1cs) == frozenset()
    assert assembly.r1cs.constraints == count


@pytest.mark.parametrize("p", [13, 17])
def test_used_slots_differ_and_there_is_one(p: int) -> None:
    def body(system: ConstraintSystem) -> None:
        selectors, ids = system.input("s"), system.input("id")
        for selector in selectors:
            require_boolean(system, selector)
        slots = list(zip(ids, selectors, strict=True))
        require_nonzero(
            system, [relation._count_used(system, selectors), *relation._differences(system, slots)]
        )

    expected = {
        (s, t, a, b)
        for s, t, a, b in product(range(2), range(2), range(p), range(p))
        if (s or t) and not (s and t and a == b)
    }
    assert accepted(build(p, {"s": 2, "id": 2}, body)) == expected


@pytest.mark.parametrize("p", [13, 17])
def test_swap(p: int) -> None:
    def body(system: ConstraintSystem) -> None:
        (bit,), (first, second), (left, right) = map(system.input, ("bit", "pair", "out"))
        require_boolean(system, bit)
        got = swap(system, bit, first, second)
        for signal, out in zip(got, (left, right), strict=True):
            system.enforce((signal - out).terms, {0: 1}, {})

    expected = {
        (bit, a, b, *((b, a) if bit else (a, b))) for bit, a, b in product(range(2), range(p), range(p))
    }
    assert accepted(build(p, {"bit": 1, "pair": 2, "out": 2}, body)) == expected


@pytest.mark.parametrize("p", [13])
def test_merkle_step(p: int) -> None:
    chosen = toy(3, p)

    def body(system: ConstraintSystem) -> None:
        (bit,), (leaf, sibling) = map(system.input, ("bit", "pair"))
        merkle_root(system, Poseidon(chosen), leaf, [sibling], [bit], system.output("root")[0])

    system = ConstraintSystem((("root", 1),), (("bit", 1),), (("pair", 2),), p)
    body(system)
    assembly = system.assemble()
    found = {(w[2], w[3], w[4], w[1]) for w in solutions(assembly.r1cs)}
    assert found == {
        (bit, leaf, sibling, plain_root(leaf, [sibling], [bit], lambda pair: permute(chosen, pair)))
        for bit, leaf, sibling in product(range(2), range(p), range(p))
    }


@pytest.mark.parametrize(("p", "bits"), [(13, 2), (17, 3)])
def test_the_whole_relation(p: int, bits: int) -> None:
    """Try every message id and limit; search the rest of the witness, which is unique if it exists."""
    gadgets = toy_gadgets(p)
    circuit = relation.build_single(1, bits, gadgets, p)
    size = 1 << bits

    def hash_of(values: Sequence[int]) -> int:
        return permute(toy(len(values) + 1, p), values)

    for message_id, limit in product(range(p) if p == 13 else (0, 1, 7, 8, 16), range(p)):
        given = {
            "x": [3],
            "externalNullifier": [5],
            "identitySecret": [7 + limit % 3],
            "messageId": [message_id],
        }
        given |= {"userMessageLimit": [limit], "pathElements": [11], "identityPathIndex": [message_id % 2]}
        flat = [value for name in circuit.inputs for value in given[name]]
        fixed = dict(zip(circuit.r1cs.inputs, flat, strict=True))
        found = [witness[1:4] for witness in solutions(circuit.r1cs, fixed)]
        y, nullifier = share(given, 0, hash_of, p)
        holds = message_id < size and message_id < limit <= message_id + size
        assert found == ([[y, root(given, hash_of), nullifier]] if holds else [])


def test_the_whole_relation_of_several_ids() -> None:
    p, bits = 13, 2
    circuit = relation.build_multi(1, bits, 2, toy_gadgets(p), p)
    graph = evaluator.load(circuit.graph)
    for first, second, limit in product(range(p), range(p), (0, 2, 4, 8)):
        for selectors in product(range(3), range(2)):
            given = {
                "x": [3],
                "externalNullifier": [5],
                "selectorUsed": list(selectors),
                "identitySecret": [7],
            }
            given |= {"userMessageLimit": [limit], "messageId": [first, second]}
            given |= {"pathElements": [11], "identityPathIndex": [0]}
            used = [i for i, s in zip((first, second), selectors, strict=True) if s]
            holds = (
                set(selectors) <= {0, 1}
                and len(set(used)) == len(used) > 0
                and all(i < 4 and i < limit <= i + 4 for i in used)
            )
            # Every wire is determined (below), so the graph's witness is the only one that could satisfy.
            witness = evaluator.evaluate(graph, given, p)
            assert (next(failures(circuit.r1cs, witness), None) is None) == holds, given
    assert undetermined(circuit.r1cs) == frozenset()


@pytest.mark.parametrize("width", range(2, 10))
def test_poseidon(width: int) -> None:
    chosen = parameters(width)
    system = ConstraintSystem(private=(("v", width - 1),))
    out = Poseidon(chosen).hash(system, system.input("v"))
    assembly = system.assemble()
    (wire,) = out.terms
    values = list(range(1, width))
    witness = evaluator.evaluate(evaluator.load(assembly.graph), {"v": values})
    assert witness[wire] == permute(chosen, values)
    assert list(failures(assembly.r1cs, witness)) == []
    assert undetermined(assembly.r1cs) == frozenset()
    boxes = width * chosen.full + chosen.partial - 1
    assert assembly.r1cs.constraints == 3 * boxes


def test_poseidon_of_one_and_two() -> None:
    """zerokit-spec 1.6."""
    assert (
        permute(parameters(3), (1, 2)) == 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A
    )


@pytest.mark.parametrize(("full", "partial"), [(2, 0), (4, 0), (4, 1), (4, 3), (8, 5)])
@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("p", [97, 257])
def test_poseidon_of_other_rounds(p: int, width: int, full: int, partial: int) -> None:
    chosen = toy(width, p, full, partial)
    system = ConstraintSystem(private=(("v", width - 1),), modulus=p)
    (wire,) = Poseidon(chosen).hash(system, system.input("v")).terms
    assembly = system.assemble()
    for seed in range(5):
        values = [(seed * seed + 7 * i) % p for i in range(width - 1)]
        witness = evaluator.evaluate(evaluator.load(assembly.graph), {"v": values}, p)
        assert witness[wire] == permute(chosen, values)
        assert list(failures(assembly.r1cs, witness)) == []
    assert undetermined(assembly.r1cs) == frozenset()


@pytest.mark.parametrize(("full", "partial"), [(0, 3), (3, 1), (2, 1)])
def test_poseidon_has_full_rounds_on_both_sides(full: int, partial: int) -> None:
    with pytest.raises(ParameterError, match=r"^poseidon: expected 4, 6, \.\.\. full rounds, got"):
        toy(3, 97, full, partial)


def test_poseidon_refuses_another_field_or_arity() -> None:
    gadget = Poseidon(toy(3, 97))
    system = ConstraintSystem(private=(("v", 3),), modulus=97)
    with pytest.raises(ParameterError, match="^poseidon: expected 2 inputs, got 3$"):
        gadget.hash(system, system.input("v"))
    other = ConstraintSystem(private=(("v", 2),), modulus=257)
    with pytest.raises(ParameterError, match="over the field of the parameters"):
        gadget.hash(other, other.input("v"))
