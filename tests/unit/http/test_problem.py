"""Problems: every verdict and every error has one, and none says anything about a member."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

import rln
from rln import errors
from rln.errors import ParameterError, Reason
from rln.http import problem
from rln.http.problem import PROBLEMS, Problem, problem_of_error, problem_of_verdict
from tests.architecture.tree import ROOT
from tests.support.small_world import World

TABLE = {
    "credential-needed": (401, False),
    "unknown-key": (401, False),
    "wrong-epoch": (401, False),
    "unknown-root": (401, False),
    "units-needed": (401, False),
    "malformed": (400, False),
    "wrong-signal": (403, False),
    "bad-proof": (403, False),
    "not-found": (404, False),
    "timeout": (408, False),
    "duplicate": (409, False),
    "content-too-large": (413, False),
    "quota-exceeded": (429, False),
    "internal": (500, False),
    "upstream-failed": (502, False),
    "overloaded": (503, True),
    "unavailable": (503, True),
    "upstream-late": (504, False),
}
"""The outcomes of the specification: name, status, `x-should-retry`."""


def test_the_table_of_outcomes() -> None:
    assert {one.name: (one.status, one.retry) for one in PROBLEMS} == TABLE
    assert len(PROBLEMS) == len(TABLE)


def test_the_page_has_every_outcome() -> None:
    """Each row of the table in docs/http.md with a status is a problem, and each problem is in a row."""
    text = (ROOT / "docs" / "http.md").read_text()
    rows = re.findall(r"^\|[^|]*\| (\d{3}) ([a-z-]+)[^|]*\| (true|false) \|", text, re.MULTILINE)
    assert {name: (int(status), retry == "true") for status, name, retry in rows} == TABLE
    assert len(rows) == len(TABLE)


def test_every_reason_has_its_problem() -> None:
    found = {reason: problem_of_verdict(rln.Invalid(reason, "a detail of the log")) for reason in Reason}
    assert found == {
        Reason.MALFORMED: problem.MALFORMED,
        Reason.WRONG_EPOCH: problem.WRONG_EPOCH,
        Reason.UNKNOWN_ROOT: problem.UNKNOWN_ROOT,
        Reason.WRONG_SIGNAL: problem.WRONG_SIGNAL,
        Reason.BAD_PROOF: problem.BAD_PROOF,
    }


def test_the_other_verdicts() -> None:
    world = World()
    member, verifier = world.join(1), world.verifier(threads=1)
    with world.prover(member) as prover:
        proof = prover.prove(b"one")
    with world.prover(member) as prover:  # with other ids: a copy of the member's state
        second = prover.prove(b"two")
    verdicts = [verifier.submit(*one) for one in ((proof, b"one"), (proof, b"one"), (second, b"two"))]
    assert [problem_of_verdict(verdict) for verdict in verdicts] == [
        None,
        problem.DUPLICATE,
        problem.QUOTA_EXCEEDED,
    ]


def test_what_is_no_verdict_has_no_problem() -> None:
    for wrong in (None, True, problem.DUPLICATE, Reason.BAD_PROOF, rln.Valid):
        with pytest.raises(ParameterError, match="^verdict: expected Invalid"):
            problem_of_verdict(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.EncodingError("x"), problem.MALFORMED),
        (errors.FieldRangeError("x"), problem.MALFORMED),
        (errors.PointError("x"), problem.MALFORMED),
        (errors.ParameterError("x"), problem.MALFORMED),
        (errors.InvalidProof("x"), problem.BAD_PROOF),
        (errors.UnknownRoot("x"), problem.UNKNOWN_ROOT),
        (errors.WrongEpoch("x"), problem.WRONG_EPOCH),
        (errors.WrongSignal("x"), problem.WRONG_SIGNAL),
        (errors.Overloaded("x"), problem.OVERLOADED),
        (errors.StoreUnavailable("x"), problem.UNAVAILABLE),
        (errors.IntegrityAlarm("x"), problem.INTERNAL),
        (errors.NativeError("x"), problem.INTERNAL),
        (errors.EntropyError("x"), problem.INTERNAL),
        (ValueError("x"), problem.INTERNAL),
        (KeyError("x"), problem.INTERNAL),
        (TimeoutError(), problem.INTERNAL),
        (asyncio.CancelledError(), problem.INTERNAL),
        (KeyboardInterrupt(), problem.INTERNAL),
    ],
)
def test_every_error_has_its_problem(error: BaseException, expected: Problem) -> None:
    assert problem_of_error(error) is expected


def test_every_error_of_the_library_has_a_refusal() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RlnError)
    ]
    assert len(kinds) > 20
    for kind in kinds:
        made = kind.__new__(kind)
        Exception.__init__(made, "the commitment 5 has the secret 7")
        found = problem_of_error(made)
        assert 400 <= found.status <= 599
        assert b"secret" not in found.document("api.example.com")


def test_a_document_says_type_title_and_status_only() -> None:
    for one in PROBLEMS:
        document = json.loads(one.document("api.example.com"))
        assert document == {"status": one.status, "title": one.title, "type": one.type_uri("api.example.com")}
        if one != problem.QUOTA_EXCEEDED:
            assert document["type"] == f"https://api.example.com/rln/problems/{one.name}"
    registered = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem.QUOTA_EXCEEDED.type_uri("api.example.com") == registered


def test_only_a_domain_name_has_documents() -> None:
    for application in ("localhost", "Example.com", 'a.example", "x": "', ""):
        with pytest.raises(ParameterError, match="^application: "):
            problem.MALFORMED.document(application)


@pytest.mark.parametrize("status", [0, 200, 302, 399, 600, True, 400.0])
def test_a_problem_is_a_refusal(status: int) -> None:
    with pytest.raises(ParameterError, match="^status: "):
        Problem("odd", status, "It is odd.")


def test_a_problem_may_say_what_is_wrong_with_the_request() -> None:
    plain = json.loads(problem.MALFORMED.document("api.example.com"))
    said = problem.MALFORMED.document("api.example.com", 'n: expected 1 to 128, got "é"')
    assert said.isascii()
    assert json.loads(said) == {**plain, "detail": 'n: expected 1 to 128, got "é"'}
    with pytest.raises(ParameterError, match="^detail: expected str"):
        problem.MALFORMED.document("api.example.com", 5)  # type: ignore[arg-type]
