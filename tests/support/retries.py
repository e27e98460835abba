"""Scripts for `HttpProvider`, and what comes of them if the caller repeats a request as SDKs do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rln.client.member import Member
from tests.support.http_provider import HttpProvider


@dataclass(frozen=True)
class Retry:
    """A script, and what comes of it.

    Attributes:
        script: what the provider does for each request; then it serves.
        ids: message ids that are spent, each with one x.
        requests: that came.
        status: of the last answer.
    """

    script: tuple[str, ...]
    ids: int
    requests: int
    status: int = 200

    def __str__(self) -> str:
        return "+".join(self.script) or "nothing"


RETRIES = (
    Retry((), 1, 1),
    Retry(("unavailable",), 1, 2),
    Retry(("overloaded", "unavailable"), 1, 3),
    Retry(("plain-503",), 1, 2),
    Retry(("drop",), 1, 2),
    Retry(("drop", "unavailable"), 1, 3),
    Retry(("drop-after",), 2, 3),
    Retry(("duplicate",), 2, 2),
    Retry(("wrong-epoch",), 2, 2),
    Retry(("unknown-root",), 1, 2),
    Retry(("502-spent",), 2, 2),
    Retry(("unknown-root", "unavailable", "drop"), 1, 4),
    Retry(("quota-exceeded",), 1, 1, 429),
    Retry(("foreign-409",), 1, 1, 409),
    Retry(("bad-proof",), 1, 1, 403),
    Retry(("malformed",), 1, 1, 400),
    Retry(("internal",), 1, 1, 500),
    Retry(("unavailable",) * 3, 1, 3, 503),
)


def ids_used(member: Member) -> int:
    """Return how many message ids of this epoch are spent; all others are spent by this call."""
    return member._ids.reserve(member._identity.commitment, member._clock.current(), 1 << 16).start


@contextmanager
def following(member: Member, provider: HttpProvider) -> Iterator[None]:
    """Look at the bulletins when a while has passed, as a schedule does."""
    provider.advance()
    provider.publish()
    timer = threading.Timer(0.3, member.follow)
    timer.start()
    yield
    timer.join()
