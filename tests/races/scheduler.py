"""A scheduler: threads that run one at a time, and a schedule that says which one.

A program runs until its next step, which it announces with `step()`, and then waits for its turn. So a
schedule such as 0110… fixes the whole order in which the programs act.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

Program = Callable[[], object]
Schedule = Sequence[int]

_current = threading.local()


def step() -> None:
    """Wait for this program's next turn. Outside a program, do nothing."""
    worker: _Worker | None = getattr(_current, "worker", None)
    if worker is not None:
        worker.pause()


class _Worker:
    def __init__(self) -> None:
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.program: Program | None = None
        self.result: object = None
        self.running = False
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self, program: Program) -> None:
        self.program, self.running = program, True

    def turn(self) -> None:
        self._go.release()
        self._back.acquire()

    def pause(self) -> None:
        self._back.release()
        self._go.acquire()

    def _run(self) -> None:
        _current.worker = self
        while True:
            self._go.acquire()
            if self.program is None:
                return
            try:
                self.result = self.program()
            except BaseException as error:  # noqa: BLE001 - the error is the result; the test checks it
                self.result = error
            self.running = False
            self._back.release()

    def end(self) -> None:
        self.program = None
        self._go.release()


class Scheduler:
    """A number of threads; `close` ends them."""

    def __init__(self, count: int) -> None:
        self._workers = [_Worker() for _ in range(count)]

    def run(self, programs: Sequence[Program], schedule: Schedule) -> tuple[list[object], list[int]]:
        """Run programs in the order of a schedule.

        Args:
            programs: at most as many as there are threads.
            schedule: numbers of programs, one for each turn. Turns of a program that has ended are skipped;
                programs that are not finished after the last turn run to their end, in order.

        Returns:
            The result of each program, or the exception that it raised; and which programs took the turns.
        """
        workers = self._workers[: len(programs)]
        for worker, program in zip(workers, programs, strict=True):
            worker.begin(program)
        taken = []
        for number in schedule:
            if workers[number].running:
                workers[number].turn()
                taken.append(number)
        for number, worker in enumerate(workers):
            while worker.running:
                worker.turn()
                taken.append(number)
        return [worker.result for worker in workers], taken

    def close(self) -> None:
        for worker in self._workers:
            worker.end()


def all_schedules(first: int, second: int) -> Iterator[Schedule]:
    """Yield all schedules with `first` turns of program 0 and `second` turns of program 1."""
    for places in combinations(range(first + second), first):
        yield [0 if place in places else 1 for place in range(first + second)]


def random_schedule(turns: Sequence[int], draw: random.Random) -> Schedule:
    """Draw one of the schedules with this many turns of each program, all equally likely."""
    schedule = [number for number, count in enumerate(turns) for _ in range(count)]
    draw.shuffle(schedule)
    return schedule


def interleavings(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield all orders of this many operations of each program that keep the order within each program."""
    if not any(lengths):
        yield ()
    for number, length in enumerate(lengths):
        if length:
            rest = [left - (place == number) for place, left in enumerate(lengths)]
            for tail in interleavings(rest):
                yield (number, *tail)
