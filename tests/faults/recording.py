"""Recording: what a scenario wrote, operation by operation, read from strace's log.

Only synced data is surely on the disk: the contents of a file after fsync or fdatasync of the file, and names
after fsync of their directory. All other data may be on the disk or not, in any order and in parts. Names
change in order, because file systems write them to a journal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRACED = (
    "openat,close,pwrite64,write,writev,lseek,ftruncate,fsync,fdatasync,"
    "unlink,unlinkat,rename,renameat,renameat2"
)
OPTIONS = ("-xx", "-s", "1000000", "-e", f"trace={TRACED}")

_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
SHARED_MEMORY = "-shm"


@dataclass(frozen=True)
class Write:
    """Bytes written at an offset of a file, or a new size of the file."""

    file: int
    offset: int
    data: bytes
    size: int | None = None


@dataclass(frozen=True)
class Name:
    """A name that now means another file, or no file."""

    name: str
    file: int | None


@dataclass
class Disk:
    """What is surely on the disk, and what may be.

    Attributes:
        names, contents: synced data: file by name, bytes by file.
        pending_names, pending_writes: unsynced changes, in order.
        lines: what the scenario has reported so far.
    """

    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    pending_names: list[Name] = field(default_factory=list)
    pending_writes: list[Write] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def apply_write(content: bytearray, write: Write) -> None:
    """Apply one write to the bytes of its file; a gap before it is filled with zeros."""
    if write.size is not None:
        del content[write.size :]
        content.extend(bytes(write.size - len(content)))
        return
    end = write.offset + len(write.data)
    content.extend(bytes(max(end - len(content), 0)))
    content[write.offset : end] = write.data


class Recording:
    """A scenario's operations on the files of one directory.

    Args:
        trace: strace's log.
        directory: of the scenario's files.
        before: content of the files at the start, by name.
    """

    def __init__(self, trace: str, directory: Path, before: dict[str, bytes]) -> None:
        self._directory = str(directory)
        self._trace = trace
        self._before = before

    def states(self) -> Iterator[Disk]:
        """Yield the disk before the first operation and after each one; it is one object that changes."""
        disk = Disk()
        for number, (name, data) in enumerate(self._before.items()):
            disk.names[name] = number
            disk.contents[number] = data
        self._now = dict(disk.names)
        self._sizes = {number: len(data) for number, data in disk.contents.items()}
        self._open: dict[int, int | None] = {}
        self._positions: dict[int, int] = {}
        yield disk
        for line in self._trace.splitlines():
            found = _CALL.match(line)
            if found is None:
                assert line.startswith(("+++", "---")), line[:200]
                continue
            call, text, result = found[1], found[2], int(found[3])
            if result < 0:
                continue
            matches = _TEXT.findall(text)
            assert not any(cut for _, cut in matches), "strace has truncated a string"
            texts = [bytes.fromhex(match.replace("\\x", "")) for match, _ in matches]
            numbers = _TEXT.sub("", text)
            if self._follow(disk, call, numbers, texts, result):
                yield disk

    def _follow(self, disk: Disk, call: str, rest: str, texts: list[bytes], result: int) -> bool:
        """Apply a system call; return whether it changed the disk or the report."""
        if call == "openat":
            return self._follow_open(disk, texts[0].decode(), rest, result)
        if call in ("unlink", "unlinkat"):
            return self._rename(disk, texts[0].decode(), None)
        if call.startswith("rename"):
            return self._rename(disk, texts[0].decode(), texts[1].decode())
        descriptor = int(re.match(r"\d+", rest)[0])  # type: ignore[index]
        if call == "writev" and descriptor == 1:
            disk.lines += b"".join(texts).decode().splitlines()
            return True
        if descriptor not in self._open:
            return False
        file = self._open[descriptor]
        if call == "close":
            del self._open[descriptor]
        elif call in ("fsync", "fdatasync"):
            self._sync(disk, file)
            return True
        elif file is None:
            return False
        elif call == "lseek":
            self._positions[descriptor] = result
        elif call == "ftruncate":
            self._sizes[file] = int(rest.split(",")[1])
            disk.pending_writes.append(Write(file, 0, b"", self._sizes[file]))
            return True
        else:
            offset = int(rest.split(",")[-1]) if call == "pwrite64" else self._positions[descriptor]
            disk.pending_writes.append(Write(file, offset, texts[0][:result]))
            self._positions[descriptor] = offset + result
            self._sizes[file] = max(self._sizes[file], offset + result)
            return True
        return False

    def _inside(self, path: str) -> str | None:
        name = os.path.relpath(path, self._directory)
        return None if name.startswith("..") or name.endswith(SHARED_MEMORY) else name

    def _follow_open(self, disk: Disk, path: str, rest: str, descriptor: int) -> bool:
        name = self._inside(path)
        self._open.pop(descriptor, None)
        if name is None:
            return False
        if os.path.normpath(path) == self._directory or "O_DIRECTORY" in rest or "O_CREAT" not in rest:
            if name not in self._now:
                self._open[descriptor] = None  # a directory, for its names
                return False
        changed = False
        if name not in self._now:
            file = len(self._sizes)
            self._now[name], self._sizes[file] = file, 0
            disk.contents[file] = b""
            disk.pending_names.append(Name(name, file))
            changed = True
        file = self._now[name]
        if "O_TRUNC" in rest and self._sizes[file]:
            self._sizes[file] = 0
            disk.pending_writes.append(Write(file, 0, b"", 0))
            changed = True
        self._open[descriptor] = file
        self._positions[descriptor] = self._sizes[file] if "O_APPEND" in rest else 0
        return changed

    def _rename(self, disk: Disk, old: str, new: str | None) -> bool:
        source, target = self._inside(old), None if new is None else self._inside(new)
        if source is None:
            return False
        file = self._now.pop(source)
        if target is not None:
            self._now[target] = file
            disk.pending_names.append(Name(target, file))
        disk.pending_names.append(Name(source, None))
        return True

    def _sync(self, disk: Disk, file: int | None) -> None:
        """Make the pending writes of a file permanent, or, for a directory (None), all pending names."""
        if file is None:
            for change in disk.pending_names:
                if change.file is None:
                    disk.names.pop(change.name, None)
                else:
                    disk.names[change.name] = change.file
            disk.pending_names.clear()
            return
        content = bytearray(disk.contents[file])
        for write in disk.pending_writes:
            if write.file == file:
                apply_write(content, write)
        disk.contents[file] = bytes(content)
        disk.pending_writes = [write for write in disk.pending_writes if write.file != file]


def files_in(directory: Path) -> dict[str, bytes]:
    """Return the contents of a directory by name, without SQLite's shared memory, which a crash removes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith(SHARED_MEMORY)
    }
