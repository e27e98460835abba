"""Errors: the tree holds together, and a store's error carries when the store serves again."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from rln.errors import StoreError, StoreUnavailable


def test_an_error_without_a_known_time_has_none() -> None:
    error = StoreUnavailable("the disk")
    assert isinstance(error, StoreError)
    assert (str(error), error.retry_after, error.served_from) == ("the disk", None, None)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_of_an_error_has_its_times_and_notes(
    way: Callable[[StoreUnavailable], StoreUnavailable],
) -> None:
    error = StoreUnavailable("later", retry_after=12.5, served_from=1000.0)
    error.add_note("a note")
    found = way(error)
    assert type(found) is StoreUnavailable and found.__notes__ == ["a note"]
    assert (str(found), found.retry_after, found.served_from) == ("later", 12.5, 1000.0)
