"""There are four verdicts, and none of them can be used as true or false."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from rln.errors import Reason
from rln.protocol.identity import Identity
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict

ALL: list[Verdict] = [
    Valid(),
    Duplicate(),
    RateLimitViolation(Identity.from_secret(77).secret()),
    Invalid(Reason.BAD_PROOF),
]


@pytest.mark.parametrize("verdict", ALL, ids=lambda verdict: type(verdict).__name__)
def test_a_verdict_is_neither_true_nor_false(verdict: Verdict) -> None:
    for ask in (bool, lambda v: not v, lambda v: 1 if v else 0, lambda v: v and 1):
        with pytest.raises(TypeError, match="neither true nor false; use `match`"):
            ask(verdict)


def test_the_union_is_total() -> None:
    assert set(get_args(Verdict)) == {type(verdict) for verdict in ALL}


def test_a_verdict_is_for_match() -> None:
    def name(verdict: Verdict) -> str:
        match verdict:
            case Valid():
                return "valid"
            case Duplicate():
                return "duplicate"
            case RateLimitViolation(identity_secret=secret):
                return f"violation {secret.reveal()}"
            case Invalid(reason=reason):
                return f"invalid: {reason.value}"

    assert [name(verdict) for verdict in ALL] == ["valid", "duplicate", "violation 77", "invalid: bad proof"]


def test_verdicts_are_values() -> None:
    assert Valid() == Valid()
    assert Valid() != Duplicate()
    assert Invalid(Reason.MALFORMED, "x: too large") == Invalid(Reason.MALFORMED)
    assert Invalid(Reason.MALFORMED) != Invalid(Reason.BAD_PROOF)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL[3].reason = Reason.MALFORMED  # type: ignore[union-attr,misc]


def test_the_secret_is_not_printed() -> None:
    assert repr(ALL[2]) == "RateLimitViolation(identity_secret=IdentitySecret(<hidden>))"
