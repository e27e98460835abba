"""`check`, which judges the answers of the hammer, finds every kind of wrong answer."""

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
    Result,
    Traffic,
    check,
    send,
)

HAMMER = stub_hammer(0, (1, 2, 7, 64, 64))


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """The answers to one worker alone, which submits every attempt twice."""
    verifier = rln.Verifier(HAMMER.key, roots=[17], log=MemoryNullifierLog(), clock=HAMMER.clock)
    numbers = [*range(len(HAMMER.traffic.attempts))] * 2
    return send(verifier, HAMMER.traffic.attempts, numbers, random.Random(0))


def last_index(answers: list[Answer], result: Result, kind: int) -> int:
    """Return the index of the last answer with this result to an attempt of this kind."""
    attempts = HAMMER.traffic.attempts
    return max(
        i for i, (number, got, _) in enumerate(answers) if (got, attempts[number].kind) == (result, kind)
    )


def test_the_answers_to_one_worker_alone_are_right(answers: list[Answer]) -> None:
    counted = check(HAMMER.traffic, answers)
    assert counted[Result.VALID] == len(HAMMER.traffic.secrets)
    assert sum(counted.values()) == len(answers) == 2 * 3 * (1 + 2 + 7 + 64 + 64)


@pytest.mark.parametrize(
    ("kind", "correct", "wrong", "reason"),
    [
        (GENUINE, Result.DUPLICATE, Result.VALID, "served twice"),
        (GENUINE, Result.VIOLATION, Result.VALID, "served twice"),
        (GENUINE, Result.VALID, Result.DUPLICATE, "never spent"),
        (GENUINE, Result.VIOLATION, Result.DUPLICATE, "wrong result"),
        (GENUINE, Result.DUPLICATE, Result.VIOLATION, "wrong result"),
        (GENUINE, Result.DUPLICATE, Result.BAD_PROOF, "wrong result"),
        (GENUINE, Result.VIOLATION, Result.VIOLATION, "another secret"),
        (OTHER_VALUES, Result.BAD_PROOF, Result.VALID, "forged"),
        (OTHER_VALUES, Result.BAD_PROOF, Result.DUPLICATE, "wrong result"),
        (OTHER_VALUES, Result.BAD_PROOF, Result.VIOLATION, "wrong result"),
        (SAME_VALUES, Result.DUPLICATE, Result.VALID, "forged"),
        (OTHER_SIGNAL, Result.WRONG_SIGNAL, Result.VALID, "forged"),
        (OTHER_SIGNAL, Result.WRONG_SIGNAL, Result.DUPLICATE, "wrong result"),
    ],
)
def test_a_wrong_answer_is_found(
    answers: list[Answer], kind: int, correct: Result, wrong: Result, reason: str
) -> None:
    index = last_index(answers, correct, kind)
    changed = [*answers[:index], (answers[index][0], wrong, 1), *answers[index + 1 :]]
    with pytest.raises(AssertionError, match=reason):
        check(HAMMER.traffic, changed)


def test_an_id_is_not_both_lost_and_served(answers: list[Answer]) -> None:
    attempts = HAMMER.traffic.attempts
    number = answers[last_index(answers, Result.VALID, GENUINE)][0]
    slot, x = attempts[number].slot, attempts[number].proof.x
    with pytest.raises(AssertionError, match="served and lost"):
        check(HAMMER.traffic, answers, {slot: x})
    rest = [answer for answer in answers if answer[:2] != (number, Result.VALID)]
    with pytest.raises(AssertionError, match="never spent"):
        check(HAMMER.traffic, rest)
    check(HAMMER.traffic, rest, {slot: x})


def test_a_member_never_has_more_slots_than_the_limit() -> None:
    traffic: Traffic = HAMMER.traffic
    of_each = sorted(traffic.secrets.count(secret) for secret in set(traffic.secrets))
    assert len(of_each) == 5
    assert all(spent <= limit for spent, limit in zip(of_each, (1, 2, 7, 64, 64), strict=True))
    assert of_each[1] == 2 and 64 in of_each
