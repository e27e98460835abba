"""SlashOutbox: tells the provider which account was slashed, by signed webhooks.

    POST <address>
    Content-Type: application/json
    RLN-Signature: <Ed25519 signature in hexadecimal>

    {"account":"acme","application":"api.example.com","event":"slashed-17","tier":"pro","time":1790000000,
     "type":"member-slashed"}

The body is canonical JSON. The signature is that of the registrar's key under the label `rln webhook`, of
the whole body; `check_webhook` checks it. A webhook holds no secret, no commitment and no evidence.

Each is sent until an answer has status 200 to 299, at most `MOST_ATTEMPTS` times with growing pauses, so it
may come twice: receivers compare the event. Redirects are not followed, and no proxy is taken from the
environment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import instance, plain_bytes, sequence, text
from rln.base.injected import callback
from rln.client.web import PlainWeb
from rln.errors import EncodingError, ParameterError, ProviderUnavailable
from rln.http.policy import check_url
from rln.services.account_rows import WEBHOOK_COLUMNS, Webhook, webhook_of
from rln.services.accounts import AccountStore
from rln.sync.signing import SIGNATURE_BYTES, RegistrarKey, check_statement

__all__ = ["LABEL", "SIGNATURE_FIELD", "check_webhook"]

LABEL: Final = "rln webhook"
SIGNATURE_FIELD: Final = "RLN-Signature"
MOST_ADDRESSES: Final = 8
MOST_ATTEMPTS: Final = 24
"""The pauses grow to an hour: about 15 hours in all."""

_FIRST_PAUSE: Final = 2_000
_LONGEST_PAUSE: Final = 3_600_000
_TIMEOUT: Final = 5.0
_AT_ONCE: Final = 64
_MOST_SECONDS: Final = 2.0
_MAX_BYTES: Final = 1 << 12
_MOST_ANSWER: Final = 1 << 20
_WEB: Final = PlainWeb(seconds=_TIMEOUT)

_log = logging.getLogger("rln.registrar")


class SlashOutbox:
    """Sends the webhooks that wait in a file of accounts. One thread at a time may call `deliver`.

    No lock and no transaction is held while an address is asked. A forked child is refused by the file, and
    closing the file closes this.

    Args:
        accounts: the file.
        application: of the provider.
        key: signs the webhooks.
        now: returns unix time in seconds.
    """

    def __init__(
        self, accounts: AccountStore, application: str, key: RegistrarKey, now: Callable[[], float]
    ) -> None:
        instance(accounts, AccountStore, "accounts")
        instance(key, RegistrarKey, "key")
        self._accounts = accounts
        self._application = text(application, "application")
        self._key = key
        callback(now, "now")
        self._now = now

    def deliver(self) -> int:
        """Send what is due, until a few seconds have passed, and return how many were accepted.

        Raises:
            StoreUnavailable: the file cannot be used; what was sent may be sent again.
        """
        accepted, began = 0, time.monotonic()
        for webhook in self._due():
            if time.monotonic() - began > _MOST_SECONDS:  # so that the registrar can end
                break
            if _post(webhook.url, *self._signed(webhook)):
                self._forget(webhook)
                accepted += 1
            else:
                self._postpone(webhook)
        return accepted

    def _due(self) -> list[Webhook]:
        statement = (
            f"SELECT {WEBHOOK_COLUMNS} FROM webhook WHERE due <= ? AND attempts < ? ORDER BY due, id LIMIT ?"
        )
        with self._accounts.reading() as connection:
            rows = connection.execute(statement, (int(self._now() * 1000), MOST_ATTEMPTS, _AT_ONCE))
            return [webhook_of(row) for row in rows]

    def _signed(self, webhook: Webhook) -> tuple[bytes, str]:
        body = canonical_json.write(
            {
                "account": webhook.account,
                "application": self._application,
                "event": f"slashed-{webhook.event}",
                "tier": webhook.tier,
                "time": webhook.at // 1000,
                "type": "member-slashed",
            }
        )
        return body, self._key.sign_statement(LABEL, body).hex()

    def _forget(self, webhook: Webhook) -> None:
        with self._accounts.writing() as connection:
            connection.execute("DELETE FROM webhook WHERE id = ?", (webhook.id,))

    def _postpone(self, webhook: Webhook) -> None:
        attempts = webhook.attempts + 1
        pause = min(_FIRST_PAUSE << min(webhook.attempts, 16), _LONGEST_PAUSE)
        with self._accounts.writing() as connection:
            connection.execute(
                "UPDATE webhook SET attempts = ?, due = ? WHERE id = ?",
                (attempts, int(self._now() * 1000) + pause, webhook.id),
            )
        if attempts >= MOST_ATTEMPTS:
            _log.error("webhook slashed-%d was not accepted %d times, and stays", webhook.event, attempts)


def check_addresses(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of webhooks if they are at most 8 different URLs with https, or of this machine.

    Raises:
        ParameterError: anything else.
    """
    found = tuple(check_url(url, "webhook") for url in sequence(urls, "webhooks"))
    if len(set(found)) != len(found) or len(found) > MOST_ADDRESSES:
        raise ParameterError(f"webhooks: expected at most {MOST_ADDRESSES} different addresses")
    return found


def check_webhook(body: bytes, signature: str, registrar_key: bytes) -> dict[str, object]:
    """Check what has come as a webhook, and return its content.

    Args:
        body: as received.
        signature: value of the field `RLN-Signature`.
        registrar_key: public key of the registrar, 32 bytes; the one that you have pinned.

    Raises:
        GroupRefused: another key has signed it, or it was changed.
        EncodingError: it has another form.
    """
    if len(text(signature, "signature")) != 2 * SIGNATURE_BYTES or not set(signature) <= set(
        "0123456789abcdef"
    ):
        raise EncodingError("signature: expected 64 bytes in lower-case hexadecimal")
    check_statement(LABEL, plain_bytes(body, "webhook"), bytes.fromhex(signature), registrar_key)
    content = canonical_json.read(body, "webhook", _MAX_BYTES)
    return canonical_json.fields(
        content, "webhook", ("account", "application", "event", "tier", "time", "type")
    )


def _post(url: str, body: bytes, signature: str) -> bool:
    """Send a webhook, and tell whether it was accepted."""
    fields = (
        ("Content-Type", "application/json"),
        (SIGNATURE_FIELD, signature),
        ("User-Agent", "rln-registrar"),
    )
    try:
        reply = _WEB.send("POST", url, body, fields, _MOST_ANSWER)
    except ProviderUnavailable:
        return False
    return 200 <= reply.status < 300
