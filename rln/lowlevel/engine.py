"""Engines: the implementations of the same mathematics for different processors.

The environment variable RLN_ENGINE chooses one. If it names none, or one that this processor cannot run,
every call of the C core raises the error until `choose` is called. The import does not raise it, so that a
program can print it.
"""

from __future__ import annotations

import os

from rln.errors import NativeError, ParameterError, RlnError
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
    """Name the engine in use.

    Raises:
        ParameterError, NativeError: RLN_ENGINE names no engine, or one that this processor cannot run.
    """
    _call.check(lib.RLN_OK)
    return ffi.string(lib.rln_engine_name()).decode("ascii")


def choose(name: str | None = None) -> None:
    """Use this engine from now on; None is the best supported one. Call this before other threads compute.

    Raises:
        ParameterError: no such engine; the engine does not change.
        NativeError: this processor cannot run it; the engine does not change.
    """
    if name is not None:
        _check(name, "engine")
    chosen = ffi.NULL if name is None else name.encode("ascii")
    status = lib.rln_engine_choose(chosen)
    if status != lib.RLN_OK:
        _call.fail(status, what=f"engine {name!r}")
    _call.refuse(None)


def _check(name: str, what: str) -> None:
    if name not in names():
        got = repr(name[:40]) if isinstance(name, str) else type(name).__name__
        raise ParameterError(f"{what}: expected one of {', '.join(names())}, got {got}")
    if name not in supported():
        raise NativeError(
            f"{what}: expected an engine that this processor can run ({', '.join(supported())}), got {name}"
        )


def _choose_from_environment() -> None:
    named = os.environ.get("RLN_ENGINE")
    if not named:
        return
    try:
        _check(named, "RLN_ENGINE")
        choose(named)
    except RlnError as error:
        _call.refuse(error)


_choose_from_environment()
