"""Workers: functions that run at the same time, in processes or threads that start together."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

Result = TypeVar("Result")

PATIENCE = 600
"""Seconds after which a worker process ends itself, even if the test has stopped waiting."""


def in_processes(count: int, work: Callable[[int], Result]) -> list[Result]:
    """Run work(0) .. work(count - 1) in forked processes and return the results, which are pickled."""
    start = multiprocessing.get_context("fork").Barrier(count)
    pipes = []
    for number in range(count):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _in_child(partial(_started, start, work, number), write)
        os.close(write)
        pipes.append((child, read))
    answers = []
    for child, read in pipes:
        with os.fdopen(read, "rb") as pipe:
            answers.append(pipe.read())
        os.waitpid(child, 0)
    results: list[Any] = [pickle.loads(answer) if answer else RuntimeError("no answer") for answer in answers]
    for result in results:
        if isinstance(result, RuntimeError):
            raise result
    return results


def _started(start: Barrier, work: Callable[[int], Result], number: int) -> Result:
    start.wait(PATIENCE)
    return work(number)


def _in_child(work: Callable[[], object], write: int) -> None:
    signal.alarm(PATIENCE)
    try:
        try:
            answer = work()
        except BaseException:  # noqa: BLE001 - the parent raises it
            answer = RuntimeError(traceback.format_exc())
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(0)


def in_threads(count: int, work: Callable[[int], Result]) -> list[Result]:
    """Run work(0) .. work(count - 1) in threads of this process and return their results."""
    start = threading.Barrier(count)

    def run(number: int) -> Result:
        start.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return [done.result() for done in [pool.submit(run, number) for number in range(count)]]
