"""RegistryRoots: the acceptable roots of a registry, without a tree.

A verifier needs only these facts about a group: the newest roots, when each was replaced, and which of them
contain the leaf of a slashed member. All of them are in the registry, so the acceptable roots are the same
after a restart, and in every process. If the clock goes back, the roots are read again from the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rln.base.arguments import instance
from rln.base.injected import implements, time_source
from rln.errors import StoreUnavailable
from rln.group.freshness import Rereading
from rln.group.ports import MemberRegistry
from rln.group.root_tracker import RootTracker
from rln.group.root_window import RootWindow
from rln.group.window_size import WindowSize


class RegistryRoots:
    """A `RootSource` for a process that only verifies.

    It reads the registry at most every 0.1 seconds, so a slashing in another process takes effect here up to
    0.1 seconds later. It makes no steps: while the newest root contains a leaf that must be removed by now,
    reading the roots raises `StoreUnavailable`, until a group has made the step. With the older roots alone,
    current proofs would be refused because their root is unknown.

    Any number of threads may use it. One of them reads the registry; meanwhile the others use what was read
    at most a second ago. If that is too old, they wait for at most a second, and then get `StoreUnavailable`.
    In a forked child the next use reads the registry again, so later slashings are seen there, too; a
    registry in memory is not shared with the child, and refuses. The caller closes the registry; then every
    use raises `StoreUnavailable`.

    Args:
        registry: registry of the group.
        window: how long a replaced root stays acceptable.
        now: unix time in seconds, the `now` of an `EpochClock`.

    Raises:
        ParameterError: an argument of another type, or a registry without a method that is needed.
        StoreUnavailable: the registry cannot be read. Reading the roots raises it for
            the same reason, and while a removal is overdue.
    """

    def __init__(self, registry: MemberRegistry, window: WindowSize, now: Callable[[], float]) -> None:
        implements(registry, MemberRegistry, "registry")
        instance(window, WindowSize, "window")
        self._registry = registry
        self._now = time_source(now)
        self._rereading = Rereading(self._now())
        self._tracker = RootTracker(registry, window)
        self._window = RootWindow(self._tracker.history, self._follow)

    def __contains__(self, root: object) -> bool:
        return root in self._window

    def __iter__(self) -> Iterator[int]:
        return iter(self._window)

    def __len__(self) -> int:
        return len(self._window)

    def __bool__(self) -> bool:
        """Return True, without a look at the registry: there are roots, or reading them raises."""
        return True

    def __repr__(self) -> str:
        return f"RegistryRoots({self._registry!r})"

    def _follow(self) -> None:
        now = self._now()
        # A group may have made a due removal meanwhile: look for it each time.
        due = self._tracker.is_due(int(now * 1000))
        self._rereading.ensure(now, self._read, again=due or self._tracker.history.lacks_roots())
        self._tracker.retire_due(int(now * 1000))
        if self._tracker.is_overdue(int(now * 1000)):
            raise StoreUnavailable(
                "roots: the removal of a slashed member is overdue; open a group on this registry in a "
                "process, and call its `follow`"
            )

    def _read(self) -> None:
        if self._tracker.history.lacks_roots():
            self._tracker.rebuild(self._registry)
        else:
            self._tracker.follow(self._registry)
