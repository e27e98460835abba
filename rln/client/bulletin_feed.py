"""BulletinFeed: the bulletins that a provider publishes as files, applied to a mirror.

    {bulletins}index.json    {"bulletins": [{"after": 0, "last": 7, "name": "….bulletin"}, …], "step": 7}
    {bulletins}NAME          a signed bulletin

The index is not signed. It can delay a reader, and nothing else: a bulletin counts only if it is signed and
its leaves give its root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import fixed_bytes, instance, text
from rln.base.bounds import MAX_STORED
from rln.base.injected import implements
from rln.client.web import Web
from rln.errors import EncodingError, GroupRefused, InputError, ProviderUnavailable
from rln.sync.bulletin import Bulletin
from rln.sync.mirror import Mirror
from rln.sync.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, open_bulletin

INDEX: Final = "index.json"
MAX_INDEX: Final = 1 << 20
"""Bytes of the largest index, about 10,000 bulletins."""

MOST_AT_ONCE: Final = 1000
"""Bulletins that one look takes; the next look goes on."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.bulletin\Z")


@dataclass(frozen=True, slots=True)
class _Entry:
    after: int
    last: int
    name: str


class BulletinFeed:
    """The published bulletins of one group. It has no state, so threads may share it.

    Args:
        url: of the bulletins, with a slash at its end.
        public_key: of the registrar, 32 bytes; the key that you have pinned.
        web: fetches.
    """

    def __init__(self, url: str, public_key: bytes, web: Web) -> None:
        self._url = text(url, "url")
        self._public_key = fixed_bytes(public_key, PUBLIC_KEY_BYTES, "public key")
        implements(web, Web, "web")
        self._web = web

    def update(self, mirror: Mirror) -> bool:
        """Fetch the index, and every bulletin that continues from the mirror; return whether there were any.

        A site keeps the last changes only. A mirror that is older takes the whole tree.

        Raises:
            ProviderUnavailable: something could not be fetched.
            EncodingError: the index has another form.
            GroupRefused: a bulletin that the key has signed contradicts the mirror.
        """
        instance(mirror, Mirror, "mirror")
        step, entries = _read_index(self._web.fetch(self._url + INDEX, MAX_INDEX))
        max_bytes = Bulletin.most_bytes(mirror.depth) + SIGNATURE_BYTES
        began = mirror.step
        for _ in range(MOST_AT_ONCE):
            at = mirror.step
            entry = _farthest(one for one in entries if one.after == at)
            if entry is None:  # too old for the changes that are left
                entry = _farthest(one for one in entries if one.after == 0 and one.last > at)
            if entry is None:
                break
            data = self._web.fetch(self._url + entry.name, max_bytes)
            try:
                bulletin = open_bulletin(data, self._public_key)
            except (GroupRefused, InputError) as error:  # of whoever stands in between; try again
                raise ProviderUnavailable(f"{entry.name}: {error}") from error
            if (bulletin.after, bulletin.last) != (entry.after, entry.last):
                raise ProviderUnavailable(
                    f"{entry.name}: expected steps {entry.after} to {entry.last} as the index says, "
                    f"got {bulletin.after} to {bulletin.last}"
                )
            if bulletin.after == mirror.step:
                mirror.apply(bulletin)
            else:
                mirror.catch_up(bulletin)
        if entry is None and mirror.step < step:
            raise ProviderUnavailable(
                f"{INDEX}: it leads to step {step}, and has no bulletin that continues from {mirror.step}"
            )
        return mirror.step > began


def _farthest(entries: Iterable[_Entry]) -> _Entry | None:
    return max(entries, key=lambda one: one.last, default=None)


def _read_index(data: bytes) -> tuple[int, list[_Entry]]:
    content = canonical_json.fields(
        canonical_json.read(data, "index", MAX_INDEX), "index", ("bulletins", "step")
    )
    step = canonical_json.integer(content["step"], "step", 0, MAX_STORED)
    entries = []
    for one in canonical_json.items(content["bulletins"], "bulletins"):
        found = canonical_json.fields(one, "bulletin", ("after", "last", "name"))
        after = canonical_json.integer(found["after"], "after", 0, MAX_STORED - 1)
        last = canonical_json.integer(found["last"], "last", after + 1, MAX_STORED)
        name = canonical_json.text(found["name"], "name")
        if not _NAME.match(name):
            raise EncodingError(f"name: expected a file name that ends in .bulletin, got {name[:40]!r}")
        entries.append(_Entry(after, last, name))
    return step, entries
