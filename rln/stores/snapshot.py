"""Snapshot: a file with the tree of a group, which opens without building the tree.

    8 bytes   rln-tree
    u8        format
    u8        depth
    6 bytes   0
    u64       number of the step that the tree belongs to
    u64       number of leaves
    32 bytes  SHA-256 of everything else
    nodes     32 bytes each, level by level: the leaves, then the levels above them

Numbers are little-endian. The file is written to a temporary file, renamed, and never changed afterwards. It
is read once, into memory of this process, and that memory is hashed and used: whatever happens to the file
later does not reach the tree (threats F18). The tree uses this memory until a change copies a page of it.

A snapshot only saves time. The reader must check that the root of its tree is the registry's root at that
step. It contains no commitments, limits or secrets; leaves and nodes are public.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rln.atomic_files import write_file
from rln.base.bounds import MAX_DEPTH
from rln.errors import EncodingError, StoreUnavailable
from rln.group.replica import TreeSnapshot
from rln.merkle.level import NODE_BYTES
from rln.merkle.state import TreeState

_MAGIC: Final = b"rln-tree"
_FORMAT: Final = 1
_HEADER: Final = struct.Struct("<8sBB6sQQ")
_DIGEST: Final = hashlib.sha256().digest_size
_PIECE: Final = 1 << 20
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def write_snapshot(snapshot: TreeSnapshot, path: Path) -> None:
    """Write a snapshot of a group's tree, completely or not at all.

    Args:
        snapshot: from `rln.Group.picture`.
        path: path of the file; an existing file is replaced.

    Raises:
        StoreUnavailable: the file was not written, and the file that was there before is unchanged.
    """
    tree = snapshot.tree
    header = _HEADER.pack(_MAGIC, _FORMAT, tree.depth, bytes(6), snapshot.step, tree.next_index)
    try:
        write_file(path, [header, _digest(header, *tree.levels), *tree.levels], 0o600)
    except OSError as error:
        raise StoreUnavailable(f"snapshot: {path}: {error.strerror}") from error


def read_snapshot(path: Path) -> TreeSnapshot:
    """Read a snapshot into memory.

    Args:
        path: path of a regular file that belongs to this user or to root and that no other user may write.

    Returns:
        The snapshot; its nodes are views of one buffer, the only copy of the file in this process.

    Raises:
        EncodingError: another kind of file, or a damaged one.
        StoreUnavailable: no such file, one that other users may write, or one that became shorter meanwhile.
    """
    try:
        file = os.open(path, _OPEN_FLAGS)
        try:
            return _read(file, path)
        finally:
            os.close(file)
    except OSError as error:
        raise StoreUnavailable(f"snapshot: {path}: {error.strerror}") from error


def is_snapshot(path: Path) -> bool:
    """Tell whether a file starts like a snapshot; the rest is not checked.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _read(file: int, path: Path) -> TreeSnapshot:
    length = _checked_length(file, path)
    start = os.read(file, _HEADER.size + _DIGEST)
    if len(start) < _HEADER.size + _DIGEST:
        raise _became_shorter(path)
    header, expected = start[: _HEADER.size], start[_HEADER.size :]
    magic, form, depth, padding, number, next_index = _HEADER.unpack(header)
    if (magic, form, padding) != (_MAGIC, _FORMAT, bytes(6)):
        raise EncodingError(
            f"snapshot: {path}: expected the header of format {_FORMAT}, got {header[:16].hex()}"
        )
    if not 1 <= depth <= MAX_DEPTH or next_index > 1 << depth:
        raise EncodingError(f"snapshot: {path}: a tree cannot have depth {depth} and {next_index} leaves")
    sizes = [NODE_BYTES * width for width in TreeState.widths(depth, next_index)]
    if length != len(start) + sum(sizes):
        raise EncodingError(f"snapshot: {path}: expected {len(start) + sum(sizes)} bytes, got {length}")
    digest = hashlib.sha256(header)
    nodes = _read_nodes(file, sum(sizes), digest.update, path)
    if digest.digest() != expected:
        raise EncodingError(
            f"snapshot: {path}: expected digest {expected.hex()[:16]}…, got {digest.hexdigest()[:16]}…: "
            "it is damaged"
        )
    levels, at = [], 0
    for size in sizes:
        levels.append(nodes[at : at + size])
        at += size
    return TreeSnapshot(number, TreeState(depth, next_index, tuple(levels)))


def _checked_length(file: int, path: Path) -> int:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        raise StoreUnavailable(f"snapshot: {path}: expected a regular file of this user or of root")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreUnavailable(f"snapshot: {path}: other users may write it; run chmod go-w on it")
    if found.st_size < _HEADER.size + _DIGEST:
        raise EncodingError(f"snapshot: {path}: expected 64 bytes or more, got {found.st_size}")
    return found.st_size


def _read_nodes(file: int, size: int, digested: Callable[[memoryview], object], path: Path) -> memoryview:
    """Read into one new buffer, piece by piece, and digest each piece there."""
    nodes = memoryview(bytearray(size))
    done = 0
    while done < size:
        count = os.readv(file, [nodes[done : done + _PIECE]])
        if count == 0:
            raise _became_shorter(path)
        digested(nodes[done : done + count])
        done += count
    return nodes.toreadonly()


def _became_shorter(path: Path) -> StoreUnavailable:
    return StoreUnavailable(f"snapshot: {path}: it became shorter while it was read; write it again")


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()
