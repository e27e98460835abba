"""BulletinSite: the signed bulletins of a registry as files that never change, and an index of them.

    index.json  {"bulletins": [{"after": 0, "last": 9, "name": "0-9-….bulletin"}, …], "step": 12}
    0-9-….bulletin  the whole tree at step 9
    9-12-….bulletin  what changed between two steps

The index has one bulletin from step 0, and a chain of changes to the newest step. A new reader takes the
whole tree and then the chain; another reader goes on from its own step, if it is not too old. When the chain
has grown by `CHAIN`, the whole tree is written again, and twice as many changes stay for slow readers.

All readers get the same bytes, whoever they are. A file appears whole, before the index that names it, and
stays for an hour after the last index that names it.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rln.atomic_files import write_file
from rln.base import canonical_json
from rln.base.arguments import file_path, instance, text
from rln.base.bounds import MAX_STORED
from rln.base.injected import implements
from rln.errors import EncodingError, IntegrityAlarm, RlnError, StoreUnavailable
from rln.group.ports import RegistryReader
from rln.group.step_pages import read_step
from rln.sync.bulletin_folder import BULLETIN_SUFFIX, read_bulletin
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey, open_bulletin

INDEX: Final = "index.json"
CHAIN: Final = 64
"""Changes after which the whole tree is written again; twice as many are kept."""

_KEEP_SECONDS: Final = 3600
_MAX_INDEX_BYTES: Final = 1 << 16
_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,15})-([1-9][0-9]{0,15})-[0-9a-f]{16}\.bulletin\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """A bulletin of the index.

    Attributes:
        after, last: the steps between which it leads.
        name: of its file.
    """

    after: int
    last: int
    name: str

    def __post_init__(self) -> None:
        found = _NAME.match(text(self.name, "name"))
        if found is None or (int(found[1]), int(found[2])) != (self.after, self.last):
            raise EncodingError(f"name: expected one that says its steps, got {self.name[:80]!r}")


class BulletinSite:
    """A directory of bulletins, which one thread of one process writes; any thread may read `path`.

    A forked child may read. There is nothing to close.

    Args:
        directory: made if it does not exist; nothing else should be in it.
        registry: of the group.
        key: signs the bulletins.

    Raises:
        StoreUnavailable: the directory or its index cannot be used.
        IntegrityAlarm: the index leads to a step that the registry does not have, or that has another root:
            the registry was restored. Readers would refuse its bulletins.
    """

    def __init__(self, directory: Path | str, registry: RegistryReader, key: RegistrarKey) -> None:
        implements(registry, RegistryReader, "registry")
        instance(key, RegistrarKey, "key")
        self._directory = file_path(directory, "directory")
        self._registry = registry
        self._key = key
        try:
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._parts = self._read_index()
            self._check_last()
            if not self._parts and not (self._directory / INDEX).exists():
                self._write_index([])
        except OSError as error:
            raise self._unavailable(error) from error

    @property
    def step(self) -> int:
        """The newest step that is published."""
        return max((part.last for part in self._parts), default=0)

    def publish(self) -> bool:
        """Publish the steps that are new in the registry; return whether there were any.

        Raises:
            StoreUnavailable: the registry cannot be read, or a file cannot be written; call it again.
            IntegrityAlarm: the registry is behind the index.
        """
        head, step = self._registry.head().number, self.step
        if head < step:
            raise self._alarm(head)
        if head == step:
            return False
        try:
            parts = [*self._parts, self._write(step, head)]
            changes = [part for part in parts if part.after]
            whole = next((part for part in parts if part.after == 0), None)
            if whole is None or sum(part.after >= whole.last for part in changes) > CHAIN:
                whole = self._write(0, head)
            kept = [whole, *changes[-2 * CHAIN :]]
            self._write_index(kept)
            self._parts = kept
            self._clean({part.name for part in kept})
        except OSError as error:
            raise self._unavailable(error) from error
        return True

    def path(self, name: str) -> Path | None:
        """Return the file of a name that a reader asks for, or None if there is no such file."""
        if name != INDEX and not _NAME.match(text(name, "name")):
            return None
        path = self._directory / name
        return path if path.is_file() else None

    def __repr__(self) -> str:
        return f"BulletinSite({str(self._directory)!r}, step {self.step})"

    def _write(self, after: int, last: int) -> Part:
        data = self._key.sign(bulletin_since(self._registry, after, last))
        digest = hashlib.sha256(data).hexdigest()[:16]
        part = Part(after, last, f"{after}-{last}-{digest}{BULLETIN_SUFFIX}")
        write_file(self._directory / part.name, data, 0o644)
        return part

    def _write_index(self, parts: list[Part]) -> None:
        listed = [{"after": part.after, "last": part.last, "name": part.name} for part in parts]
        step = max((part.last for part in parts), default=0)
        write_file(self._directory / INDEX, canonical_json.write({"bulletins": listed, "step": step}), 0o644)

    def _read_index(self) -> list[Part]:
        path = self._directory / INDEX
        if not path.exists():
            return []
        with path.open("rb") as file:
            data = file.read(_MAX_INDEX_BYTES + 1)
        try:
            content = canonical_json.read(data, "index", _MAX_INDEX_BYTES)
            found = canonical_json.fields(content, "index", ("bulletins", "step"))
            parts = [_part_of(one) for one in canonical_json.items(found["bulletins"], "bulletins")]
        except RlnError as error:
            raise StoreUnavailable(
                f"bulletins: {path}: {error}; restore the file, or delete the directory: then "
                "readers begin again"
            ) from error
        return parts

    def _check_last(self) -> None:
        """Compare the newest bulletin with the registry."""
        if not self._parts:
            return
        head = self._registry.head().number
        if head < self.step:
            raise self._alarm(head)
        last = next(part for part in self._parts if part.last == self.step)
        bulletin = open_bulletin(read_bulletin(self._directory / last.name), self._key.public_key)
        if bulletin.root != read_step(self._registry, last.last).root:
            raise self._alarm(head)

    def _clean(self, kept: set[str]) -> None:
        """Delete files that no index of the last hour names."""
        old = time.time() - _KEEP_SECONDS
        for path in self._directory.iterdir():
            if _NAME.match(path.name) and path.name not in kept and path.stat().st_mtime < old:
                path.unlink()

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"bulletins: {self._directory}: {error.strerror}")

    def _alarm(self, head: int) -> IntegrityAlarm:
        return IntegrityAlarm(
            f"bulletins: {self._directory}: step {self.step} is published, and the registry, at step {head}, "
            "has not led there: it was restored or exchanged; members refuse its bulletins: make another key"
        )


def _part_of(value: object) -> Part:
    found = canonical_json.fields(value, "bulletin", ("after", "last", "name"))
    return Part(
        canonical_json.integer(found["after"], "after", 0, MAX_STORED),
        canonical_json.integer(found["last"], "last", 1, MAX_STORED),
        canonical_json.text(found["name"], "name"),
    )
