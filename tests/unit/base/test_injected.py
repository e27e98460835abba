"""Checks of injected functions and objects."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

import pytest

from rln.base import injected
from rln.errors import ParameterError


@runtime_checkable
class Greeter(Protocol):
    """Greets."""

    @property
    def name(self) -> str:
        """A name."""

    def greet(self, whom: str) -> str:
        """Greet somebody."""


class Polite(Greeter, Protocol):
    """Greets and thanks."""

    def thank(self) -> str:
        """Thank somebody."""


class Good:
    name = "good"

    def greet(self, whom: str) -> str:
        return whom

    def thank(self) -> str:
        return "thanks"


class Proxy:
    """Passes everything on."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Failing(Good):
    @property
    def name(self) -> str:  # type: ignore[override]
        raise OSError("gone")


@pytest.mark.parametrize("value", [Good(), Proxy(Good()), Failing()])
def test_what_has_the_methods_is_accepted(value: object) -> None:
    injected.implements(value, Greeter, "greeter")
    injected.implements(value, Polite, "greeter")


class Mute:
    name = "mute"
    greet = "hello"


class Half:
    name = "half"
    greet = print


class Later(Good):
    async def greet(self, whom: str) -> str:  # type: ignore[override]
        return whom


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "expected Polite, got int, which has no `name`"),
        (None, "expected Polite, got NoneType, which has no `name`"),
        (Good, "expected Polite, got the class Good; make an object of it"),
        (Mute(), "expected Polite, got Mute, which has no `greet`"),
        (
            Half(),
            "expected Polite, got Half, which has no `thank`",
        ),
        (Later(), "expected a function that answers at once, got a coroutine function"),
    ],
)
def test_the_message_names_what_is_missing(value: object, words: str) -> None:
    with pytest.raises(ParameterError, match=f"^greeter[.a-z]*: {re.escape(words)}$"):
        injected.implements(value, Polite, "greeter")


@pytest.mark.parametrize("value", [print, len, Good().greet, functools.partial(print, 5), lambda: 5])
def test_functions_are_functions(value: Any) -> None:
    injected.callback(value, "now")


class CalledLater:
    async def __call__(self) -> float:
        return 5.0


async def one_by_one() -> AsyncIterator[float]:
    yield 5.0


@pytest.mark.parametrize(
    "value",
    [
        *(5, None, "print", Good(), Good),
        *(Later().greet, functools.partial(Later().greet, "all"), CalledLater(), one_by_one),
    ],
)
def test_anything_else_is_not(value: Any) -> None:
    with pytest.raises(ParameterError, match="^now: expected a function"):
        injected.callback(value, "now")


def test_a_time_source_checks_each_answer() -> None:
    answers: list[Any] = ["12", 5, 6.5]
    ask = injected.time_source(answers.pop)
    assert [ask(), ask()] == [6.5, 5]
    with pytest.raises(ParameterError, match="^now: expected finite seconds since 1970, got '12'$"):
        ask()
