"""Answers: the refusals of a provider as ASGI messages, made once.

All clients get the same bytes for the same outcome, whoever asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
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
        units: what each request costs.
        signed_policy: the policy as it is published.
    """

    def __init__(self, policy: Policy, units: int, signed_policy: bytes) -> None:
        self.rate_limit_policy: Header = (b"ratelimit-policy", policy.rate_limit_policy.encode())
        self._problems = {problem.name: self._of(problem, policy, units) for problem in PROBLEMS}
        self.policy = Answer(
            200,
            (
                (b"content-type", b"application/json"),
                (b"content-length", str(len(signed_policy)).encode()),
                (b"cache-control", b"no-cache"),
                self.rate_limit_policy,
            ),
            signed_policy,
        )

    def of(self, problem: Problem) -> Answer:
        """Return the answer of a problem."""
        return self._problems[problem.name]

    def _of(self, problem: Problem, policy: Policy, units: int) -> Answer:
        body = problem.document(policy.application)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-should-retry", b"true" if problem.retry else b"false"),
            self.rate_limit_policy,
        ]
        if problem.challenges:
            error = problem.name if problem.name in ERRORS else None
            challenge = Challenge(policy.application, policy.digest, units, error)
            headers.append((b"www-authenticate", challenge.encode().encode()))
        if problem is OVERLOADED:
            headers.append((b"retry-after", b"1"))
        return Answer(problem.status, tuple(headers), body, problem in _CLOSING)
