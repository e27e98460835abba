"""Relay: one node of a Waku network, with everything that its file `relay.toml` names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Self

from rln.atomic_files import read_private_file, write_new_file
from rln.audit.files import AuditFiles
from rln.base.arguments import flag, instance
from rln.base.extras import missing, require
from rln.base.injected import callback
from rln.errors import EncodingError, IntegrityAlarm, ParameterError
from rln.group.root_source import RootSource
from rln.group.window_size import WindowSize
from rln.integrations.gossip_judge import LOGGER
from rln.integrations.light import LightServices
from rln.integrations.multiaddresses import multiaddress, peer_info, peer_name_of
from rln.integrations.slasher import Slasher, described
from rln.integrations.waku_node import WakuNode
from rln.keys.verifying_key import VerifyingKey
from rln.keys.verifying_key_file import read_verifying_key
from rln.lowlevel import entropy
from rln.protocol.identity import IdentitySecret
from rln.services.bulletin_roots import BulletinRoots
from rln.services.reconnect import Reconnect
from rln.services.relay_settings import RelaySettings, RootsSettings
from rln.services.roots_file import RootsFile
from rln.stores import open_log, open_mark
from rln.stores.groups import close_group, open_existing_group
from rln.verifying.source_limit import SourceLimit
from rln.verifying.verdict import RateLimitViolation
from rln.verifying.verifier import Verifier
from rln.waku.archive import Archive
from rln.waku.judge import Judge
from rln.waku.ruling import Gossip, Ruling, Why

if TYPE_CHECKING:
    from rln.services.relay_metrics import RelayMetrics

try:
    import trio
except ImportError as error:
    raise missing("trio", "relay", error) from error

__all__ = ["Relay"]

_LOOK_SECONDS: Final = 1.0
_SUMMARY_LOOKS: Final = 60
_SOURCES: Final = 1 << 16
_KEY_BYTES: Final = 32
_KEY: Final = re.compile(rb"([0-9a-f]{64})\n?\Z")
_NAMED: Final = 1 << 12
"""Members whose violation was logged, so that further ones of theirs are not logged again."""


class Relay:
    """A relay node. `run` belongs to one trio loop; everything else is done by threads of its parts.

    A forked child must not use it. End it with `close`, in the process that has opened it.

    Args:
        settings: what to open; see `open`.
        create_log: whether a log that does not exist accepts messages at once.

    Raises:
        As `open`.
    """

    def __init__(self, settings: RelaySettings, *, create_log: bool = False) -> None:
        instance(settings, RelaySettings, "settings")
        flag(create_log, "create_log")
        self.settings = settings
        self._counts: Counter[Gossip] = Counter()
        self._named: dict[int, None] = {}
        self._has_complained = False
        self._slasher: Slasher | None = None
        for address in settings.node.listen:
            multiaddress(address, "listen")
        for address in settings.node.peers:
            peer_info(address)
        if settings.metrics is not None:
            require("prometheus_client", "metrics")
        with ExitStack() as opened:
            self._open(opened, create_log)
            self._owned = opened.pop_all()

    def __repr__(self) -> str:
        return f"Relay({self.settings.network.network!r})"

    @classmethod
    def open(cls, config: Path | str, *, create_log: bool = False) -> Self:
        """Open everything that a file names. End it with `close`.

        Args:
            config: path of `relay.toml`.
            create_log: the log does not exist, and no message of an epoch that is open now was accepted
                before, here or elsewhere. Without it, a new log refuses these epochs.

        Raises:
            InputError: a setting or a file is wrong, or they do not fit together.
            GroupRefused: bulletins contradict each other.
            StoreUnavailable: a store, a file or a site cannot be used.
            IntegrityAlarm: the events of the registry do not give its roots.
        """
        return cls(RelaySettings.read(config), create_log=create_log)

    def _open(self, opened: ExitStack, create_log: bool) -> None:
        settings = self.settings
        key = _verifying_key(settings.key)
        is_file = settings.log.startswith(("sqlite:", "memory:"))
        self._clock = settings.network.clock(open_mark(settings.log) if is_file else None)
        roots, refresh, was_member = self._open_roots(opened)
        log = open_log(settings.log, self._clock, new=create_log)
        opened.callback(log.close)
        audit = None
        if settings.audit is not None:
            audit = AuditFiles(settings.audit, key)
            opened.callback(audit.close)
        self._registry, observer = None, None
        if settings.metrics is not None:
            from prometheus_client import CollectorRegistry

            from rln.integrations.prometheus import PrometheusObserver

            self._registry = CollectorRegistry()
            observer = PrometheusObserver(self._registry)
        sources = SourceLimit(1.0, settings.bad_proofs, _SOURCES)
        verifier = Verifier(
            key,
            roots=roots,
            log=log,
            clock=self._clock,
            was_member=was_member,
            sources=sources,
            audit=audit,
            observer=observer,
        )
        self._key, self._roots, self._refresh = key, roots, refresh
        self._judge = Judge(settings.network.network, verifier, self._clock, sources=sources)

    def _open_roots(
        self, opened: ExitStack
    ) -> tuple[RootSource, Callable[[], object], Callable[[int], bool] | None]:
        """Return the acceptable roots, what refreshes them, and who was a member if that is known."""
        wanted, now = self.settings.roots, self._clock.now
        if wanted.file is not None:
            found = RootsFile(wanted.file)
            return found, found.refresh, None
        size = WindowSize(seconds=float(wanted.window_seconds), now=now)
        if wanted.bulletins is not None:
            public_key = bytes.fromhex((wanted.registrar_key or "").removeprefix("0x"))
            followed = BulletinRoots(wanted.bulletins, public_key, wanted.depth, wanted.limit_bits, size)
            return followed, followed.refresh, None
        group = open_existing_group(wanted.members or "", wanted.depth, wanted.limit_bits, size, now=now)
        opened.callback(close_group, group)
        if wanted.slash:
            self._slasher = Slasher(group.slash, LOGGER)
            opened.callback(self._slasher.close)
        return group.roots, group.follow, group.was_member

    def explain(self) -> dict[str, object]:
        """Return what the configuration means, without a secret."""
        settings, network, light = self.settings, self.settings.network, self.settings.light
        shards = "all shards" if settings.node.shards is None else f"shards {list(settings.node.shards)}"
        served = "none"
        if light is not None:
            kept = f"a store of {light.store} messages" if light.store else ""
            names = ("light push" if light.push else "", "filter" if light.filter else "", kept)
            served = ", ".join(filter(None, ("metadata", *names)))
        return {
            "network": f"cluster {network.cluster}, {network.shards} shards, signal {network.signal_format}",
            "identifier": f"0x{network.raw_identifier.hex()}",
            "epoch": f"{network.epoch_seconds} seconds; clocks may differ by {network.skew_seconds}",
            "verifying key": self._key.digest,
            "log": settings.log.partition(":")[0],
            "roots": f"{_source(settings.roots)}, {len(self._roots)} acceptable now",
            "slashing": "members are removed" if self._slasher is not None else "violations are logged only",
            "audit": "none" if settings.audit is None else str(settings.audit),
            "takes part in": shards,
            "listens at": list(settings.node.listen),
            "calls": f"{len(settings.node.peers)} peers",
            "name": self._name(),
            "light clients": served,
            "metrics": "none" if settings.metrics is None else "{}:{}".format(*settings.metrics),
        }

    async def run(self, ready: Callable[[tuple[str, ...]], object]) -> None:
        """Run the node until cancelled. Only once; another run needs another relay.

        Args:
            ready: is called with the node's addresses as soon as it listens.

        Raises:
            ConnectionFailed: an address cannot be listened at.
            IntegrityAlarm: a store is damaged: the node has stopped.
        """
        callback(ready, "ready")
        settings = self.settings
        node = WakuNode(
            settings.network.network,
            self._judge,
            clock=self._clock,
            topics=settings.topics,
            listen=settings.node.listen,
            key=_node_key(settings.node.key),
            refresh=self._refresh,
        )
        node.on_ruling(self._ruled)
        reconnect = Reconnect(node, settings.node.peers)
        try:
            async with AsyncExitStack() as stack:
                metrics = stack.enter_context(self._metrics(node))
                await stack.enter_async_context(node.run())
                services = self._light_services(node)
                if services is not None:
                    await stack.enter_async_context(services.run())
                ready(node.addresses)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(reconnect.run)
                    nursery.start_soon(self._look, node, metrics)
        except BaseExceptionGroup as group:
            raise _only(group) from group

    def close(self) -> None:
        """Finish the slashings, and close what was opened. A second call does nothing."""
        self._owned.close()

    # ---- the node's loop

    def _metrics(self, node: WakuNode) -> AbstractContextManager[RelayMetrics | None]:
        """Return what serves the metrics, and gives their counts."""
        if self._registry is None or self.settings.metrics is None:
            return nullcontext()
        from rln.services.relay_metrics import RelayMetrics

        counts = RelayMetrics(self._registry)
        node.on_ruling(counts.ruled)
        node.on_accepted(counts.accepted)
        return counts.served(*self.settings.metrics)

    def _light_services(self, node: WakuNode) -> LightServices | None:
        light = self.settings.light
        if light is None:
            return None
        archive = Archive(light.store, light.store_bytes) if light.store else None
        network = self.settings.network.network
        return LightServices(node, network, archive, light_push=light.push, filter=light.filter)

    async def _look(self, node: WakuNode, metrics: RelayMetrics | None) -> NoReturn:
        """Keep the counts that only the node knows, and log a summary each minute."""
        looks, dropped = 0, 0
        while True:
            await trio.sleep(_LOOK_SECONDS)
            looks += 1
            if metrics is not None:
                metrics.looked(len(node.peers), node.dropped)
            if looks % _SUMMARY_LOOKS == 0:
                counts, self._counts = self._counts, Counter()
                self._has_complained = False
                LOGGER.info(
                    "%d peers; in the last minute %d messages forwarded, %d ignored, %d rejected, "
                    "%d dropped unread",
                    len(node.peers),
                    counts[Gossip.ACCEPT],
                    counts[Gossip.IGNORE],
                    counts[Gossip.REJECT],
                    node.dropped - dropped,
                )
                dropped = node.dropped

    def _ruled(self, ruling: Ruling) -> None:
        self._counts[ruling.gossip] += 1
        error = ruling.error
        if ruling.why is Why.UNSURE and error is not None and not isinstance(error, IntegrityAlarm):
            if not self._has_complained:  # once a minute, however many messages come
                LOGGER.error("messages are ignored: %s", described(error))
            self._has_complained = True
        if isinstance(ruling.verdict, RateLimitViolation):
            self._violated(ruling.verdict.identity_secret)

    def _violated(self, secret: IdentitySecret) -> None:
        """Name a member who exceeded the limit, once, and hand the secret to whoever removes members."""
        commitment = secret.commitment
        if commitment not in self._named:
            self._named[commitment] = None
            if len(self._named) > _NAMED:
                del self._named[next(iter(self._named))]
            LOGGER.warning("member 0x%064x exceeded the limit", commitment)
        if self._slasher is not None:
            self._slasher.add(secret)

    def _name(self) -> str:
        """Return the name of the node for its peers, if it has one already."""
        path = self.settings.node.key
        return peer_name_of(_node_key(path)) if path.exists() else "made at the first start"


def _verifying_key(key: Path | str) -> VerifyingKey:
    if isinstance(key, str):
        return VerifyingKey.builtin(key)
    try:
        return read_verifying_key(key.read_bytes())
    except OSError as error:
        raise ParameterError(f"key: {key}: {error.strerror}") from error


def _node_key(path: Path) -> bytes:
    """Return the private key of a node; make it if there is none.

    Raises:
        ParameterError: the file cannot be read or made, or others may read it.
        EncodingError: it holds something else.
    """
    try:
        if not path.exists():
            write_new_file(path, entropy.draw(_KEY_BYTES).hex().encode())
        data = read_private_file(path, 2 * _KEY_BYTES + 2)
    except OSError as error:
        raise ParameterError(f"node key: {path}: {error.strerror}") from error
    found = _KEY.match(data)
    if found is None:
        raise EncodingError(f"node key: {path}: expected 64 hexadecimal digits, got something else")
    return bytes.fromhex(found[1].decode())


def _source(roots: RootsSettings) -> str:
    if roots.members is not None:
        return f"registry ({roots.members.partition(':')[0]})"
    return f"bulletins in {roots.bulletins}" if roots.bulletins is not None else f"the file {roots.file}"


def _only(group: BaseExceptionGroup) -> BaseException:
    """Return the error in a group of nurseries, if it has but one."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
