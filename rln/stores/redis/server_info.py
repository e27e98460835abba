"""What a primary reports about itself, and whether it may have lost entries since its record was written.

Each primary stores a generation record for each application: a random generation, the server's time since
which no accepted share is missing, and what the server reported at that time: its replication id, its counts
of evicted keys and of SWAPDB, and in a cluster the digest of its slots. A server that lost entries differs in
one of these:

    emptied                      the record is missing
    restarted                    another replication id
    a promoted replica           another replication id
    out of memory                another count of evicted keys
    databases swapped and back   another count of SWAPDB
    slots from another primary   another digest of slots

If a worker finds a difference, it writes a new record with the server's time. If it finds a record that it
does not know, it adopts that record. In both cases it refuses the epochs that were open by the time in the
record, because shares that were accepted in them may be missing. Epochs that opened later are complete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

from rln.errors import StoreUnavailable
from rln.lowlevel import entropy

OLDEST_VERSION: Final = (7, 0)
"""The first version of Redis in which `SET` takes NX and GET together."""

MAX_CLOCK_DIFFERENCE: Final = 30.0
"""Seconds by which a server's clock may be ahead or behind, whatever the skew.

The server's clock determines when entries expire. While it stays within 30 seconds on both sides it cannot
jump by more than 60 seconds, which is the margin of `Clock.retention`. So no entry expires while its epoch is
acceptable.
"""

_ROUNDING: Final = 0.001
_SWAPS: Final = re.compile(rb"^cmdstat_swapdb:calls=(\d+)", re.MULTILINE)
_STATUS_FIELDS: Final = re.compile(rb"^(role|master_replid|evicted_keys):([^\r\n]*)", re.MULTILINE)
_SETTINGS: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"maxmemory-policy": (b"noeviction",),
    b"appendonly": (b"yes",),
}
_FSYNC_VALUES: Final = (b"always", b"everysec")


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """What a primary reported when the record was written.

    Attributes:
        generation: random, 16 hexadecimal digits.
        since: the server's unix time in microseconds; 0: nothing was accepted before.
        replication_id: replication id of the server.
        evicted_keys: count of the keys that the server had evicted.
        slots_digest: in a cluster a digest of its slots.
        swaps: how often its databases had been swapped.
    """

    generation: bytes
    since: int
    replication_id: bytes
    evicted_keys: bytes
    slots_digest: bytes
    swaps: bytes

    @classmethod
    def begin(cls, since: int, status: ServerStatus, slots_digest: bytes, swaps: bytes) -> GenerationRecord:
        """Begin a generation at a server as it is now."""
        generation = entropy.draw(8).hex().encode()
        return cls(generation, since, status.replication_id, status.evicted_keys, slots_digest, swaps)

    @classmethod
    def decode(cls, text: bytes | None) -> GenerationRecord | None:
        """Decode a record; None: there is none, or it is not a record."""
        parts = (text or b"").split(b" ")
        if len(parts) != 6 or not parts[1].isdigit():
            return None
        record = cls(parts[0], int(parts[1]), *parts[2:])
        return record if record.encode() == text else None

    def encode(self) -> bytes:
        """Encode the record."""
        return b"%b %d %b %b %b %b" % (
            self.generation,
            self.since,
            self.replication_id,
            self.evicted_keys,
            self.slots_digest,
            self.swaps,
        )

    def matches(self, status: ServerStatus, slots_digest: bytes, swaps: bytes) -> bool:
        """Tell whether the server still reports the same."""
        return (self.replication_id, self.evicted_keys, self.slots_digest, self.swaps) == (
            status.replication_id,
            status.evicted_keys,
            slots_digest,
            swaps,
        )


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The part of `INFO stats replication` that a record is about."""

    role: bytes
    replication_id: bytes
    evicted_keys: bytes

    @classmethod
    def of(cls, info: bytes) -> ServerStatus:
        """Read the reply to INFO.

        Raises:
            StoreUnavailable: a field is missing.
        """
        found = dict(_STATUS_FIELDS.findall(info))
        if len(found) != 3:
            raise StoreUnavailable(
                "INFO: expected role, master_replid and evicted_keys, "
                f"got {b', '.join(found).decode() or 'none of them'}"
            )
        return cls(found[b"role"], found[b"master_replid"], found[b"evicted_keys"])


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """What an operator may want to know about a primary; no decision depends on it.

    Attributes:
        name: host and port.
        role: master, or what it has become.
        version: kind and version of the server.
        appendonly: whether it keeps an append-only file.
        appendfsync: how often the file is synced; None if the server does not show its configuration.
        eviction: its `maxmemory-policy`.
        least_replicas: its `min-replicas-to-write`; None as above.
        replicas: number of connected replicas.
        ahead: least number of seconds by which its clock is ahead of ours; negative if it is behind; 0 if the
            network delay alone can explain the difference.
        keys: in its whole database, including those of other programs.
        memory: bytes that it has allocated.
    """

    name: str
    role: str
    version: str
    appendonly: bool
    appendfsync: str | None
    eviction: str
    least_replicas: int | None
    replicas: int
    ahead: float
    keys: int
    memory: int

    @classmethod
    def of(cls, name: str, info: bytes, config: Any, ahead: float, database: int) -> ServerDescription:
        """Read the replies to INFO and CONFIG GET.

        Args:
            name: name of the primary.
            info: the sections server, memory, persistence, replication and keyspace.
            config: the reply to `CONFIG GET`, or an error.
            ahead: as above.
            database: number of the log's database.
        """
        fields, settings = _read_info(info), _read_config(config)
        kind = "valkey" if b"valkey_version" in fields else "redis"
        least = settings.get(b"min-replicas-to-write")
        # DBSIZE would return the same, but needs one more permission.
        keys = re.match(rb"keys=(\d+)", fields.get(b"db%d" % database, b""))
        return cls(
            name,
            fields.get(b"role", b"unknown").decode(),
            f"{kind} {fields.get(kind.encode() + b'_version', b'unknown').decode()}",
            fields.get(b"aof_enabled") == b"1",
            settings[b"appendfsync"].decode() if b"appendfsync" in settings else None,
            fields.get(b"maxmemory_policy", b"unknown").decode(),
            None if least is None else int(least),
            int(fields.get(b"connected_slaves", b"0")),
            ahead,
            int(keys[1]) if keys else 0,
            int(fields.get(b"used_memory", b"0")),
        )


def swap_count(info: bytes) -> bytes:
    """Return how often the databases were swapped, from the section commandstats of INFO."""
    found = _SWAPS.search(info)
    return found[1] if found else b"0"


def microseconds(reply: Sequence[bytes]) -> int:
    """Return the unix time in a reply to `TIME`, in microseconds."""
    return int(reply[0]) * 1_000_000 + int(reply[1])


def clock_difference(reply: Sequence[bytes], before: float, after: float, tolerance: float) -> str | None:
    """Return by how much a server's clock differs, as text; None: it is within the tolerance.

    Args:
        reply: to `TIME`.
        before, after: our time before the question and after the answer.
        tolerance: seconds.
    """
    seconds = microseconds(reply) / 1e6
    difference = max(before - seconds, seconds - after)
    if difference <= tolerance + _ROUNDING:
        return None
    return (
        f"TIME: expected our time within {tolerance} seconds, got a difference of {difference:.3f} seconds; "
        "check both clocks"
    )


def check_settings(info: bytes, config: Any, replicas: int) -> None:
    """Refuse a server whose settings could lose entries.

    An append-only file is required, synced always or every second. With `everysec`, a crash can lose the
    entries of the last second. The server then has another replication id, so its open epochs are refused and
    nothing is accepted twice; the file keeps the other entries as evidence. If a server does not show its
    configuration, INFO is used, which shows everything except how often the file is synced and
    `min-replicas-to-write`.

    Args:
        info: the sections server, memory and persistence.
        config: the reply to `CONFIG GET`, names and values in turn, or an error.
        replicas: the least value of `min-replicas-to-write`.

    Raises:
        StoreUnavailable: names the setting, the expected value, and the value that it has.
    """
    fields = _read_info(info)
    version = fields.get(b"redis_version", b"")
    if not re.match(rb"\d+\.\d+", version) or tuple(map(int, version.split(b".")[:2])) < OLDEST_VERSION:
        raise StoreUnavailable(
            f"version: expected {OLDEST_VERSION[0]} or later, got {version.decode() or 'none'}; "
            "update the server"
        )
    shown = isinstance(config, list)
    settings = _read_config(config)
    settings[b"maxmemory-policy"] = fields.get(b"maxmemory_policy", b"unknown")
    settings[b"appendonly"] = b"yes" if fields.get(b"aof_enabled") == b"1" else b"no"
    expected = _SETTINGS | ({b"appendfsync": _FSYNC_VALUES} if shown else {})
    for name, values in expected.items():
        if settings.get(name) not in values:
            raise StoreUnavailable(
                f"{name.decode()}: expected {b' or '.join(values).decode()}, "
                f"got {settings.get(name, b'nothing').decode()}; change the server's configuration"
            )
    if fields.get(b"aof_last_write_status", b"ok") != b"ok":
        raise StoreUnavailable("the server cannot write its append-only file; check its disk")
    least = settings.get(b"min-replicas-to-write", b"0")
    if int(least) < replicas:
        raise StoreUnavailable(
            f"min-replicas-to-write: expected {replicas} or more, got {least.decode()}; "
            "change the server's configuration, and allow CONFIG GET"
        )


def _read_info(info: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)


def _read_config(config: Any) -> dict[bytes, bytes]:
    """Return the settings in a reply to `CONFIG GET`; none if it is an error."""
    return dict(zip(config[::2], config[1::2], strict=True)) if isinstance(config, list) else {}


def refuse_errors(replies: Sequence[Any]) -> None:
    """Raise the first error among replies.

    Raises:
        StoreUnavailable: with the server's words.
    """
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise StoreUnavailable(str(reply))
