"""Log lines say what happened, at the right level, and contain no secret."""

import json
import logging

import pytest

import rln
from rln.errors import IntegrityAlarm, Overloaded, Reason, StoreUnavailable
from rln.integrations.logs import LogObserver
from tests.support.small_world import World


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, object]]]:
    return [(record.levelname, json.loads(record.getMessage())) for record in caplog.records]


@pytest.mark.parametrize(
    ("outcome", "level", "line"),
    [
        (rln.Valid(), "DEBUG", {"verdict": "valid"}),
        (rln.Duplicate(), "DEBUG", {"verdict": "duplicate"}),
        (
            rln.Invalid(Reason.WRONG_EPOCH, "why"),
            "INFO",
            {"verdict": "invalid", "reason": "wrong epoch", "detail": "why"},
        ),
        (Overloaded("why"), "INFO", {"verdict": "overloaded", "error": "Overloaded", "detail": "why"}),
        (
            StoreUnavailable("why"),
            "ERROR",
            {"verdict": "unavailable", "error": "StoreUnavailable", "detail": "why"},
        ),
        (IntegrityAlarm("why"), "CRITICAL", {"verdict": "alarm", "error": "IntegrityAlarm", "detail": "why"}),
        (KeyError("a message's bytes"), "ERROR", {"verdict": "error", "error": "KeyError"}),
    ],
)
def test_each_outcome_is_a_line(caplog, outcome, level, line):
    caplog.set_level(logging.DEBUG, "rln.verifying")
    observer = LogObserver()
    observer.judged(outcome, observer.moment())
    ((found, written),) = lines(caplog)
    assert 0 <= written.pop("seconds") < 60
    assert (found, written) == (level, {"event": "judged", **line})


def test_a_violation_names_the_commitment_and_not_the_secret(caplog):
    member = rln.Identity.generate()
    observer = LogObserver()
    observer.judged(rln.RateLimitViolation(member.secret()), observer.moment())
    ((level, written),) = lines(caplog)
    assert level == "WARNING"
    assert written["commitment"] == str(member.commitment)
    assert str(member.secret().reveal()) not in caplog.text


def test_a_store_that_fails_is_a_line_and_one_that_answers_is_none(caplog):
    caplog.set_level(logging.DEBUG)
    observer = LogObserver(logging.getLogger("of.the.operator"))
    observer.stored(False, observer.moment())
    observer.waiting(7)
    assert lines(caplog) == []
    observer.stored(True, observer.moment())
    assert [(level, written["event"]) for level, written in lines(caplog)] == [
        ("WARNING", "nullifier log failed")
    ]


def test_damage_of_the_audit_trail_is_a_line_that_alerts(caplog):
    observer = LogObserver()
    observer.damaged(StoreUnavailable("audit: gone"))
    observer.damaged(KeyError("a message's bytes"))
    written = lines(caplog)
    assert [(level, line["event"], line["error"], line.get("detail")) for level, line in written] == [
        ("CRITICAL", "audit trail damaged", "StoreUnavailable", "audit: gone"),
        ("CRITICAL", "audit trail damaged", "KeyError", None),
    ]


def test_lines_hold_nothing_of_the_messages(caplog):
    """Threats P3."""
    caplog.set_level(logging.DEBUG)
    world = World()
    member = world.join()
    first, second = (world.prover(member).prove(signal) for signal in (b"one-signal", b"two-signal"))
    verifier = world.verifier(observer=LogObserver(), sources=rln.SourceLimit(1.0, 5))
    verifier.submit(first, b"one-signal", "192.0.2.1")
    verifier.submit(second, b"two-signal", "192.0.2.1")
    verifier.submit(second, b"three-signal", "192.0.2.1")
    assert len(lines(caplog)) == 3
    kept = [str(value) for proof in (first, second) for value in proof.public_inputs]
    kept += [first.proof.hex(), str(first.proof), "one-signal", "two-signal", "three-signal", "192.0.2.1"]
    kept.append(str(member.secret().reveal()))
    assert [value for value in kept if value in caplog.text] == []
    assert str(member.commitment) in caplog.text
