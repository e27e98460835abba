"""Crash images: files that a disk may hold after a crash, with all synced and some of the unsynced data."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.recording import Disk, Name, Recording, Write, apply_write
from tests.faults.scenario import Progress

SECTOR, PAGE = 512, 4096

Chosen = tuple[list[Write], list[Name]]


def _pieces(write: Write, size: int) -> list[Write]:
    """Cut a write where a disk may cut it: at the multiples of a size in the file."""
    if write.size is not None or not write.data:
        return [write]
    cuts = [0, *range(size - write.offset % size, len(write.data), size)]
    return [
        replace(write, offset=write.offset + start, data=write.data[start:stop])
        for start, stop in zip(cuts, [*cuts[1:], len(write.data)], strict=True)
    ]


def _some(things: list[Write], chance: random.Random, share: float) -> list[Write]:
    return [thing for thing in things if chance.random() < share]


def _names(disk: Disk, chance: random.Random) -> list[Name]:
    """Choose the first few changes of names: a later change never happens without the earlier ones."""
    return disk.pending_names[: chance.randint(0, len(disk.pending_names))]


def _all(disk: Disk, chance: random.Random) -> Chosen:
    return disk.pending_writes, disk.pending_names


def _none(disk: Disk, chance: random.Random) -> Chosen:
    return [], []


def _beginning(disk: Disk, chance: random.Random) -> Chosen:
    return disk.pending_writes[: chance.randint(0, len(disk.pending_writes))], _names(disk, chance)


def _end(disk: Disk, chance: random.Random) -> Chosen:
    return disk.pending_writes[chance.randint(0, len(disk.pending_writes)) :], disk.pending_names


def _subset(disk: Disk, chance: random.Random) -> Chosen:
    return _some(disk.pending_writes, chance, chance.random()), _names(disk, chance)


def _shuffled(disk: Disk, chance: random.Random) -> Chosen:
    """Apply the writes in another order, so that of two writes to one place the older one may win."""
    writes = _some(disk.pending_writes, chance, 0.8)
    chance.shuffle(writes)
    return writes, disk.pending_names


def _torn(size: int) -> Callable[[Disk, random.Random], Chosen]:
    def torn(disk: Disk, chance: random.Random) -> Chosen:
        pieces = [piece for write in disk.pending_writes for piece in _pieces(write, size)]
        return _some(pieces, chance, chance.random()), disk.pending_names

    return torn


def _last_torn(disk: Disk, chance: random.Random) -> Chosen:
    if not disk.pending_writes:
        return [], disk.pending_names
    pieces = _pieces(disk.pending_writes[-1], SECTOR)
    return [*disk.pending_writes[:-1], *pieces[: chance.randint(0, len(pieces) - 1)]], disk.pending_names


def _sized(disk: Disk, chance: random.Random) -> Chosen:
    """Let files grow to their new sizes, with zeros in place of some of the data."""
    grown = [
        Write(write.file, write.offset + len(write.data) - 1, b"\0")
        for write in disk.pending_writes
        if write.size is None and write.offset + len(write.data) > len(disk.contents[write.file])
    ]
    return [*grown, *_some(disk.pending_writes, chance, chance.random() / 2)], disk.pending_names


PATTERNS: dict[str, Callable[[Disk, random.Random], Chosen]] = {
    "all": _all,
    "none": _none,
    "a beginning": _beginning,
    "an end": _end,
    "a subset": _subset,
    "another order": _shuffled,
    "torn sectors": _torn(SECTOR),
    "torn pages": _torn(PAGE),
    "the last one torn": _last_torn,
    "sizes and zeros": _sized,
}


@dataclass(frozen=True)
class Image:
    """The files after a crash.

    Attributes:
        where: the last operation before the crash, and the pattern of damage.
        files: content by name.
        progress: what the scenario had reported by then.
    """

    where: str
    files: dict[str, bytes]
    progress: Progress

    def write(self, directory: Path) -> None:
        """Replace the content of a directory with these files."""
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for name, data in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_bytes(data)


def images(recording: Recording, chance: random.Random, rounds: int, before: Progress) -> Iterator[Image]:
    """Yield a crash after each operation of a recording, with each pattern of damage.

    Args:
        recording: of a scenario.
        chance: decides what is lost.
        rounds: how often each random pattern is drawn; the other patterns come once.
        before: the progress of an earlier scenario in the same directory.
    """
    for number, disk in enumerate(recording.states()):
        now = Progress.of(disk.lines)
        done = (*before.done, *now.done)
        progress = Progress(done, tuple(s for s in (*before.unsure, *now.unsure) if s not in done))
        for name, pattern in PATTERNS.items():
            unsynced = disk.pending_writes or disk.pending_names
            if not unsynced and name != "all":
                continue  # there is nothing to damage
            for _ in range(1 if name in ("all", "none") else rounds):
                yield Image(
                    f"after operation {number}, {name}", _image(disk, *pattern(disk, chance)), progress
                )


def _image(disk: Disk, writes: list[Write], changes: list[Name]) -> dict[str, bytes]:
    contents = {file: bytearray(data) for file, data in disk.contents.items()}
    for write in writes:
        apply_write(contents[write.file], write)
    names = dict(disk.names)
    for change in changes:
        if change.file is None:
            names.pop(change.name, None)
        else:
            names[change.name] = change.file
    return {name: bytes(contents[file]) for name, file in names.items()}
