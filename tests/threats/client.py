"""A client with a file of message ids in a folder, and one identity that is introduced there."""

from pathlib import Path

from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores.sqlite.message_ids import SqliteMessageIds

ME = 7
IDENTIFIER = rln_identifier("example.com", 60)


def epoch(index: int) -> Epoch:
    return Epoch.of(index, 60, IDENTIFIER)


def opened(folder: Path) -> SqliteMessageIds:
    return SqliteMessageIds(folder / "ids.db")


def spent(folder: Path, index: int, count: int) -> list[int]:
    """Reserve `count` ids in an epoch, one by one, and return them; open and close the file."""
    ids = opened(folder)
    try:
        return [ids.reserve(ME, epoch(index), 1000)[0] for _ in range(count)]
    finally:
        ids.close()


def introduced(folder: Path) -> Path:
    ids = opened(folder)
    ids.introduce(ME)
    ids.close()
    return folder
