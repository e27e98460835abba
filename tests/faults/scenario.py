"""Story: what a store does in a test of faults, told line by line, so that a reader knows what was promised.

A story is a plan of named steps. Before a step it says `> step`; afterwards `< step` when the store has
promised it, or `! step` when it was refused with StoreUnavailable. Whatever stops the story, the last `>`
without an answer is the step in flight.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rln.errors import StoreUnavailable


@dataclass(frozen=True)
class Told:
    """What became of the steps.

    Attributes:
        done: promised.
        unsure: refused, or in flight: may have happened or not.
    """

    done: tuple[str, ...]
    unsure: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Told:
        """Read the lines that were said."""
        begun = [line[2:] for line in lines if line.startswith("> ")]
        done = [line[2:] for line in lines if line.startswith("< ")]
        return cls(tuple(done), tuple(step for step in begun if step not in done))


class Story(ABC):
    """One store in use."""

    plan: tuple[str, ...]
    """The steps, all different."""

    later: tuple[str, ...]
    """The steps of a second process, which begins with what a crash left."""

    @abstractmethod
    def open(self, directory: Path) -> None:
        """Open the store: the step before all others, and again after each refusal of it."""

    @abstractmethod
    def do(self, step: str) -> None:
        """Do one step.

        Raises:
            StoreUnavailable: refused.
            AssertionError: the store gave an answer that it must never give.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the store."""

    @abstractmethod
    def check(self, directory: Path, told: Told) -> None:
        """Open what is there with the real adapter: all that was promised, and nothing that nobody tried.

        Raises:
            AssertionError, StoreUnavailable: that is not so, or it does not work any more.
        """

    def run(self, directory: Path, say: Callable[[str], None], steps: Sequence[str]) -> None:
        """Do the steps, and say so; the store is opened before the first, and again as long as it refuses."""
        opened = False
        for step in steps:
            if not opened:
                say("> open")
                try:
                    self.open(directory)
                except StoreUnavailable:
                    say("! open")
                    continue
                opened = True
                say("< open")
            say(f"> {step}")
            try:
                self.do(step)
            except StoreUnavailable:
                say(f"! {step}")
            else:
                say(f"< {step}")
        if opened:
            self.close()


def say(line: str) -> None:
    """Tell the reader at once, by one system call that no store makes."""
    os.writev(1, [line.encode(), b"\n"])
