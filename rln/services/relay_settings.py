"""RelaySettings: the file `relay.toml` of a relay node, with the defaults.

    key = "zerokit-20"                    verifying key: the built-in one, or a key file
    log = "sqlite:///log.db"              nullifier log; other nodes may share one on servers
    audit = "audit"                       directory that keeps messages, for evidence; none if left out

    [network]
    cluster = 1
    shards = 8                            how many the network has
    signal_format = "waku-2025"           or "waku-2023"; the same at all nodes
    identifier = "rln/waku-rln-relay/v2.0.0"   text of at most 32 bytes, or 0x and 64 hexadecimal digits
    epoch_seconds = 600
    skew_seconds = 20                     by which clocks may differ, delivery included
    five_parts = false                    whether content topics with a generation are allowed

    [roots]                               exactly one of the first three
    members = "sqlite:///members.db"      a registry
    bulletins = "bulletins"               a directory, or a URL with a slash at its end
    file = "roots.txt"                    one root a line
    registrar_key = "5f…"                 public key that signs the bulletins, 64 hexadecimal digits
    depth = 20                            of registry and bulletins
    limit_bits = 16                       the same
    window_seconds = 60                   that a replaced root stays acceptable; a file has no window
    slash = true                          remove members of a registry who exceed their limit

    [node]
    listen = ["/ip4/0.0.0.0/tcp/60000"]   with /ws at the end: for browsers
    peers = []                            multiaddresses with /p2p/ and the peer's name
    shards = [0, 4]                       to take part in; all if left out
    key = "node.key"                      file of the node's private key, made at the first start

    [light]                               serve light clients; nothing of it without this table
    push = true                           they may publish
    filter = true                         they may subscribe
    store = 10000                         recent messages that are kept for them; 0: no store
    store_bytes = 67108864                of these, at most

    [limits]
    bad_proofs = 256                      of one peer at a time; one a second grows back

    [metrics]
    listen = "127.0.0.1:9464"             where Prometheus reads; nowhere without this table

Relative paths, also those of `sqlite:///`, count from the folder of the file. Unknown names are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from rln.base.arguments import file_path, flag, instance, pairs, text, whole
from rln.errors import EncodingError, InputError, ParameterError
from rln.integrations.settings_file import absolute_uri, check_names, check_path, read_settings
from rln.keys.verifying_key import PACKAGED
from rln.protocol.epoch import EpochClock, HighWaterMark
from rln.stores import LOGS, MEMBERS
from rln.stores.uri import StoreUri
from rln.waku.network import WakuNetwork
from rln.waku.topics import PubsubTopic

__all__ = ["LightSettings", "NetworkSettings", "NodeSettings", "RelaySettings", "RootsSettings"]

_IDENTIFIER_BYTES: Final = 32
_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})\Z")
_SOURCES: Final = ("members", "bulletins", "file")
_HOST_PORT: Final = re.compile(r"([0-9A-Za-z.-]{1,253}|\[[0-9a-f:]{2,39}\]):([0-9]{1,5})\Z")
_URL: Final = re.compile(r"https?://")
_MOST_PEERS: Final = 256


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The table `[network]`: the rules that all nodes of a network share.

    Args:
        cluster: its number, 0 to 65,535.
        shards: how many it has, 1 to 1024.
        signal_format: "waku-2025" or "waku-2023".
        identifier: text of at most 32 bytes, which zero bytes follow, or 0x and 64 hexadecimal digits.
        epoch_seconds: the length of an epoch, 1 second to 366 days.
        skew_seconds: by which clocks may differ, 0 to 3,600.
        five_parts: whether content topics with a generation are allowed.

    Raises:
        InputError: a value has another type, or is outside its range.
    """

    cluster: int
    shards: int
    signal_format: str
    identifier: str
    epoch_seconds: int
    skew_seconds: int = 20
    five_parts: bool = False

    def __post_init__(self) -> None:
        whole(self.skew_seconds, "skew_seconds", 0, 3600)
        _ = self.network, self.clock()

    @property
    def network(self) -> WakuNetwork:
        """The rules of the network."""
        return WakuNetwork(self.cluster, self.shards, self.signal_format, self.five_parts)

    @property
    def raw_identifier(self) -> bytes:
        """The rln identifier, 32 bytes."""
        found = _HEX.match(text(self.identifier, "identifier"))
        if self.identifier.startswith("0x") and found is not None:
            return bytes.fromhex(found[1])
        raw = self.identifier.encode("utf-8", "replace")
        if not 0 < len(raw) <= _IDENTIFIER_BYTES:
            raise EncodingError(
                f"identifier: expected 1 to {_IDENTIFIER_BYTES} bytes of text, or 0x and 64 hexadecimal "
                f"digits, got {len(raw)} bytes"
            )
        return raw.ljust(_IDENTIFIER_BYTES, b"\0")

    def clock(self, mark: HighWaterMark | None = None) -> EpochClock:
        """Return the clock of the network.

        Args:
            mark: as for `EpochClock.waku`.
        """
        return EpochClock.waku(
            self.raw_identifier, self.epoch_seconds, skew=float(self.skew_seconds), mark=mark
        )


@dataclass(frozen=True, slots=True)
class RootsSettings:
    """The table `[roots]`: where the node learns which roots are acceptable.

    Args:
        members: URI of a registry, or None.
        bulletins: directory, or URL with a slash at its end, or None.
        file: with one root a line, or None.
        registrar_key: public key that signs the bulletins; only with them.
        depth, limit_bits: of the group; not with a file.
        window_seconds: that a replaced root stays acceptable, 1 to 86,400; not with a file.
        slash: whether members of a registry who exceed their limit are removed from it.

    Raises:
        InputError: not exactly one of the first three, or a value has another type or range.
    """

    members: str | None = field(default=None, repr=False)  # a URI may hold a password
    bulletins: Path | str | None = None
    file: Path | None = None
    registrar_key: str | None = None
    depth: int = 20
    limit_bits: int = 16
    window_seconds: int = 60
    slash: bool = True

    def __post_init__(self) -> None:
        named = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(named) != 1:
            raise ParameterError(
                f"[roots]: expected exactly one of {', '.join(_SOURCES)}, got {' and '.join(named) or 'none'}"
            )
        if self.members is not None:
            _check_uri(self.members, "members", MEMBERS[1:])
        if self.file is not None:
            check_path(self.file, "file")
        if isinstance(self.bulletins, str) and not (
            _URL.match(self.bulletins) and self.bulletins.endswith("/")
        ):
            raise ParameterError(
                "bulletins: expected a directory, or a URL with a slash at its end, "
                f"got {self.bulletins[:80]!r}"
            )
        if self.bulletins is not None and not isinstance(self.bulletins, str):
            check_path(self.bulletins, "bulletins")
        if (self.registrar_key is None) != (self.bulletins is None):
            raise ParameterError(
                "registrar_key: expected it with bulletins, and with nothing else: it is the public key that "
                "signs them, from a source that you trust"
            )
        if self.registrar_key is not None:
            found = _HEX.match(text(self.registrar_key, "registrar_key"))
            if found is None:
                raise EncodingError("registrar_key: expected 64 hexadecimal digits, got something else")
        whole(self.depth, "depth", 1, 32)
        whole(self.limit_bits, "limit_bits", 1, 16)
        whole(self.window_seconds, "window_seconds", 1, 86_400)
        flag(self.slash, "slash")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The table `[node]`: where the node listens, and whom it calls.

    Args:
        listen: multiaddresses.
        peers: multiaddresses with the names of the peers; the node calls them, again and again.
        shards: numbers of the shards to take part in. None: all.
        key: file of the private key; made at the first start.

    Raises:
        InputError: a value has another type.
    """

    listen: tuple[str, ...]
    peers: tuple[str, ...] = ()
    shards: tuple[int, ...] | None = None
    key: Path = Path("node.key")

    def __post_init__(self) -> None:
        for name in ("listen", "peers"):
            value = getattr(self, name)
            if type(value) is not tuple:
                raise ParameterError(f"{name}: expected a tuple of addresses, got {type(value).__name__}")
            for address in value:
                text(address, name)
        if not self.listen:
            raise ParameterError("listen: expected at least one address, got none")
        if len(self.peers) > _MOST_PEERS:
            raise ParameterError(f"peers: expected at most {_MOST_PEERS}, got {len(self.peers)}")
        if len(set(self.peers)) != len(self.peers):
            raise ParameterError("peers: expected each address once")
        if self.shards is not None:
            if type(self.shards) is not tuple or not self.shards:
                raise ParameterError("shards: expected a list of at least one number; leave it out for all")
            for shard in self.shards:
                whole(shard, "shards", 0, 1023)
        check_path(self.key, "key")


@dataclass(frozen=True, slots=True)
class LightSettings:
    """The table `[light]`: what light clients get.

    Args:
        push: whether they may publish.
        filter: whether they may subscribe.
        store: recent messages that are kept for them, 0 to 1,000,000; 0: there is no store.
        store_bytes: of these, 1 KiB to 64 GiB.

    Raises:
        ParameterError: a value has another type, or is outside its range.
    """

    push: bool = True
    filter: bool = True
    store: int = 10_000
    store_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        flag(self.push, "push")
        flag(self.filter, "filter")
        whole(self.store, "store", 0, 1_000_000)
        whole(self.store_bytes, "store_bytes", 1 << 10, 64 << 30)


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """What `relay.toml` says, with absolute paths; `read` makes it.

    Args:
        key: built-in name, or path of the file with the verifying key.
        log: URI of the nullifier log.
        network: its rules.
        roots: where they come from.
        node: addresses.
        light: None: light clients are not served.
        audit: directory for audit files; None: no audit.
        bad_proofs: of one peer at a time, 1 to 2^20; one a second grows back.
        metrics: host and port; None: no metrics.

    Raises:
        InputError: a value has another type, or they do not fit together.
    """

    key: Path | str
    log: str = field(repr=False)  # a URI may hold a password
    network: NetworkSettings
    roots: RootsSettings
    node: NodeSettings
    light: LightSettings | None = None
    audit: Path | None = None
    bad_proofs: int = 256
    metrics: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.key, str):
            if self.key not in PACKAGED:
                raise ParameterError(f"key: expected {', '.join(PACKAGED)} or a path, got {self.key[:80]!r}")
        else:
            check_path(self.key, "key")
        _check_uri(self.log, "log", LOGS)
        for name, kind in (("network", NetworkSettings), ("roots", RootsSettings), ("node", NodeSettings)):
            instance(getattr(self, name), kind, name)
        if self.light is not None:
            instance(self.light, LightSettings, "light")
        if self.audit is not None:
            check_path(self.audit, "audit")
        whole(self.bad_proofs, "bad_proofs", 1, 1 << 20)
        if self.metrics is not None:
            pairs([self.metrics], 2, "metrics")
            text(self.metrics[0], "metrics")
            whole(self.metrics[1], "port", 1, 65_535)
        unknown = [shard for shard in self.node.shards or () if shard >= self.network.shards]
        if unknown:
            raise ParameterError(
                f"[node] shards: expected numbers below {self.network.shards}, the number of shards of the "
                f"network, got {unknown[0]}"
            )

    @property
    def topics(self) -> tuple[str, ...]:
        """The pubsub topics that the node takes part in."""
        shards = range(self.network.shards) if self.node.shards is None else self.node.shards
        return tuple(str(PubsubTopic(self.network.cluster, shard)) for shard in shards)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read the file.

        Raises:
            ParameterError: there is no such file, a name is missing or unknown, or a value is wrong.
            EncodingError: not TOML, or a text has another form.
        """
        path = file_path(path, "config")
        content = read_settings(path)
        folder = path.absolute().parent
        tables = {"network", "roots", "node", "light", "limits", "metrics"}
        check_names(content, {"key", "log", "audit", *tables}, {"key", "log", *_NEEDED}, path.name)
        roots = _table(content, "roots", RootsSettings)
        node = _table(content, "node", NodeSettings)
        limits = _plain_table(content, "limits", {"bad_proofs"}, set())
        metrics = _plain_table(content, "metrics", {"listen"}, {"listen"}) if "metrics" in content else None
        key = text(content["key"], "key")
        _placed(roots, folder, "file", "bulletins")
        if isinstance(roots.get("members"), str):
            roots["members"] = absolute_uri(roots["members"], folder)
        for name in ("listen", "peers", "shards"):
            if name in node:
                instance(node[name], list, name)
                node[name] = tuple(node[name])
        node.setdefault("key", "node.key")
        _placed(node, folder, "key")
        audit = content.get("audit")
        return cls(
            key if key in PACKAGED else folder / file_path(key, "key"),
            absolute_uri(text(content["log"], "log"), folder),
            NetworkSettings(**_table(content, "network", NetworkSettings)),
            RootsSettings(**roots),
            NodeSettings(**node),
            LightSettings(**_table(content, "light", LightSettings)) if "light" in content else None,
            None if audit is None else folder / file_path(text(audit, "audit"), "audit"),
            metrics=None if metrics is None else _host_port(metrics["listen"]),
            **limits,
        )


_NEEDED: Final = ("network", "roots", "node")


def _table(content: Mapping[str, Any], name: str, kind: type) -> dict[str, Any]:
    """Return a table with the names of a dataclass."""
    known = {one.name for one in fields(kind)}
    required = {one.name for one in fields(kind) if one.default is MISSING}
    return _plain_table(content, name, known, required)


def _plain_table(
    content: Mapping[str, Any], name: str, known: set[str], required: set[str]
) -> dict[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise ParameterError(f"{name}: expected a table [{name}], got {type(table).__name__}")
    check_names(table, known, required, f"[{name}]")
    return dict(table)


def _placed(table: dict[str, Any], folder: Path, *names: str) -> None:
    """Let paths count from the folder of the file; a URL stays."""
    for name in names:
        if name in table and not _URL.match(text(table[name], name)):
            table[name] = folder / file_path(table[name], name)


def _check_uri(uri: str, name: str, schemes: tuple[str, ...]) -> None:
    """Name the setting instead of "store" in the error."""
    try:
        StoreUri.parse(text(uri, name), schemes)
    except InputError as error:
        raise type(error)(f"{name}: {str(error).removeprefix('store: ')}") from error


def _host_port(value: str) -> tuple[str, int]:
    found = _HOST_PORT.match(text(value, "listen"))
    if found is None:
        raise ParameterError(f"[metrics] listen: expected HOST:PORT, got {value[:80]!r}")
    return found[1].strip("[]"), int(found[2])
