"""Nonces: each opens one attempt of one account to register one tier, and expires."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import fixed_bytes, instance, whole
from rln.http.registration import NONCE_BYTES
from rln.lowlevel import entropy
from rln.services.accounts import AccountStore
from rln.services.refusal import TOO_MANY_ATTEMPTS, Refused

MOST_NONCES: Final = 8
"""Nonces of an account that have not expired, used ones included: so many attempts within their lifetime."""


class Nonces:
    """The nonces of a registrar, in its file of accounts. Threads may use it at once.

    A forked child is refused, and closing the file closes it.

    Args:
        accounts: the file.
        lifetime: of a nonce, 1 to 86,400 seconds.
    """

    def __init__(self, accounts: AccountStore, lifetime: int = 300) -> None:
        instance(accounts, AccountStore, "accounts")
        self._accounts = accounts
        self._lifetime = whole(lifetime, "nonce_seconds", 1, 86_400) * 1000

    def open(self, account: str, tier: str, now: int) -> tuple[bytes, int]:
        """Return a new nonce, and when it expires, in unix milliseconds.

        Args:
            account, tier: for nobody and nothing else.
            now: unix time in milliseconds.

        Raises:
            Refused: the account has too many already.
        """
        nonce, expires = entropy.draw(NONCE_BYTES), now + self._lifetime
        with self._accounts.writing() as connection:
            connection.execute("DELETE FROM challenge WHERE expires <= ?", (now,))
            count, first = connection.execute(
                "SELECT count(*), min(expires) FROM challenge WHERE account = ?", (account,)
            ).fetchone()
            if count >= MOST_NONCES:
                raise Refused(TOO_MANY_ATTEMPTS, (first - now) / 1000)
            connection.execute(
                "INSERT INTO challenge (nonce, account, tier, expires, used) VALUES (?, ?, ?, ?, 0)",
                (nonce, account, tier, expires),
            )
        return nonce, expires

    def spend(self, nonce: bytes, account: str, tier: str, now: int) -> bool:
        """Use a nonce up, durably, and tell whether it was open for this account and tier.

        Whatever comes after, this nonce opens nothing more, also not for the tier that it was made for.
        """
        fixed_bytes(nonce, NONCE_BYTES, "server nonce")
        with self._accounts.writing() as connection:
            row = connection.execute(
                "SELECT tier FROM challenge WHERE nonce = ? AND account = ? AND used = 0 AND expires > ?",
                (nonce, account, now),
            ).fetchone()
            if row is None:
                return False
            connection.execute("UPDATE challenge SET used = 1 WHERE nonce = ?", (nonce,))
        return bool(row[0] == tier)
