"""All interleavings of two workers, and some of three: each ends as one of the serial orders does."""

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
from tests.races.log_uris import LOGS, WHOLE
from tests.races.scenarios import (
    Arena,
    Batch,
    Forget,
    Operation,
    Outcome,
    Scene,
    Send,
    Slash,
    sent,
    serial_outcomes,
)
from tests.races.scheduler import some_word, step, words
from tests.support.effort import effort

A, B = Send(b"a"), Send(b"b")
NEXT = Send(b"a", ids=(1,))
STRANGER = Send(b"a", member=1)


def several(signal: bytes, *ids: int, salt: int = 0) -> Send:
    return Send(signal, ids, salt=salt)


SCENES = {
    "one message twice": Scene(((A,), (A,))),
    "two messages on one id": Scene(((A,), (B,))),
    "another proof of one message": Scene(((A,), (Send(b"a", salt=7),))),
    "two ids": Scene(((A,), (NEXT,))),
    "two members": Scene(((A,), (STRANGER,))),
    "a copy with a false proof": Scene(((A,), (Send(b"a", forged="same"),))),
    "a share off the line": Scene(((A,), (Send(b"a", forged="other"),))),
    "ids 0 and 1, ids 1 and 2": Scene(((several(b"a", 0, 1),), (several(b"b", 1, 2),))),
    "ids 0 and 1, ids 1 and 0": Scene(((several(b"a", 0, 1),), (several(b"b", 1, 0),))),
    "ids 0 to 2, ids 2 to 0": Scene(((several(b"a", 0, 1, 2),), (several(b"b", 2, 1, 0),))),
    "ids 0 and 1 of two members": Scene(((several(b"a", 0, 1),), (Send(b"a", (0, 1), member=1),))),
    "ids 0 and 1 twice": Scene(((several(b"a", 0, 1),), (several(b"a", 0, 1, salt=7),))),
    "ids 0 and 1, id 0 of the same message": Scene(((several(b"a", 0, 1),), (several(b"a", 0),))),
    "two more messages on a spent id": Scene(((B,), (Send(b"c"),)), before=(A,)),
    "a copy and a second message on a spent id": Scene(((Send(b"a", salt=7),), (B,)), before=(A,)),
    "the log forgets": Scene(((A,), (Forget(),))),
    "the log forgets what was served": Scene(((Send(b"a", salt=7),), (Forget(),)), before=(A,)),
    "a slashing": Scene(((A,), (Slash(),))),
    "a second message and a slashing": Scene(((A,), (B, Slash()))),
    "a slashing of one who sends again": Scene(((B,), (Slash(), NEXT)), before=(A,)),
    "one against a batch": Scene(((A,), (Batch((B, NEXT)),))),
    "two batches in opposite orders": Scene(((Batch((A, NEXT)),), (Batch((Send(b"b", ids=(1,)), B)),))),
    "a batch with a false copy": Scene(((A,), (Batch((Send(b"a", forged="same"), Send(b"a", salt=7))),))),
    "a batch with a pair": Scene(((Batch((A, B)),), (Batch((B, A)),))),
    "a batch and a slashing": Scene(((Batch((A, NEXT)),), (Slash(),))),
    "a batch and a log that forgets": Scene(((Batch((A, NEXT)),), (Forget(),))),
}


@pytest.fixture(params=LOGS)
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Arena]:
    folders = count()

    def log(clock: EpochClock) -> NullifierLog:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        return open_log(LOGS[request.param](folder), clock, new=True)

    yield from lived_in(Arena(log, request.param == "memory", request.param not in WHOLE, 3))


@pytest.fixture
def memory() -> Iterator[Arena]:
    yield from lived_in(Arena(lambda clock: MemoryNullifierLog()))


def lived_in(arena: Arena) -> Iterator[Arena]:
    yield arena
    arena.close()


def alone(arena: Arena, scene: Scene) -> list[int]:
    """How many turns each program takes when it has the world of the scene for itself."""
    return [len(arena.play(Scene((program,), scene.before), ())[1]) for program in scene.programs]


def check_winners(arena: Arena, scene: Scene, outcome: Outcome) -> None:
    """Find what was served in the log."""
    if any(isinstance(one, Forget) for program in scene.programs for one in program):
        return
    for program, ends in zip(scene.programs, outcome, strict=True):
        for one, end in zip(sent(program), ends, strict=True):
            if end == "valid":
                found = [arena.winner(one.member, message_id) for message_id in one.ids]
                assert found == [hash_signal(one.signal)] * len(one.ids)


@pytest.mark.parametrize("name", SCENES)
def test_every_interleaving_of_two_workers_ends_as_a_serial_order(arena: Arena, name: str) -> None:
    scene = SCENES[name]
    turns, played, found = alone(arena, scene), 0, set()
    for word in words(*turns):
        played += 1
        outcome, _ = arena.play(scene, word)
        assert outcome in serial_outcomes(scene), f"in the order {word}"
        check_winners(arena, scene, outcome)
        found.add(outcome)
    assert played == comb(sum(turns), turns[0])
    assert found >= serial_outcomes(scene, whole=True), "the words do not reach every serial order"


def test_twelve_pairs_and_more_have_all_seventy_interleavings_of_four_steps(memory: Arena) -> None:
    full = [name for name, scene in SCENES.items() if alone(memory, scene) == [4, 4]]
    assert len(full) >= 12, full


def test_a_root_that_is_retired_during_the_verification_is_not_served(arena: Arena) -> None:
    """Whoever is slashed before the second look at the roots is refused."""
    look, scene = 2, SCENES["a slashing"]
    for place in range(5):
        word = [0] * place + [1] + [0] * (4 - place)
        outcome, _ = arena.play(scene, word)
        assert outcome == (("unknown root",) if place <= look else ("valid",), ()), word


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


def some_scene(draw: random.Random) -> Scene:
    """Three programs of one or two operations.

    Either with batches, or with a log that forgets or a slashing: while one of these happens, the refusals
    of a batch may follow an order that is no serial one.
    """
    sends = draw.choice((SINGLE, SINGLE, SEVERAL))
    event = draw.choice((Slash(), Slash(), Forget(), None, None, None))

    def operation() -> Operation:
        if draw.random() > 0.15:
            return draw.choice(sends)
        return Batch(tuple(draw.choices(sends, k=2))) if event is None else event

    programs = tuple(tuple(operation() for _ in range(draw.choice((1, 1, 2)))) for _ in range(3))
    return Scene(programs, tuple(draw.choices(sends, k=draw.choice((0, 0, 1)))))


def coarse(scene: Scene, outcome: Outcome) -> Outcome:
    """All refusals alike, and a false copy's whatever they are.

    A batch looks at all of its messages before it inserts one: which check a refused message failed first, or
    whether a false copy was taken for a copy, may follow an order that is no serial one.
    """
    refusals = {"unavailable", "unknown root", "bad proof"}
    return tuple(
        tuple(
            "refused" if end in refusals or (one.forged and end == "duplicate") else end
            for one, end in zip(sent(program), ends, strict=True)
        )
        for program, ends in zip(scene.programs, outcome, strict=True)
    )


def test_some_interleavings_of_three_workers_end_as_a_serial_order(arena: Arena) -> None:
    draw = random.Random(14)
    for _ in range(effort(15, 10_000 if arena.renews else 1_000)):
        scene = some_scene(draw)
        turns = alone(arena, scene)
        allowed = {coarse(scene, one) for one in serial_outcomes(scene, partly=arena.partly)}
        for _ in range(effort(20, 100)):
            word = some_word(turns, draw)
            outcome, _ = arena.play(scene, word)
            assert coarse(scene, outcome) in allowed, f"{scene} in the order {word}"


# ---- faults that must be found ----------------------------------------------------------------------


class LooksFirst(NullifierLog):
    """Looks whether shares are there, and inserts them in another step."""

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
    """Inserts the first share of a message and takes the others for new."""

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
def test_a_log_with_a_race_is_found_out(fault: Callable[[], NullifierLog], name: str) -> None:
    arena, scene = Arena(lambda clock: fault()), SCENES[name]
    outcomes = {arena.play(scene, word)[0] for word in words(*alone(arena, scene))}
    arena.close()
    assert outcomes - serial_outcomes(scene), "every interleaving looked serial"
