"""Answers: the refusals of a provider as ASGI messages, made once.

All clients get the same bytes for the same outcome, whoever asks. Only what is wrong with a body is explained
one by one, by what stands in that body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from rln.http.challenge import ERRORS, Challenge
from rln.http.policy import Policy
from rln.http.problem import CONTENT_TOO_LARGE, MEDIA_TYPE, OVERLOADED, PROBLEMS, TIMEOUT, Problem

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

SPENT: Final = (b"rln-spent", b"?1")
"""Stands on every answer after VALID: the credential is used up."""

_CLOSING: Final = (TIMEOUT, CONTENT_TOO_LARGE)
"""The rest of the body is not wanted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that does not come from the application.

    Attributes:
        status: of the answer.
        headers: all of them.
        body: for any method but HEAD.
        closes: whether the connection cannot be used again (HTTP/1).
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes = field(repr=False)
    closes: bool = False

    async def send(self, send: Send, scope: MutableMapping[str, Any]) -> None:
        """Send the answer to the request of a scope."""
        headers = list(self.headers)  # other middleware may change the list
        if self.closes and scope["http_version"].startswith("1"):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})

    def plus(self, *headers: Header) -> Answer:
        """Return the same answer with more headers."""
        return Answer(self.status, (*self.headers, *headers), self.body, self.closes)


class Answers:
    """The answers of one provider. Immutable, and safe to use from several threads.

    Args:
        policy: of the provider.
        published: the signed documents by their paths.
    """

    def __init__(self, policy: Policy, published: Mapping[str, bytes]) -> None:
        self.rate_limit_policy: Header = (b"ratelimit-policy", policy.rate_limit_policy.encode())
        self._application = policy.application
        self._digest = policy.digest
        self._problems = {
            (problem.name, units): self._of(problem, units)
            for problem in PROBLEMS
            for units in range(1, (policy.params.max_out or 1) + 1)
            if units == 1 or problem.challenges
        }
        self.published = {path.encode(): self._document(data) for path, data in published.items()}

    def of(self, problem: Problem, units: int = 1) -> Answer:
        """Return the answer of a problem; a challenge in it asks for these units."""
        return self._problems[problem.name, units if problem.challenges else 1]

    def explained(self, problem: Problem, detail: str) -> Answer:
        """Return the answer of a problem that says what is wrong with this request."""
        return self._of(problem, 1, detail)

    def _document(self, data: bytes) -> Answer:
        headers = (
            (b"content-type", b"application/json"),
            (b"content-length", str(len(data)).encode()),
            (b"cache-control", b"no-cache"),
            self.rate_limit_policy,
        )
        return Answer(200, headers, data)

    def _of(self, problem: Problem, units: int, detail: str | None = None) -> Answer:
        headers = [self.rate_limit_policy]
        if problem.challenges:
            error = problem.name if problem.name in ERRORS else None
            challenge = Challenge(self._application, self._digest, units, error)
            headers.append((b"www-authenticate", challenge.encode().encode()))
        if problem is OVERLOADED:
            headers.append((b"retry-after", b"1"))
        return problem_answer(problem, self._application, detail).plus(*headers)


def problem_answer(problem: Problem, application: str, detail: str | None = None) -> Answer:
    """Return the answer of a problem without the fields that only a provider's middleware knows."""
    body = problem.document(application, detail)
    headers = (
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-should-retry", b"true" if problem.retry else b"false"),
    )
    return Answer(problem.status, headers, body, problem in _CLOSING)
