"""Strict options: every option that takes a number takes it in one form (`rln.base.decimals`)."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import typer
from typer.models import ParameterInfo

from rln.base import decimals
from rln.errors import InputError

_MOST = 10**18
"""The largest number that an option takes; each command has its own, smaller bounds."""


def make_strict(app: typer.Typer) -> None:
    """Let all commands of an app, and of those below it, read their numbers with `rln.base.decimals`."""
    for command in app.registered_commands:
        if command.callback is not None:
            _make_command_strict(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            make_strict(group.typer_instance)


def _make_command_strict(callback: Callable[..., Any]) -> None:
    # typer reads the annotations again; as text, they would make other objects then.
    callback.__annotations__ = typing.get_type_hints(callback, include_extras=True)
    for hint in callback.__annotations__.values():
        if not hasattr(hint, "__metadata__"):
            continue
        kind, *remarks = typing.get_args(hint)
        kinds = {kind, *typing.get_args(kind)} & {int, float}
        for info in remarks:
            if kinds and isinstance(info, ParameterInfo):
                info.parser = _parser(int in kinds, info.min, info.max)


def _parser(is_integer: bool, low: float | None, high: float | None) -> Callable[[Any], Any]:
    """Return what typer calls with the text of an option, or with its default value."""

    def integer(value: Any) -> Any:
        return _parsed(value, decimals.whole, low, high)

    def number(value: Any) -> Any:
        return _parsed(value, decimals.seconds, low, high)

    return integer if is_integer else number


def _parsed(value: Any, parse: Callable[..., Any], low: float | None, high: float | None) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse(value, "value", 0 if low is None else low, _MOST if high is None else high)
    except InputError as error:
        raise typer.BadParameter(str(error).removeprefix("value: ")) from error
