"""Random bytes from the operating system. All of them come through this module, so tests can replace it."""

from __future__ import annotations

from rln.base.arguments import whole
from rln.lowlevel import _call
from rln.lowlevel._call import CData, lib

LIMIT = 2**30
"""Most bytes of one call."""


def draw(n: int) -> bytes:
    """Draw n fresh bytes, 0..2^30.

    Raises:
        EntropyError: the system has no random bytes.
    """
    out = _call.output(whole(n, "n", 0, LIMIT))
    fill(out)
    return _call.take(out)


def fill(out: CData) -> None:
    """Fill an array from `_call.output` with fresh bytes that must not become a Python object.

    Raises:
        EntropyError: the system has no random bytes.
    """
    _call.check(lib.rln_entropy(out, len(out)), what="entropy")
