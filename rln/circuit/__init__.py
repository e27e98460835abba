"""Circuits as Python data: the RLN relations, their constraints and their witness graphs.

The modules behind these names are imported when one of them is first used: who proves and verifies with keys
that are there needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rln.circuit.check import explain, failures
    from rln.circuit.r1cs import Matrix, R1cs
    from rln.circuit.relation import Circuit, rln, rln_multi
    from rln.circuit.unique import undetermined

__all__ = ["Circuit", "Matrix", "R1cs", "explain", "failures", "rln", "rln_multi", "undetermined"]

_HOMES: Final = {
    "Circuit": "relation",
    "Matrix": "r1cs",
    "R1cs": "r1cs",
    "explain": "check",
    "failures": "check",
    "rln": "relation",
    "rln_multi": "relation",
    "undetermined": "unique",
}


def __getattr__(name: str) -> object:
    """A public name, or one of the modules that they come from (PEP 562)."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"rln.circuit.{_HOMES[name]}"), name)
    if name in _HOMES.values():
        return importlib.import_module(f"rln.circuit.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOMES.values()})
