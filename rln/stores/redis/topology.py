"""Topology: which servers are the primaries now, and which slots each of them owns.

Each kind of URI gives a list of primaries: one for a single server, one for Sentinel, several with their
slots for a cluster. If no server answers, this is an error; an older list is not used.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any, Final, Protocol
from urllib.parse import unquote

from redis.exceptions import ResponseError

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.redis.resp import FAULTS, Address, ConnectionSettings, Server, pack
from rln.stores.uri import HOST, StoreUri

SLOTS: Final = 16384
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_MAX_DATABASE: Final = 1 << 31
_MAX_HOST: Final = 253
_ADDRESS: Final = re.compile(rf"({HOST})(?::([0-9]*))?")

SlotRanges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PrimaryLocation:
    """A primary, as the topology reports it.

    Attributes:
        address: where it listens.
        slot_ranges: first and last slot of each range that it owns; empty: it owns all keys.
        slots_digest: in a cluster a digest of its node id, of its slots, and of the configuration epoch in
            which it got them, which rises whenever a slot comes from another primary; otherwise `-`.
    """

    address: Address
    slot_ranges: SlotRanges = ()
    slots_digest: bytes = b"-"

    def owns(self, slot: int) -> bool:
        """Tell whether the primary owns a slot."""
        return not self.slot_ranges or any(first <= slot <= last for first, last in self.slot_ranges)

    def hash_tag(self) -> bytes:
        """Return the smallest number whose slot, as a hash tag, belongs to the primary, with braces."""
        return next(b"{%d}" % tag for tag in count() if self.owns(crc_hqx(b"%d" % tag, 0) % SLOTS))


class Topology(Protocol):
    """Tells which servers are the primaries."""

    def locations(self) -> tuple[PrimaryLocation, ...]:
        """Return the primaries as they are now.

        Raises:
            StoreUnavailable: no server knows them.
        """


@dataclass(frozen=True, slots=True)
class SingleTopology:
    """One server, known by its address."""

    address: Address

    def locations(self) -> tuple[PrimaryLocation, ...]:
        """Return the server."""
        return (PrimaryLocation(self.address),)


@dataclass(frozen=True, slots=True)
class SentinelTopology:
    """A primary that Sentinels watch, and replace if it fails."""

    sentinels: tuple[Address, ...]
    service: str
    timeout: float

    def locations(self) -> tuple[PrimaryLocation, ...]:
        """Ask the Sentinels, one after the other, which server is the primary.

        If none answers, the previous primary is not used: it may be on the wrong side of a network split.
        """
        connection = ConnectionSettings(None, None, 0, False, self.timeout)
        return _first_answer(
            self.sentinels, connection, (b"SENTINEL", b"MASTER", self.service.encode()), _read_sentinel_master
        )


@dataclass(frozen=True, slots=True)
class ClusterTopology:
    """A cluster, known by some of its nodes."""

    nodes: tuple[Address, ...]
    connection: ConnectionSettings

    def locations(self) -> tuple[PrimaryLocation, ...]:
        """Ask the nodes, one after the other, for the primaries with slots."""
        return _first_answer(self.nodes, self.connection, (b"CLUSTER", b"NODES"), _read_cluster_nodes)


def _first_answer(
    addresses: tuple[Address, ...],
    connection: ConnectionSettings,
    question: tuple[bytes, ...],
    read: Callable[[Any, Address], tuple[PrimaryLocation, ...]],
) -> tuple[PrimaryLocation, ...]:
    reasons = []
    for address in addresses:
        server = Server(address, connection)
        try:
            with server.session() as session:
                (reply,) = session.ask(pack(*question))
            if isinstance(reply, ResponseError):
                raise reply
            return read(reply, address)
        except (*FAULTS, ValueError, KeyError) as error:
            reasons.append(f"{server.name}: {error}")
        finally:
            server.close()
    raise StoreUnavailable(f"nullifier log: no server names the primary: {'; '.join(reasons)}")


def _read_sentinel_master(reply: list[bytes], asked: Address) -> tuple[PrimaryLocation, ...]:
    """Read the reply to `SENTINEL MASTER`: names and values in turn."""
    fields = dict(zip(reply[::2], reply[1::2], strict=True))
    flags = fields[b"flags"].decode()
    if flags != "master":
        raise ValueError(f"expected a primary with flags master, got {flags}")
    return (PrimaryLocation((fields[b"ip"].decode(), int(fields[b"port"]))),)


def _read_cluster_nodes(table: bytes, asked: Address) -> tuple[PrimaryLocation, ...]:
    """Read the reply to `CLUSTER NODES`: id, address, flags, primary, ping, pong, epoch, link, slots."""
    found = []
    for line in table.decode().splitlines():
        name, address, flags, _, _, _, epoch, _, *held = line.split()
        spans = [span.partition("-") for span in held if not span.startswith("[")]
        if "master" not in flags.split(",") or not spans:
            continue
        host, _, port = address.split(",")[0].split("@")[0].rpartition(":")
        slot_ranges = tuple((int(first), int(last or first)) for first, _, last in spans)
        slots_digest = blake2b(f"{name} {epoch} {slot_ranges}".encode(), digest_size=8).hexdigest().encode()
        # A node that no other node has contacted does not know its own address.
        found.append(PrimaryLocation((host or asked[0], int(port)), slot_ranges, slots_digest))
    if not found:
        raise ValueError("the cluster has no primary with slots")
    return tuple(sorted(found, key=lambda location: location.slot_ranges))


def parse_topology(uri: StoreUri, timeout: float) -> tuple[Topology, ConnectionSettings]:
    """Parse a URI.

    Args:
        uri: of scheme redis, rediss, redis+sentinel, or redis+cluster.
        timeout: seconds.

    Raises:
        ParameterError: no host, a port or database that is no number, or no Sentinel service. The message
            does not repeat the URI, which may contain a password.
    """
    authority, _, path = uri.location.partition("/")
    credentials, mark, hosts = authority.rpartition("@")
    several = uri.scheme in ("redis+sentinel", "redis+cluster")
    port = _SENTINEL_PORT if uri.scheme == "redis+sentinel" else _PORT
    addresses = tuple(_address(uri, part, port) for part in (hosts.split(",") if several else [hosts]))
    username, _, password = credentials.partition(":")
    service, _, database = path.rpartition("/") if uri.scheme == "redis+sentinel" else ("", "", path)
    if uri.scheme == "redis+sentinel" and not service:
        service, database = database, ""
    if database and uri.scheme == "redis+cluster":
        raise ParameterError("store: redis+cluster: database: expected nothing; quote / in a password as %2F")
    number = uri.whole_number(database or "0", "database", _MAX_DATABASE)
    connection = ConnectionSettings(
        unquote(username) or None if mark else None,
        unquote(password) or None if mark else None,
        number,
        uri.scheme == "rediss",
        timeout,
    )
    if uri.scheme == "redis+cluster":
        return ClusterTopology(addresses, connection), connection
    if uri.scheme == "redis+sentinel":
        if not service:
            raise ParameterError("store: redis+sentinel: expected //host:port,host:port/service")
        return SentinelTopology(addresses, unquote(service), timeout), connection
    return SingleTopology(addresses[0]), connection


def _address(uri: StoreUri, text: str, port: int) -> Address:
    found = _ADDRESS.fullmatch(text)
    if found is None or len(found[1]) > _MAX_HOST:
        raise ParameterError(
            "store: expected host:port for each server; quote / ? @ and , in a password as %2F %3F %40 %2C"
        )
    return found[1].strip("[]"), port if found[2] is None else uri.whole_number(
        found[2], "port", 65535
    ) or port


__all__ = [
    "SLOTS",
    "ClusterTopology",
    "PrimaryLocation",
    "SentinelTopology",
    "SingleTopology",
    "SlotRanges",
    "Topology",
    "parse_topology",
]
