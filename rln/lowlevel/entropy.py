"""Random bytes from the operating system: the one door, so that a test can stand in it."""

from __future__ import annotations

from rln.base.arguments import whole
from rln.lowlevel import _call
from rln.lowlevel._call import CData, lib

LIMIT = 2**30


def draw(n: int) -> bytes:
    """Draw n fresh bytes, 0..2^30.

    Raises:
        EntropyError: the system gives none.
    """
    out = _call.output(whole(n, "n", 0, LIMIT))
    fill(out)
    return _call.take(out)


def fill(out: CData) -> None:
    """Fill an array made by `_call.output` with fresh bytes: for waste that must not become a Python object.

    Raises:
        EntropyError: the system gives none.
    """
    _call.check(lib.rln_entropy(out, len(out)), what="entropy")
