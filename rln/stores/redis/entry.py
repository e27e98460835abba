"""Entry: a share as a key and a value in Redis, and the commands for it.

key      rln: ‖ application ‖ external nullifier ‖ nullifier, base64url of 6, 15 and 32 bytes: 75 bytes,
         without braces, so that in a cluster the nullifier determines the slot
value    x ‖ y ‖ attempt, 32, 32 and 12 bytes
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final, NamedTuple

from rln.base import scalar
from rln.errors import EncodingError, InputError, IntegrityAlarm, StoreError
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.share import Share
from rln.stores.redis.server_clock import entry_lifetime

ATTEMPT_BYTES: Final = 12
"""Bytes of the random attempt id, which tells one attempt to insert from another."""

_VALUE_BYTES: Final = 64 + ATTEMPT_BYTES
_KEY_BYTES: Final = 75
_KNOWN_EPOCHS: Final = 256


class EntryCommand(NamedTuple):
    """One command on one key, its epoch, and the unix time at which the epoch opens."""

    epoch: Epoch
    opened: float
    key: bytes
    packed: bytes


Reply = bytes | StoreError | None
"""The value of the key, None if there is none, or the error that says why this is unknown."""


class CommandBuilder:
    """Builds the commands for shares.

    Args:
        clock: clock of the verifiers; determines how long entries live and when epochs open.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        seconds = b"%d" % entry_lifetime(clock.retention)
        self._tail = b"\r\n$2\r\nNX\r\n$3\r\nGET\r\n$2\r\nEX\r\n$%d\r\n%b\r\n" % (len(seconds), seconds)
        self._epochs: dict[Epoch, tuple[float, bytes]] = {}

    def insert_or_get(self, epoch: Epoch, share: Share, attempt: bytes) -> EntryCommand:
        """Build the command that inserts a share or returns the existing one."""
        opened, prefix = self._opened_and_prefix(epoch)
        key = prefix + base64(scalar.encode(share.nullifier or 0, "nullifier"))
        packed = b"*7\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b%b%b%b" % (
            _KEY_BYTES,
            key,
            _VALUE_BYTES,
            scalar.encode(share.x, "x"),
            scalar.encode(share.y, "y"),
            attempt,
            self._tail,
        )
        return EntryCommand(epoch, opened, key, packed)

    def get(self, epoch: Epoch, nullifier: int) -> EntryCommand:
        """Build the command that returns the share of a nullifier."""
        opened, prefix = self._opened_and_prefix(epoch)
        key = prefix + base64(scalar.encode(nullifier, "nullifier"))
        return EntryCommand(epoch, opened, key, b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (_KEY_BYTES, key))

    def _opened_and_prefix(self, epoch: Epoch) -> tuple[float, bytes]:
        """Return the unix time at which an epoch opens, and the start of its keys."""
        known = self._epochs.get(epoch)
        if known is None:
            external = scalar.encode(epoch.external_nullifier, "external nullifier")
            digest = blake2b(external, digest_size=15).digest()
            prefix = b"rln:" + application_name(epoch.identifier) + base64(digest)
            known = self._clock.opened(epoch), prefix
            if len(self._epochs) >= _KNOWN_EPOCHS:
                self._epochs = {}
            self._epochs[epoch] = known
        return known


def share_of(reply: Reply, key: bytes, nullifier: int, store: str) -> Share | StoreError | None:
    """Decode the share in a reply about a key; pass on None and errors."""
    if not isinstance(reply, bytes):
        return reply
    try:
        if len(reply) != _VALUE_BYTES:
            raise EncodingError(f"expected {_VALUE_BYTES} bytes, got {len(reply)}")
        return Share(scalar.decode(reply[:32], "x"), scalar.decode(reply[32:64], "y"), nullifier)
    except InputError as error:
        failure = foreign_entry(store, key, str(error))
        failure.__cause__ = error
        return failure


def foreign_entry(store: str, key: bytes, what: str) -> IntegrityAlarm:
    """Return the alarm about a value that no verifier writes.

    Args:
        store: name of the log and its servers.
        key: key of the value.
        what: what is wrong.
    """
    return IntegrityAlarm(
        f"{store}: entry {key.decode()}: {what}: no verifier writes this; stop the service, and look for "
        "other programs that write rln:* there"
    )


def existing_share(
    reply: Reply, key: bytes, nullifier: int, attempt: bytes, store: str
) -> Share | StoreError | None:
    """Decode the existing share in a reply to an insertion; None: this attempt inserted its own share."""
    if reply is None or (isinstance(reply, bytes) and reply[64:] == attempt):
        return None
    return share_of(reply, key, nullifier, store)


def application_name(identifier: bytes) -> bytes:
    """Return the name of an rln identifier in keys, 8 bytes."""
    return base64(blake2b(identifier, digest_size=6).digest())


def base64(value: bytes) -> bytes:
    """Encode bytes in the base64 alphabet for URLs, without padding."""
    return urlsafe_b64encode(value).rstrip(b"=")
