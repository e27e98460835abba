"""All interleavings of two workers, and some of three: each has the outcome of one of the serial orders."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import comb
from pathlib import Path

import pytest

from rln.errors import StoreUnavailable
from rln.ports import Claim, NullifierLog, Taken
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.protocol.signal import hash_signal
from rln.stores import open_log
from rln.stores.memory import MemoryNullifierLog
from rln.verifying.ports import check_claim
from tests.races.log_uris import ATOMIC_LOGS, LOGS
from tests.races.scenarios import (
    Batch,
    Forget,
    Operation,
    Outcome,
    Scenario,
    ScenarioRunner,
    Send,
    Slash,
    sent,
    serial_outcomes,
)
from tests.races.scheduler import all_schedules, random_schedule, step
from tests.support.effort import effort

A, B = Send(b"a"), Send(b"b")
NEXT = Send(b"a", ids=(1,))
STRANGER = Send(b"a", member=1)


def with_ids(signal: bytes, *ids: int, salt: int = 0) -> Send:
    return Send(signal, ids, salt=salt)


SCENARIOS = {
    "one message twice": Scenario(((A,), (A,))),
    "two messages on one id": Scenario(((A,), (B,))),
    "another proof of one message": Scenario(((A,), (Send(b"a", salt=7),))),
    "two ids": Scenario(((A,), (NEXT,))),
    "two members": Scenario(((A,), (STRANGER,))),
    "a copy with a false proof": Scenario(((A,), (Send(b"a", forged="same"),))),
    "a share off the line": Scenario(((A,), (Send(b"a", forged="other"),))),
    "ids 0 and 1, ids 1 and 2": Scenario(((with_ids(b"a", 0, 1),), (with_ids(b"b", 1, 2),))),
    "ids 0 and 1, ids 1 and 0": Scenario(((with_ids(b"a", 0, 1),), (with_ids(b"b", 1, 0),))),
    "ids 0 to 2, ids 2 to 0": Scenario(((with_ids(b"a", 0, 1, 2),), (with_ids(b"b", 2, 1, 0),))),
    "ids 0 and 1 of two members": Scenario(((with_ids(b"a", 0, 1),), (Send(b"a", (0, 1), member=1),))),
    "ids 0 and 1 twice": Scenario(((with_ids(b"a", 0, 1),), (with_ids(b"a", 0, 1, salt=7),))),
    "ids 0 and 1, id 0 of the same message": Scenario(((with_ids(b"a", 0, 1),), (with_ids(b"a", 0),))),
    "two more messages on a spent id": Scenario(((B,), (Send(b"c"),)), before=(A,)),
    "a copy and a second message on a spent id": Scenario(((Send(b"a", salt=7),), (B,)), before=(A,)),
    "the log forgets": Scenario(((A,), (Forget(),))),
    "the log forgets what was served": Scenario(((Send(b"a", salt=7),), (Forget(),)), before=(A,)),
    "a slashing": Scenario(((A,), (Slash(),))),
    "a second message and a slashing": Scenario(((A,), (B, Slash()))),
    "a slashing of one who sends again": Scenario(((B,), (Slash(), NEXT)), before=(A,)),
    "one against a batch": Scenario(((A,), (Batch((B, NEXT)),))),
    "two batches in opposite orders": Scenario(((Batch((A, NEXT)),), (Batch((Send(b"b", ids=(1,)), B)),))),
    "a batch with a false copy": Scenario(((A,), (Batch((Send(b"a", forged="same"), Send(b"a", salt=7))),))),
    "a batch with a pair": Scenario(((Batch((A, B)),), (Batch((B, A)),))),
    "a batch and a slashing": Scenario(((Batch((A, NEXT)),), (Slash(),))),
    "a batch and a log that forgets": Scenario(((Batch((A, NEXT)),), (Forget(),))),
}


@pytest.fixture(params=LOGS)
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ScenarioRunner]:
    folders = count()

    def log(clock: EpochClock) -> NullifierLog:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        return open_log(LOGS[request.param](folder), clock, new=True)

    yield from closed_afterwards(
        ScenarioRunner(log, request.param == "memory", request.param not in ATOMIC_LOGS, 3)
    )


@pytest.fixture
def memory() -> Iterator[ScenarioRunner]:
    yield from closed_afterwards(ScenarioRunner(lambda clock: MemoryNullifierLog()))


def closed_afterwards(runner: ScenarioRunner) -> Iterator[ScenarioRunner]:
    yield runner
    runner.close()


def turns_alone(runner: ScenarioRunner, scenario: Scenario) -> list[int]:
    """Return the number of turns that each program takes when it runs alone."""
    return [len(runner.run(Scenario((program,), scenario.before), ())[1]) for program in scenario.programs]


def check_log(runner: ScenarioRunner, scenario: Scenario, outcome: Outcome) -> None:
    """Check that the log holds the shares of every message that was valid."""
    if any(isinstance(one, Forget) for program in scenario.programs for one in program):
        return
    for program, results in zip(scenario.programs, outcome, strict=True):
        for one, result in zip(sent(program), results, strict=True):
            if result == "valid":
                found = [runner.logged_x(one.member, message_id) for message_id in one.ids]
                assert found == [hash_signal(one.signal)] * len(one.ids)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_interleaving_of_two_workers_ends_as_a_serial_order(runner: ScenarioRunner, name: str) -> None:
    scenario = SCENARIOS[name]
    turns, runs, found = turns_alone(runner, scenario), 0, set()
    for schedule in all_schedules(*turns):
        runs += 1
        outcome, _ = runner.run(scenario, schedule)
        assert outcome in serial_outcomes(scenario), f"in the order {schedule}"
        check_log(runner, scenario, outcome)
        found.add(outcome)
    assert runs == comb(sum(turns), turns[0])
    assert found >= serial_outcomes(scenario, whole=True), "the schedules do not reach every serial order"


def test_at_least_twelve_scenarios_have_all_seventy_interleavings_of_four_steps(
    memory: ScenarioRunner,
) -> None:
    full = [name for name, scenario in SCENARIOS.items() if turns_alone(memory, scenario) == [4, 4]]
    assert len(full) >= 12, full


def test_a_root_that_is_retired_during_the_verification_is_not_served(runner: ScenarioRunner) -> None:
    """A member who is slashed before the second look at the roots is refused."""
    look, scenario = 2, SCENARIOS["a slashing"]
    for place in range(5):
        schedule = [0] * place + [1] + [0] * (4 - place)
        outcome, _ = runner.run(scenario, schedule)
        assert outcome == (("unknown root",) if place <= look else ("valid",), ()), schedule


# ---- three workers ----------------------------------------------------------------------------------

SINGLE = (
    *(
        Send(signal, (message_id,), member)
        for signal in (b"a", b"b")
        for message_id in (0, 1)
        for member in (0, 1)
    ),
    Send(b"a", salt=7),
    Send(b"c"),
    Send(b"a", forged="same"),
    Send(b"a", forged="other"),
)
SEVERAL = tuple(
    Send(signal, ids)
    for signal in (b"a", b"b", b"c")
    for ids in ((0,), (1,), (0, 1), (1, 0), (1, 2), (2, 0), (0, 1, 2))
)


def random_scenario(draw: random.Random) -> Scenario:
    """Draw three programs of one or two operations.

    A scenario has batches, or a log that forgets, or a slashing, but not batches with one of the others:
    then the refusals of a batch may match no serial order.
    """
    sends = draw.choice((SINGLE, SINGLE, SEVERAL))
    event = draw.choice((Slash(), Slash(), Forget(), None, None, None))

    def operation() -> Operation:
        if draw.random() > 0.15:
            return draw.choice(sends)
        return Batch(tuple(draw.choices(sends, k=2))) if event is None else event

    programs = tuple(tuple(operation() for _ in range(draw.choice((1, 1, 2)))) for _ in range(3))
    return Scenario(programs, tuple(draw.choices(sends, k=draw.choice((0, 0, 1)))))


def without_reasons(scenario: Scenario, outcome: Outcome) -> Outcome:
    """Replace every refusal, and every result of a false copy that was not served, by "refused".

    A batch looks at all of its messages before it inserts one. So which check a refused message failed first,
    and whether a false copy counts as a copy, may match no serial order.
    """
    refusals = {"unavailable", "unknown root", "bad proof"}
    return tuple(
        tuple(
            "refused" if result in refusals or (one.forged and result == "duplicate") else result
            for one, result in zip(sent(program), results, strict=True)
        )
        for program, results in zip(scenario.programs, outcome, strict=True)
    )


def test_some_interleavings_of_three_workers_end_as_a_serial_order(runner: ScenarioRunner) -> None:
    draw = random.Random(14)
    for _ in range(effort(15, 10_000 if runner.has_fresh_logs else 1_000)):
        scenario = random_scenario(draw)
        turns = turns_alone(runner, scenario)
        allowed = {
            without_reasons(scenario, one)
            for one in serial_outcomes(scenario, partial_inserts=runner.partial_inserts)
        }
        for _ in range(effort(20, 100)):
            schedule = random_schedule(turns, draw)
            outcome, _ = runner.run(scenario, schedule)
            assert without_reasons(scenario, outcome) in allowed, f"{scenario} in the order {schedule}"


# ---- faults that must be found ----------------------------------------------------------------------


class LooksFirst(NullifierLog):
    """A log with a race: it looks up shares in one step and inserts them in another."""

    def __init__(self) -> None:
        self._known: dict[int, Share] = {}

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        return [self._known.get(nullifier) for _, nullifier in keys]

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        taken: list[Taken | StoreUnavailable] = []
        for _, shares in claims:
            known = tuple(self._known[key] for key in check_claim(shares) if key in self._known)
            step()
            if not known:
                self._known |= check_claim(shares)
            taken.append(known)
        return taken

    def forget(self, before: int) -> None:
        pass

    def close(self) -> None:
        pass


class InsertsTheFirst(MemoryNullifierLog):
    """A log with a fault: it inserts only the first share of a message and treats the others as new."""

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        return super().insert_or_get_many([(epoch, shares[:1]) for epoch, shares in claims])


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (LooksFirst, "one message twice"),
        (LooksFirst, "two messages on one id"),
        (LooksFirst, "ids 0 and 1, ids 1 and 2"),
        (LooksFirst, "ids 0 and 1, ids 1 and 0"),
        (InsertsTheFirst, "ids 0 and 1, ids 1 and 2"),
    ],
)
def test_a_log_with_a_race_is_found(fault: Callable[[], NullifierLog], name: str) -> None:
    runner, scenario = ScenarioRunner(lambda clock: fault()), SCENARIOS[name]
    outcomes = {
        runner.run(scenario, schedule)[0] for schedule in all_schedules(*turns_alone(runner, scenario))
    }
    runner.close()
    assert outcomes - serial_outcomes(scenario), "every interleaving had a serial outcome"
