"""The file of a mirror: the bulletin that leads an empty one to its step.

It has no signature, since it is this machine's own: what came in was checked. Whatever happens to the file,
it is no mirror any more unless its leaves still lead to its root.
"""

from __future__ import annotations

from pathlib import Path

from rln.atomic_files import write_file
from rln.errors import EncodingError, GroupRefused
from rln.sync.bulletin import MAX_BYTES, Bulletin
from rln.sync.mirror import MIN_MEMBERS, Mirror


def load_mirror(path: Path, *, min_members: int = MIN_MEMBERS, threads: int | None = None) -> Mirror:
    """Read a mirror, and build its tree.

    Args:
        path: of the file.
        min_members, threads: as for `Mirror`.

    Raises:
        EncodingError: not the file of a mirror, or it is damaged.
        InputError: numbers that no mirror has.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    bulletin = Bulletin.decode(data)
    mirror = Mirror(bulletin.depth, bulletin.limit_bits, min_members=min_members, threads=threads)
    try:
        mirror.apply(bulletin)
    except GroupRefused as error:
        raise EncodingError(f"mirror: expected a whole tree, got a damaged file: {error}") from error
    return mirror


def save_mirror(path: Path, mirror: Mirror) -> None:
    """Write a mirror, whole or not at all, with mode 0600.

    Raises:
        ParameterError: an empty one, or one of more than `MAX_BYTES`.
        OSError: it was not written; what stood there before still does.
    """
    write_file(path, mirror.whole().encode(), 0o600)
