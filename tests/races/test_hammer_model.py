"""The oracle of the hammer finds each wrong answer."""

from __future__ import annotations

import random

import pytest

import rln
from rln.stores.memory import MemoryNullifierLog
from tests.races.hammer import stub_hammer
from tests.races.traffic import (
    GENUINE,
    OTHER_SIGNAL,
    OTHER_VALUES,
    SAME_VALUES,
    Answer,
    End,
    Traffic,
    check,
    send,
)

HAMMER = stub_hammer(0, (1, 2, 7, 64, 64))


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """What one worker alone is told, everything twice."""
    verifier = rln.Verifier(HAMMER.key, roots=[17], log=MemoryNullifierLog(), clock=HAMMER.clock)
    numbers = [*range(len(HAMMER.traffic.attempts))] * 2
    return send(verifier, HAMMER.traffic.attempts, numbers, random.Random(0))


def place_of(answers: list[Answer], end: End, kind: int) -> int:
    """Where the last answer with this end about an attempt of this kind stands."""
    attempts = HAMMER.traffic.attempts
    return max(i for i, (number, got, _) in enumerate(answers) if (got, attempts[number].kind) == (end, kind))


def test_what_one_worker_alone_is_told_is_right(answers: list[Answer]) -> None:
    counted = check(HAMMER.traffic, answers)
    assert counted[End.VALID] == len(HAMMER.traffic.secrets)
    assert sum(counted.values()) == len(answers) == 2 * 3 * (1 + 2 + 7 + 64 + 64)


@pytest.mark.parametrize(
    ("kind", "told", "wrong", "reason"),
    [
        (GENUINE, End.DUPLICATE, End.VALID, "served twice"),
        (GENUINE, End.VIOLATION, End.VALID, "served twice"),
        (GENUINE, End.VALID, End.DUPLICATE, "never spent"),
        (GENUINE, End.VIOLATION, End.DUPLICATE, "another end"),
        (GENUINE, End.DUPLICATE, End.VIOLATION, "another end"),
        (GENUINE, End.DUPLICATE, End.BAD_PROOF, "another end"),
        (GENUINE, End.VIOLATION, End.VIOLATION, "another secret"),
        (OTHER_VALUES, End.BAD_PROOF, End.VALID, "forged"),
        (OTHER_VALUES, End.BAD_PROOF, End.DUPLICATE, "another end"),
        (OTHER_VALUES, End.BAD_PROOF, End.VIOLATION, "another end"),
        (SAME_VALUES, End.DUPLICATE, End.VALID, "forged"),
        (OTHER_SIGNAL, End.WRONG_SIGNAL, End.VALID, "forged"),
        (OTHER_SIGNAL, End.WRONG_SIGNAL, End.DUPLICATE, "another end"),
    ],
)
def test_a_wrong_answer_is_found(
    answers: list[Answer], kind: int, told: End, wrong: End, reason: str
) -> None:
    place = place_of(answers, told, kind)
    changed = [*answers[:place], (answers[place][0], wrong, 1), *answers[place + 1 :]]
    with pytest.raises(AssertionError, match=reason):
        check(HAMMER.traffic, changed)


def test_an_id_that_is_lost_was_not_served(answers: list[Answer]) -> None:
    attempts = HAMMER.traffic.attempts
    number = answers[place_of(answers, End.VALID, GENUINE)][0]
    slot, x = attempts[number].slot, attempts[number].proof.x
    with pytest.raises(AssertionError, match="served and lost"):
        check(HAMMER.traffic, answers, {slot: x})
    rest = [answer for answer in answers if answer[:2] != (number, End.VALID)]
    with pytest.raises(AssertionError, match="never spent"):
        check(HAMMER.traffic, rest)
    check(HAMMER.traffic, rest, {slot: x})


def test_a_member_never_has_more_slots_than_his_limit() -> None:
    traffic: Traffic = HAMMER.traffic
    of_each = sorted(traffic.secrets.count(secret) for secret in set(traffic.secrets))
    assert len(of_each) == 5
    assert all(spent <= limit for spent, limit in zip(of_each, (1, 2, 7, 64, 64), strict=True))
    assert of_each[1] == 2 and 64 in of_each
