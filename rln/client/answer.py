"""Answer: what the answer of a provider says about the credential that was sent.

Any server and any proxy can answer with 401 or 409. What such an answer means for a credential counts only
if it has the problem type of the application. An answer with `RLN-Spent` comes from behind the check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json
from rln.errors import InputError
from rln.http.challenge import Challenge
from rln.http.problem import MEDIA_TYPE, PROBLEMS, Problem

MAX_PROBLEM: Final = 1 << 12
"""Bytes of the largest problem document that is read."""

Fields = Sequence[tuple[str, str]]
"""Names and values of the fields of a message."""

_RETRIED: Final = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says.

    Attributes:
        status: of the answer.
        spent: it has `RLN-Spent`: the credential was accepted.
        problem: of this application, or None.
        challenge: of a problem with status 401, or None.
        may_be_retried: the SDKs for LLM APIs send such a request again.
    """

    status: int
    spent: bool
    problem: Problem | None = None
    challenge: Challenge | None = None
    may_be_retried: bool = False

    @classmethod
    def read(cls, application: str, status: int, fields: Fields, body: bytes) -> Answer:
        """Read an answer.

        Args:
            application: whose problem types count.
            status: of the answer.
            fields: of the answer.
            body: if `needs_body` says so; otherwise empty.
        """
        problem = _problem(application, status, body) if needs_body(status, fields) else None
        challenge = _challenge(fields) if problem is not None and problem.challenges else None
        if challenge is not None and problem is not None and (challenge.error or _NONE) != problem.name:
            challenge = problem = None  # two contradicting statements are none
        retry = _first(fields, "x-should-retry")
        return cls(
            status,
            _first(fields, "rln-spent") is not None,
            None if problem is not None and problem.challenges and challenge is None else problem,
            challenge,
            (status in _RETRIED or status >= 500) if retry is None else retry == "true",
        )


_NONE: Final = "credential-needed"
"""The problem of a challenge without an error."""


def needs_body(status: int, fields: Fields) -> bool:
    """Tell whether the body of an answer must be read before it is understood: a short problem document."""
    if status not in (401, 409) or _first(fields, "rln-spent") is not None:
        return False
    kind = (_first(fields, "content-type") or "").partition(";")[0].strip().lower()
    length = _first(fields, "content-length") or ""
    is_short = length.isascii() and length.isdigit() and len(length) < 8 and int(length) <= MAX_PROBLEM
    return kind == MEDIA_TYPE and is_short


def _first(fields: Fields, name: str) -> str | None:
    return next((value for field, value in fields if field.lower() == name), None)


def _problem(application: str, status: int, body: bytes) -> Problem | None:
    try:
        found = canonical_json.read(body, "problem", MAX_PROBLEM)
    except InputError:  # a document of somebody else
        return None
    named = found.get("type") if isinstance(found, dict) else None
    return next((one for one in _of(status) if one.type_uri(application) == named), None)


def _of(status: int) -> Iterable[Problem]:
    return (problem for problem in PROBLEMS if problem.status == status)


def _challenge(fields: Fields) -> Challenge | None:
    try:
        return Challenge.find([value for name, value in fields if name.lower() == "www-authenticate"])
    except InputError:  # the answer then counts as one of somebody else, and is handed on
        return None
