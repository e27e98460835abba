"""The docstring of a public class says what threads, forks, event loops and closing do to its objects."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re

import pytest

from tests.support.public_api import reference

FLOORS = ("rln.client.", "rln.integrations.", "rln.services.")
"""The classes that live as long as a server or a program."""

WORDS = {"threads": r"\bthreads?\b", "forks": r"\bfork", "event loops": r"\bloops?\b", "closing": r"\bclos"}


def lasting_classes() -> list[type]:
    """Return the public classes of these floors whose objects are more than values."""
    found = {
        value
        for module, names in reference().public_names().items()
        if module.startswith(FLOORS)
        for name in names
        if inspect.isclass(value := getattr(importlib.import_module(module), name))
    }
    lasting = {
        one
        for one in found
        if not dataclasses.is_dataclass(one) and not issubclass(one, BaseException | enum.Enum)
    }
    return sorted(lasting, key=lambda one: (one.__module__, one.__qualname__))


@pytest.mark.parametrize("cls", lasting_classes(), ids=lambda cls: f"{cls.__module__}.{cls.__qualname__}")
def test_a_class_says_how_its_objects_may_be_shared(cls: type) -> None:
    said = inspect.getdoc(cls) or ""
    assert [name for name, word in WORDS.items() if not re.search(word, said, re.IGNORECASE)] == []


def test_some_classes_are_looked_at() -> None:
    assert len(lasting_classes()) >= 12
