"""The one door to C: statuses become exceptions, bytes become pointers and back, buffers are wiped.

Every other module of `rln.lowlevel` is a list of short functions of this form:

    def double(value: bytes) -> bytes:
        value = fixed_bytes(value, 32, "value")
        out, fault = _call.output(32), _call.new_fault()
        _call.check(lib.rln_double(out, 32, value, len(value), fault), fault)
        return _call.take(out)

State below this floor is read-only after it was made, so that cffi may drop the GIL during calls. For the
same reason only `bytes` goes in: a bytearray could change under C's feet.
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
    "take",
    "wipe",
]

WHOLE = 2**64 - 1
"""The index of a fault that concerns a thing which has no positions."""

STATUS_ERRORS: dict[int, tuple[type[errors.RlnError], str]] = {
    lib.RLN_ERR_LENGTH: (errors.EncodingError, "wrong length"),
    lib.RLN_ERR_RANGE: (errors.FieldRangeError, "not a canonical number of its field"),
    lib.RLN_ERR_POINT: (errors.PointError, "not a point of the group, or not in canonical form"),
    lib.RLN_ERR_PARAMETER: (errors.ParameterError, "not accepted"),
    lib.RLN_ERR_FORMAT: (errors.EncodingError, "not in the format that it should have"),
    lib.RLN_ERR_KEY: (errors.KeyFileError, "the key is unsound"),
    lib.RLN_ERR_RECOVERY: (errors.RecoveryError, "the shares do not determine a secret"),
    lib.RLN_ERR_WITNESS: (errors.ParameterError, "the inputs have no witness"),
    lib.RLN_ERR_ENTROPY: (errors.EntropyError, "the random bytes are not random"),
    lib.RLN_ERR_MEMORY: (errors.NativeError, "out of memory"),
    lib.RLN_ERR_ENGINE: (errors.NativeError, "no such engine, or this processor cannot run it"),
    lib.RLN_ERR_INTERNAL: (errors.NativeError, "internal fault"),
}
"""The class and the words for every status but RLN_OK."""


def new_fault() -> CData:
    """Make an empty `rln_fault` for C to fill."""
    return ffi.new(_FAULT)


def check(status: int, fault: CData | None = None, what: str = "") -> None:
    """Raise what a status stands for.

    Args:
        status: what the C function returned.
        fault: the `rln_fault` that was handed to it, if it takes one.
        what: the name for the message when the fault names nothing.

    Raises:
        RlnError: the class of the status; nothing when it is RLN_OK.
    """
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


_FAULT, _BYTES = ffi.typeof("rln_fault *"), ffi.typeof("uint8_t[]")  # parsed once
_ZEROS = bytes(1024)


def output(n: int) -> CData:
    """Make a zeroed array of n bytes for C to write to."""
    return ffi.new(_BYTES, n)


def take(out: CData) -> bytes:
    """Copy an array made by `output` into bytes, and wipe it."""
    view = ffi.buffer(out)
    value: bytes = view[:]
    view[:] = _ZEROS[: len(value)] if len(value) <= len(_ZEROS) else bytes(len(value))
    return value


def wipe(out: CData) -> None:
    """Zero an array made by `output`."""
    view = ffi.buffer(out)
    view[:] = bytes(len(view))


class Handle:
    """What C made and frees: a pointer that lives as long as somebody uses it.

    Attributes:
        what: its name in messages.

    Any number of threads may use a handle. `close` gives up this reference; C frees (and wipes) when no call
    uses the pointer any more. A handle can be neither copied nor pickled.
    """

    __slots__ = ("_pointer", "what")

    def __init__(self, what: str, pointer: CData, free: Callable[[CData], None]) -> None:
        self.what = what
        self._pointer: CData | None = ffi.gc(pointer, free)

    @property
    def pointer(self) -> CData:
        """The pointer for a call into C.

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
        """Give it up; a second time does nothing."""
        self._pointer = None

    def __repr__(self) -> str:
        return f"<{self.what}{' (closed)' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.what}: a handle cannot be copied or pickled")
