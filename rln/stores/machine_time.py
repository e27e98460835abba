"""MachineTime: a machine's times that show whether its clock was set, and whether it was restarted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Final, Self

from rln.errors import StoreUnavailable
from rln.protocol.epoch import clock_offset

_BOOT: Final = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Return the id of this boot of the machine; empty if the system has no such file.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        descriptor = os.open(_BOOT, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 64).strip().hex()
    finally:
        os.close(descriptor)


def running_time() -> int:
    """Return the nanoseconds since the machine started; nobody can set this clock."""
    running: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(running)


@dataclass(frozen=True, slots=True)
class MachineTime:
    """The times of the machine at one moment. Immutable.

    Times of two moments can be compared only if both have the same boot, which is not empty.

    Attributes:
        boot: id of the machine's boot; empty if the system has none.
        running: nanoseconds since the machine started.
        clock_offset: see `rln.protocol.epoch.clock_offset`; a change shows that the clock was set.
    """

    boot: str
    running: int
    clock_offset: int

    @classmethod
    def now(cls) -> Self:
        """Read the times of this machine.

        Raises:
            StoreUnavailable: the boot id cannot be read.
        """
        try:
            return cls(boot_id(), running_time(), clock_offset())
        except OSError as error:
            raise StoreUnavailable(f"{_BOOT}: {error.strerror}; try again") from error
