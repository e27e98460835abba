"""One thread at a time reads a registry; the others use what is recent enough, or get an error."""

from __future__ import annotations

import threading

import pytest

from rln.errors import StoreUnavailable
from rln.group import freshness
from rln.group.freshness import REREAD_SECONDS, STALE_SECONDS, Rereading


def test_a_reading_serves_for_a_while() -> None:
    read: list[float] = []
    rereading = Rereading()
    for now in (5.0, 5.0 + REREAD_SECONDS / 2, 5.0 + REREAD_SECONDS, 4.0):
        rereading.ensure(now, lambda: read.append(1))
    assert (
        len(read) == 3
    )  # the first, the one that is not fresh, and the one before which the clock went back
    rereading.ensure(4.0, lambda: read.append(1), again=True)
    rereading.ensure(None, lambda: read.append(1))
    assert len(read) == 5


def test_after_an_error_the_next_call_reads() -> None:
    rereading, read = Rereading(), []

    def fail() -> None:
        raise StoreUnavailable("registry: planted")

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="planted"):
            rereading.ensure(5.0, fail)
    rereading.ensure(5.0, lambda: read.append(1))
    assert read == [1]


def test_others_use_a_recent_reading_and_refuse_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "_PATIENCE", 0.05)
    rereading, busy, go_on = Rereading(5.0), threading.Event(), threading.Event()

    def slow() -> None:
        busy.set()
        go_on.wait(30)

    thread = threading.Thread(target=lambda: rereading.ensure(6.0 - 0.01, slow))
    thread.start()
    busy.wait()
    rereading.ensure(5.0 + STALE_SECONDS - 0.01, pytest.fail)
    for now in (5.0 + STALE_SECONDS, None):
        with pytest.raises(StoreUnavailable, match="another thread still waits for one"):
            rereading.ensure(now, pytest.fail)
    go_on.set()
    thread.join()
    rereading.ensure(6.0, pytest.fail)
