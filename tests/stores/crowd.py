"""Processes that do one thing at the same time."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any


def crowd(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Fork processes, let them start together, and return what the work of each returns."""
    start = multiprocessing.get_context("fork").Barrier(count)
    running: list[tuple[int, int]] = []
    for number in range(count):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                start.wait(60)
                result: tuple[bool, Any] = True, work(number)
            except BaseException:  # noqa: BLE001 - the parent gets all of it
                result = False, traceback.format_exc()
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(result, pipe)
            os._exit(0)
        os.close(writing)
        running.append((child, reading))
    results = []
    for child, reading in running:
        with os.fdopen(reading, "rb") as pipe:
            fine, result = pickle.load(pipe)
        os.waitpid(child, 0)
        assert fine, result
        results.append(result)
    return results
