"""Account rows: the tables of a registrar in SQLite, and their rows, decoded and checked.

    served        one row: version and digest of the newest policy that was served
    followed      one row: the step of the registry up to which its events are in these tables
    challenge     a nonce of the registrar, for one account and tier
    registration  one commitment that an account has registered for a tier; rows are never deleted
    webhook       a slashing that the provider must hear of, once for each address

The tables refuse values of another type, a second leaf of an account and tier, and a second leaf of a
commitment.
"""

from __future__ import annotations

import enum
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final

from rln.base.bounds import MAX_STORED
from rln.stores.sql_rows import ForeignRow, field_element, number

SCHEMA_VERSION: Final = 1


class Place(enum.IntEnum):
    """Where a registration stands."""

    WANTED = 1
    """Its leaf is not in the tree yet."""
    ADMITTING = 2
    """A step that registers it is being written, or was when the registrar ended."""
    MEMBER = 3
    ENDED = 4
    SLASHED = 5


IN_TREE: Final = (Place.ADMITTING, Place.MEMBER)
"""Places in which the tree may have a leaf."""


@dataclass(frozen=True, slots=True)
class AccountRegistration:
    """One commitment that an account has registered for a tier.

    Attributes:
        id: ascending.
        account, tier: whose it is.
        commitment, limit: of the leaf.
        alone: it replaces all tiers of the account; otherwise only the same tier.
        replaces: it came after another one.
        place: where it stands.
        ending: its leaf must be removed.
        made: unix time in milliseconds.
        index: of the leaf; None: it has had none.
        free: from when on another leaf may follow it, unix milliseconds; 0: at once.
    """

    id: int
    account: str = field(repr=False)
    tier: str
    commitment: int = field(repr=False)
    limit: int
    alone: bool
    replaces: bool
    place: Place
    ending: bool
    made: int
    index: int | None
    free: int

    @property
    def is_open(self) -> bool:
        """Whether it is a membership, or becomes one."""
        return self.place in (Place.WANTED, *IN_TREE) and not self.ending

    def follows(self, other: AccountRegistration) -> bool:
        """Tell whether it may be in the tree only after another one of the same account has left it."""
        same = self.tier == other.tier or self.commitment == other.commitment
        return self.id != other.id and (self.alone or same)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A slashing that the provider must hear of at one address.

    Attributes:
        id: of this delivery.
        event: names the slashing; the same at all addresses and attempts.
        account, tier: whose membership was slashed.
        at: unix time in milliseconds.
        url: the address.
        attempts: that failed.
        due: unix time in milliseconds of the next attempt.
    """

    id: int
    event: int
    account: str = field(repr=False)
    tier: str
    at: int
    url: str = field(repr=False)
    attempts: int
    due: int


def _integers(*columns: str) -> str:
    return " AND ".join(f"typeof({column}) = 'integer'" for column in columns)


_TABLES: Final = (
    "CREATE TABLE served (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL,"
    " digest BLOB NOT NULL)",
    "CREATE TABLE followed (one INTEGER PRIMARY KEY CHECK (one = 1), step INTEGER NOT NULL)",
    "INSERT INTO followed (one, step) VALUES (1, 0)",
    "CREATE TABLE challenge (nonce BLOB PRIMARY KEY CHECK (length(nonce) = 16), account TEXT NOT NULL,"
    " tier TEXT NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX challenge_account ON challenge (account)",
    "CREATE INDEX challenge_expires ON challenge (expires)",
    "CREATE TABLE registration (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL,"
    " tier TEXT NOT NULL, commitment BLOB NOT NULL, quota INTEGER NOT NULL, alone INTEGER NOT NULL,"
    " replaces INTEGER NOT NULL, place INTEGER NOT NULL, ending INTEGER NOT NULL, made INTEGER NOT NULL,"
    " leaf INTEGER, free INTEGER NOT NULL,"
    " CHECK (typeof(commitment) = 'blob' AND length(commitment) = 32 AND place BETWEEN 1 AND 5"
    f" AND {_integers('quota', 'alone', 'replaces', 'place', 'ending', 'made', 'free')}))",
    "CREATE INDEX registration_account ON registration (account)",
    "CREATE INDEX registration_commitment ON registration (commitment)",
    "CREATE INDEX registration_place ON registration (place) WHERE place <= 3",
    "CREATE UNIQUE INDEX one_leaf_of_tier ON registration (account, tier) WHERE place IN (2, 3)",
    "CREATE UNIQUE INDEX one_leaf_of_commitment ON registration (commitment) WHERE place IN (2, 3)",
    "CREATE UNIQUE INDEX one_wish_of_tier ON registration (account, tier) WHERE place = 1",
    "CREATE TABLE webhook (id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL,"
    " account TEXT NOT NULL, tier TEXT NOT NULL, at INTEGER NOT NULL, url TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, due INTEGER NOT NULL, UNIQUE (event, url))",
    "CREATE INDEX webhook_due ON webhook (due)",
)

COLUMNS: Final = "id, account, tier, commitment, quota, alone, replaces, place, ending, made, leaf, free"
WEBHOOK_COLUMNS: Final = "id, event, account, tier, at, url, attempts, due"


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables."""
    for statement in _TABLES:
        connection.execute(statement)


def registration_of(row: tuple[Any, ...]) -> AccountRegistration:
    """Decode a row of `registration` with its `COLUMNS`."""
    id_, account, tier, commitment, quota, alone, replaces, place, ending, made, leaf, free = row
    name = f"registration {id_}"
    return AccountRegistration(
        number(id_, f"{name}: id", 1),
        _text(account, f"{name}: account"),
        _text(tier, f"{name}: tier"),
        field_element(commitment, f"{name}: commitment"),
        number(quota, f"{name}: quota", 1, 1 << 16),
        bool(number(alone, f"{name}: alone", 0, 1)),
        bool(number(replaces, f"{name}: replaces", 0, 1)),
        Place(number(place, f"{name}: place", 1, 5)),
        bool(number(ending, f"{name}: ending", 0, 1)),
        number(made, f"{name}: made", 0),
        None if leaf is None else number(leaf, f"{name}: leaf", 0, (1 << 32) - 1),
        number(free, f"{name}: free", 0),
    )


def webhook_of(row: tuple[Any, ...]) -> Webhook:
    """Decode a row of `webhook` with its `WEBHOOK_COLUMNS`."""
    id_, event, account, tier, at, url, attempts, due = row
    name = f"webhook {id_}"
    return Webhook(
        number(id_, f"{name}: id", 1),
        number(event, f"{name}: event", 1),
        _text(account, f"{name}: account"),
        _text(tier, f"{name}: tier"),
        number(at, f"{name}: at", 0),
        _text(url, f"{name}: url"),
        number(attempts, f"{name}: attempts", 0),
        number(due, f"{name}: due", 0, MAX_STORED),
    )


def _text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise ForeignRow(f"{name}: expected text, got {type(value).__name__}")
    return value
