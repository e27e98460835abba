"""Turns: threads of which one runs at a time, and a word that says which.

A program runs until it is about to do its next step, which it announces by `step()`, and then waits for its
turn. So a word such as 0110… decides everything about the order in which programs see the world.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

WitnessGraph = Callable[[], object]
Word = Sequence[int]

_current = threading.local()


def step() -> None:
    """Wait for this program's next turn; outside a program do nothing."""
    worker: _Worker | None = getattr(_current, "worker", None)
    if worker is not None:
        worker.pause()


class _Worker:
    def __init__(self) -> None:
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.program: WitnessGraph | None = None
        self.result: object = None
        self.running = False
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self, program: WitnessGraph) -> None:
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
            except BaseException as error:  # noqa: BLE001 - the result, to be judged by the test
                self.result = error
            self.running = False
            self._back.release()

    def end(self) -> None:
        self.program = None
        self._go.release()


class Turns:
    """So many threads; give them back with `close`."""

    def __init__(self, count: int) -> None:
        self._workers = [_Worker() for _ in range(count)]

    def run(self, programs: Sequence[WitnessGraph], word: Word) -> tuple[list[object], list[int]]:
        """Run programs in the order of a word.

        Args:
            programs: at most as many as there are threads.
            word: numbers of programs, one for each turn; a turn of one that has ended is passed over, and
                what is left at the end of the word runs to its end, in order.

        Returns:
            What each returned, or the exception that it raised; and whose turns really were taken.
        """
        workers = self._workers[: len(programs)]
        for worker, program in zip(workers, programs, strict=True):
            worker.begin(program)
        taken = []
        for number in word:
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


def words(first: int, second: int) -> Iterator[Word]:
    """All words with so many turns of program 0 and of program 1."""
    for places in combinations(range(first + second), first):
        yield [0 if place in places else 1 for place in range(first + second)]


def some_word(turns: Sequence[int], draw: random.Random) -> Word:
    """Any of the words with so many turns of each program, all equally likely."""
    word = [number for number, count in enumerate(turns) for _ in range(count)]
    draw.shuffle(word)
    return word


def merges(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All orders of so many operations of each program that keep each program's own order."""
    if not any(lengths):
        yield ()
    for number, length in enumerate(lengths):
        if length:
            rest = [left - (place == number) for place, left in enumerate(lengths)]
            for tail in merges(rest):
                yield (number, *tail)
