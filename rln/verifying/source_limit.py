"""Source limit: how many bad proofs one source may send, since a pairing is dear and asking for one is not.

A token bucket for each source, such as an address or a connection. A token is taken before a proof is
verified and comes back when the proof was good, so only bad ones spend it. A full bucket says nothing, and
is not kept.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from rln.base.arguments import whole
from rln.errors import ParameterError

Source = str | bytes | None
"""Where a message came from, in the caller's own terms; None are all those of which nobody says."""

_LONGEST = 256
_JITTER = 1.0
"""Seconds by which a time may be before the last one without a clock having been set back."""


def check_source(source: Source) -> Source:
    """Return what can stand for a source.

    Raises:
        ParameterError: not `str`, `bytes` or None, or longer than 256.
    """
    if source is not None and type(source) not in (str, bytes):
        raise ParameterError(f"source: expected str, bytes or None, got {type(source).__name__}")
    if source is not None and len(source) > _LONGEST:
        raise ParameterError(f"source: expected a length of at most {_LONGEST}, got {len(source)}")
    return source


class SourceLimit:
    """Token buckets by source, in bounded memory. Safe to use from several threads.

    Args:
        rate: tokens that a source gets back each second.
        burst: tokens that a bucket holds, 1 to 2^20: so many bad proofs may come at once, and so many proofs
            of one source are verified by several threads at a time.
        sources: buckets that are kept. Those that must have filled up again go first; when there are still
            too many, the one that was used least recently goes.

    Raises:
        ParameterError: a number outside its range.
    """

    def __init__(self, rate: float, burst: int, sources: int = 65536) -> None:
        if type(rate) not in (int, float) or not math.isfinite(rate) or rate <= 0:
            raise ParameterError("rate: expected tokens a second, more than 0 and finite")
        self._rate = rate
        self._burst = whole(burst, "burst", 1, 1 << 20)
        self._sources = whole(sources, "sources", 1, 1 << 24)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[Source, tuple[float, float]] = OrderedDict()  # tokens, as of a time

    def __repr__(self) -> str:
        return f"SourceLimit({self._rate} a second, {self._burst} at once)"

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._buckets)

    def take(self, source: Source, now: float) -> bool:
        """Take a token of a source, or say that it has none.

        Args:
            source: as `check_source` accepts it.
            now: unix time in seconds; a time before the last one adds no tokens. Where it is more than a
                second before, the clock was set back, and the tokens that come count from it.
        """
        with self._lock:
            tokens, since = self._buckets.get(source, (float(self._burst), now))
            tokens = min(tokens + max(now - since, 0.0) * self._rate, self._burst)
            taken = tokens >= 1
            self._buckets[source] = (tokens - taken, max(now, since) if since - now <= _JITTER else now)
            self._buckets.move_to_end(source)
            self._drop(now)
        return taken

    def give_back(self, source: Source) -> None:
        """Put back a token that was taken for a proof which was good."""
        with self._lock:
            bucket = self._buckets.get(source)
            if bucket is None:  # dropped meanwhile, so it is full
                return
            if bucket[0] + 1 >= self._burst:
                del self._buckets[source]
            else:
                self._buckets[source] = (bucket[0] + 1, bucket[1])

    def _drop(self, now: float) -> None:
        """Drop what is surely full again from the old end, and the oldest where there are too many."""
        refill = self._burst / self._rate
        while self._buckets:
            source = next(iter(self._buckets))
            if now - self._buckets[source][1] < refill and len(self._buckets) <= self._sources:
                return
            del self._buckets[source]
