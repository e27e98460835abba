"""Truth: what can be empty and is not a list of values is true, so that `log or default` keeps a real log."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.floors import PYTHON, module_name

REASONS = {
    "rln.circuit.graph.GraphBuilder": "the nodes of a graph, in order",
    "rln.circuit.r1cs.Matrix": "the rows of a matrix",
    "rln.group.events.Events": "a sequence of events",
    "rln.group.root_source.FixedRoots": "never empty",
    "rln.group.root_source.RootSource": "never empty, and a caller's own class",
    "rln.protocol.membership.Memberships": "a sequence of members",
    "rln.protocol.membership.PackedMembers": "a sequence of members",
}
"""Classes that have a length and count as false when it is 0, or that have none of length 0."""


def sized() -> dict[str, set[str]]:
    """Return the methods of every class that has a length."""
    found = {}
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
                if "__len__" in methods:
                    found[f"{module_name(path)}.{node.name}"] = methods
    return found


@pytest.mark.parametrize("name", sorted(sized().keys() - REASONS.keys()))
def test_what_has_a_length_and_is_no_list_is_true(name: str) -> None:
    assert "__bool__" in sized()[name]


def test_every_reason_is_still_needed() -> None:
    assert {name for name in REASONS if "__bool__" not in sized().get(name, {"__bool__"})} == set(REASONS)
