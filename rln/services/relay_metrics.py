"""RelayMetrics: what a relay node counts for Prometheus, beside the metrics of its verifier.

    rln_relay_rulings_total{why}      rulings on messages of peers; parked messages count twice
    rln_relay_forwarded_total         messages that were forwarded
    rln_relay_delivered_total         messages that are new over all nodes that share the log
    rln_relay_dropped_total           messages that were dropped unread, because too many waited
    rln_relay_peers                   peers that speak the protocol

No label value comes from a message or a peer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rln.base.arguments import instance, text, whole
from rln.base.extras import missing
from rln.integrations.multiaddresses import ConnectionFailed
from rln.integrations.waku_node import AcceptedMessage
from rln.waku.ruling import Ruling, Why

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
except ImportError as error:
    raise missing("prometheus_client", "metrics", error) from error

__all__ = ["RelayMetrics"]


class RelayMetrics:
    """The counts of one node. It belongs to the node's loop; Prometheus may read in any thread.

    A forked child has a copy that nobody reads. There is nothing to close.

    Args:
        registry: where the metrics are registered. Another node needs another registry.

    Raises:
        ParameterError: not a registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        instance(registry, CollectorRegistry, "registry")
        self._registry = registry
        self._rulings = Counter(
            "rln_relay_rulings", "Rulings on messages of peers.", ("why",), registry=registry
        )
        for why in Why:  # a rate needs a first value
            self._rulings.labels(_label(why))
        self._forwarded = Counter("rln_relay_forwarded", "Messages that were forwarded.", registry=registry)
        self._delivered = Counter(
            "rln_relay_delivered", "Messages that are new over all nodes.", registry=registry
        )
        self._dropped = Counter("rln_relay_dropped", "Messages that were dropped unread.", registry=registry)
        self._peers = Gauge("rln_relay_peers", "Peers that speak the protocol.", registry=registry)
        self._dropped_before = 0

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[RelayMetrics]:
        """Serve the registry over HTTP while the block runs, in a thread.

        Args:
            host, port: where to listen.

        Raises:
            ConnectionFailed: it cannot be listened there.
        """
        text(host, "host")
        whole(port, "port", 1, 65_535)
        try:
            server, thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise ConnectionFailed(f"metrics: {host}:{port}: {error.strerror}") from error
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def ruled(self, ruling: Ruling) -> None:
        """Count a ruling.

        Raises:
            ParameterError: not a `Ruling`.
        """
        instance(ruling, Ruling, "ruling")
        self._rulings.labels(_label(ruling.why)).inc()

    def accepted(self, accepted: AcceptedMessage) -> None:
        """Count a message that is forwarded.

        Raises:
            ParameterError: not an `AcceptedMessage`.
        """
        instance(accepted, AcceptedMessage, "accepted")
        self._forwarded.inc()
        if accepted.ruling.delivers:
            self._delivered.inc()

    def looked(self, peers: int, dropped: int) -> None:
        """Set what a node knows itself.

        Args:
            peers: how many there are.
            dropped: messages dropped so far.

        Raises:
            ParameterError: a number is negative.
        """
        self._peers.set(whole(peers, "peers", 0, 1 << 32))
        self._dropped.inc(max(0, whole(dropped, "dropped", 0, 1 << 62) - self._dropped_before))
        self._dropped_before = dropped


def _label(why: Why) -> str:
    return why.name.lower()
