"""A torn lock: nobody can take it, and each attempt says what to do."""

from __future__ import annotations

import threading

import pytest

from rln.base.torn_lock import in_child
from rln.errors import StoreUnavailable


def test_state_that_is_torn_is_refused_and_whole_state_gets_a_new_lock() -> None:
    torn = in_child(True, "roots", "make a new Group")
    assert not torn.acquire(timeout=1.0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="^roots: .* was forked; make a new Group$"), torn:
            pytest.fail("taken")
    torn.release()
    whole = in_child(False, "roots", "make a new Group")
    assert isinstance(whole, type(threading.Lock()))
    assert whole.acquire(blocking=False)
