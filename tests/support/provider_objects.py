"""A provider with objects instead of files, for tests of the middleware."""

from __future__ import annotations

from typing import Any

from rln.integrations.provider import Provider
from rln.stores.memory import MemoryNullifierLog
from rln.verifying.ports import Observer
from rln.verifying.verdict import RateLimitViolation, Valid, Verdict
from tests.support.http_world import HttpWorld


class Verdicts(Observer):
    """Counts what a verifier decides."""

    def __init__(self) -> None:
        self.valid = 0
        self.violations = 0

    def moment(self) -> float:
        """Return 0."""
        return 0.0

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Count an outcome."""
        self.valid += isinstance(outcome, Valid)
        self.violations += isinstance(outcome, RateLimitViolation)

    def stored(self, failed: bool, since: float) -> None:
        """Do nothing."""

    def damaged(self, error: Exception) -> None:
        """Fail: no test of the middleware damages an audit trail."""
        raise AssertionError(error)

    def waiting(self, messages: int) -> None:
        """Do nothing."""


def provider_of(world: HttpWorld, **changes: Any) -> Provider:
    """Return a provider of a world with a log in memory; it slashes nobody unless `changes` says so."""
    prices = world.directory / "prices.json"
    return Provider(
        (world.directory / "policy.json").read_bytes(),
        world.key.verifying_key,
        **{
            "clock": world.clock,
            "roots": world.group.roots,
            "log": MemoryNullifierLog(),
            "prices": prices.read_bytes() if prices.exists() else None,
            **changes,
        },
    )
