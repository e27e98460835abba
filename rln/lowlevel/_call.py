"""What every call of C needs: errors for statuses, buffers that C writes to, and handles of C objects.

Every other module of `rln.lowlevel` consists of short functions of this form:

    def double(value: bytes) -> bytes:
        value = fixed_bytes(value, 32, "value")
        out, fault = _call.output(32), _call.new_fault()
        _call.check(lib.rln_double(out, 32, value, len(value), fault), fault)
        return _call.take(out)

cffi releases the GIL during a call. So the objects that C makes are read-only once they are made, and only
`bytes` are accepted as input: another thread could change a bytearray while C reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from rln import errors
from rln._native import ffi, lib

if TYPE_CHECKING:
    from rln._native import CData
else:
    CData = ffi.CData

__all__ = [
    "STATUS_ERRORS",
    "WHOLE",
    "CData",
    "Handle",
    "check",
    "fail",
    "ffi",
    "lib",
    "new_fault",
    "output",
    "refuse",
    "take",
    "wipe",
]

WHOLE = 2**64 - 1
"""The index of a fault that is at no particular position."""

STATUS_ERRORS: dict[int, tuple[type[errors.RlnError], str]] = {
    lib.RLN_ERR_LENGTH: (errors.EncodingError, "wrong length"),
    lib.RLN_ERR_RANGE: (errors.FieldRangeError, "not a canonical number of its field"),
    lib.RLN_ERR_POINT: (errors.PointError, "not a point of the group, or not in canonical form"),
    lib.RLN_ERR_PARAMETER: (errors.ParameterError, "not allowed"),
    lib.RLN_ERR_FORMAT: (errors.EncodingError, "not in the expected format"),
    lib.RLN_ERR_KEY: (errors.KeyFileError, "the key is unsound"),
    lib.RLN_ERR_RECOVERY: (errors.RecoveryError, "the shares do not determine a secret"),
    lib.RLN_ERR_WITNESS: (errors.ParameterError, "no witness can be computed from these inputs"),
    lib.RLN_ERR_ENTROPY: (errors.EntropyError, "the random source failed or repeats itself"),
    lib.RLN_ERR_MEMORY: (errors.NativeError, "out of memory"),
    lib.RLN_ERR_ENGINE: (errors.NativeError, "no such engine, or this processor cannot run it"),
    lib.RLN_ERR_INTERNAL: (errors.NativeError, "internal fault of the C core; report it"),
}
"""The class and the text for every status except RLN_OK."""


def new_fault() -> CData:
    """Make an empty `rln_fault` for C to fill."""
    return ffi.new(_FAULT)


_refusal: errors.RlnError | None = None


def refuse(error: errors.RlnError | None) -> None:
    """Make every call of C raise this error from now on, whatever it computed; None makes calls work."""
    global _refusal
    _refusal = error


def check(status: int, fault: CData | None = None, what: str = "") -> None:
    """Raise the error of a status, or the one that `refuse` was given; return if there is none.

    Args:
        status: what the C function returned.
        fault: the `rln_fault` that the function was called with, if it takes one.
        what: the name for the message, if the fault has none.

    Raises:
        RlnError: of the class of the status.
    """
    if _refusal is not None:
        raise type(_refusal)(str(_refusal))
    if status != lib.RLN_OK:
        fail(status, fault, what)


def fail(status: int, fault: CData | None = None, what: str = "") -> NoReturn:
    """Raise the error of a status that is not RLN_OK; arguments as in `check`."""
    kind, words = STATUS_ERRORS.get(status, (errors.NativeError, f"unknown status {status}"))
    if fault is not None and fault.field != ffi.NULL:
        what = ffi.string(fault.field).decode("ascii")
        if fault.index != WHOLE:
            what = f"{what}[{fault.index}]"
        if fault.expected != fault.got:
            unit = " bytes" if status == lib.RLN_ERR_LENGTH else ""
            words = f"expected {fault.expected}{unit}, got {fault.got}"
    raise kind(f"{what}: {words}" if what else words)


_FAULT, _BYTES = ffi.typeof("rln_fault *"), ffi.typeof("uint8_t[]")  # cffi parses each only once
_ZEROS = bytes(1024)


def output(n: int) -> CData:
    """Make a zeroed array of n bytes for C to write to."""
    return ffi.new(_BYTES, n)


def take(out: CData) -> bytes:
    """Copy an array from `output` into bytes, and wipe the array."""
    view = ffi.buffer(out)
    value: bytes = view[:]
    view[:] = _ZEROS[: len(value)] if len(value) <= len(_ZEROS) else bytes(len(value))
    return value


def wipe(out: CData) -> None:
    """Set an array from `output` to zero."""
    view = ffi.buffer(out)
    view[:] = bytes(len(view))


class Handle:
    """An object that C made and will free.

    Attributes:
        what: its name in messages.

    Any number of threads may use a handle. After `close`, C frees (and wipes) the object as soon as no call
    uses it any more. A handle cannot be copied or pickled. A forked child has a copy of the object, except of
    those that C makes so that the system wipes them there: tokens.
    """

    __slots__ = ("_pointer", "what")

    def __init__(self, what: str, pointer: CData, free: Callable[[CData], None]) -> None:
        self.what = what
        self._pointer: CData | None = ffi.gc(pointer, free)

    @property
    def pointer(self) -> CData:
        """The pointer, for a call of C.

        Raises:
            ParameterError: the handle is closed.
        """
        pointer = self._pointer
        if pointer is None:
            raise errors.ParameterError(f"{self.what}: used after it was closed")
        return pointer

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._pointer is None

    def close(self) -> None:
        """Close the handle; a second call does nothing."""
        self._pointer = None

    def __repr__(self) -> str:
        return f"<{self.what}{' (closed)' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.what}: a handle cannot be copied or pickled")
