"""Values of a wrong type for a parameter, derived from its annotation."""

from __future__ import annotations

import collections.abc
import inspect
import math
import os
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HUGE = 10**400

NO_PATHS = (Path("a\0b"), Path("\ud800"))
"""Paths that no system takes: with NUL, and with a lone surrogate."""


class Nothing:
    """An object without methods."""

    def __repr__(self) -> str:
        return "<an object>"


async def coroutine_function(*_: object) -> bool:
    """A callable whose answer is a coroutine."""
    return True


def _candidates(valid: object) -> Iterator[object]:
    """Yield values of many types, some of them close to a valid one."""
    yield from (None, True, 5, HUGE, 1.5, math.nan, -math.inf, "text", b"bytes", bytearray(3), 2j)
    yield from ([], [Nothing()], [5], [HUGE], [True], ["text"], (None,), {}, {"text": 5}, {5}, Nothing(), int)
    yield iter([Nothing()])
    yield coroutine_function
    if isinstance(valid, os.PathLike):
        yield from NO_PATHS
    yield [valid]
    yield type(valid)  # the class instead of an object
    if isinstance(valid, Sequence) and not isinstance(valid, str | bytes) and len(valid):
        yield [*valid[:-1], Nothing()]
        yield from ([*valid[:-1], [*valid[-1][:-1], Nothing()]] for _ in range(isinstance(valid[-1], tuple)))


def wrong_values(annotation: object, valid: object) -> list[object]:
    """Return values that do not fit an annotation.

    Args:
        annotation: of the parameter, evaluated.
        valid: a right argument.
    """
    return [value for value in _candidates(valid) if not fits(value, annotation)]


def fits(value: object, annotation: Any) -> bool:
    """Tell whether a value is of the type of an annotation, with all of its parts."""
    if annotation is Any or annotation is object:
        return True
    if annotation is None or annotation is type(None):
        return value is None
    if isinstance(annotation, typing.TypeVar):
        return annotation.__bound__ is None or fits(value, annotation.__bound__)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is typing.Literal:
        return value in arguments
    if annotation is float:
        return (type(value) is int and value != HUGE) or (type(value) is float and math.isfinite(value))
    if annotation is int:
        return type(value) is int and value != HUGE
    if annotation in (str, bytes, bool):
        return type(value) is annotation
    if value in NO_PATHS:
        return False
    if origin is None:
        return _is_instance(value, annotation)
    return _generic_fits(value, origin, arguments)


def _is_instance(value: object, annotation: type) -> bool:
    if inspect.isclass(value):  # it has the methods, but it is no object
        return False
    return isinstance(value, annotation)


def _generic_fits(value: object, origin: Any, arguments: tuple[Any, ...]) -> bool:
    if origin is collections.abc.Callable:
        return callable(value) and not inspect.iscoroutinefunction(value) and not inspect.isclass(value)
    if isinstance(value, str | bytes | bytearray) or inspect.isclass(value):
        return False
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(fits(part, arguments[0]) for part in value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if origin in (collections.abc.Mapping, dict):
        return isinstance(value, Mapping) and all(
            fits(key, arguments[0]) and fits(part, arguments[1]) for key, part in value.items()
        )
    if origin in (collections.abc.Sequence, collections.abc.Iterable):
        if isinstance(value, Mapping) or not isinstance(value, origin):
            return False
        parts: Any = value
        return not isinstance(value, collections.abc.Iterator) and all(
            fits(part, arguments[0]) for part in parts
        )
    return isinstance(value, origin)  # os.PathLike[str], array[int]
