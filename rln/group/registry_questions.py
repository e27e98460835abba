"""Registry questions: what a registry is asked and told, and one check of it for all registries."""

from __future__ import annotations

from rln.base import scalar
from rln.base.arguments import nonzero, whole
from rln.base.bounds import MAX_STORED


def check_page(number: int, most: int, lowest: int = 0) -> None:
    """Check which step or event a page comes after, and how long it may be.

    Raises:
        ParameterError: a number is outside its range.
    """
    whole(number, "number", lowest, MAX_STORED)
    whole(most, "most", 0, MAX_STORED)


def check_step(after: int) -> None:
    """Check the number of a step; -1 stands before step 0.

    Raises:
        ParameterError: any other value.
    """
    whole(after, "after", -1, MAX_STORED)


def check_time(at: int, name: str = "at") -> None:
    """Check a unix time in milliseconds.

    Raises:
        ParameterError: any other value.
    """
    whole(at, name, 0, MAX_STORED)


def check_index(index: int) -> None:
    """Check the index of a registration, which need not exist.

    Raises:
        ParameterError: any other value.
    """
    whole(index, "index", 0, MAX_STORED)


def check_asked(commitment: int) -> None:
    """Check a commitment that a registry is asked for.

    Raises:
        FieldRangeError: not a field element.
    """
    scalar.check(commitment, "commitment")


def check_noted(commitment: int, noted: int, due: int) -> None:
    """Check the arguments of `RegistryChange.note_slashing`.

    Raises:
        ParameterError, FieldRangeError: an argument is outside its range.
    """
    nonzero(commitment, "commitment")
    check_time(noted, "noted")
    check_time(due, "due")
