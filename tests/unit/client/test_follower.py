"""Follower: it looks again and again, and ends with its object."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from rln.client.follower import Follower
from rln.errors import ParameterError


class Looker:
    """Counts."""

    def __init__(self) -> None:
        self.count = 0
        self.follower = Follower(self.look, 0.02)

    def look(self) -> None:
        self.count += 1


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "rln-follower"]


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 20
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_looks_again_and_again_until_it_is_stopped() -> None:
    looker = Looker()
    looker.follower.start()
    looker.follower.start()
    assert len(threads()) == 1
    wait_for(lambda: looker.count >= 3)
    looker.follower.stop()
    looker.follower.stop()
    assert threads() == []
    looker.follower.start()
    assert threads() == []


def test_it_ends_with_its_object() -> None:
    looker = Looker()
    looker.follower.start()
    wait_for(threads)
    del looker
    gc.collect()
    wait_for(lambda: threads() == [])


def test_wrong_arguments_are_refused() -> None:
    looker = Looker()
    with pytest.raises(ParameterError, match="above 0"):
        Follower(looker.look, 0)
    with pytest.raises(ParameterError, match="bound method"):
        Follower(lambda: None, 1)
