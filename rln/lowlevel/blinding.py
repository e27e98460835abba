"""The two scalars r and s that hide the witness in a proof: random, or given in order to repeat a proof."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rln.base.arguments import whole
from rln.base.scalar import ORDER
from rln.lowlevel import _call, entropy
from rln.lowlevel._call import CData, ffi

RANDOM_BYTES = 128


@contextmanager
def blinders(fixed: tuple[int, int] | None) -> Iterator[tuple[CData, int]]:
    """Give the random bytes for C and their number; wipe the bytes at the end.

    Args:
        fixed: (r, s); None draws fresh ones, as every real proof must.

    Raises:
        ParameterError: r or s is not canonical.
        EntropyError: the system has no random bytes.
    """
    size = RANDOM_BYTES if fixed is None else 64
    out = _call.output(size)
    try:
        if fixed is None:
            entropy.fill(out)
        else:
            r, s = (whole(value, "blinding", 0, ORDER - 1) for value in fixed)
            ffi.memmove(out, r.to_bytes(32, "little") + s.to_bytes(32, "little"), size)
        yield out, size
    finally:
        _call.wipe(out)
