"""Random bytes from the operating system: the one door, so that a test can stand in it."""

from __future__ import annotations

from rln.lowlevel import _call
from rln.lowlevel._call import lib

LIMIT = 2**30


def draw(n: int) -> bytes:
    """Draw n fresh bytes, 0..2^30.

    Raises:
        EntropyError: the system gives none.
    """
    out = _call.output(_call.within("n", n, 0, LIMIT))
    _call.check(lib.rln_entropy(out, n), what="entropy")
    return _call.take(out)
