"""Mirror files: a mirror is stored as the bulletin that brings an empty mirror to its step.

The file has no signature: this machine wrote it from bulletins whose signatures it had checked. A damaged
file is refused, because its leaves do not give its root.
"""

from __future__ import annotations

from pathlib import Path

from rln.atomic_files import write_file
from rln.base.arguments import file_path, instance, thread_count, whole
from rln.base.bounds import MAX_DEPTH
from rln.errors import EncodingError, GroupRefused
from rln.sync.bulletin import MAX_BYTES, Bulletin
from rln.sync.mirror import MIN_MEMBERS, Mirror


def load_mirror(path: Path | str, *, min_members: int = MIN_MEMBERS, threads: int | None = None) -> Mirror:
    """Read a mirror, and build its tree.

    Args:
        path: path of the file.
        min_members, threads: as for `Mirror`.

    Raises:
        EncodingError: the file does not hold a mirror, or is damaged.
        InputError: a number in it is outside its range.
        OSError: the file cannot be read.
    """
    whole(min_members, "min_members", 1, 1 << MAX_DEPTH)
    thread_count(threads)
    path = file_path(path, "path")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    bulletin = Bulletin.decode(data)
    mirror = Mirror(bulletin.depth, bulletin.limit_bits, min_members=min_members, threads=threads)
    try:
        mirror.apply(bulletin)
    except GroupRefused as error:
        raise EncodingError(
            f"mirror: expected a whole tree, got a damaged file ({error}); import the bulletins again"
        ) from error
    return mirror


def save_mirror(path: Path | str, mirror: Mirror) -> None:
    """Write a mirror, whole or not at all, with mode 0600.

    Raises:
        ParameterError: the mirror is empty, or takes more than `MAX_BYTES`.
        OSError: the file was not written; an older file is unchanged.
    """
    instance(mirror, Mirror, "mirror")
    path = file_path(path, "path")
    write_file(path, mirror.whole().encode(), 0o600)
