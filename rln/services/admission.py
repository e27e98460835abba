"""Admission: brings the tree to what the accounts want, in batches, one step at a time.

A round does this, and can be killed anywhere:

1. follow: apply the registry's events to the accounts; among them are slashings by the middleware
2. settle: registrations that are ADMITTING and not in the tree, after a failure or a restart
3. remove: leaves that must go, and follow
4. admit: one batch in one step, and follow
5. publish: the bulletins

A batch is admitted when `batch` registrations are ready, or one has waited for `interval`. So a member's
first request does not follow the member's own join. A registration that replaces another one is ready when
its `ReplacementRules` say so; the old leaf is removed at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from rln.base.arguments import instance, whole
from rln.base.injected import callback
from rln.errors import AlreadyAMember, IntegrityAlarm, NotAMember
from rln.group.events import Event
from rln.group.group import Group
from rln.group.ports import RegistryReader
from rln.group.step_pages import read_steps
from rln.services.account_rows import AccountRegistration, Place
from rln.services.accounts import AccountStore
from rln.services.api_keys import AccountDirectory
from rln.services.bulletin_site import BulletinSite

MOST_AT_ONCE: Final = 10_000
"""Registrations of one step: other changes of the registry wait for about a second at most."""

_EVENTS: Final = 4096
"""Events of one transaction in the file of accounts, at least."""

_log = logging.getLogger("rln.registrar")


class Admission:
    """Moves registrations into the tree and out of it. One thread at a time may call it.

    A forked child is refused by its store. There is nothing to close.

    Args:
        accounts: what the accounts want.
        group: the group, which other processes may change too.
        directory: tells which accounts there still are.
        site: publishes the bulletins.
        now: returns unix time in seconds, that of the group.
        interval: the longest time that a registration waits when it is ready, 0 to 86,400 seconds.
        batch: so many ready ones are admitted at once, 1 to 10,000.
    """

    def __init__(
        self,
        accounts: AccountStore,
        group: Group,
        directory: AccountDirectory,
        site: BulletinSite,
        now: Callable[[], float],
        *,
        interval: int = 60,
        batch: int = 8,
    ) -> None:
        instance(accounts, AccountStore, "accounts")
        instance(group, Group, "group")
        instance(site, BulletinSite, "site")
        callback(now, "now")
        self._accounts = accounts
        self._group = group
        self._directory = directory
        self._site = site
        self._now = now
        self._interval = whole(interval, "interval", 0, 86_400) * 1000
        self._batch = whole(batch, "batch", 1, MOST_AT_ONCE)
        self._swept: float | None = None

    def round(self) -> None:
        """Do everything that is due now.

        Raises:
            StoreUnavailable: a store failed; the next round goes on from what is there.
            IntegrityAlarm: the registry is behind what the accounts know: it was restored.
        """
        self._group.follow()  # removes the slashed members whose removal is due
        self.follow(self._group.registry)
        self.settle()
        self.sweep()
        self.remove()
        self.admit()
        self._site.publish()

    def follow(self, reader: RegistryReader) -> None:
        """Apply the events of the registry that are new."""
        step, last = self._accounts.step, reader.head().number
        if last < step:
            raise IntegrityAlarm(
                f"accounts: they know step {step} of the registry, which is at step {last}: it was restored "
                "or exchanged; nobody is admitted: find out which members it has lost"
            )
        pending: list[tuple[int, Sequence[Event]]] = []
        count = 0
        for one, pages in read_steps(reader, step, last):
            for page in pages:
                pending.append((one.at, page))
                count += len(page)
                if count >= _EVENTS:
                    self._accounts.follow(pending, one.number - 1)
                    pending, count = [], 0
        if last > step:
            self._accounts.follow(pending, last)

    def settle(self) -> None:
        """Decide about the registrations whose step may have been written or not."""
        if not self._accounts.at(Place.ADMITTING):
            return
        # A commit whose answer was lost may still be under way; within a change of our own it is not.
        with self._group.registry.change() as change:
            self.follow(change)
            left = self._accounts.at(Place.ADMITTING)
            taken = [row.id for row in left if not _is_free(change, row.commitment)]
        self._accounts.give_back([row.id for row in left if row.id not in taken], taken)

    def sweep(self) -> None:
        """End the registrations of accounts that are no more, or may no longer have the tier."""
        now = self._now()
        if self._swept is not None and 0 <= now - self._swept < self._interval / 1000:
            return
        ended = 0
        for name, tier in self._accounts.open_tiers():
            try:
                account = self._directory.account_named(name)
            except Exception as error:  # noqa: BLE001 - a hook of the provider
                # Not known now is no reason to end anything; a hook may have no names at all.
                _log.debug("accounts are not swept: %s", type(error).__name__)
                break
            if account is None or tier not in account.tiers:
                self._accounts.end(name, tier)
                ended += 1
        if ended:
            _log.warning("%d memberships end: their accounts are gone, or may no longer have the tier", ended)
        self._swept = now

    def remove(self) -> None:
        """Remove the leaves of registrations that end."""
        leaving = self._accounts.to_remove()
        for row in leaving:
            try:
                self._group.remove(row.index if row.index is not None else -1)
            except NotAMember:
                continue  # removed before, or slashed: the events say so
        if leaving:
            _log.info("members removed: %d", len(leaving))
            self.follow(self._group.registry)

    def admit(self) -> None:
        """Admit a batch, if one is due, as one step."""
        registry = self._group.registry
        room = (1 << self._group.depth) - registry.head().next_index
        now = int(self._now() * 1000)
        taken = self._accounts.take_batch(now, self._interval, self._batch, min(room, MOST_AT_ONCE))
        if not taken:
            return
        free = [row for row in taken if _is_free(registry, row.commitment)]
        self._accounts.give_back([], [row.id for row in taken if row not in free])
        try:
            self._group.register_many([(row.commitment, row.limit) for row in free])
        except AlreadyAMember:
            # Somebody registered one of them meanwhile, without this registrar.
            self.settle()
            return
        self.follow(registry)
        self.settle()
        _log.info("members admitted: %d", len(free))


def waits_until(
    accounts: AccountStore, row: AccountRegistration, others: Sequence[AccountRegistration], now: int
) -> tuple[bool, int]:
    """Tell whether a registration still waits for another one, and from when on it is ready, milliseconds.

    While the old leaf is not removed, this says what holds if it is removed now.
    """
    since = accounts.ready_since(row, others)
    if since is None:
        since = accounts.rules.free_at(now)
    return since > now, since


def _is_free(registry: RegistryReader, commitment: int) -> bool:
    """Tell whether a commitment can be registered."""
    registrations = registry.registrations(commitment)
    in_tree = bool(registrations) and registrations[-1].removed_in is None
    return not in_tree and registry.slashing(commitment) is None
