"""Groups: open a group by a URI or on an open registry, from a snapshot if there is one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rln.base.arguments import file_path, instance, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.base.injected import callback, implements
from rln.errors import EncodingError, IntegrityAlarm, ParameterError, StoreUnavailable
from rln.group.group import DEFAULT_WINDOW, Group
from rln.group.ports import MemberRegistry
from rln.group.replica import Progress, TreeSnapshot
from rln.group.window_size import WindowSize
from rln.stores import MEMBERS, open_existing_members, open_members
from rln.stores.snapshot import read_snapshot, write_snapshot
from rln.stores.uri import StoreUri

DEFAULT_WINDOW_SECONDS: Final = 60.0
"""How long a replaced root stays acceptable, whatever the number of members who join in that time."""


def open_group(
    uri: str,
    depth: int = 20,
    limit_bits: int = 16,
    window: WindowSize | None = None,
    *,
    now: Callable[[], float] | None = None,
    interval: float = 1.0,
    threads: int | None = None,
    snapshot: Path | str | None = None,
    progress: Progress = lambda part: None,
) -> Group:
    """Open a group; create its registry if it does not exist. End it with `close_group`.

    Args:
        uri: URI of the registry, as for `rln.stores.open_members`.
        depth, limit_bits, interval, threads: as for `Group`.
        window: how long replaced roots stay acceptable; None means 60 seconds, or without `now` 64 roots.
        now: returns unix time in seconds, the `now` of an `EpochClock`. Required for a stored registry:
            without it, the steps have no time, and a window in seconds drops each replaced root at once.
        snapshot: a file to start from. If it is missing, the tree is built from all events. If it is damaged,
            of another group, or newer than the registry, a warning says so and the tree is built from all
            events. If it is older, the missing steps are added.
        progress: is called with the part of the tree that is built, 0 to 1.

    Raises:
        ParameterError: an argument outside its range, a registry of another depth or limit, or a stored
            registry without `now`.
        IntegrityAlarm: the events of the registry do not give its roots.
        StoreUnavailable: the registry cannot be reached.
    """
    _check_options(window, now, snapshot)
    if now is None and StoreUri.parse(uri, MEMBERS).scheme != "memory":
        raise ParameterError(
            "group: expected `now`, a clock: a stored registry records the time of each step, and without it "
            "a window in seconds drops every replaced root at once; pass `clock.now`"
        )
    registry = open_members(uri, depth, limit_bits)
    try:
        return build_group(
            registry,
            window,
            now=now,
            interval=interval,
            threads=threads,
            snapshot=snapshot,
            progress=progress,
        )
    except BaseException:
        registry.close()
        raise


def open_existing_group(
    uri: str, depth: int, limit_bits: int, window: WindowSize, *, now: Callable[[], float]
) -> Group:
    """Open the group of a registry that exists. End it with `close_group`.

    A registry that is made instead would have no members: the URI is wrong, or the registry is lost.

    Args:
        uri: sqlite:///path, or postgresql://.
        depth, limit_bits: those that the registry must have.
        window, now: as for `open_group`.

    Raises:
        ParameterError: not such a URI, or a registry of another depth or limit.
        IntegrityAlarm: the events of the registry do not give its roots.
        StoreUnavailable: there is no registry, or it cannot be reached.
    """
    whole(depth, "depth", 1, MAX_DEPTH)
    whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
    instance(window, WindowSize, "window")
    callback(now, "now")
    registry = open_existing_members(uri)
    try:
        if (registry.depth, registry.limit_bits) != (depth, limit_bits):
            raise ParameterError(
                f"members: expected depth {depth} and {limit_bits} bits of limit, got {registry.depth} and "
                f"{registry.limit_bits}: it is the registry of another provider"
            )
        return build_group(registry, window, now=now)
    except BaseException:
        registry.close()
        raise


def build_group(
    registry: MemberRegistry,
    window: WindowSize | None = None,
    *,
    now: Callable[[], float] | None = None,
    interval: float = 1.0,
    threads: int | None = None,
    snapshot: Path | str | None = None,
    progress: Progress = lambda part: None,
) -> Group:
    """Build the group of an open registry, with the registry's depth and limit.

    Args:
        registry: the caller closes it.
        window, now, interval, threads, snapshot, progress: as for `open_group`.

    Raises:
        As `open_group`.
    """
    implements(registry, MemberRegistry, "registry")
    _check_options(window, now, snapshot)
    if window is None:
        window = DEFAULT_WINDOW if now is None else WindowSize(seconds=DEFAULT_WINDOW_SECONDS, now=now)

    def built(start: TreeSnapshot | None) -> Group:
        return Group(
            registry.depth,
            registry.limit_bits,
            window,
            registry=registry,
            now=now,
            interval=interval,
            threads=threads,
            start=start,
            progress=progress,
        )

    place = None if snapshot is None else file_path(snapshot, "snapshot")
    start = None if place is None or not place.exists() else _read_usable(place, registry)
    if start is not None:
        try:
            return built(start)
        except IntegrityAlarm as error:
            _warn(error)
    return built(None)


def close_group(group: Group, snapshot: Path | str | None = None) -> None:
    """Close a group's registry. With `snapshot`, write a snapshot to that path first.

    Raises:
        StoreUnavailable: the snapshot was not written; the registry is closed nevertheless.
    """
    instance(group, Group, "group")
    place = None if snapshot is None else file_path(snapshot, "snapshot")
    try:
        if place is not None:
            write_snapshot(group.picture(), place)
    finally:
        group.registry.close()


def _check_options(
    window: WindowSize | None, now: Callable[[], float] | None, snapshot: Path | str | None
) -> None:
    """Check what a group is opened with, before its registry is made or its snapshot read."""
    if window is not None:
        instance(window, WindowSize, "window")
    if now is not None:
        callback(now, "now")
    if snapshot is not None:
        file_path(snapshot, "snapshot")


def _read_usable(path: Path, registry: MemberRegistry) -> TreeSnapshot | None:
    """Return the tree in a snapshot, or None with a warning if it does not fit this registry."""
    try:
        loaded = read_snapshot(path)
        newest = registry.head().number
        if loaded.tree.depth != registry.depth:
            raise EncodingError(f"snapshot: {path}: expected depth {registry.depth}, got {loaded.tree.depth}")
        if loaded.step > newest:
            raise EncodingError(f"snapshot: {path}: expected step {newest} or earlier, got {loaded.step}")
        if registry.root_changes_after(loaded.step - 1).roots[0][1] != loaded.tree.root:
            raise EncodingError(f"snapshot: {path}: its root is not the root of step {loaded.step}")
    except (EncodingError, StoreUnavailable) as error:
        _warn(error)
        return None
    return loaded


def _warn(error: Exception) -> None:
    warnings.warn(f"the snapshot is not used: {error}", stacklevel=4)
