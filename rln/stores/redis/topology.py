"""Servers: which primaries there are now, and which of them a key belongs to.

Three kinds of URI, one answer: a list of primaries. A single server is one; Sentinel names one; a cluster
has several, each with its slots. Nobody who cannot be asked is guessed: no answer is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from redis.exceptions import ResponseError

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.redis.resp import FAULTS, Address, Login, Server, pack
from rln.stores.uri import StoreUri

SLOTS: Final = 16384
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A primary, as those say who know.

    Attributes:
        address: where it listens.
        ranges: its slots, first and last of each range; empty: all keys are its own.
        shape: in a cluster a digest of who it is, of its slots and of the configuration epoch in which it got
            them, which rises whenever a slot comes from somewhere else; otherwise empty.
    """

    address: Address
    ranges: Ranges = ()
    shape: bytes = b"-"

    def has(self, slot: int) -> bool:
        """Tell whether a slot is its own."""
        return not self.ranges or any(first <= slot <= last for first, last in self.ranges)


class Directory(Protocol):
    """Whoever knows the primaries."""

    def places(self) -> tuple[Place, ...]:
        """Return the primaries as they are now.

        Raises:
            StoreUnavailable: nobody knows.
        """


@dataclass(frozen=True, slots=True)
class Single:
    """One server, known by its address."""

    address: Address

    def places(self) -> tuple[Place, ...]:
        """Return the server."""
        return (Place(self.address),)


@dataclass(frozen=True, slots=True)
class Watched:
    """A server that Sentinels watch, and replace when it is gone."""

    sentinels: tuple[Address, ...]
    service: str
    patience: float

    def places(self) -> tuple[Place, ...]:
        """Ask the Sentinels, one after the other, which server is the primary.

        Without an answer the primary of before is no answer: it may be on the wrong side of a split.
        """
        login = Login(None, None, 0, False, self.patience)
        return _first_answer(self.sentinels, login, (b"SENTINEL", b"MASTER", self.service.encode()), _watched)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, known by some of its nodes."""

    nodes: tuple[Address, ...]
    login: Login

    def places(self) -> tuple[Place, ...]:
        """Ask the nodes, one after the other, for the primaries with slots."""
        return _first_answer(self.nodes, self.login, (b"CLUSTER", b"NODES"), _primaries)


def _first_answer(
    addresses: tuple[Address, ...],
    login: Login,
    question: tuple[bytes, ...],
    read: Callable[[Any, Address], tuple[Place, ...]],
) -> tuple[Place, ...]:
    reasons = []
    for address in addresses:
        server = Server(address, login)
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
    raise StoreUnavailable(f"nullifier log: nobody says where the primary is: {'; '.join(reasons)}")


def _watched(reply: list[bytes], asked: Address) -> tuple[Place, ...]:
    """Read `SENTINEL MASTER`: names and values in turn."""
    fields = dict(zip(reply[::2], reply[1::2], strict=True))
    flags = fields[b"flags"].decode()
    if flags != "master":
        raise ValueError(f"the primary is {flags}")
    return (Place((fields[b"ip"].decode(), int(fields[b"port"]))),)


def _primaries(table: bytes, asked: Address) -> tuple[Place, ...]:
    """Read `CLUSTER NODES`: id, address, flags, primary, ping, pong, epoch, link, slots."""
    found = []
    for line in table.decode().splitlines():
        name, address, flags, _, _, _, epoch, _, *held = line.split()
        spans = [span.partition("-") for span in held if not span.startswith("[")]
        if "master" not in flags.split(",") or not spans:
            continue
        host, _, port = address.split(",")[0].split("@")[0].rpartition(":")
        ranges = tuple((int(first), int(last or first)) for first, _, last in spans)
        shape = blake2b(f"{name} {epoch} {ranges}".encode(), digest_size=8).hexdigest().encode()
        # A node to which no other has spoken does not know its own address.
        found.append(Place((host or asked[0], int(port)), ranges, shape))
    if not found:
        raise ValueError("the cluster has no primary with slots")
    return tuple(sorted(found, key=lambda place: place.ranges))


def directory(where: StoreUri, patience: float) -> tuple[Directory, Login]:
    """Read a URI.

    Args:
        where: of scheme redis, rediss, redis+sentinel, or redis+cluster.
        patience: seconds.

    Raises:
        ParameterError: no host, a port or database that is no number, no service of Sentinel. The message
            does not repeat the URI, which may hold a password.
    """
    authority, _, path = where.location.partition("/")
    credentials, mark, hosts = authority.rpartition("@")
    several = where.scheme in ("redis+sentinel", "redis+cluster")
    port = _SENTINEL_PORT if where.scheme == "redis+sentinel" else _PORT
    addresses = tuple(_address(part, port) for part in (hosts.split(",") if several else [hosts]))
    username, _, password = credentials.partition(":")
    service, _, database = path.rpartition("/") if where.scheme == "redis+sentinel" else ("", "", path)
    if where.scheme == "redis+sentinel" and not service:
        service, database = database, ""
    if database and (where.scheme == "redis+cluster" or not database.isdecimal()):
        raise ParameterError(f"store: {where.scheme}: expected the number of a database, or nothing")
    login = Login(
        unquote(username) or None if mark else None,
        unquote(password) or None if mark else None,
        int(database or 0),
        where.scheme == "rediss",
        patience,
    )
    if where.scheme == "redis+cluster":
        return Cluster(addresses, login), login
    if where.scheme == "redis+sentinel":
        if not service:
            raise ParameterError("store: redis+sentinel: expected //host:port,host:port/service")
        return Watched(addresses, unquote(service), patience), login
    return Single(addresses[0]), login


def _address(text: str, port: int) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, found = parts.hostname, parts.port
    except ValueError:
        host, found = None, None
    if not host:
        raise ParameterError("store: expected host:port for each server of the URI")
    return unquote(host), found or port


__all__ = ["SLOTS", "Cluster", "Directory", "Place", "Ranges", "Single", "Watched", "directory"]
