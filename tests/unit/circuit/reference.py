"""The values of the circuits in plain integers, and a search for every witness over a small field."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from rln.base.scalar import ORDER
from rln.circuit.poseidon import Poseidon, PoseidonParameters
from rln.circuit.r1cs import R1cs
from rln.lowlevel import hashes

Hash = Callable[[Sequence[int]], int]

# zerokit-spec 2, 5.3 and 8.5: the secret is hash_to_field("test-merkle-proof"), the leaf has index 3.
SECRET = 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9
X = 0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03
EXTERNAL_NULLIFIER = 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3
ROOT = 0x0CA44928DFAA33B33D7204B1691194BA46ED393ECBE0DAD1448BFF673F2519AF
Y = 0x0881C2B96E2D93DF44BF7DEB27CA794F9C11A28F5BF44FF9766104233904AF82
NULLIFIER = 0x1AA541A7AA63C04B7A0318640813A54B8DC64650FEF5E307B8994E07628278CD


@cache
def parameters(width: int) -> PoseidonParameters:
    full, partial, constants, matrix = hashes.poseidon_parameters(width)
    rows = [tuple(constants[i : i + width]) for i in range(0, len(constants), width)]
    return PoseidonParameters(
        ORDER,
        full,
        partial,
        tuple(rows),
        tuple(matrix[i : i + width] for i in range(0, width * width, width)),
    )


def toy(width: int, modulus: int, full: int = 2, partial: int = 0) -> PoseidonParameters:
    """A small permutation: a Cauchy matrix and constants from a seed."""
    draw = random.Random(f"{width} {modulus}")
    xs, ys = range(width), range(width, 2 * width)
    matrix = tuple(tuple(pow(x + y, -1, modulus) for y in ys) for x in xs)
    rows = tuple(tuple(draw.randrange(modulus) for _ in range(width)) for _ in range(full + partial))
    return PoseidonParameters(modulus, full, partial, rows, matrix)


def toy_gadgets(modulus: int) -> Callable[[int], Poseidon]:
    return cache(lambda width: Poseidon(toy(width, modulus)))


def permute(chosen: PoseidonParameters, inputs: Sequence[int]) -> int:
    p = chosen.modulus
    state = [0, *inputs]
    for number, constants in enumerate(chosen.constants):
        state = [(value + constant) % p for value, constant in zip(state, constants, strict=True)]
        lanes = chosen.width if chosen.is_full(number) else 1
        state = [pow(value, 5, p) if lane < lanes else value for lane, value in enumerate(state)]
        state = [sum(m * value for m, value in zip(row, state, strict=True)) % p for row in chosen.matrix]
    return state[0]


def poseidon(inputs: Sequence[int]) -> int:
    return permute(parameters(len(inputs) + 1), inputs)


def merkle_root(leaf: int, siblings: Sequence[int], bits: Sequence[int], hash_of: Hash = poseidon) -> int:
    for sibling, bit in zip(siblings, bits, strict=True):
        leaf = hash_of((sibling, leaf) if bit else (leaf, sibling))
    return leaf


def share(
    given: Mapping[str, Sequence[int]], slot: int, hash_of: Hash = poseidon, p: int = ORDER
) -> tuple[int, int]:
    """(y, nullifier) of a message id."""
    (secret,), (x,), (external,) = given["identitySecret"], given["x"], given["externalNullifier"]
    a1 = hash_of((secret, external, given["messageId"][slot]))
    return (secret + a1 * x) % p, hash_of((a1,))


def root(given: Mapping[str, Sequence[int]], hash_of: Hash = poseidon) -> int:
    leaf = hash_of((hash_of(given["identitySecret"]), given["userMessageLimit"][0]))
    return merkle_root(leaf, given["pathElements"], given["identityPathIndex"], hash_of)


def zero_hashes(depth: int) -> list[int]:
    path = [0]
    while len(path) < depth:
        path.append(poseidon((path[-1], path[-1])))
    return path


def inputs(
    limit: int = 100, ids: Sequence[int] = (1,), selectors: Sequence[int] | None = None, depth: int = 20
) -> dict[str, list[int]]:
    """The golden input of zerokit-spec 5.3, with another limit and other message ids."""
    given = {
        "identitySecret": [SECRET],
        "userMessageLimit": [limit % ORDER],
        "messageId": [value % ORDER for value in ids],
        "pathElements": zero_hashes(depth),
        "identityPathIndex": [1, 1, *[0] * depth][:depth],
        "x": [X],
        "externalNullifier": [EXTERNAL_NULLIFIER],
    }
    return given if selectors is None else {**given, "selectorUsed": [value % ORDER for value in selectors]}


def solutions(r1cs: R1cs, fixed: Mapping[int, int] | None = None) -> Iterator[list[int]]:
    """Find every satisfying witness over a small field; test a constraint once all its wires have values."""
    fixed = {0: 1, **(fixed or {})}
    rows = list(r1cs.rows())
    order = _order(r1cs, fixed)
    place = {wire: index for index, wire in enumerate(order)}
    ready: list[list[int]] = [[] for _ in order]
    for index, row in enumerate(rows):
        ready[max((place[wire] for part in row for wire, _ in part), default=0)].append(index)
    witness = [0] * r1cs.wires

    def holds(index: int) -> bool:
        a, b, c = (sum(value * witness[wire] for wire, value in part) for part in rows[index])
        return (a * b - c) % r1cs.modulus == 0

    def extend(depth: int) -> Iterator[list[int]]:
        if depth == len(order):
            yield list(witness)
            return
        wire = order[depth]
        for value in (fixed[wire],) if wire in fixed else range(r1cs.modulus):
            witness[wire] = value
            if all(holds(index) for index in ready[depth]):
                yield from extend(depth + 1)

    return extend(0)


def _order(r1cs: R1cs, fixed: Mapping[int, int]) -> list[int]:
    """Order the wires so that constraints can be tested early: next, the row with the fewest open wires."""
    order = list(fixed)
    open_rows = [{wire for part in row for wire, _ in part} - set(order) for row in r1cs.rows()]
    while open_rows := [row for row in open_rows if row]:
        chosen = min(open_rows, key=lambda row: len(row) - sum(other <= row for other in open_rows))
        order += sorted(chosen)
        open_rows = [row - chosen for row in open_rows]
    return order + [wire for wire in range(r1cs.wires) if wire not in set(order)]
