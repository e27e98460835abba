"""Counters and histograms follow what happens, and no sender can add label values."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import rln
from rln.errors import IntegrityAlarm, Overloaded, Reason, StoreUnavailable
from tests.conftest import lacking
from tests.support.small_world import World

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from rln.integrations.prometheus import PrometheusObserver


@pytest.fixture
def registry() -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError:
        lacking("metrics", "prometheus-client is not installed")
    return CollectorRegistry()


@pytest.fixture
def observer(registry) -> PrometheusObserver:
    from rln.integrations.prometheus import PrometheusObserver

    return PrometheusObserver(registry)


def test_messages_are_counted_by_verdict_and_reason(registry, observer):
    outcomes = [
        rln.Valid(), rln.Valid(), rln.Duplicate(), rln.RateLimitViolation(rln.Identity.generate().secret()),
        *(rln.Invalid(reason) for reason in Reason), Overloaded("x"), StoreUnavailable("x"),
        IntegrityAlarm("x"), KeyError("x"), KeyError("y"),
    ]  # fmt: skip
    for outcome in outcomes:
        observer.judged(outcome, observer.moment())

    def count(verdict: str, reason: str = "") -> float | None:
        return registry.get_sample_value("rln_messages_total", {"verdict": verdict, "reason": reason})

    assert count("valid") == count("error") == 2
    once = ("duplicate", "rate limit violation", "overloaded", "unavailable", "alarm")
    assert [count(verdict) for verdict in once] == [1] * 5
    assert [count("invalid", reason.value) for reason in Reason] == [1] * len(Reason)
    assert registry.get_sample_value("rln_judging_seconds_count", {"verdict": "invalid"}) == len(Reason)


def test_a_verifier_tells_it_what_it_does(registry, observer):
    world = World()
    proof = world.prover(world.join()).prove(b"x")

    async def story() -> None:
        verifier = world.verifier(observer=observer)
        async with rln.AsyncVerifier(verifier) as judge:
            call = asyncio.create_task(judge.submit(proof, b"x"))
            await asyncio.sleep(0)
            assert registry.get_sample_value("rln_waiting_messages") == 1
            assert await call == rln.Valid()
            await judge.submit(proof, b"x")

    asyncio.run(story())
    assert registry.get_sample_value("rln_waiting_messages") == 0
    assert registry.get_sample_value("rln_log_seconds_count", {"result": "answered"}) == 3
    assert registry.get_sample_value("rln_log_seconds_sum", {"result": "answered"}) < 60
    labels = {"verdict": "duplicate", "reason": ""}
    assert registry.get_sample_value("rln_messages_total", labels) == 1


def test_a_log_that_fails_is_counted(registry, observer):
    observer.stored(True, observer.moment())
    assert registry.get_sample_value("rln_log_seconds_count", {"result": "failed"}) == 1


def test_damage_of_the_audit_trail_is_counted(registry, observer):
    assert registry.get_sample_value("rln_audit_damage_total") == 0
    observer.damaged(StoreUnavailable("x"))
    assert registry.get_sample_value("rln_audit_damage_total") == 1


def test_nothing_imports_it_by_itself():
    code = "import rln, rln.stores, sys; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
