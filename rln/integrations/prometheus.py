"""Prometheus: count the outcomes and latencies of a verifier with `prometheus-client` (extra `metrics`).

    rln_messages_total{verdict, reason}     messages by outcome
    rln_judging_seconds{verdict}            seconds from a batch's first check to its verdicts
    rln_log_seconds{result}                 seconds of the nullifier log, "answered" or "failed"
    rln_audit_damage_total                  times that the audit trail was damaged or failed; alert on it
    rln_waiting_messages                    messages pending in an AsyncVerifier

No label value comes from a message, so no sender can increase the number of time series without bound.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from rln.base.arguments import instance, whole
from rln.base.extras import missing
from rln.integrations.observer_lock import ObserverLock
from rln.integrations.outcome import MOST_MESSAGES, check_judged, check_stored, reason_word, verdict_word
from rln.verifying.ports import Observer
from rln.verifying.verdict import Verdict

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric
except ImportError as error:
    raise missing("prometheus_client", "metrics", error) from error

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class PrometheusObserver(Observer):
    """Counts for Prometheus. One observer may serve several verifiers, from any thread.

    A forked child goes on from the counts of its parent. The metrics are counted and collected with a lock
    that a fork waits for, see `rln.integrations.observer_lock`. No call waits for anything else, so event
    loops may use it. There is nothing to close.

    Args:
        registry: where the metrics are registered. A second observer needs another registry.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        instance(registry, CollectorRegistry, "registry")
        self._lock = ObserverLock("metrics")
        self._messages = Counter("rln_messages", "Messages by outcome.", ("verdict", "reason"), registry=None)
        self._judging = Histogram(
            "rln_judging_seconds",
            "Seconds from a batch's first check to its verdicts.",
            ("verdict",),
            buckets=_SECONDS,
            registry=None,
        )
        self._log = Histogram(
            "rln_log_seconds",
            "Seconds until the nullifier log answered or failed.",
            ("result",),
            buckets=_SECONDS,
            registry=None,
        )
        self._damage = Counter(
            "rln_audit_damage", "Times that the audit trail was damaged or failed.", registry=registry
        )
        self._waiting = Gauge(
            "rln_waiting_messages", "Messages that wait or are being judged.", registry=None
        )
        self._metrics = (self._messages, self._judging, self._log, self._waiting)
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values, for `prometheus_client`."""
        return [found for metric in self._metrics for found in metric.describe()]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics with their values, for `prometheus_client`."""
        with self._lock:
            return [found for metric in self._metrics for found in metric.collect()]

    def moment(self) -> float:
        """Return the time of a monotonic clock, in seconds."""
        return time.perf_counter()

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Count a message; see `Observer`."""
        check_judged(outcome, since)
        verdict = verdict_word(outcome)
        with self._lock:
            self._messages.labels(verdict, reason_word(outcome)).inc()
            self._judging.labels(verdict).observe(time.perf_counter() - since)

    def stored(self, failed: bool, since: float) -> None:
        """Record how long the nullifier log took; see `Observer`."""
        check_stored(failed, since)
        with self._lock:
            self._log.labels("failed" if failed else "answered").observe(time.perf_counter() - since)

    def damaged(self, error: Exception) -> None:
        """Count damage of the audit trail; see `Observer`."""
        instance(error, Exception, "error")
        self._damage.inc()

    def waiting(self, messages: int) -> None:
        """Set the number of pending messages; see `Observer`."""
        whole(messages, "messages", 0, MOST_MESSAGES)
        with self._lock:
            self._waiting.set(messages)
