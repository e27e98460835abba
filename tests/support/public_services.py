"""A valid call of every public function and method that does work: groups, stores, provers, verifiers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

import rln
from rln import stores
from rln.audit.files import AuditFiles
from rln.audit.violators import Violation, Violators
from rln.group.events import Change, Event, Events, Step
from rln.http.policy import Policy, Tier
from rln.http.route import Route
from rln.integrations.logs import LogObserver
from rln.integrations.prometheus import PrometheusObserver
from rln.ports import MemberRegistry, MessageIdAllocator, NullifierLog, check_claim
from rln.services.api_keys import Account
from rln.services.new_account import EMPTY, add_account
from rln.services.provider_directory import create_provider, origin_of, registrar_places
from rln.services.provider_prices import Published, publish_prices, read_routes
from rln.stores.async_log import AsyncNullifierLog
from rln.stores.copy_members import copy_members
from rln.stores.groups import build_group, close_group, open_existing_group, open_group
from rln.stores.memory import MemoryMark, MemoryMessageIds, MemoryNullifierLog
from rln.sync.bulletin_folder import BulletinFolder, read_bulletin
from rln.sync.export import bulletin_since
from rln.sync.mirror_file import load_mirror, save_mirror
from rln.sync.signing import RegistrarKey, check_public_key, check_statement, open_bulletin
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.small_world import DEPTH, LIMIT_BITS, PERIOD, START


def now() -> float:
    """Return a fixed time."""
    return START


def never(_: float) -> None:
    """Take a part of the progress."""


def _window() -> rln.WindowSize:
    return rln.WindowSize(count=5, seconds=60.0, now=now)


def _history() -> rln.RootHistory:
    return rln.RootHistory([5, 6], rln.WindowSize(count=5))


def _audit(bench: CallBench) -> AuditFiles:
    trail = AuditFiles(bench.path("audit"), bench.verifying_key)
    bench.stack.callback(trail.close)
    return trail


def _async_log(bench: CallBench) -> AsyncNullifierLog:
    return AsyncNullifierLog(MemoryNullifierLog())


def _async_verifier(bench: CallBench) -> rln.AsyncVerifier:
    return rln.AsyncVerifier(bench.verifier(), window=0.0)


def _registrar_key(bench: CallBench) -> RegistrarKey:
    return RegistrarKey.new(bench.path("pem"))


def _check_statement(bench: CallBench) -> Call:
    key, label, content = _registrar_key(bench), "rln policy", b"content"
    signature = key.sign_statement(label, content)
    return check_statement, {
        "label": label,
        "content": content,
        "signature": signature,
        "public_key": key.public_key,
    }


def _provider(bench: CallBench) -> Path:
    """Return the directory of a provider, as far as prices need it."""
    directory = bench.path("provider")
    directory.mkdir()
    key = RegistrarKey.new(directory / "registrar.pem")
    params = rln.Params.of(
        bench.key,
        "api.localhost",
        PERIOD,
        window_count=5,
        registrar_key=key.public_key,
        signal_format="joined",
    )
    policy = Policy(1, params, ("127.0.0.1:8000",), (Tier("pro", 2),))
    (directory / "policy.json").write_bytes(policy.sign(key))
    return directory


def _published(bench: CallBench) -> dict[str, object]:
    made = publish_prices(_provider(bench), (Route("GET", "/", "flat", units=1),))
    return {"prices": made.prices, "policy": made.policy, "is_new_list": True, "is_new_policy": True}


def _restored(bench: CallBench) -> Call:
    path = bench.path()
    stores.open_members(f"sqlite:///{path}", DEPTH, LIMIT_BITS).close()
    arguments = {"uri": f"sqlite:///{path}", "slashed": [101], "at": 5}
    return stores.accept_restored_members, arguments


def _existing(bench: CallBench) -> Call:
    path = bench.path()
    stores.open_members(f"sqlite:///{path}", DEPTH, LIMIT_BITS).close()
    return _closing(bench, stores.open_existing_members), {"uri": f"sqlite:///{path}"}


def _registry(bench: CallBench) -> str:
    """Return the URI of a registry that exists."""
    uri = f"sqlite:///{bench.path()}"
    stores.open_members(uri, DEPTH, LIMIT_BITS).close()
    return uri


def _closing(bench: CallBench, opens: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that opens something which the bench closes."""

    def opened(**arguments: object) -> Any:
        made = opens(**arguments)
        if not isinstance(made, AsyncNullifierLog):
            bench.stack.callback(getattr(made, "close", lambda: None))
        return made

    return opened


def _log_calls(name: str, make: Callable[[CallBench], NullifierLog]) -> Table:
    """Return the calls of a nullifier log; `name` has a place for the method."""
    return {
        name.format("forget"): lambda bench: (make(bench).forget, {"before": 5}),
        name.format("insert_or_get"): lambda bench: (
            make(bench).insert_or_get,
            {"epoch": bench.epoch, "shares": bench.first.shares},
        ),
        name.format("insert_or_get_many"): lambda bench: (
            make(bench).insert_or_get_many,
            {"claims": [bench.claim]},
        ),
        name.format("peek"): lambda bench: (
            make(bench).peek,
            {"epoch": bench.epoch, "nullifier": bench.first.nullifier},
        ),
        name.format("peek_many"): lambda bench: (
            make(bench).peek_many,
            {"keys": [(bench.epoch, bench.first.nullifier)]},
        ),
    }


def _id_calls(name: str, make: Callable[[CallBench], MessageIdAllocator]) -> Table:
    """Return the calls of a message id allocator that has reserved an id for x = 5."""

    def reserved(bench: CallBench) -> MessageIdAllocator:
        ids = make(bench)
        ids.introduce(101)
        ids.reserve(101, bench.epoch, 2, 1, 5)
        return ids

    def kept(bench: CallBench) -> MessageIdAllocator:
        ids = reserved(bench)
        ids.keep(101, bench.epoch, range(1), 5, b"message")
        return ids

    return {
        name.format("introduce"): lambda bench: (make(bench).introduce, {"commitment": 101}),
        name.format("refuse_until"): lambda bench: (
            make(bench).refuse_until,
            {"commitment": 101, "time": 5},
        ),
        name.format("reserve"): lambda bench: (
            reserved(bench).reserve,
            {"commitment": 101, "epoch": bench.epoch, "limit": 16, "count": 1, "x": 5},
        ),
        name.format("keep"): lambda bench: (
            reserved(bench).keep,
            {"commitment": 101, "epoch": bench.epoch, "ids": range(1), "x": 5, "message": b"message"},
        ),
        name.format("recall"): lambda bench: (
            kept(bench).recall,
            {"commitment": 101, "identifier": bench.epoch.identifier, "x": 5},
        ),
    }


def _reader_calls(name: str, make: Callable[[CallBench], Any]) -> Table:
    """Return the calls of what reads a registry."""
    return {
        name.format("steps_after"): lambda bench: (make(bench).steps_after, {"number": 0, "most": 5}),
        name.format("events_after"): lambda bench: (make(bench).events_after, {"number": 0, "most": 5}),
        name.format("step_at"): lambda bench: (make(bench).step_at, {"at": 5}),
        name.format("root_changes_after"): lambda bench: (make(bench).root_changes_after, {"after": 0}),
        name.format("registrations"): lambda bench: (make(bench).registrations, {"commitment": 101}),
        name.format("registration_at"): lambda bench: (make(bench).registration_at, {"index": 0}),
        name.format("slashing"): lambda bench: (make(bench).slashing, {"commitment": 101}),
    }


def _registry_calls(name: str, make: Callable[[CallBench], MemberRegistry]) -> Table:
    """Return the calls of a registry with two members."""
    return {
        **_reader_calls(name, lambda bench: bench.filled(make(bench))),
        name.format("member"): lambda bench: (bench.filled(make(bench)).member, {"commitment": 101}),
        name.format("was_member"): lambda bench: (bench.filled(make(bench)).was_member, {"commitment": 101}),
        name.format("is_slashed"): lambda bench: (bench.filled(make(bench)).is_slashed, {"commitment": 101}),
    }


def _append(bench: CallBench, registry: MemberRegistry) -> Call:
    event = Event(3, Change.REGISTERED, 2, 103, 2)
    change = bench.changing(bench.filled(registry))
    return change.append, {"step": Step(3, 7, 5000, 3, 1), "pages": [Events.of([event])]}


def _change_calls(name: str, make: Callable[[CallBench], MemberRegistry]) -> Table:
    """Return the calls of a change of a registry with two members."""
    return {
        **_reader_calls(name, lambda bench: bench.changing(bench.filled(make(bench)))),
        name.format("append"): lambda bench: _append(bench, make(bench)),
        name.format("note_slashing"): lambda bench: (
            bench.changing(bench.filled(make(bench))).note_slashing,
            {"commitment": 101, "noted": 5000, "due": 6000},
        ),
    }


def _trail_calls(name: str) -> Table:
    return {
        name.format("append_many"): lambda bench: (
            _audit(bench).append_many,
            {"messages": [(bench.epoch, bench.first)]},
        ),
        name.format("lookup"): lambda bench: (
            _audit(bench).lookup,
            {"epoch": bench.epoch, "nullifier": bench.first.nullifier},
        ),
        name.format("forget"): lambda bench: (_audit(bench).forget, {"before": 5}),
    }


def _observer_calls(name: str, make: Callable[[CallBench], Any]) -> Table:
    return {
        name.format("judged"): lambda bench: (make(bench).judged, {"outcome": rln.Valid(), "since": 0.5}),
        name.format("stored"): lambda bench: (make(bench).stored, {"failed": True, "since": 0.5}),
        name.format("damaged"): lambda bench: (make(bench).damaged, {"error": ValueError("text")}),
        name.format("waiting"): lambda bench: (make(bench).waiting, {"messages": 5}),
    }


def _sqlite_log(bench: CallBench) -> NullifierLog:
    log = stores.open_log(f"sqlite:///{bench.path()}", bench.world.clock, new=True)
    bench.stack.callback(log.close)
    return log


def _sqlite_ids(bench: CallBench) -> MessageIdAllocator:
    ids = stores.open_message_ids(f"sqlite:///{bench.path()}")
    bench.stack.callback(ids.close)
    return ids


def _logs(_: CallBench) -> LogObserver:
    logger = logging.Logger("test")
    logger.addHandler(logging.NullHandler())
    return LogObserver(logger)


def _metrics(_: CallBench) -> PrometheusObserver:
    return PrometheusObserver(CollectorRegistry())


def _clock_calls(name: str) -> Table:
    return {
        name.format("find"): lambda bench: (
            bench.world.clock.find,
            {"external_nullifier": bench.epoch.external_nullifier},
        ),
        name.format("opened"): lambda bench: (bench.world.clock.opened, {"epoch": bench.epoch}),
    }


def _root_source_calls(name: str) -> Table:
    return {}


PORTS: dict[str, Table] = {
    "AuditTrail": _trail_calls("rln.ports.AuditTrail.{}[files]"),
    "Clock": _clock_calls("rln.ports.Clock.{}[epoch clock]"),
    "MemberRegistry": {
        **_registry_calls("rln.ports.MemberRegistry.{}[memory]", CallBench.registry),
        **_registry_calls("rln.ports.MemberRegistry.{}[sqlite]", CallBench.stored_registry),
    },
    "MessageIdAllocator": _id_calls("rln.ports.MessageIdAllocator.{}[sqlite]", _sqlite_ids),
    "NullifierLog": _log_calls("rln.ports.NullifierLog.{}[sqlite]", _sqlite_log),
    "Observer": _observer_calls("rln.ports.Observer.{}[logs]", _logs),
    "RegistryChange": {
        **_change_calls("rln.ports.RegistryChange.{}[memory]", CallBench.registry),
        **_change_calls("rln.ports.RegistryChange.{}[sqlite]", CallBench.stored_registry),
    },
    "RegistryReader": _reader_calls(
        "rln.ports.RegistryReader.{}[memory]", lambda bench: bench.filled(bench.registry())
    ),
}
"""The methods of the protocols, called on adapters."""

SERVICES: Table = {
    **{name: build for table in PORTS.values() for name, build in table.items()},
    "rln.ports.check_claim": lambda bench: (check_claim, {"shares": bench.first.shares}),
    # ---- audit
    "rln.audit.files.AuditFiles": lambda bench: (
        _closing(bench, AuditFiles),
        {"directory": bench.path("audit"), "verifying_key": bench.verifying_key},
    ),
    **_trail_calls("rln.audit.files.AuditFiles.{}"),
    "rln.audit.violators.Violation": lambda bench: (
        Violation,
        {
            "commitment": bench.member.commitment,
            "evidence": rln.Evidence(bench.first, bench.second, bench.verifying_key.digest),
        },
    ),
    "rln.audit.violators.Violators": lambda bench: (
        Violators,
        {"messages": lambda: [bench.first], "verifying_key": bench.verifying_key},
    ),
    # ---- groups
    "rln.group.group.Group": lambda bench: (
        rln.Group,
        {
            "depth": DEPTH,
            "limit_bits": LIMIT_BITS,
            "window": _window(),
            "registry": bench.group().registry,
            "now": now,
            "interval": 1.0,
            "threads": 1,
            "start": bench.group().picture(),
            "progress": never,
        },
    ),
    "rln.group.group.Group.is_member": lambda bench: (bench.group().is_member, {"commitment": 101}),
    "rln.group.group.Group.was_member": lambda bench: (bench.group().was_member, {"commitment": 101}),
    "rln.group.group.Group.membership": lambda bench: (bench.group().membership, {"commitment": 101}),
    "rln.group.group.Group.member_at": lambda bench: (bench.group().member_at, {"index": 0}),
    "rln.group.group.Group.proof": lambda bench: (bench.group().proof, {"index": 0}),
    "rln.group.group.Group.register": lambda bench: (
        bench.group().register,
        {"commitment": 104, "limit": 2},
    ),
    "rln.group.group.Group.register_many": lambda bench: (
        bench.group().register_many,
        {"members": [(104, 2), (105, 1)]},
    ),
    "rln.group.group.Group.remove": lambda bench: (bench.group().remove, {"index": 0}),
    "rln.group.group.Group.slash": lambda bench: _slash(bench),
    "rln.group.registry_roots.RegistryRoots": lambda bench: (
        rln.RegistryRoots,
        {"registry": bench.registry(), "window": _window(), "now": now},
    ),
    "rln.group.root_window.RootHistory": lambda _: (
        rln.RootHistory,
        {"roots": [5, 6], "size": _window(), "first": 0},
    ),
    "rln.group.root_window.RootHistory.accepts": lambda _: (_history().accepts, {"root": 5}),
    "rln.group.root_window.RootHistory.announce": lambda _: (
        _history().announce,
        {"roots": [(2, 7, 5.0)], "retired": [range(1)], "ready": 2},
    ),
    "rln.group.root_window.RootHistory.confirm": lambda _: (_history().confirm, {"step": 1, "root": 6}),
    "rln.group.root_window.RootHistory.extend": lambda _: (
        _history().extend,
        {"roots": [(7, 5.0)], "retired": [range(1)]},
    ),
    "rln.group.root_window.RootHistory.push": lambda _: (
        _history().push,
        {"root": 7, "retired": [range(1)]},
    ),
    "rln.group.root_window.RootHistory.restore": lambda _: (
        _history().restore,
        {"roots": [(0, 5, 1.0), (1, 6, 2.0)], "retired": [range(1)], "ready": 1, "forgotten": 0.5},
    ),
    "rln.group.root_window.RootHistory.retire": lambda _: (_history().retire, {"steps": [range(1)]}),
    "rln.group.root_window.RootWindow": lambda _: (
        rln.RootWindow,
        {"history": _history(), "follow": lambda: None},
    ),
    "rln.group.window_size.WindowSize": lambda _: (
        rln.WindowSize,
        {"count": 5, "seconds": 60.0, "now": now},
    ),
    # ---- integrations
    "rln.integrations.logs.LogObserver": lambda _: (LogObserver, {"logger": logging.Logger("test")}),
    **_observer_calls("rln.integrations.logs.LogObserver.{}", _logs),
    "rln.integrations.prometheus.PrometheusObserver": lambda _: (
        lambda registry: PrometheusObserver(registry),
        {"registry": CollectorRegistry()},
    ),
    **_observer_calls("rln.integrations.prometheus.PrometheusObserver.{}", _metrics),
    # ---- proving
    "rln.proving.prover.Prover": lambda bench: (
        _closing(bench, rln.Prover),
        {
            "identity": bench.member,
            "membership": bench.world.group.membership(bench.member.commitment),
            "key": bench.key,
            "ids": MemoryMessageIds(),
            "clock": bench.world.clock,
            "path": bench.world.group.proof,
            "params": rln.Params.of(bench.key, "story.example", PERIOD, window_count=5, skew=5),
            "self_check": True,
            "threads": 1,
            "tokens": 0,
        },
    ),
    "rln.proving.prover.Prover.again": lambda bench: (bench.prover().again, {"signal": b"text"}),
    "rln.proving.prover.Prover.renew": lambda bench: (bench.proved().renew, {"signal": b"text"}),
    "rln.proving.prover.Prover.partial_proof": lambda bench: (
        bench.prover().partial_proof,
        {"codec": "zerokit-3"},
    ),
    "rln.proving.prover.Prover.prepare": lambda bench: (
        bench.prover().prepare,
        {
            "path": bench.world.group.proof(0),
            "partial_proof": bench.prover().partial_proof(),
            "codec": "zerokit-3",
        },
    ),
    "rln.proving.prover.Prover.prove": lambda bench: (bench.prover().prove, {"signal": b"text"}),
    "rln.proving.prover.Prover.prove_multi": lambda bench: (
        bench.multi_prover().prove_multi,
        {"signal": b"text", "count": 2},
    ),
    # ---- stores
    "rln.stores.accept_restored_members": _restored,
    "rln.stores.open_existing_members": _existing,
    "rln.stores.open_async_log": lambda bench: (
        _closing(bench, stores.open_async_log),
        {"uri": f"sqlite:///{bench.path()}", "clock": bench.world.clock, "new": True},
    ),
    "rln.stores.open_log": lambda bench: (
        _closing(bench, stores.open_log),
        {"uri": f"sqlite:///{bench.path()}", "clock": bench.world.clock, "new": True},
    ),
    "rln.stores.open_log[memory]": lambda bench: (
        stores.open_log,
        {"uri": "memory://", "clock": bench.world.clock, "new": True},
    ),
    "rln.stores.open_mark": lambda bench: (
        _closing(bench, stores.open_mark),
        {"uri": f"sqlite:///{bench.path()}"},
    ),
    "rln.stores.open_members": lambda bench: (
        _closing(bench, stores.open_members),
        {"uri": f"sqlite:///{bench.path()}", "depth": DEPTH, "limit_bits": LIMIT_BITS},
    ),
    "rln.stores.open_message_ids": lambda bench: (
        _closing(bench, stores.open_message_ids),
        {"uri": f"sqlite:///{bench.path()}"},
    ),
    "rln.stores.async_log.AsyncNullifierLog": lambda _: (AsyncNullifierLog, {"log": MemoryNullifierLog()}),
    **_log_calls("rln.stores.async_log.AsyncNullifierLog.{}", _async_log),  # type: ignore[arg-type]
    "rln.stores.copy_members.copy_members": lambda bench: (
        copy_members,
        {"source": bench.filled(bench.registry()), "target": bench.registry(), "progress": never},
    ),
    "rln.stores.groups.build_group": lambda bench: (
        build_group,
        {
            "registry": bench.registry(),
            "window": _window(),
            "now": now,
            "interval": 1.0,
            "threads": 1,
            "snapshot": bench.path("snapshot"),
            "progress": never,
        },
    ),
    "rln.stores.groups.close_group": lambda bench: (
        close_group,
        {"group": bench.group(), "snapshot": bench.path("snapshot")},
    ),
    "rln.stores.groups.open_existing_group": lambda bench: (
        _closing(bench, open_existing_group),
        {
            "uri": _registry(bench),
            "depth": DEPTH,
            "limit_bits": LIMIT_BITS,
            "window": _window(),
            "now": now,
        },
    ),
    "rln.stores.groups.open_group": lambda bench: (
        _closing(bench, open_group),
        {
            "uri": "memory://",
            "depth": DEPTH,
            "limit_bits": LIMIT_BITS,
            "window": _window(),
            "now": now,
            "interval": 1.0,
            "threads": 1,
            "snapshot": bench.path("snapshot"),
            "progress": never,
        },
    ),
    "rln.stores.memory.MemoryMark.raise_to": lambda _: (MemoryMark().raise_to, {"seconds": 5}),
    **_id_calls("rln.stores.memory.MemoryMessageIds.{}", lambda _: MemoryMessageIds()),
    **_log_calls("rln.stores.memory.MemoryNullifierLog.{}", lambda _: MemoryNullifierLog()),
    # ---- mirrors
    "rln.sync.bulletin_folder.BulletinFolder": lambda bench: (
        BulletinFolder,
        {
            "directory": bench.folder,
            "mirror": bench.mirror(),
            "public_key": _registrar_key(bench).public_key,
        },
    ),
    "rln.sync.bulletin_folder.read_bulletin": lambda bench: (
        read_bulletin,
        {"path": bench.file(b"text"), "max_bytes": 5},
    ),
    "rln.sync.export.bulletin_since": lambda bench: (
        bulletin_since,
        {
            "registry": bench.filled(bench.registry()),
            "after": 0,
            "until": 1,
            "threads": 1,
            "progress": never,
        },
    ),
    "rln.sync.mirror.Mirror": lambda _: (
        rln.Mirror,
        {"depth": DEPTH, "limit_bits": LIMIT_BITS, "min_members": 1, "threads": 1},
    ),
    "rln.sync.mirror.Mirror.apply": lambda bench: (
        rln.Mirror(DEPTH, LIMIT_BITS).apply,
        {"bulletin": next(bench.bulletins())},
    ),
    "rln.sync.mirror.Mirror.catch_up": lambda bench: (
        rln.Mirror(DEPTH, LIMIT_BITS).catch_up,
        {"bulletin": next(bench.bulletins())},
    ),
    "rln.sync.mirror.Mirror.membership": lambda bench: (
        bench.mirror((101,)).membership,
        {"commitment": 101, "limit": 2},
    ),
    "rln.services.provider_directory.origin_of": lambda _: (origin_of, {"authority": "127.0.0.1:8000"}),
    "rln.services.provider_directory.registrar_places": lambda _: (
        registrar_places,
        {"base": "https://api.example.com/rln/"},
    ),
    "rln.services.new_account.add_account": lambda bench: (
        add_account,
        {"path": bench.file(EMPTY), "account": Account("acme", ("pro",))},
    ),
    "rln.sync.mirror.Mirror.leaf": lambda bench: (bench.mirror().leaf, {"index": 0}),
    "rln.sync.mirror.Mirror.proof": lambda bench: (bench.mirror().proof, {"index": 0}),
    "rln.services.provider_directory.create_provider": lambda bench: (
        create_provider,
        {
            "directory": bench.path("provider"),
            "application": "api.localhost",
            "period": 60,
            "tiers": [Tier("pro", 5)],
            "authorities": ["127.0.0.1:8000"],
            "registrar": "http://127.0.0.1:8001/rln/",
            "refresh": 5,
            "depth": 3,
            "limit_bits": 4,
            "max_units": 2,
            "progress": never,
        },
    ),
    "rln.services.provider_prices.Published": lambda bench: (Published, _published(bench)),
    "rln.services.provider_prices.publish_prices": lambda bench: (
        publish_prices,
        {"directory": _provider(bench), "routes": (Route("GET", "/", "flat", units=1),)},
    ),
    "rln.services.provider_prices.read_routes": lambda bench: (
        read_routes,
        {"path": bench.file(b"[[route]]\nmethod='GET'\npath='/'\nadapter='flat'\nunits=1\n")},
    ),
    "rln.sync.mirror_file.load_mirror": lambda bench: (
        load_mirror,
        {"path": bench.file(bench.mirror().whole().encode()), "min_members": 1, "threads": 1},
    ),
    "rln.sync.mirror_file.save_mirror": lambda bench: (
        save_mirror,
        {"path": bench.path("mirror"), "mirror": bench.mirror()},
    ),
    "rln.sync.signing.RegistrarKey": lambda bench: (RegistrarKey, {"key": _registrar_key(bench)._key}),
    "rln.sync.signing.RegistrarKey.load": lambda bench: _load_key(bench),
    "rln.sync.signing.RegistrarKey.new": lambda bench: (RegistrarKey.new, {"path": bench.path("pem")}),
    "rln.sync.signing.RegistrarKey.sign": lambda bench: (
        _registrar_key(bench).sign,
        {"bulletin": next(bench.bulletins())},
    ),
    "rln.sync.signing.RegistrarKey.sign_statement": lambda bench: (
        _registrar_key(bench).sign_statement,
        {"label": "rln policy", "content": b"content"},
    ),
    "rln.sync.signing.check_public_key": lambda bench: (
        check_public_key,
        {"public_key": _registrar_key(bench).public_key},
    ),
    "rln.sync.signing.check_statement": lambda bench: _check_statement(bench),
    "rln.sync.signing.open_bulletin": lambda bench: _open_bulletin(bench),
    # ---- verifying
    "rln.verifying.async_verifier.AsyncVerifier": lambda bench: (
        rln.AsyncVerifier,
        {"verifier": bench.verifier(), "window": 0.5, "queue": 5, "batch": 5},
    ),
    "rln.verifying.async_verifier.AsyncVerifier.submit": lambda bench: (
        _async_verifier(bench).submit,
        {"proof": bench.first, "signal": b"one", "source": "a source"},
    ),
    "rln.verifying.source_limit.SourceLimit": lambda _: (
        rln.SourceLimit,
        {"rate": 1.0, "burst": 5, "sources": 5},
    ),
    "rln.verifying.source_limit.SourceLimit.give_back": lambda _: (
        rln.SourceLimit(1.0, 5).give_back,
        {"source": "a source"},
    ),
    "rln.verifying.source_limit.SourceLimit.take": lambda _: (
        rln.SourceLimit(1.0, 5).take,
        {"source": "a source", "now": 5.0},
    ),
    "rln.verifying.verifier.Verifier": lambda bench: (
        rln.Verifier,
        {
            "verifying_key": bench.verifying_key,
            "roots": bench.world.group.roots,
            "log": MemoryNullifierLog(),
            "clock": bench.world.clock,
            "was_member": bench.world.group.was_member,
            "sources": rln.SourceLimit(1.0, 5),
            "audit": _audit(bench),
            "observer": _logs(bench),
            "threads": 1,
            "params": rln.Params.of(bench.key, "story.example", PERIOD, window_count=5, skew=5),
        },
    ),
    "rln.verifying.verifier.Verifier.check": lambda bench: (
        bench.verifier().check,
        {"proof": bench.first, "signal": b"one"},
    ),
    "rln.verifying.verifier.Verifier.outcomes": lambda bench: (
        bench.verifier().outcomes,
        {"messages": [(bench.first, b"one")], "sources": ["a source"]},
    ),
    "rln.verifying.verifier.Verifier.submit": lambda bench: (
        bench.verifier().submit,
        {"proof": bench.first, "signal": b"one", "source": "a source"},
    ),
    "rln.verifying.verifier.Verifier.submit_many": lambda bench: (
        bench.verifier().submit_many,
        {"messages": [(bench.first, b"one")], "sources": ["a source"]},
    ),
}
"""As `VALUES`. A name may end in the adapter that is called, in brackets."""


def _slash(bench: CallBench) -> Call:
    group, member = bench.group(), rln.Identity.generate()
    group.register(member.commitment, 2)
    return group.slash, {"secret": member.secret()}


def _load_key(bench: CallBench) -> Call:
    path = bench.path("pem")
    RegistrarKey.new(path)
    return RegistrarKey.load, {"path": path}


def _open_bulletin(bench: CallBench) -> Call:
    key = _registrar_key(bench)
    return open_bulletin, {"data": key.sign(next(bench.bulletins())), "public_key": key.public_key}
