"""A hammer: a stress test in which several workers verify one epoch of traffic on one log at the same time.

Each attempt is submitted by two or three of the four workers, and each worker has its own order. Three
workers submit attempts one by one and in batches; the last worker submits them in many tasks of an event
loop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence

import rln
from rln.ports import NullifierLog
from rln.stores import open_log
from tests.races.stub_proofs import StubKey, StubProofMaker, members
from tests.races.traffic import Answer, Attempt, Result, Traffic, check, mix, send, send_together
from tests.races.workers import in_processes, in_threads

WORKERS = 4


class Hammer:
    """Traffic, and four workers that verify it.

    Args:
        key: of the proofs.
        roots: of the proofs.
        traffic: attempts in the clock's current epoch.
        clock: of the workers.
        seed: of every random choice.
    """

    def __init__(
        self, key: rln.VerifyingKey, roots: list[int], traffic: Traffic, clock: rln.EpochClock, seed: int
    ) -> None:
        self.key, self.roots, self.clock = key, roots, clock
        self.traffic = traffic
        self.commitments = {rln.Identity.from_secret(secret).commitment for secret in set(traffic.secrets)}
        self.assignments = assignments(len(self.traffic.attempts), random.Random(seed))

    def run(self, uri: str) -> tuple[Counter[Result], float]:
        """Run all workers on one log; return the number of each result, and the attempts a second."""
        first = open_log(uri, self.clock, new=True)
        start = time.perf_counter()
        if uri == "memory://":
            answers = in_threads(WORKERS, lambda number: self.work(first, number))
        else:
            first.close()
            answers = in_processes(WORKERS, lambda number: self.work(open_log(uri, self.clock), number))
        seconds = time.perf_counter() - start
        all_answers = [answer for worker in answers for answer in worker]
        partial_inserts = not uri.startswith(("memory:", "sqlite:"))
        return check(self.traffic, all_answers, partial_inserts=partial_inserts), len(all_answers) / seconds

    def work(self, log: NullifierLog, number: int) -> list[Answer]:
        """Do the work of one worker and return its answers."""
        verifier = rln.Verifier(
            self.key,
            roots=self.roots,
            log=log,
            clock=self.clock,
            was_member=self.commitments.__contains__,
            threads=1,
        )
        attempts, numbers = self.traffic.attempts, self.assignments[number]
        if number == WORKERS - 1:
            return asyncio.run(send_together(verifier, attempts, numbers))
        return send(verifier, attempts, numbers, random.Random(number))


def assignments(attempts: int, draw: random.Random) -> list[list[int]]:
    """Return for each worker the numbers of its attempts, in its order."""
    made: list[list[int]] = [[] for _ in range(WORKERS)]
    for attempt in range(attempts):
        for worker in draw.sample(range(WORKERS), draw.choice((2, 3))):
            made[worker].append(attempt)
    for numbers in made:
        draw.shuffle(numbers)
    return made


def stub_hammer(number: int, limits: Sequence[int]) -> Hammer:
    """Make a hammer with stub proofs of members with these limits.

    Args:
        number: of the application; also the seed of every random choice.
        limits: user message limits of the members.
    """
    key, clock = StubKey(), rln.EpochClock(f"hammer-{number}.example", 3600, past_gap=1)
    traffic = mix(StubProofMaker(key, limits, clock.current()), random.Random(number))
    return Hammer(key, [17], traffic, clock, number)


SLOTS = 3


def several_hammer(number: int, count: int) -> Hammer:
    """Make a hammer with messages of two ids, in groups of two or three that all share ids with each other.

    So exactly one message of a group is valid, in whatever order the log looks at its shares.
    """
    key, clock = StubKey(SLOTS), rln.EpochClock(f"several-{number}.example", 3600, past_gap=1)
    epoch, draw, traffic = clock.current(), random.Random(number), Traffic()
    for member in members([100] * count):
        for first in range(0, 99, 3):
            i, j, k = range(first, first + 3)
            group = draw.choice((((i, j), (j, i)), ((i, j), (j, k), (k, i)), ((i, j), (k, j))))
            for ids in group:
                signal = b"%d %d" % ids
                proof = member.message(key, epoch, ids, signal)
                other = key.another_proof(proof, draw.randrange(1 << 64))
                slot = len(traffic.secrets)
                traffic.attempts += [Attempt(slot, proof, signal), Attempt(slot, other, signal)]
            traffic.secrets.append(member.secret)
    return Hammer(key, [17], traffic, clock, number)
