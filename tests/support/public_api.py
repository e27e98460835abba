"""The public callables of `rln`: functions, constructors and methods of what `docs/reference.py` lists."""

from __future__ import annotations

import enum
import importlib
import importlib.util
import inspect
import sys
import typing
from array import array
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import rln.circuit
from rln.stores.async_log import AsyncNullifierLog

_REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference.py"


class _Array:
    """`array[int]` can be written in an annotation, but not evaluated before Python 3.12."""

    def __class_getitem__(cls, element: type) -> type:
        return array


def _late() -> dict[str, object]:
    """Return names that modules import for the type checker alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return {
        "Circuit": rln.circuit.Circuit,
        "AsyncNullifierLog": AsyncNullifierLog,
        "Ed25519PrivateKey": Ed25519PrivateKey,
        "array": _Array,
    }


@cache
def reference() -> ModuleType:
    """Return the module that writes the reference, which knows what is public."""
    found = importlib.util.spec_from_file_location("rln_reference", _REFERENCE)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def public_callables() -> dict[str, Callable[..., Any]]:
    """Return all public functions, constructors and methods by name, `rln.group.group.Group.register`.

    A constructor has the name of its class. Errors, enumerations and protocols have none that users call.
    """
    found: dict[str, Callable[..., Any]] = {}
    for module, names in reference().public_names().items():
        for name in names:
            value = getattr(importlib.import_module(module), name)
            if inspect.isfunction(value):
                found[f"{module}.{name}"] = value
            elif inspect.isclass(value) and not issubclass(value, BaseException | enum.Enum):
                found |= dict(_of_class(f"{module}.{name}", value))
    return found


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of a function or a class by name, each with its annotation, without `self`."""
    plain = function.__init__ if inspect.isclass(function) else function
    names = list(inspect.signature(function).parameters)
    hints = typing.get_type_hints(plain, vars(sys.modules[function.__module__]), _late())
    return {name: hints[name] for name in names if name not in ("self", "cls")}


def _of_class(name: str, cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    if reference().constructor(cls) is not None:
        yield name, cls
    for method, value in reference().members(cls):
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if inspect.isfunction(plain) and not method.startswith("__"):
            yield f"{name}.{method}", plain
