"""Source limit: how many bad proofs one source may send. A proof is cheap to send, but expensive to verify.

A source is, for example, an address or a connection. Each source has an allowance of bad proofs. Verifying a
proof takes 1 from the allowance, and a good proof gives it back, so only bad proofs use it up. The allowance
grows back at a fixed rate up to its full size. A full allowance is not stored: a source
without a stored allowance has a full one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from rln.base import forks
from rln.base.arguments import is_real, unix_time, whole
from rln.errors import ParameterError

Source = str | bytes | None
"""Where a message came from, in the caller's own terms. All messages of unknown origin share the source None.
"""

_LONGEST = 256
_JITTER = 1.0
"""Seconds by which times may be out of order. A larger step back means that the clock was set back."""


def check_source(source: Source) -> Source:
    """Return the source when it has a valid type and length.

    Raises:
        ParameterError: not `str`, `bytes` or None, or longer than 256 characters or bytes.
    """
    if source is not None and type(source) not in (str, bytes):
        raise ParameterError(f"source: expected str, bytes or None, got {type(source).__name__}")
    if source is not None and len(source) > _LONGEST:
        raise ParameterError(f"source: expected a length of at most {_LONGEST}, got {len(source)}")
    return source


class SourceLimit:
    """The allowance of each source, in bounded memory. Safe to use from several threads.

    Each process has allowances of its own, which a restart makes full again. So with n workers one source can
    send n times as many bad proofs, unless it always gets to the same worker: divide rate and burst by n
    (docs/guide.md, "With several workers"). A forked child goes on with a copy. If the fork was not noticed
    (`rln.base.forks.unnoticed`), every call raises `StoreUnavailable`.

    Args:
        rate: bad proofs by which an allowance grows back each second, more than 0.
        burst: bad proofs in a full allowance, 1 to 2^20. At most this many proofs of one source are
            verified at the same time.
        sources: number of allowances to keep, 1 to 2^24. Allowances that must be full again are dropped
            first. If there are still too many, the least recently used one is dropped.

    Raises:
        ParameterError: a number outside its range.
    """

    def __init__(self, rate: float, burst: int, sources: int = 65536) -> None:
        if not is_real(rate) or rate <= 0:
            raise ParameterError("rate: expected a finite number of proofs a second, more than 0")
        self._rate = rate
        self._burst = whole(burst, "burst", 1, 1 << 20)
        self._sources = whole(sources, "sources", 1, 1 << 24)
        self._lock = threading.Lock()
        self._allowances: OrderedDict[Source, tuple[float, float]] = OrderedDict()  # size, as of a time
        forks.register(self)

    def __repr__(self) -> str:
        return f"SourceLimit({self._rate} a second, {self._burst} at once)"

    def __len__(self) -> int:
        """Return how many allowances are kept."""
        return len(self._allowances)

    def __bool__(self) -> bool:
        """Return True: a limit that keeps no allowance yet is a limit."""
        return True

    def take(self, source: Source, now: float) -> bool:
        """Take 1 from the allowance of a source, and return whether there was 1 to take.

        Args:
            source: as `check_source` accepts it.
            now: unix time in seconds. If it is before the last one, the allowance does not grow. If it
                is more than a second before, the clock was set back; the allowance grows from there.

        Raises:
            ParameterError: the source or the time is of another type or outside its range.
        """
        check_source(source)
        unix_time(now, "now")
        forks.refuse_unnoticed("source limit")
        with self._lock:
            allowance, since = self._allowances.get(source, (float(self._burst), now))
            allowance = min(allowance + max(now - since, 0.0) * self._rate, self._burst)
            taken = allowance >= 1
            self._allowances[source] = (allowance - taken, max(now, since) if since - now <= _JITTER else now)
            self._allowances.move_to_end(source)
            self._drop(now)
        return taken

    def give_back(self, source: Source) -> None:
        """Give back 1 to the allowance of a source, after its proof was found valid.

        Raises:
            ParameterError: not a source.
        """
        check_source(source)
        forks.refuse_unnoticed("source limit")
        with self._lock:
            kept = self._allowances.get(source)
            if kept is None:  # dropped meanwhile, so it counts as full
                return
            allowance, since = kept
            if allowance + 1 >= self._burst:
                del self._allowances[source]
            else:
                self._allowances[source] = (allowance + 1, since)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()  # at worst, one allowance is too large or too small by 1

    def _drop(self, now: float) -> None:
        """Drop allowances that must be full again, and the least recently used ones if there are too many."""
        refill = self._burst / self._rate
        while self._allowances:
            source = next(iter(self._allowances))
            if now - self._allowances[source][1] < refill and len(self._allowances) <= self._sources:
                return
            del self._allowances[source]
