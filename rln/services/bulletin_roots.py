"""BulletinRoots: the acceptable roots of a group whose registrar publishes bulletins.

A mirror applies the bulletins, and computes each root itself. A bulletin's root becomes acceptable with it,
and stays so for the window after the next one; when a bulletin removes members, the roots before it are
retired, because those members could go on with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Final

from rln.base import forks
from rln.base.arguments import fixed_bytes, instance
from rln.base.extras import require
from rln.base.torn_lock import StateLock, in_child
from rln.client.bulletin_feed import BulletinFeed
from rln.client.web import PlainWeb
from rln.errors import ProviderUnavailable, StoreUnavailable
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize
from rln.sync.bulletin import Bulletin
from rln.sync.bulletin_folder import BulletinFolder
from rln.sync.mirror import Mirror

_SECONDS: Final = 30.0
"""For one answer of the site; a message waits for 3 seconds, the first tree may be large."""


class BulletinRoots:
    """A `RootSource` that follows bulletins by `refresh`. Safe to use from several threads.

    A forked child has a copy, which it refreshes on its own. It needs no event loop, and there is nothing to
    close.

    Args:
        place: directory of bulletins, or URL with a slash at its end.
        public_key: of the registrar, 32 bytes; the key that you have pinned.
        depth, limit_bits: of the group.
        size: how long a replaced root stays acceptable; its clock is that of the node.

    Raises:
        InputError: an argument is wrong.
        GroupRefused: a bulletin that the key has signed contradicts another one.
        StoreUnavailable: the bulletins cannot be read, or there are none.
    """

    def __init__(
        self, place: Path | str, public_key: bytes, depth: int, limit_bits: int, size: WindowSize
    ) -> None:
        require("cryptography", "relay")
        instance(size, WindowSize, "size")
        fixed_bytes(public_key, 32, "public key")
        self._mirror = _Recording(depth, limit_bits)
        self._update = _update(place, self._mirror, public_key)
        self._lock: StateLock = threading.Lock()
        self._look()
        found = self._mirror.taken()
        if not found:
            raise StoreUnavailable(f"bulletins: expected at least one in {place}, got none yet")
        self._history = RootHistory([found[0][0]], size)
        roots = [(number, root, at) for number, (root, at, _) in enumerate(found)]
        retired = [range(number) for number, (_, _, removes) in enumerate(found) if removes]
        self._history.restore(roots, retired[-1:], len(found) - 1, -inf)
        self._window = self._history.window
        forks.register(self)

    def __repr__(self) -> str:
        return f"BulletinRoots(step {self._mirror.step})"

    @property
    def step(self) -> int:
        """The step of the group that the mirror has reached."""
        return self._mirror.step

    def refresh(self) -> None:
        """Apply new bulletins. If that fails, the roots stay as they are.

        Raises:
            GroupRefused, StoreUnavailable: as for the class.
        """
        with self._lock:
            try:
                self._look()
            finally:
                for root, at, removes in self._mirror.taken():
                    known = [range(self._history.known + 1)] if removes else []
                    self._history.extend([(root, at)], known)

    def __bool__(self) -> bool:
        """Return True: a source of roots that are all retired is a source."""
        return True

    def __contains__(self, root: object) -> bool:
        return root in self._window

    def __iter__(self) -> Iterator[int]:
        return iter(self._window)

    def __len__(self) -> int:
        return len(self._window)

    def _look(self) -> None:
        try:
            self._update()
        except ProviderUnavailable as error:
            raise StoreUnavailable(f"bulletins: {error}; try again later") from error
        except OSError as error:
            raise StoreUnavailable(f"bulletins: they cannot be read: {error.strerror}") from error

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = in_child(torn, "bulletins", "make new BulletinRoots")


class _Recording(Mirror):
    """A mirror that remembers each root that it has reached, its time, and whether members were removed."""

    def __init__(self, depth: int, limit_bits: int) -> None:
        super().__init__(depth, limit_bits)
        self._reached: list[tuple[int, float, bool]] = []

    def apply(self, bulletin: Bulletin) -> None:
        super().apply(bulletin)
        self._reached.append((bulletin.root, bulletin.at / 1000, bool(bulletin.gone)))

    def taken(self) -> list[tuple[int, float, bool]]:
        """Return what was reached since the last call."""
        reached, self._reached = self._reached, []
        return reached


def _update(place: Path | str, mirror: Mirror, public_key: bytes) -> Callable[[], object]:
    if isinstance(place, str):
        feed = BulletinFeed(place, public_key, PlainWeb(seconds=_SECONDS))
        return lambda: feed.update(mirror)
    return BulletinFolder(place, mirror, public_key).apply_new
