"""Images: what a disk may show after a crash, each made of what was synced and some of what was not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.recording import Disk, Name, Recording, Write, apply_write
from tests.faults.scenario import Told

SECTOR, PAGE = 512, 4096

Chosen = tuple[list[Write], list[Name]]


def _pieces(write: Write, size: int) -> list[Write]:
    """A write cut where the disk may cut it: at multiples of a size in the file."""
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
    """A beginning of the changes of names: they do not overtake each other."""
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
    """In another order: of two writes to one place the older one may stand there at last."""
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
    """Files have grown to their sizes, and what was written there is zeros."""
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
        where: which operation came last, and what happened to the unsynced ones.
        files: by name.
        told: what the story had said by then.
    """

    where: str
    files: dict[str, bytes]
    told: Told

    def write(self, directory: Path) -> None:
        """Put the files, and nothing else, into a directory."""
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for name, data in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_bytes(data)


def images(recording: Recording, chance: random.Random, rounds: int, before: Told) -> Iterator[Image]:
    """Every prefix of a recording with every pattern of damage, several times over.

    Args:
        recording: of a story.
        chance: decides what is lost.
        rounds: times that each pattern is drawn; those without chance come once.
        before: what an earlier story had said.
    """
    for number, disk in enumerate(recording.states()):
        now = Told.of(disk.lines)
        done = (*before.done, *now.done)
        told = Told(done, tuple(s for s in (*before.unsure, *now.unsure) if s not in done))
        for name, pattern in PATTERNS.items():
            unsynced = disk.pending_writes or disk.pending_names
            if not unsynced and name != "all":
                continue  # nothing to damage
            for _ in range(1 if name in ("all", "none") else rounds):
                yield Image(f"after operation {number}, {name}", _image(disk, *pattern(disk, chance)), told)


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
