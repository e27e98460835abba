"""A clock that a test can set, for one program, which loads a library that adds a shift to the time."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void map_shift(void)
{
    int file = open(getenv("SHIFTED_CLOCK"), O_RDONLY);
    void *mapped = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || mapped == MAP_FAILED)
        abort();
    shift = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *shift;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now)
        *now = found.tv_sec;
    return found.tv_sec;
}
"""


class ShiftedClock:
    """The clock of programs that are started with its `environment`.

    Args:
        directory: for its files.
    """

    def __init__(self, directory: Path) -> None:
        source, library, shift = (directory / f"shifted_clock.{end}" for end in ("c", "so", "shift"))
        source.write_text(_SOURCE)
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run(
            [*compiler, "-std=gnu11", "-shared", "-fPIC", "-o", str(library), str(source)], check=True
        )
        shift.write_bytes(bytes(8))
        with shift.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(shift)}

    @property
    def shift(self) -> int:
        """Seconds by which the clock is ahead; negative if it is slow."""
        return int(struct.unpack("=q", self._memory[:8])[0])

    @shift.setter
    def shift(self, seconds: int) -> None:
        self._memory[:8] = struct.pack("=q", seconds)
