"""Circuits: the RLN relations as constraints and witness graphs.

A module is imported when one of its names is first used, because proving and verifying with
existing keys needs none of them.
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

_MODULE_OF: Final = {
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
    """Import a public name, or a module that defines one (PEP 562)."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"rln.circuit.{_MODULE_OF[name]}"), name)
    if name in _MODULE_OF.values():
        return importlib.import_module(f"rln.circuit.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULE_OF.values()})
