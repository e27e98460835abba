"""API keys: which account a key belongs to, and what the account may have.

A registrar asks a directory of accounts. The one here is a JSON file that holds no key, only digests:

    {"accounts": {"acme": {"sha256": "<SHA-256 of the key, hexadecimal>", "tiers": ["basic", "pro"],
                           "several": false}}}

Keys must be random, as those of `rln provider account`: a plain digest protects no text that can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from rln.base import canonical_json
from rln.base.arguments import check_digest, file_path, flag, text
from rln.base.injected import callback
from rln.errors import EncodingError, ParameterError, RlnError, StoreUnavailable
from rln.http.registration import check_account, check_tier
from rln.lowlevel import entropy

MAX_FILE_BYTES: Final = 1 << 26
MOST_TIERS: Final = 32
MOST_CHARACTERS: Final = 512

_log = logging.getLogger("rln.registrar")


@dataclass(frozen=True, slots=True)
class Account:
    """What a registrar must know about a customer.

    Args:
        name: 1 to 128 visible ASCII characters without spaces; it is never used for anybody else.
        tiers: the tiers that the account may have, up to 32.
        several: it may have several tiers at the same time; otherwise another tier is a replacement.

    Raises:
        EncodingError: the name, or that of a tier, has another form.
        ParameterError: a value of another type, or too many tiers.
    """

    name: str
    tiers: tuple[str, ...]
    several: bool = False

    def __post_init__(self) -> None:
        check_account(self.name)
        if type(self.tiers) is not tuple or len(self.tiers) > MOST_TIERS:
            raise ParameterError(f"tiers: expected a tuple of at most {MOST_TIERS} names")
        for tier in self.tiers:
            check_tier(tier)
        flag(self.several, "several")


@runtime_checkable
class AccountDirectory(Protocol):
    """Tells which accounts there are.

    Its methods are called from several threads, but not on an event loop and not in a forked child. Nobody
    closes it.
    """

    def account_of(self, api_key: str) -> Account | None:
        """Return the account of an API key, or None; compare in constant time, and keep no key."""

    def account_named(self, name: str) -> Account | None:
        """Return an account by its name; None ends its memberships.

        Raises:
            StoreUnavailable: not known now; nothing ends.
        """


class AccountHook(AccountDirectory):
    """A directory made of one function, as safe for threads and forks as the function.

    It is called from several threads, never on an event loop, and there is nothing to close.

    Accounts do not end by themselves: without `named`, call `Registrar.end_account`.

    Args:
        of_key: returns the account of an API key, or None.
        named: returns an account by its name, or None if there is none any more; None: not known.

    Raises:
        ParameterError: not a function, or one whose answer has to be awaited.
    """

    def __init__(
        self,
        of_key: Callable[[str], Account | None],
        named: Callable[[str], Account | None] | None = None,
    ) -> None:
        callback(of_key, "of_key")
        if named is not None:
            callback(named, "named")
        self._of_key = of_key
        self._named = named

    def account_of(self, api_key: str) -> Account | None:
        """Return the account of an API key, or None."""
        return _checked(self._of_key(text(api_key, "api key")))

    def account_named(self, name: str) -> Account | None:
        """Return an account by its name, or None."""
        if self._named is None:
            raise StoreUnavailable("accounts: the function tells accounts by their keys only")
        return _checked(self._named(text(name, "name")))


class ApiKeyFile(AccountDirectory):
    """The accounts in a JSON file, which is read again when it has changed.

    Threads may use it at once; a forked child reads the file itself. It reads a small file, which an event
    loop can wait for, and there is nothing to close. A file that cannot be read, or is not of the form above,
    makes every answer `StoreUnavailable`, and ends no account; the log says so once.

    Args:
        path: path of the file.

    Raises:
        StoreUnavailable: the file cannot be used.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = file_path(path, "path")
        # Under a random key, the time of a look-up in the table says nothing about the stored digests.
        self._blind = entropy.draw(32)
        self._read: tuple[tuple[int, int, int], _Table] | None = None
        self._reported: str | None = None
        self._table()

    def account_of(self, api_key: str) -> Account | None:
        """Return the account of an API key, or None."""
        digest = hashlib.sha256(text(api_key, "api key").encode("utf-8", "surrogatepass")).digest()
        found = self._table().by_key.get(self._blinded(digest))
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]

    def account_named(self, name: str) -> Account | None:
        """Return an account by its name, or None."""
        return self._table().by_name.get(text(name, "name"))

    def __repr__(self) -> str:
        return f"ApiKeyFile({str(self._path)!r})"

    def _blinded(self, digest: bytes) -> bytes:
        return hmac.digest(self._blind, digest, "sha256")

    def _table(self) -> _Table:
        """Return what the file holds now."""
        read = self._read
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                state = found.st_mtime_ns, found.st_size, found.st_ino
                if read is not None and read[0] == state:
                    return read[1]
                table = self._decode(file.read(MAX_FILE_BYTES + 1))
        except (OSError, RlnError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            message = f"API keys: {self._path}: {why}; correct the file"
            if message != self._reported:  # once, and not for each request while it lasts
                _log.error("%s; until then nobody registers, and no account ends", message)
                self._reported = message
            raise StoreUnavailable(message) from error
        self._read, self._reported = (state, table), None
        return table

    def _decode(self, data: bytes) -> _Table:
        content = canonical_json.fields(
            canonical_json.read(data, "API keys", MAX_FILE_BYTES), "API keys", ("accounts",)
        )
        accounts = content["accounts"]
        if not isinstance(accounts, dict):
            raise EncodingError("accounts: expected an object")
        table = _Table({}, {})
        for name, value in accounts.items():
            # The errors name no account: they can get into a log.
            one = canonical_json.fields(value, "account", ("sha256", "tiers"), ("several",))
            tiers = [
                canonical_json.text(tier, "tier") for tier in canonical_json.items(one["tiers"], "tiers")
            ]
            several = one.get("several", False)
            if type(several) is not bool:
                raise EncodingError("several: expected true or false")
            digest = bytes.fromhex(check_digest(one["sha256"], "sha256"))
            account = Account(name, tuple(tiers), several)
            if self._blinded(digest) in table.by_key:
                raise EncodingError("accounts: expected different keys, got one twice")
            table.by_key[self._blinded(digest)] = digest, account
            table.by_name[name] = account
        return table


@dataclass(frozen=True, slots=True)
class _Table:
    """What a file of API keys holds."""

    by_key: dict[bytes, tuple[bytes, Account]]
    by_name: dict[str, Account]


def _checked(account: Account | None) -> Account | None:
    if account is not None and not isinstance(account, Account):
        raise ParameterError(f"account: expected Account or None, got {type(account).__name__}")
    return account
