"""Poseidon equals the optimised and the reference implementation of circomlibjs, at every arity."""

import rln
from rln.base.scalar import ORDER
from tests.interop import peers


def test_every_arity_on_edges_and_fixed_values(node):
    edges = [0, 1, 2, ORDER - 1, ORDER - 2, 2**64 - 1, 2**253, 12345678901234567890]
    rows = [
        [edges[(i * step + arity) % len(edges)] for i in range(arity)]
        for arity in range(1, 9)
        for step in (1, 3, 5)
    ]
    answers = peers.ask(node, "circomlibjs", [{"inputs": [str(value) for value in row]} for row in rows])
    for row, (optimised, reference) in zip(rows, answers, strict=True):
        assert rln.poseidon_hash(row) == int(optimised) == int(reference), row
