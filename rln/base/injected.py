"""Injected objects: whether what a caller passes in can do what it will be asked, and whether an answer fits.

An object that lacks a method would fail when the method is first needed: for the first violator, or after a
message id was spent. So what is injected is checked where it comes in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from rln.base.arguments import unix_time
from rln.errors import ParameterError


def callback(value: Callable[..., Any], name: str) -> None:
    """Refuse what cannot be called, and what has to be awaited.

    Raises:
        ParameterError: not callable, a class, or a coroutine function, also as the method of an object that
            is called.
    """
    if not callable(value) or isinstance(value, type):
        raise ParameterError(f"{name}: expected a function, got {_described(value)}")
    _refuse_coroutine(value, name)
    _refuse_coroutine(getattr(type(value), "__call__", None), name)  # noqa: B004 - it is called later


def time_source(now: Callable[[], float]) -> Callable[[], float]:
    """Return a function that asks a clock and checks its answer.

    Raises:
        ParameterError: not a function; when it is asked, that the answer is no time.
    """
    callback(now, "now")
    return lambda: unix_time(now(), "now")


def implements(value: object, protocol: type, name: str) -> None:
    """Refuse an object that lacks a method or a property of a protocol.

    Args:
        value: the object.
        protocol: a class that derives from `typing.Protocol`.
        name: of the argument, for the message.

    Raises:
        ParameterError: a class instead of an object, or something is missing; the message names it.
    """
    if isinstance(value, type):
        raise ParameterError(
            f"{name}: expected {protocol.__name__}, got {_described(value)}; make an object of it"
        )
    for member, is_method in _members(protocol):
        found = getattr(type(value), member, None)
        if found is None and not member.startswith("__"):
            found = _own(value, member)
        if found is None or (is_method and not callable(found)):
            raise ParameterError(
                f"{name}: expected {protocol.__name__}, got {type(value).__name__}, which has no `{member}`"
            )
        if is_method:
            _refuse_coroutine(found, f"{name}.{member}")


def _own(value: object, member: str) -> object:
    """Return what an object has beside its class, for example one that passes calls on to another."""
    try:
        return getattr(value, member, None)
    except Exception:  # noqa: BLE001 - a property that fails now exists
        return member


def _refuse_coroutine(function: object, name: str) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ParameterError(f"{name}: expected a function that answers at once, got a coroutine function")


def _described(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


@cache
def _members(protocol: type) -> tuple[tuple[str, bool], ...]:
    """Return the names that a protocol defines, and whether each is a method."""
    found: dict[str, bool] = {}
    for base in reversed(protocol.__mro__):
        if getattr(base, "_is_protocol", False):
            for name, value in vars(base).items():
                if isinstance(value, property) or (inspect.isfunction(value) and name not in _OF_EVERY_CLASS):
                    found[name] = not isinstance(value, property)
    return tuple(found.items())


_OF_EVERY_CLASS = frozenset({"__init__", "__subclasshook__"})
