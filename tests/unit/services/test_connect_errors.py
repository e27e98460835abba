"""ConnectError: which status, words and advice a program gets."""

from __future__ import annotations

import json

import pytest

from rln import errors
from rln.http.problem import PROBLEMS
from rln.services.connect_errors import ConnectError, with_error

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.RlnError) and kind is not errors.RlnError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer_with_its_words(kind: type[errors.RlnError]) -> None:
    answer = ConnectError.of(kind("what it is")).answer()
    fields = dict(answer.headers)
    content = json.loads(answer.body)
    assert 400 <= answer.status <= 599
    assert content["type"] == "error"
    assert content["error"]["message"] == "what it is"
    assert set(content["error"]) == {"code", "message", "param", "type"}
    assert fields[b"content-length"] == str(len(answer.body)).encode()
    again = issubclass(kind, (errors.StoreUnavailable, errors.ProviderUnavailable))
    assert fields[b"x-should-retry"] == (b"true" if again else b"false")


def test_a_lost_answer_is_told_from_other_refusals() -> None:
    assert ConnectError.of(errors.AnswerLost("")).status == 409
    assert ConnectError.of(errors.RequestRefused("")).status == 403
    assert ConnectError.of(errors.IntegrityAlarm("")).status == 500


@pytest.mark.parametrize(("seconds", "field"), [(0.0, b"1"), (0.2, b"1"), (41.2, b"42"), (None, None)])
def test_the_time_to_wait_is_in_whole_seconds_and_never_too_short(
    seconds: float | None, field: bytes | None
) -> None:
    error = errors.RateLimitReached("", retry_after=seconds)
    assert dict(ConnectError.of(error).answer().headers).get(b"retry-after") == field


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_problem_gets_its_words_in_the_form_of_sdks(problem: object) -> None:
    document = problem.document("api.localhost")  # type: ignore[attr-defined]
    status = problem.status  # type: ignore[attr-defined]
    answer = with_error(status, [(b"content-type", b"application/problem+json")], document)
    content = json.loads(answer.body)
    assert answer.status == status
    assert {name: content[name] for name in json.loads(document)} == json.loads(document)
    assert content["error"]["code"] == problem.name  # type: ignore[attr-defined]
    assert content["error"]["message"] == content["title"]


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{", b'{"error":{"message":"own"}}', b"\xff"])
def test_what_is_no_problem_document_is_handed_on_byte_for_byte(body: bytes) -> None:
    answer = with_error(400, [], body)
    assert (answer.body, answer.headers) == (body, ((b"content-length", str(len(body)).encode()),))


def test_a_document_with_odd_members_is_no_fault() -> None:
    content = json.loads(with_error(400, [], b'{"detail":5,"title":["x"],"type":7}').body)
    assert (content["type"], content["error"]["code"]) == (7, "problem")
    assert content["error"]["message"] == "the provider refuses"
