"""Scenarios: what a store does in a test of faults, with a report that says what it acknowledged.

A scenario is a list of named steps. It reports `> step` before each step, then `< step` if the store
acknowledged it, or `! step` if the store refused it with StoreUnavailable. If a fault stops the scenario, the
step whose `>` has no answer was in flight.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rln.errors import StoreUnavailable


@dataclass(frozen=True)
class Progress:
    """How far a scenario came.

    Attributes:
        done: steps that were acknowledged.
        unsure: steps that were refused or in flight; each may have happened or not.
    """

    done: tuple[str, ...]
    unsure: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Progress:
        """Read the lines of a report."""
        begun = [line[2:] for line in lines if line.startswith("> ")]
        done = [line[2:] for line in lines if line.startswith("< ")]
        return cls(tuple(done), tuple(step for step in begun if step not in done))


class Scenario(ABC):
    """One store in use."""

    plan: tuple[str, ...]
    """The steps; no two are the same."""

    second_plan: tuple[str, ...]
    """The steps of a second process, which starts with the files that a crash left."""

    @abstractmethod
    def open(self, directory: Path) -> None:
        """Open the store. This is the first step, and is tried again after each refusal."""

    @abstractmethod
    def do(self, step: str) -> None:
        """Do one step.

        Raises:
            StoreUnavailable: the store refused the step.
            AssertionError: the store gave an answer that it must never give.
        """

    def accept_copy(self, directory: Path) -> None:  # noqa: B027 - most stores need nothing
        """Do what an operator does before the store is used from files that are copies."""

    @abstractmethod
    def close(self) -> None:
        """Close the store."""

    @abstractmethod
    def check(self, directory: Path, progress: Progress) -> None:
        """Open the files with the real adapter: it must hold all acknowledged steps and no untried one.

        Raises:
            AssertionError, StoreUnavailable: a step is missing or was not tried, or the store does not work.
        """

    def run(self, directory: Path, report: Callable[[str], None], steps: Sequence[str]) -> None:
        """Do the steps and report them.

        Open the store before the first step; if it refuses, skip the step and try again before the next.
        """
        opened = False
        for step in steps:
            if not opened:
                report("> open")
                try:
                    self.open(directory)
                except StoreUnavailable:
                    report("! open")
                    continue
                opened = True
                report("< open")
            report(f"> {step}")
            try:
                self.do(step)
            except StoreUnavailable:
                report(f"! {step}")
            else:
                report(f"< {step}")
        if opened:
            self.close()


def report(line: str) -> None:
    """Write one line at once, with a system call that no store uses."""
    os.writev(1, [line.encode(), b"\n"])
