"""Engines: the implementations of the same mathematics for different processors.

The environment variable RLN_ENGINE chooses one. The import fails if this processor cannot run it.
"""

from __future__ import annotations

import os

from rln.lowlevel import _call
from rln.lowlevel._call import ffi, lib


def names() -> list[str]:
    """List the engines of this build, the preferred one first."""
    found: list[str] = []
    while (name := lib.rln_engine_name_at(len(found))) != ffi.NULL:
        found.append(ffi.string(name).decode("ascii"))
    return found


def supported() -> list[str]:
    """List the engines that this processor runs, the preferred one first."""
    return [name for name in names() if lib.rln_engine_supported(name.encode("ascii"))]


def name() -> str:
    """Name the engine in use."""
    return ffi.string(lib.rln_engine_name()).decode("ascii")


def choose(name: str | None = None) -> None:
    """Use this engine from now on; None is the best supported one. Call this before other threads compute.

    Raises:
        NativeError: no such engine, or this processor cannot run it; the engine does not change.
    """
    if name is not None and name not in names():
        _call.fail(lib.RLN_ERR_ENGINE, what=f"engine {name!r}")
    chosen = ffi.NULL if name is None else name.encode("ascii")
    _call.check(lib.rln_engine_choose(chosen), what=f"engine {name!r}")


if os.environ.get("RLN_ENGINE"):
    choose(os.environ["RLN_ENGINE"])
