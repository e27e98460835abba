"""A forked child that works when its parent says so, and that is killed if it does not answer."""

from __future__ import annotations

import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import rln

PATIENCE = 40.0
"""Seconds for the answer of a child. On a busy machine a child may take some, but no child may take all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the work of a child returned, or the error of this library that it raised.

    Attributes:
        made: the result of the work; None after an error.
        error: name of the error's class; None if there was none.
        text: text of the error.
    """

    made: Any = None
    error: str | None = None
    text: str = ""


class ForkedChild:
    """Forks, and lets the child wait.

    Args:
        work: what the child does; its result is pickled.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        go_read, self._go = os.pipe()
        self._answer, answer_write = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                os.close(self._go)  # so that the child ends with its parent
                if os.read(go_read, 1):
                    with os.fdopen(answer_write, "wb") as pipe:
                        pickle.dump(_answer(work), pipe)
            finally:
                os._exit(0)
        os.close(go_read)
        os.close(answer_write)

    def go(self) -> None:
        """Let the child work."""
        os.write(self._go, b"!")

    def answer(self) -> Answer:
        """Return the child's answer. A child that gives none in time is killed, and fails the test."""
        with os.fdopen(self._answer, "rb") as pipe:
            answered, _, _ = select.select([pipe], [], [], PATIENCE)
            data = pipe.read() if answered else b""
        if not data:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGABRT)  # pytest has asked for a traceback in this case
                time.sleep(1)
                os.kill(self._child, signal.SIGKILL)
        os.close(self._go)
        os.waitpid(self._child, 0)
        assert data, f"the child hangs, or has died: no answer in {PATIENCE} seconds"
        found = pickle.loads(data)
        assert isinstance(found, Answer)
        return found


def _answer(work: Callable[[], object]) -> Answer:
    try:
        return Answer(work())
    except rln.RlnError as error:
        return Answer(error=type(error).__name__, text=str(error))
    except BaseException as error:  # noqa: BLE001 - the parent fails with this text
        return Answer(error=f"{type(error).__name__} (not of this library)", text=str(error))
