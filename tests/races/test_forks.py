"""A process forks at a random moment while threads use an object: the child works or refuses, none hangs.

Threats E11. The table of `fork_table` has an entry for each public class with state.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import rln
import rln.audit
import rln.client
import rln.http
import rln.integrations
import rln.services
import rln.stores
import rln.sync
import rln.waku
from rln.audit.audit_reader import AuditReader
from rln.audit.open_file import OpenFile
from rln.audit.search_table import SearchTable
from rln.audit.violators import Violators
from rln.client.bulletin_feed import BulletinFeed
from rln.client.credential_maker import CredentialMaker
from rln.client.follower import Follower
from rln.client.joining import Joining
from rln.client.member_directory import MemberDirectory
from rln.client.registrar_client import RegistrarClient
from rln.client.requests import Sending
from rln.client.web import PlainWeb
from rln.http.body_form import Tally
from rln.integrations import aiohttp, aiohttp_tunnel, httpx
from rln.integrations.answers import Answers
from rln.integrations.gossip_judge import GossipJudge
from rln.integrations.libp2p import SeenMessages, WakuGossip, WakuPubsub
from rln.integrations.light import LightServices
from rln.integrations.observer_lock import ObserverLock
from rln.integrations.request_body import BodyBudget, WaitingBody
from rln.integrations.request_head import HeadReader, RequestHead
from rln.integrations.request_judge import RequestJudge
from rln.services.connect_token import ConnectToken
from rln.services.gateway import Gateway
from rln.services.reconnect import Reconnect
from rln.services.relay import Relay
from rln.services.relay_metrics import RelayMetrics
from rln.services.upstream_connections import UpstreamAnswer, UpstreamConnections
from rln.stores.patience import Patience
from rln.stores.postgres.connection import Connection
from rln.stores.postgres.sessions import Sessions
from rln.stores.redis import entry, primary, resp, routing, server_clock
from rln.stores.redis.refusal_bounds import RefusalBounds
from rln.stores.sql_registry import SqlChange, SqlReader, SqlRegistry
from rln.stores.sqlite.connection_slot import ConnectionSlot
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.read_only_database import ReadOnlyDatabase
from rln.stores.sqlite.rollback_guard import RollbackGuard
from rln.stores.sqlite.slashed_file import SlashedFile
from rln.sync.signing import RegistrarKey
from rln.waku.archive import Archive
from rln.waku.light_form import LightMessage
from rln.waku.parked import Parked
from tests.races.fork_table import ENTRIES, Entry, Subject
from tests.races.forked_child import Answer, ForkedChild
from tests.support.effort import effort

FORKS: Final = effort(50, 500)
ROUNDS: Final = -(-FORKS // len(ENTRIES))
THREADS: Final = 2

PATIENCE: Final = 60.0
"""Seconds within which the parent's threads end."""

NOT_WAITED: Final = ("forked while", "while this process was forked")
"""Errors of a child whose parent was busy for longer than a fork waits."""

UNCHANGING: Final = {
    rln.Identity,
    rln.IdentitySecret,
    rln.UnverifiedSecret,
    RegistrarKey,
    AuditReader,
    SlashedFile,
    BulletinFeed,
    ConnectToken,
    MemberDirectory,
    PlainWeb,
    RegistrarClient,
    Answers,
    HeadReader,
    RequestHead,
}
"""A copy is as good as the original: they do not change after they are made, or only count for one reader."""

PARTS: Final = {
    OpenFile: "of AuditFiles",
    entry.CommandBuilder: "of a RedisNullifierLog",
    entry.EntryCommand: "of a RedisNullifierLog",
    primary.Primary: "of a RedisNullifierLog",
    RefusalBounds: "of a RedisNullifierLog",
    resp.Server: "of a RedisNullifierLog",
    resp.Session: "of a RedisNullifierLog",
    routing.PrimaryRouter: "of a RedisNullifierLog",
    server_clock.ClockExamination: "of a RedisNullifierLog",
    server_clock.ServerClock: "of a RedisNullifierLog",
    Connection: "of a PostgresRegistry",
    Sessions: "of a PostgresRegistry",
    Patience: "of all stores that wait for a connection",
    SqlChange: "of a SqliteRegistry or PostgresRegistry",
    SqlReader: "of a SqliteRegistry or PostgresRegistry",
    SqlRegistry: "of a SqliteRegistry or PostgresRegistry",
    ConnectionSlot: "of a Database",
    Database: "of all stores in SQLite files",
    ReadOnlyDatabase: "of a SqliteRegistry that is only read",
    RollbackGuard: "of SqliteMessageIds",
    SearchTable: "of Violators",
    ObserverLock: "of the observers",
    CredentialMaker: "of a Member",
    Follower: "of a Member",
    Sending: "of the Requests of a Member; a child does not go on with it",
    Joining: "used by one thread, before there is a Member",
    httpx.RlnAuth: "the same as that of httpx2",
    aiohttp.RlnAuth: "the same as that of httpx2",
    aiohttp_tunnel.TunnelConnector: "of a session of aiohttp, which belongs to one event loop",
    BodyBudget: "of a RequestJudge",
    WaitingBody: "of one request to a RlnMiddleware",
    RequestJudge: "of a RlnMiddleware",
    Gateway: "a RlnMiddleware, a Provider and an Upstream",
    UpstreamAnswer: "of one request to an Upstream",
    UpstreamConnections: "of an Upstream",
    Archive: "of LightServices",
    LightMessage: "what immutable values have in common",
    LightServices: "of a WakuNode, whose loop it belongs to",
    Reconnect: "of a WakuNode, whose loop it belongs to",
    Relay: "a WakuNode with a log, a group and a Slasher",
    RelayMetrics: "of a Relay",
    GossipJudge: "of a WakuNode",
    SeenMessages: "of a WakuNode",
    WakuGossip: "of a WakuNode",
    WakuPubsub: "of a WakuNode",
    Parked: "of one event loop; it has no lock, and a fork copies it",
    Tally: "of one reading of a body, in one thread",
}
"""Classes that are tested with the class whose parts they are."""


# ---- the table is complete -------------------------------------------------------------------------


def public_classes(package: ModuleType) -> set[type]:
    """Return the public classes of all modules of a package."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def has_state(found: type) -> bool:
    """Return whether objects of a class can change: no error, no enumeration, no protocol, no value."""
    frozen = dataclasses.is_dataclass(found) and found.__dataclass_params__.frozen  # type: ignore[attr-defined]
    frozen = frozen or getattr(found, "model_config", {}).get("frozen", False)  # of pydantic
    is_protocol = getattr(found, "_is_protocol", False)
    return not (frozen or is_protocol or issubclass(found, BaseException | enum.Enum))


def test_every_public_class_with_state_has_an_entry() -> None:
    exported = {value for name in rln.__all__ if inspect.isclass(value := getattr(rln, name))}
    packages = (
        rln.stores,
        rln.audit,
        rln.client,
        rln.http,
        rln.integrations,
        rln.services,
        rln.sync,
        rln.waku,
    )
    found = exported.union(*map(public_classes, packages))
    covered = {covered for one in ENTRIES for covered in one.covers}
    assert {one for one in found if has_state(one)} - UNCHANGING - PARTS.keys() - covered == set()
    assert Violators in covered and rln.Prover in covered


def test_the_number_of_forks() -> None:
    assert ROUNDS * len(ENTRIES) >= FORKS


# ---- the walk --------------------------------------------------------------------------------------


@contextmanager
def under_load(subject: Subject) -> Iterator[None]:
    """Let threads use the object again and again while the block runs."""
    ending, errors, first_calls = threading.Event(), list[BaseException](), threading.Barrier(THREADS + 1)

    def run() -> None:
        try:
            subject.load()
            first_calls.wait(PATIENCE)
            while not ending.is_set():
                subject.load()
        except BaseException as error:  # noqa: BLE001 - raised by the block
            errors.append(error)
            first_calls.abort()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        try:
            first_calls.wait(PATIENCE)
        except threading.BrokenBarrierError:
            assert errors
        else:
            yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(PATIENCE)
        hanging = [thread for thread in threads if thread.is_alive()]
        if errors:
            raise errors[0]
        assert not hanging, "a thread of the parent hangs"


@pytest.mark.parametrize("one", ENTRIES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_child_that_is_forked_under_load_works_or_refuses(one: Entry, tmp_path: Path) -> None:
    draw, worked = random.Random(), 0
    with ExitStack() as stack:
        subject = one.make(tmp_path, stack)
        with under_load(subject):
            for _ in range(ROUNDS):
                time.sleep(draw.random() * 0.02)
                subject.prepare()
                child = ForkedChild(subject.use)
                subject.step()
                child.go()
                answer = child.answer()
                if one.refusal is not None:
                    check_refusal(answer, one.refusal)
                elif answer.error is None:
                    subject.check(answer.made)
                    worked += 1
                else:  # sure of nothing, the child has refused
                    assert answer.error == "StoreUnavailable", answer
                    assert any(words in answer.text for words in NOT_WAITED), answer
    assert worked or one.refusal, "no child worked"


def check_refusal(answer: Answer, refusal: tuple[type[rln.RlnError], str]) -> None:
    kind, words = refusal
    assert answer.error == kind.__name__, answer
    assert answer.text.startswith(words), answer
