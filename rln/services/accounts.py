"""Accounts: the durable state of a registrar, in one SQLite file that one process writes.

A registration goes through these places; each arrow is one durable transaction, and what the tree has is
always taken from the events of the registry, never from what a call has answered:

    WANTED -> ADMITTING -> MEMBER -> ENDED
                                  -> SLASHED

A registrar that is killed between two of them goes on from the events. ADMITTING is written before the step
that registers the leaf: so a leaf that the registrar has made is never taken for somebody else's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.base import scalar
from rln.base.arguments import file_path, instance, whole
from rln.base.bounds import MAX_STORED
from rln.base.file_kind import FileKind
from rln.errors import IntegrityAlarm
from rln.group.events import Change, Event
from rln.http.policy import Tier
from rln.services.account_rows import (
    COLUMNS,
    SCHEMA_VERSION,
    AccountRegistration,
    Place,
    create_tables,
    registration_of,
)
from rln.services.api_keys import Account
from rln.services.refusal import (
    CONFLICT,
    NO_REPLACEMENT,
    TOO_MANY_REPLACEMENTS,
    Refused,
)
from rln.services.replacement import DAY, ReplacementRules
from rln.services.sole_user import SoleUser
from rln.stores.sql_rows import naming
from rln.stores.sqlite.database import Database

_NAME: Final = "accounts"
_OF_ACCOUNT: Final = f"SELECT {COLUMNS} FROM registration WHERE account = ? ORDER BY id"
_OF_COMMITMENT: Final = f"SELECT {COLUMNS} FROM registration WHERE commitment = ? ORDER BY id"
_AT: Final = f"SELECT {COLUMNS} FROM registration WHERE place = ? ORDER BY id"
_INSERT: Final = (
    "INSERT INTO registration (account, tier, commitment, quota, alone, replaces, place, ending, made, leaf,"
    " free) VALUES (?, ?, ?, ?, ?, ?, 1, 0, ?, NULL, 0) RETURNING " + COLUMNS
)
_END: Final = "UPDATE registration SET place = 4, ending = 0, free = ? WHERE id = ?"


class AccountStore:
    """The accounts' registrations in a file. Threads may use it at once.

    A second process that opens the file is refused, and so is a forked child. `close` releases the file. The
    methods wait for the disk, so call them in a thread, not on an event loop.

    Args:
        path: path of the file; created with mode 0600 if it does not exist, and a file `NAME-lock` beside it.
        rules: for replacements.
        webhooks: addresses that hear of each slashing.

    Raises:
        StoreUnavailable: the file cannot be used, or another registrar uses it.
    """

    def __init__(self, path: Path | str, rules: ReplacementRules, webhooks: Sequence[str] = ()) -> None:
        instance(rules, ReplacementRules, "rules")
        self._path = file_path(path, "path").absolute()
        self._rules = rules
        self._webhooks = tuple(webhooks)
        self._store = f"{_NAME}: {self._path}"
        self._sole_user = SoleUser(self._path, _NAME)
        try:
            self._database = Database(
                self._path,
                name=_NAME,
                kind=FileKind.ACCOUNTS,
                schema_version=SCHEMA_VERSION,
                create=create_tables,
            )
        except BaseException:
            self._sole_user.close()
            raise

    @property
    def rules(self) -> ReplacementRules:
        """The rules for replacements."""
        return self._rules

    def close(self) -> None:
        """Close the file, and let another registrar use it; a second call does nothing."""
        self._database.close()
        self._sole_user.close()

    def __repr__(self) -> str:
        return f"AccountStore({str(self._path)!r})"

    # ---- what accounts ask for

    def register(self, account: Account, tier: Tier, commitment: int, now: int) -> AccountRegistration:
        """Note that an account wants a leaf. Whoever calls this has checked the proof.

        The same request again changes nothing. Another commitment, or another tier of an account that may
        have only one, is a replacement: the old registration ends, and the new one waits for that.

        Args:
            account: as the directory knows it now.
            tier: one of its tiers.
            commitment: to register.
            now: unix time in milliseconds.

        Raises:
            Refused: the commitment is taken or slashed, or the account gets no replacement.
        """
        instance(account, Account, "account")
        instance(tier, Tier, "tier")
        packed = scalar.encode(commitment, "commitment")
        with self.writing() as connection:
            rows = _rows(connection, _OF_ACCOUNT, account.name)
            same = [
                row for row in rows if row.is_open and (row.tier, row.commitment) == (tier.name, commitment)
            ]
            if same:
                return same[-1]
            for row in _rows(connection, _OF_COMMITMENT, packed):
                elsewhere = account.several and row.is_open and row.tier != tier.name
                if row.account != account.name or row.place == Place.SLASHED or elsewhere:
                    raise Refused(CONFLICT)
            before = [row for row in rows if not account.several or row.tier == tier.name]
            self._check_replacement(rows, bool(before), now)
            for row in before:
                self._end(connection, row)
            values = (account.name, tier.name, packed, tier.limit, not account.several, bool(before), now)
            row = connection.execute(_INSERT, values).fetchone()
            with naming(self._store):
                return registration_of(row)

    def end(self, account: str, tier: str | None = None) -> bool:
        """End the registrations of an account, for a tier or all; return whether there was one."""
        with self.writing() as connection:
            rows = [
                row for row in _rows(connection, _OF_ACCOUNT, account) if tier is None or row.tier == tier
            ]
            for row in rows:
                self._end(connection, row)
        return any(row.place < Place.ENDED for row in rows)

    def of_account(self, account: str) -> list[AccountRegistration]:
        """Return the registrations of an account, oldest first."""
        with self.reading() as connection:
            return _rows(connection, _OF_ACCOUNT, account)

    def of_commitment(self, commitment: int) -> list[AccountRegistration]:
        """Return the registrations of a commitment, oldest first."""
        with self.reading() as connection:
            return _rows(connection, _OF_COMMITMENT, scalar.encode(commitment, "commitment"))

    def open_tiers(self) -> list[tuple[str, str]]:
        """Return account and tier of each registration that is a membership, or becomes one."""
        statement = "SELECT DISTINCT account, tier FROM registration WHERE place <= 3 AND ending = 0"
        with self.reading() as connection:
            return [(row[0], row[1]) for row in connection.execute(statement)]

    # ---- what the admission does

    def at(self, place: Place) -> list[AccountRegistration]:
        """Return the registrations at a place, WANTED, ADMITTING or MEMBER, oldest first."""
        with self.reading() as connection:
            return _rows(connection, _AT, int(place))

    def to_remove(self) -> list[AccountRegistration]:
        """Return the members whose leaf must be removed."""
        statement = f"SELECT {COLUMNS} FROM registration WHERE place = 3 AND ending = 1 ORDER BY id"
        with self.reading() as connection:
            return _rows(connection, statement)

    def ready_since(self, row: AccountRegistration, others: Sequence[AccountRegistration]) -> int | None:
        """Return from when on a wanted leaf may be admitted, unix milliseconds; None: not known yet.

        Args:
            row: the registration.
            others: all of its account.
        """
        before = [other for other in others if row.follows(other)]
        if any(other.place in (Place.ADMITTING, Place.MEMBER) for other in before):
            return None
        return max([row.made, *(other.free for other in before)])

    def take_batch(self, now: int, interval: int, batch: int, most: int) -> list[AccountRegistration]:
        """Move registrations to ADMITTING, if enough are ready or one of them has waited long enough.

        Args:
            now: unix time in milliseconds.
            interval: the longest time that one waits when it is ready, milliseconds.
            batch: so many ready ones are enough.
            most: the largest number to move.
        """
        with self.writing() as connection:
            ready, oldest = [], now
            for row in _rows(connection, _AT, int(Place.WANTED)):
                since = self.ready_since(row, _rows(connection, _OF_ACCOUNT, row.account))
                if since is not None and since <= now:
                    ready.append(row)
                    oldest = min(oldest, since)
            if not ready or (len(ready) < batch and oldest + interval > now):
                return []
            taken = ready[:most]
            for row in taken:
                connection.execute("UPDATE registration SET place = 2 WHERE id = ?", (row.id,))
        return taken

    def give_back(self, ids: Sequence[int], refused: Sequence[int] = ()) -> None:
        """Settle registrations that are ADMITTING and that the tree does not have.

        Args:
            ids: may be admitted later, unless they were to end.
            refused: cannot be admitted, for example because somebody else has registered the commitment.
        """
        with self.writing() as connection:
            for id_ in ids:
                connection.execute(
                    "UPDATE registration SET place = CASE WHEN ending OR EXISTS (SELECT 1 FROM registration r"
                    " WHERE r.account = registration.account AND r.tier = registration.tier AND r.place = 1)"
                    " THEN 4 ELSE 1 END, ending = 0 WHERE id = ? AND place = 2",
                    (id_,),
                )
            for id_ in refused:
                connection.execute(_END, (0, id_))

    # ---- what the registry says

    @property
    def step(self) -> int:
        """The step of the registry up to which its events are known here."""
        with self.reading() as connection:
            return int(connection.execute("SELECT step FROM followed").fetchone()[0])

    def follow(self, events: Sequence[tuple[int, Sequence[Event]]], step: int) -> None:
        """Apply events of the registry; to apply one again changes nothing.

        Args:
            events: the time of each step in unix milliseconds, and events of it.
            step: number of the last step whose events are all known then.
        """
        whole(step, "step", 0, MAX_STORED)
        with self.writing() as connection:
            for at, page in events:
                for event in page:
                    self._apply(connection, event, at)
            connection.execute("UPDATE followed SET step = max(step, ?)", (step,))

    def _apply(self, connection: sqlite3.Connection, event: Event, at: int) -> None:
        rows = _rows(connection, _OF_COMMITMENT, scalar.encode(event.commitment))
        if event.change == Change.SLASHED:
            self._slash(connection, rows, at)
            return
        for row in rows:
            is_ours = row.place == Place.ADMITTING and row.limit == event.limit
            if event.change == Change.REGISTERED and is_ours:
                connection.execute(
                    "UPDATE registration SET place = 3, leaf = ? WHERE id = ?", (event.index, row.id)
                )
            elif event.change == Change.REMOVED and row.place == Place.MEMBER and row.index == event.index:
                connection.execute(_END, (self._rules.free_at(at), row.id))

    def _slash(self, connection: sqlite3.Connection, rows: list[AccountRegistration], at: int) -> None:
        """End what a slashed commitment has, and tell the provider once, of its newest leaf."""
        for row in rows:
            if row.place in (Place.WANTED, Place.ADMITTING):  # then it has no leaf: events come in order
                connection.execute(_END, (0, row.id))
        had_leaf = [row for row in rows if row.index is not None]
        if not had_leaf or had_leaf[-1].place == Place.SLASHED:
            return
        row = had_leaf[-1]
        connection.execute(
            "UPDATE registration SET place = 5, ending = 0, free = ? WHERE id = ?",
            (self._rules.free_at(at), row.id),
        )
        for url in self._webhooks:
            connection.execute(
                "INSERT INTO webhook (event, account, tier, at, url, attempts, due)"
                " VALUES (?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING",
                (row.id, row.account, row.tier, at, url),
            )
        own = _rows(connection, _OF_ACCOUNT, row.account)
        if sum(one.place == Place.SLASHED for one in own) > self._rules.after_slash:
            # A replacement that was asked for before the slashing was known.
            for one in own:
                if one.place == Place.WANTED:
                    connection.execute(_END, (0, one.id))

    # ---- policy

    def note_policy(self, version: int, digest: bytes) -> None:
        """Note that a policy is served.

        Raises:
            IntegrityAlarm: a newer one was served before, or another one of the same version.
        """
        with self.writing() as connection:
            row = connection.execute("SELECT version, digest FROM served").fetchone()
            if row is not None and (version < row[0] or (version == row[0] and digest != row[1])):
                got = f"version {version}" if version < row[0] else "another policy with this version"
                raise IntegrityAlarm(
                    f"policy: version {row[0]} was served before, got {got}, which clients refuse: raise the "
                    "version of the policy"
                )
            connection.execute("INSERT OR REPLACE INTO served VALUES (1, ?, ?)", (version, digest))

    # ---- how

    def _check_replacement(self, rows: Sequence[AccountRegistration], replaces: bool, now: int) -> None:
        rules = self._rules
        if sum(row.place == Place.SLASHED for row in rows) > rules.after_slash:
            raise Refused(NO_REPLACEMENT)
        since = now - rules.days * DAY
        recent = [row.made for row in rows if row.replaces and row.made > since]
        if replaces and len(recent) >= rules.most:
            if not recent:
                raise Refused(NO_REPLACEMENT)
            raise Refused(TOO_MANY_REPLACEMENTS, (recent[-rules.most] - since) / 1000)

    def _end(self, connection: sqlite3.Connection, row: AccountRegistration) -> None:
        """End a registration: at once if it has no leaf, otherwise when its leaf is removed."""
        if row.place == Place.WANTED:
            connection.execute(_END, (0, row.id))
        elif row.place in (Place.ADMITTING, Place.MEMBER):
            connection.execute("UPDATE registration SET ending = 1 WHERE id = ?", (row.id,))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one durable transaction; see `Database.writing`."""
        self._sole_user.check()
        with naming(self._store), self._database.writing() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run the block on one state of the file; see `Database.reading`."""
        self._sole_user.check()
        with naming(self._store), self._database.reading() as connection:
            yield connection


def _rows(connection: sqlite3.Connection, statement: str, *values: object) -> list[AccountRegistration]:
    return [registration_of(row) for row in connection.execute(statement, values)]
