"""What each public class with state does in a forked child, and a load to fork under.

`Entry.make` returns a `Subject`: one object, what threads do with it meanwhile, and what a child does with
its copy. A child either works, or refuses with the error of the entry.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trio

import rln
from rln.audit.files import AuditFiles
from rln.audit.violators import Violators
from rln.client.member import Member
from rln.client.requests import Requests
from rln.client.settings import MemberSettings
from rln.group.memory_registry import MemoryRegistry
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.httpx2 import RlnAuth
from rln.integrations.light_push import LightPushClient
from rln.integrations.logs import LogObserver
from rln.integrations.multiaddresses import ConnectionFailed, peer_name_of
from rln.integrations.prometheus import PrometheusObserver
from rln.integrations.provider import Provider
from rln.integrations.requests import RlnAdapter
from rln.integrations.slasher import Slasher
from rln.integrations.waku_host import WakuHost
from rln.integrations.waku_node import WakuNode
from rln.ports import NullifierLog
from rln.services.accounts import AccountStore
from rln.services.admission import Admission
from rln.services.api_keys import Account, AccountHook, ApiKeyFile
from rln.services.background import Background
from rln.services.bulletin_roots import BulletinRoots
from rln.services.bulletin_site import BulletinSite
from rln.services.connect import Connect
from rln.services.connect_token import ConnectToken
from rln.services.gateway_settings import GatewaySettings
from rln.services.nonces import Nonces
from rln.services.registrar import Registrar
from rln.services.replacement import ReplacementRules
from rln.services.roots_file import RootsFile
from rln.services.slash_outbox import SlashOutbox
from rln.services.sole_user import SoleUser
from rln.services.upstream import Upstream
from rln.stores import open_log, open_members
from rln.stores.async_log import AsyncNullifierLog
from rln.stores.memory import MemoryMark, MemoryMessageIds, MemoryNullifierLog
from rln.stores.postgres.members import PostgresRegistry
from rln.stores.redis.log import RedisNullifierLog
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from rln.stores.sqlite.members import SqliteRegistry
from rln.stores.sqlite.message_ids import SqliteMessageIds
from rln.sync.bulletin_folder import BulletinFolder
from rln.sync.signing import RegistrarKey
from rln.waku.forwarded import Forwarded
from rln.waku.judge import Judge
from rln.waku.publisher import ReadyMessage, WakuPublisher
from tests.races.stub_proofs import StubKey, members
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_provider import HttpProvider
from tests.support.http_world import HttpWorld
from tests.support.postgres_server import empty_database
from tests.support.raw_upstream import RawUpstream
from tests.support.redis_server import empty_server
from tests.support.registrar import Registrar as TreeRegistrar
from tests.support.registrar_office import Office
from tests.support.small_world import LIMIT_BITS
from tests.support.waku_world import PUBSUB, WakuWorld

DEPTH = 16
LIMIT = 1 << 16
FOLLOWED = 0.15
"""Seconds after which a process that follows a registry has noticed a slashing: 0.1, and a margin."""


def nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Subject:
    """One object under load.

    Attributes:
        load: what several threads do again and again.
        use: what a child does with its copy; returns something that can be pickled.
        prepare: called by the parent before each fork.
        step: called by the parent after the fork, before the child may begin.
        check: called by the parent with what the child returned.
    """

    load: Callable[[], object]
    use: Callable[[], object]
    prepare: Callable[[], object] = nothing
    step: Callable[[], object] = nothing
    check: Callable[[Any], object] = nothing


@dataclass(frozen=True, slots=True)
class Entry:
    """What a fork does to some classes.

    Attributes:
        name: of the entry.
        covers: the classes.
        make: makes the subject with files in a directory; what it opens, the stack closes.
        refusal: class of the error in a child, and its beginning; None if a child works.
    """

    name: str
    covers: tuple[type, ...]
    make: Callable[[Path, ExitStack], Subject]
    refusal: tuple[type[rln.RlnError], str] | None = None


# ---- message ids and provers -----------------------------------------------------------------------


def fixed_clock() -> rln.EpochClock:
    return rln.EpochClock("fork.example", 3600, now=lambda: 1_700_000_000.0)


def all_different(given: list[int], more: list[int]) -> None:
    given += more
    assert len(given) == len(set(given)), "an id was given out twice"


def ids_subject(ids: SqliteMessageIds | MemoryMessageIds) -> Subject:
    epoch, given = fixed_clock().current(), list[int]()
    ids.introduce(7)
    return Subject(
        load=lambda: given.extend(ids.reserve(7, epoch, LIMIT)),
        use=lambda: [i for _ in range(3) for i in ids.reserve(7, epoch, LIMIT)],
        check=lambda made: all_different(given, made),
    )


def sqlite_ids(folder: Path, stack: ExitStack) -> Subject:
    ids = SqliteMessageIds(folder / "ids.db")
    stack.callback(ids.close)
    return ids_subject(ids)


def memory_ids(folder: Path, stack: ExitStack) -> Subject:
    return ids_subject(MemoryMessageIds())


PROVER_BITS = 12
"""A member has so many ids that neither the parent nor its children use them up."""


@cache
def prover_key() -> rln.ProvingKey:
    return rln.setup(rln.circuit.rln(3, PROVER_BITS), threads=1)


def prover_subject(ids: SqliteMessageIds | MemoryMessageIds, stack: ExitStack) -> Subject:
    """Several messages for one id would have one nullifier and different x: then the secret is public.

    Each message is renewed for another root, which must publish the same share.
    """
    group, identity = rln.Group(3, PROVER_BITS), rln.Identity.generate()
    member = group.register(identity.commitment, 1 << PROVER_BITS)
    old, renewing = group.proof(0), threading.local()
    group.register(rln.Identity.generate().commitment, 1)
    new = group.proof(0)

    def path(_: int) -> rln.MerkleProof:
        return new if getattr(renewing, "now", False) else old

    ids.introduce(identity.commitment)
    prover = rln.Prover(identity, member, prover_key(), ids=ids, clock=fixed_clock(), path=path, tokens=2)
    stack.callback(prover.close)
    numbers, signal_of = itertools.count(), dict[int, int]()

    def prove() -> tuple[int, int]:
        signal = b"%d %d" % (os.getpid(), next(numbers))
        proof = prover.prove(signal)
        renewing.now = True
        try:
            renewed = prover.renew(signal)
        finally:
            renewing.now = False
        assert (renewed.root, renewed.shares) == (new.root, proof.shares)
        return proof.nullifier, proof.x

    def record(made: tuple[int, int]) -> None:
        assert signal_of.setdefault(*made) == made[1], "the member's secret is public"

    return Subject(
        load=lambda: record(prove()),
        use=lambda: [prove() for _ in range(3)],
        check=lambda made: [record(one) for one in made],
    )


def prover_with_a_file(folder: Path, stack: ExitStack) -> Subject:
    ids = SqliteMessageIds(folder / "ids.db")
    stack.callback(ids.close)
    return prover_subject(ids, stack)


def prover_in_memory(folder: Path, stack: ExitStack) -> Subject:
    return prover_subject(MemoryMessageIds(), stack)


# ---- logs and marks --------------------------------------------------------------------------------


def log_subject(log: NullifierLog, clock: rln.EpochClock) -> Subject:
    """What one process has accepted, the other one finds."""
    epoch, numbers = clock.current(), itertools.count(1)
    rounds = [10**9]
    shares = [rln.Share(1, 2, 10**9), rln.Share(3, 4, 10**10)]

    def numbered(share: int, more: int = 0) -> rln.Share:
        found = shares[share]
        return rln.Share(found.x + more, found.y, (found.nullifier or 0) + rounds[0])

    def check(made: list[tuple[rln.Share, ...]]) -> None:
        assert made == [(numbered(0),), ()]
        assert log.insert_or_get(epoch, [numbered(1, 5)]) == (numbered(1),)

    return Subject(
        load=lambda: log.insert_or_get(epoch, [rln.Share(1, 2, next(numbers))]),
        prepare=lambda: rounds.append(rounds.pop() + 1),
        step=lambda: log.insert_or_get(epoch, [numbered(0)]),
        use=lambda: [log.insert_or_get(epoch, [numbered(0, 5)]), log.insert_or_get(epoch, [numbered(1)])],
        check=check,
    )


def sqlite_log(folder: Path, stack: ExitStack) -> Subject:
    clock = fixed_clock()
    log = SqliteNullifierLog(folder / "log.db", clock, new=True)
    stack.callback(log.close)
    return log_subject(log, clock)


def redis_log(folder: Path, stack: ExitStack) -> Subject:
    clock = rln.EpochClock("fork.example", 3600)
    log = open_log(empty_server(), clock, new=True)
    stack.callback(log.close)
    return log_subject(log, clock)


def memory_log(folder: Path, stack: ExitStack) -> Subject:
    return log_subject(MemoryNullifierLog(), fixed_clock())


def mark_subject(mark: MemoryMark | SqliteMark) -> Subject:
    numbers, last = itertools.count(1), [0]

    def check(made: int) -> None:
        assert made >= last[0]

    return Subject(
        load=lambda: mark.raise_to(next(numbers)),
        prepare=lambda: last.insert(0, mark.raise_to(0)),
        use=lambda: mark.raise_to(1),
        check=check,
    )


def memory_mark(folder: Path, stack: ExitStack) -> Subject:
    return mark_subject(MemoryMark())


def sqlite_mark(folder: Path, stack: ExitStack) -> Subject:
    mark = SqliteMark(folder / "mark.db")
    stack.callback(mark.close)
    return mark_subject(mark)


# ---- members ---------------------------------------------------------------------------------------


def members_of(uri: str, stack: ExitStack) -> tuple[rln.Group, rln.WindowSize]:
    window = rln.WindowSize(seconds=600, now=time.time)
    registry = open_members(uri, DEPTH)
    stack.callback(registry.close)
    return rln.Group(DEPTH, 16, window, registry=registry, now=time.time, interval=0), window


def members_subject(group: rln.Group, uri: str, stack: ExitStack, window: rln.WindowSize | None) -> Subject:
    """The parent slashes a member after the fork: the child does not accept a root with them.

    With a window, the child uses `RegistryRoots` instead of the group.
    """
    registry = open_members(uri, DEPTH) if window is not None else None
    roots: Any = group.roots
    if registry is not None and window is not None:
        stack.callback(registry.close)
        roots = rln.RegistryRoots(registry, window, time.time)
    commitments, numbers, root = itertools.count(1), [0], [0]

    def load() -> None:
        group.register(next(commitments), 3)
        assert group.root in group.roots
        assert len(roots) > 0

    def prepare() -> None:
        numbers[0] += 1
        group.register(rln.Identity.from_secret(numbers[0]).commitment, 3)
        root[0] = group.root

    def use() -> tuple[bool, int, int]:
        time.sleep(FOLLOWED)
        registered = 0
        if window is None:
            assert not group.is_member(rln.Identity.from_secret(numbers[0]).commitment)
            registered = group.register(10**9 + numbers[0], 3).index
        return root[0] in roots, len(list(roots)), registered

    def check(made: tuple[bool, int, int]) -> None:
        accepts, count, index = made
        assert not accepts, "the child accepts a root with a member that its parent has slashed"
        assert count > 0
        if window is None:
            assert group.membership(10**9 + numbers[0]).index == index

    return Subject(
        load=load,
        prepare=prepare,
        step=lambda: group.slash(rln.Identity.from_secret(numbers[0])),
        use=use,
        check=check,
    )


def group_on(make_uri: Callable[[Path], str], only_roots: bool) -> Callable[[Path, ExitStack], Subject]:
    def make(folder: Path, stack: ExitStack) -> Subject:
        uri = make_uri(folder)
        group, window = members_of(uri, stack)
        return members_subject(group, uri, stack, window if only_roots else None)

    return make


def sqlite_members(folder: Path) -> str:
    return f"sqlite:///{folder.absolute()}/members.db"


def postgres_members(folder: Path) -> str:
    return empty_database()


def memory_group(folder: Path, stack: ExitStack) -> Subject:
    group, commitments = rln.Group(DEPTH), itertools.count(1)
    return Subject(load=lambda: group.register(next(commitments), 3), use=lambda: group.root)


def memory_registry(folder: Path, stack: ExitStack) -> Subject:
    registry = MemoryRegistry(DEPTH, 16)
    group, commitments = rln.Group(DEPTH, registry=registry), itertools.count(1)
    return Subject(load=lambda: group.register(next(commitments), 3), use=lambda: registry.head().number)


def root_history(folder: Path, stack: ExitStack) -> Subject:
    """The owner of a history pushes its roots, so a child pushes those of its own copy."""
    history, numbers = rln.RootHistory([1], rln.WindowSize(count=8)), itertools.count(2)
    window = history.window

    def use() -> list[bool]:
        history.push(10**9)
        history.push(10**9 + 1, [range(history.step + 1)])
        return [10**9 in window, 10**9 + 1 in window]

    def check(made: list[bool]) -> None:
        assert made == [False, True]

    return Subject(load=lambda: history.push(next(numbers)), use=use, check=check)


def tree(folder: Path, stack: ExitStack) -> Subject:
    made = rln.MerkleTree(8, threads=2)
    draw = random.Random(1)

    def load() -> None:
        made.set_range(draw.randrange(200), [draw.randrange(1, 1 << 200) for _ in range(40)])
        made.delete(draw.randrange(200))
        made.proof(draw.randrange(256))

    def use() -> bool:
        again = rln.MerkleTree(8, threads=2)
        again.set_range(0, [made.get(index) for index in range(made.next_index)])
        whole = again.root == made.root
        made.set(255, 5)
        return whole and made.proof(255).root == made.root != again.root

    return Subject(load=load, use=use, check=be_true)


def be_true(made: object) -> None:
    assert made is True


# ---- mirrors ---------------------------------------------------------------------------------------


def mirror(folder: Path, stack: ExitStack) -> Subject:
    registrar, one_at_a_time = TreeRegistrar(DEPTH), threading.Lock()
    copy = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
    copy.apply(registrar.change([7]))

    def load() -> None:
        with one_at_a_time:
            copy.apply(registrar.change([5, 6]))
        copy.proof(0)

    def use() -> bool:
        again = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
        again.apply(copy.whole())
        return (again.root, again.step, len(again)) == (copy.root, copy.step, len(copy))

    return Subject(load=load, use=use, check=be_true)


def bulletin_folder(folder: Path, stack: ExitStack) -> Subject:
    key = RegistrarKey.new(folder / "registrar.pem")
    registrar, one_at_a_time = TreeRegistrar(DEPTH), threading.Lock()
    board = BulletinFolder(folder, rln.Mirror(DEPTH, LIMIT_BITS, min_members=1), key.public_key)

    def publish() -> None:
        bulletin = registrar.change([5, 6])
        (folder / "new").write_bytes(key.sign(bulletin))
        (folder / "new").rename(folder / f"{bulletin.last}.bulletin")

    def load() -> None:
        with one_at_a_time:
            publish()
            board.apply_new()

    def use() -> tuple[int, int]:
        board.apply_new()
        return board._mirror.step, board.newest

    def check(made: tuple[int, int]) -> None:
        assert made[0] == made[1] >= applied[0]

    def step() -> None:
        with one_at_a_time:
            publish()
            applied[0] = registrar.step

    applied = [0]
    return Subject(load=load, step=step, use=use, check=check)


def roots_file(folder: Path, _: ExitStack) -> Subject:
    path = folder / "roots.txt"
    path.write_text(f"0x{5:064x}\n")
    roots = RootsFile(path)

    def use() -> list[int]:
        roots.refresh()
        return list(roots)

    def check(found: list[int]) -> None:
        assert found == [5]

    return Subject(load=roots.refresh, use=use, check=check)


def bulletin_roots(folder: Path, _: ExitStack) -> Subject:
    key = RegistrarKey.new(folder / "registrar.pem")
    registrar, one_at_a_time = TreeRegistrar(DEPTH), threading.Lock()

    def publish() -> None:
        bulletin = registrar.change([5, 6])
        (folder / "new").write_bytes(key.sign(bulletin))
        (folder / "new").rename(folder / f"{bulletin.last}.bulletin")

    publish()
    roots = BulletinRoots(folder, key.public_key, DEPTH, LIMIT_BITS, rln.WindowSize(count=4))

    def load() -> None:
        with one_at_a_time:
            publish()
            roots.refresh()

    def use() -> tuple[int, int]:
        roots.refresh()
        return roots.step, len(roots)

    def check(made: tuple[int, int]) -> None:
        assert made[0] >= applied[0]
        assert 1 <= made[1] <= 4

    def step() -> None:
        with one_at_a_time:
            publish()
            applied[0] = registrar.step

    applied = [0]
    return Subject(load=load, step=step, use=use, check=check)


# ---- verifiers -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Messages:
    """Stub messages of one member, each with an id of its own."""

    key: StubKey
    clock: rln.EpochClock

    def message(self, number: int, signal: bytes) -> tuple[rln.RlnProof, bytes]:
        (member,) = members([LIMIT])
        proof = member.message(self.key, self.clock.current(), (number,), signal)
        assert isinstance(proof, rln.RlnProof)
        return proof, signal


def verifier_of(folder: Path, stack: ExitStack) -> tuple[rln.Verifier, Messages]:
    key, clock = StubKey(), fixed_clock()
    log = SqliteNullifierLog(folder / "log.db", clock, new=True)
    stack.callback(log.close)
    limit = rln.SourceLimit(1000.0, 1000)
    return rln.Verifier(key, roots=[17], log=log, clock=clock, sources=limit), Messages(key, clock)


def verifier(folder: Path, stack: ExitStack) -> Subject:
    judge, messages = verifier_of(folder, stack)
    numbers, rounds = itertools.count(), [LIMIT // 2]

    def submit(number: int) -> rln.Verdict:
        return judge.submit(*messages.message(number, b"signal"), source="somewhere")

    def check(made: list[rln.Verdict]) -> None:
        assert made == [rln.Duplicate(), rln.Valid()]
        assert submit(rounds[0] + 1) == rln.Duplicate()

    return Subject(
        load=lambda: submit(next(numbers)),
        prepare=lambda: rounds.append(rounds.pop() + 2),
        step=lambda: submit(rounds[0]),
        use=lambda: [submit(rounds[0]), submit(rounds[0] + 1)],
        check=check,
    )


def running_loop(stack: ExitStack) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    stack.callback(end)
    return loop


def async_verifier(folder: Path, stack: ExitStack) -> Subject:
    judge, messages = verifier_of(folder, stack)
    loop, numbers = running_loop(stack), itertools.count()

    async def made() -> rln.AsyncVerifier:
        return rln.AsyncVerifier(judge)

    shared = asyncio.run_coroutine_threadsafe(made(), loop).result()
    stack.callback(lambda: asyncio.run_coroutine_threadsafe(shared.close(), loop).result())

    async def submit() -> rln.Verdict:
        return await shared.submit(*messages.message(next(numbers), b"signal"))

    async def refused() -> rln.Verdict:
        try:
            return await submit()
        finally:
            await shared.close()

    return Subject(
        load=lambda: asyncio.run_coroutine_threadsafe(submit(), loop).result(),
        use=lambda: asyncio.run(refused()),
    )


def async_log(folder: Path, stack: ExitStack) -> Subject:
    clock = fixed_clock()
    log = SqliteNullifierLog(folder / "log.db", clock, new=True)
    loop, numbers, epoch = running_loop(stack), itertools.count(), clock.current()
    shared = AsyncNullifierLog(log)
    stack.callback(lambda: asyncio.run_coroutine_threadsafe(shared.close(), loop).result())

    async def insert() -> tuple[rln.Share, ...]:
        return await shared.insert_or_get(epoch, [rln.Share(1, 2, next(numbers) + 1)])

    async def refused() -> tuple[rln.Share, ...]:
        try:
            return await insert()
        finally:
            await shared.close()

    return Subject(
        load=lambda: asyncio.run_coroutine_threadsafe(insert(), loop).result(),
        use=lambda: asyncio.run(refused()),
    )


def source_limit(folder: Path, stack: ExitStack) -> Subject:
    limit, numbers = rln.SourceLimit(1e-9, 1), itertools.count()
    limit.take("used up", 1.0)

    def load() -> None:
        limit.take(f"{next(numbers) % 1000}", 1.0)
        limit.take("often", 1.0)
        limit.give_back("often")

    return Subject(
        load=load, use=lambda: not limit.take("used up", 1.0) and limit.take("new", 1.0), check=be_true
    )


def waku_forwarded(folder: Path, stack: ExitStack) -> Subject:
    clock, numbers = fixed_clock(), itertools.count(1)
    epoch, forwarded = clock.current(), Forwarded()

    def proof(x: int) -> rln.RlnProof:
        return rln.RlnProof(bytes([1]) * 128, 1, 1, 1, x, epoch.external_nullifier)

    forwarded.add(epoch, proof(1))
    return Subject(
        load=lambda: forwarded.add(epoch, proof(1 + next(numbers))),
        use=lambda: forwarded.holds(epoch, proof(1)) and not forwarded.add(epoch, proof(1)),
        check=be_true,
    )


def epoch_clock(folder: Path, stack: ExitStack) -> Subject:
    clock, draw = rln.EpochClock("fork.example", 60, mark=MemoryMark()), random.Random(2)
    return Subject(
        load=lambda: clock.epoch(draw.randrange(4000)),
        use=lambda: clock.find(clock.current().external_nullifier) == clock.current(),
        check=be_true,
    )


# ---- audit and observers ---------------------------------------------------------------------------


def audit_files(folder: Path, stack: ExitStack) -> Subject:
    key, clock = StubKey(), fixed_clock()
    messages, epoch = Messages(key, clock), clock.current()
    audit = AuditFiles(folder / "audit", key)
    stack.callback(audit.close)
    numbers, rounds = itertools.count(), [LIMIT // 2]

    def keep(number: int) -> int:
        proof, _ = messages.message(number, b"signal")
        audit.append_many([(epoch, proof)])
        return proof.nullifier

    def check(nullifier: int) -> None:
        assert len(audit.lookup(epoch, nullifier)) == 1
        (kept,) = audit.lookup(epoch, keep(rounds[0] + 1))
        assert isinstance(kept, rln.RlnProof)

    return Subject(
        load=lambda: keep(next(numbers)),
        prepare=lambda: rounds.append(rounds.pop() + 2),
        use=lambda: keep(rounds[0]),
        check=check,
    )


def violators(folder: Path, stack: ExitStack) -> Subject:
    """A search that the parent has begun is not continued by the child: its table is the parent's."""
    messages = Messages(StubKey(), fixed_clock())
    bad = [messages.message(number, signal)[0] for number in range(3) for signal in (b"a", b"b")]

    def search() -> Iterator[object]:
        return Violators(lambda: bad, messages.key).find()

    begun: list[Iterator[object]] = []

    def prepare() -> None:
        begun[:] = [search()]
        next(begun[0])

    def load() -> None:
        assert len(list(search())) == 3

    return Subject(load=load, prepare=prepare, use=lambda: next(begun[0]))


def prometheus(folder: Path, stack: ExitStack) -> Subject:
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)

    def load() -> bool:
        observer.judged(rln.Valid(), observer.moment())
        observer.stored(False, observer.moment())
        observer.waiting(3)
        found = registry.get_sample_value("rln_messages_total", {"verdict": "valid", "reason": ""})
        return found is not None and found > 0

    return Subject(load=load, use=load, check=be_true)


def log_observer(folder: Path, stack: ExitStack) -> Subject:
    logger = logging.Logger("forked")
    handler = logging.StreamHandler(stack.enter_context((folder / "lines").open("w")))
    logger.addHandler(handler)
    observer = LogObserver(logger)

    def load() -> bool:
        observer.judged(rln.Invalid(rln.Reason.BAD_PROOF, "x"), observer.moment())
        return True

    return Subject(load=load, use=load, check=be_true)


# ---- the middleware --------------------------------------------------------------------------------


def slasher(folder: Path, stack: ExitStack) -> Subject:
    slashed: list[int] = []
    made, secret = Slasher(lambda one: slashed.append(one.commitment)), rln.Identity.generate().secret()
    stack.callback(made.close)

    def use() -> bool:
        other = rln.Identity.generate().secret()
        made.add(other)
        made.close()
        return other.commitment in slashed

    return Subject(load=lambda: made.add(secret), use=use, check=be_true)


def middleware(folder: Path, stack: ExitStack) -> Subject:
    world = HttpWorld(folder, members=2)
    stack.callback(world.close)
    served: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        served.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    made = RlnMiddleware(app, folder / "rln.toml")
    loop, parts = running_loop(stack), world.parts()
    value, fresh = world.credential(parts), [world.credential(parts, 1) for _ in range(60)]

    async def send(credential: str) -> int | None:
        one = Exchange(http_scope(credential))
        await made(one.scope, one.receive, one.send)
        return one.status

    def load() -> None:
        assert asyncio.run_coroutine_threadsafe(send(value), loop).result() in (200, 409)

    async def use(credential: str) -> bool:
        statuses = [await send(one) for one in (value, credential, credential)]
        return statuses == [409, 200, 409]

    stack.callback(lambda: asyncio.run_coroutine_threadsafe(made.close(), loop).result())
    return Subject(
        load=load, use=lambda: asyncio.run(use(fresh[-1])), prepare=lambda: fresh.pop(), check=be_true
    )


def upstream(folder: Path, stack: ExitStack) -> Subject:
    """A child opens connections of its own, and does not touch those of its parent's event loop."""
    world = HttpWorld(folder, members=1)
    stack.callback(world.close)
    server = stack.enter_context(RawUpstream())
    made, loop = Upstream(GatewaySettings(server.url), world.policy), running_loop(stack)

    async def send() -> int | None:
        one = Exchange(http_scope(method="GET"), stays=True)
        await made(one.scope, one.receive, one.send)
        return one.status

    def load() -> None:
        assert asyncio.run_coroutine_threadsafe(send(), loop).result() == 200

    async def use() -> bool:
        statuses = [await send() for _ in range(3)]
        await made.close()
        return statuses == [200, 200, 200]

    stack.callback(lambda: asyncio.run_coroutine_threadsafe(made.close(), loop).result())
    return Subject(load=load, use=lambda: asyncio.run(use()), check=be_true)


def account_store(folder: Path, stack: ExitStack) -> Subject:
    accounts = AccountStore(folder / "accounts.db", ReplacementRules(60, 300, 20))
    nonces, numbers = Nonces(accounts), itertools.count()
    stack.callback(accounts.close)

    def load() -> bool:
        account = f"account-{next(numbers)}"
        nonce, _ = nonces.open(account, "basic", 1)
        return nonces.spend(nonce, account, "basic", 2)

    return Subject(load=load, use=load)


def registrar(folder: Path, stack: ExitStack) -> Subject:
    """A registrar whose threads run: a child has none of them, and its file of accounts is the parent's."""
    office, numbers = Office(folder), itertools.count()
    stack.callback(office.close)
    stack.enter_context(office.registrar)

    def load() -> str:
        account = Account(f"account-{next(numbers)}", ("basic",))
        return office.registrar.challenge(account, "basic")[2].name

    def use() -> str:
        assert office.registrar.bulletins.step == 0
        office.registrar.bulletins.path("index.json")
        return load()

    return Subject(load=load, use=use)


def api_keys(folder: Path, stack: ExitStack) -> Subject:
    """A file of API keys that the parent changes after the fork, and a hook that asks it."""
    path, names = folder / "api-keys.json", itertools.count()

    def write() -> None:
        accounts = {
            f"account-{next(names)}": {"sha256": sha256(b"a-key-of-16-bytes").hexdigest(), "tiers": []}
        }
        (folder / "new").write_text(json.dumps({"accounts": accounts}))
        (folder / "new").rename(path)

    write()
    file = ApiKeyFile(path)
    hook = AccountHook(file.account_of, file.account_named)

    def use() -> str:
        found = hook.account_of("a-key-of-16-bytes")
        assert found is not None
        return found.name

    def check(made: str) -> None:
        assert made == use(), "a child has the file of before the fork"

    return Subject(load=use, step=write, use=use, check=check)


UNAVAILABLE, WRONG_USE = rln.StoreUnavailable, rln.ParameterError

# ---- the client over HTTP --------------------------------------------------------------------------


def http_member(folder: Path, stack: ExitStack) -> Subject:
    """A member over HTTP: a child makes credentials of its own, and follows with a thread of its own."""
    (folder / "provider").mkdir()
    provider = stack.enter_context(HttpProvider(folder / "provider"))
    made = stack.enter_context(Member(provider.member_directory(folder / "m"), MemberSettings(threads=1)))
    adapter = RlnAdapter(made)
    connections = adapter._transport
    auth, parts = RlnAuth(made), provider.world.parts(body=b"hello")
    given: set[str] = set()

    def send() -> str:
        sending = made.requests.begin(parts)
        try:
            return sending.prepare()
        finally:
            sending.close()

    def use() -> str:
        assert adapter._transport is not connections, "a child has the connections of its parent"
        return send()

    def load() -> None:
        given.add(send())
        made.follow()

    def check(value: str) -> None:
        assert repr(auth) == "RlnAuth(Member(api.localhost, pro))"
        assert value not in given, "a child sent what its parent sends"

    return Subject(load=load, use=use, check=check)


def running_in_trio(subject: WakuNode | LightPushClient, stack: ExitStack) -> trio.lowlevel.TrioToken:
    """Run a node or a client in a thread until the stack ends, and return the token of its loop."""
    ready, stop = threading.Event(), trio.Event()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def run() -> None:
        async with subject.run():
            tokens.append(trio.lowlevel.current_trio_token())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(run,), daemon=True)
    thread.start()
    assert ready.wait(30)

    def end() -> None:
        trio.from_thread.run_sync(stop.set, trio_token=tokens[0])
        thread.join(30)

    stack.callback(end)
    return tokens[0]


def waku_node(_: Path, stack: ExitStack) -> Subject:
    world = WakuWorld()
    node = WakuNode(world.network, world.judge(), clock=world.clock)
    token = running_in_trio(node, stack)
    return Subject(
        load=lambda: trio.from_thread.run_sync(lambda: node.addresses, trio_token=token),
        use=lambda: node.addresses,
    )


def light_push_client(_: Path, stack: ExitStack) -> Subject:
    client = LightPushClient(f"/ip4/127.0.0.1/tcp/1/p2p/{peer_name_of(bytes([3]) * 32)}")
    message = ReadyMessage(PUBSUB, WakuWorld().message())
    token = running_in_trio(client, stack)

    async def push() -> None:
        with pytest.raises(ConnectionFailed):
            await client.push(message)

    return Subject(
        load=lambda: trio.from_thread.run(push, trio_token=token),
        use=lambda: trio.run(client.push, message),
    )


def local_endpoint(folder: Path, stack: ExitStack) -> Subject:
    """A child opens connections of its own, with credentials that its parent does not send."""
    (folder / "provider").mkdir()
    provider = stack.enter_context(HttpProvider(folder / "provider"))
    directory = provider.member_directory(folder / "m")
    member = stack.enter_context(Member(directory, MemberSettings(threads=1)))
    made, loop = Connect(member, ConnectToken.of(directory), 4180), running_loop(stack)
    shown = ConnectToken.path_of(directory).read_bytes().strip()

    async def send() -> int | None:
        scope = http_scope(host=b"127.0.0.1:4180", more=[(b"x-api-key", shown)])
        one = Exchange(scope, stays=True)
        await made(one.scope, one.receive, one.send)
        return one.status

    def load() -> None:
        assert asyncio.run_coroutine_threadsafe(send(), loop).result() == 200

    async def use() -> bool:
        statuses = [await send() for _ in range(3)]
        await made.close()
        return statuses == [200, 200, 200]

    def check(found: bool) -> None:
        assert found
        assert all(len(xs) == 1 for xs in provider.shares.values()), "an id was used for two requests"

    stack.callback(lambda: asyncio.run_coroutine_threadsafe(made.close(), loop).result())
    return Subject(load=load, use=lambda: asyncio.run(use()), check=check)


ENTRIES = (
    Entry("ids in a file", (SqliteMessageIds,), sqlite_ids),
    Entry("ids in memory", (MemoryMessageIds,), memory_ids, (UNAVAILABLE, "message ids: kept in the memory")),
    Entry("prover, ids in a file", (rln.Prover, rln.ProvingKey), prover_with_a_file),
    Entry(
        "prover, ids in memory",
        (rln.Prover,),
        prover_in_memory,
        (UNAVAILABLE, "message ids: kept in the memory"),
    ),
    Entry("log in a file", (SqliteNullifierLog,), sqlite_log),
    Entry("log on Redis", (RedisNullifierLog,), redis_log),
    Entry(
        "log in memory", (MemoryNullifierLog,), memory_log, (UNAVAILABLE, "nullifier log: kept in the memory")
    ),
    Entry("log of a loop", (AsyncNullifierLog,), async_log, (UNAVAILABLE, "nullifier log: its event loop")),
    Entry("mark in memory", (MemoryMark,), memory_mark),
    Entry("mark in a file", (SqliteMark,), sqlite_mark),
    Entry("group in a file", (rln.Group, rln.RootWindow, SqliteRegistry), group_on(sqlite_members, False)),
    Entry("group on PostgreSQL", (rln.Group, PostgresRegistry), group_on(postgres_members, False)),
    Entry("group in memory", (rln.Group,), memory_group, (UNAVAILABLE, "members: ")),
    Entry("registry in memory", (MemoryRegistry,), memory_registry, (UNAVAILABLE, "members: ")),
    Entry("roots in a file", (rln.RegistryRoots,), group_on(sqlite_members, True)),
    Entry("roots on PostgreSQL", (rln.RegistryRoots,), group_on(postgres_members, True)),
    Entry("root history", (rln.RootHistory,), root_history),
    Entry("tree", (rln.MerkleTree,), tree),
    Entry("mirror", (rln.Mirror,), mirror),
    Entry("bulletin folder", (BulletinFolder,), bulletin_folder),
    Entry("verifier", (rln.Verifier, rln.VerifyingKey), verifier),
    Entry(
        "verifier of a loop", (rln.AsyncVerifier,), async_verifier, (WRONG_USE, "verifier: its event loop")
    ),
    Entry("source limit", (rln.SourceLimit,), source_limit),
    Entry("epoch clock", (rln.EpochClock,), epoch_clock),
    Entry("forwarded messages of Waku", (Forwarded, Judge, WakuPublisher), waku_forwarded),
    Entry("audit files", (AuditFiles,), audit_files),
    Entry("violators", (Violators,), violators, (UNAVAILABLE, "violators: this process was forked")),
    Entry(
        "accounts of a registrar",
        (AccountStore, Nonces, SoleUser),
        account_store,
        (UNAVAILABLE, "accounts: "),
    ),
    Entry(
        "registrar",
        (Registrar, Admission, Background, BulletinSite, SlashOutbox),
        registrar,
        (UNAVAILABLE, "accounts: "),
    ),
    Entry("API keys", (ApiKeyFile, AccountHook), api_keys),
    Entry("metrics", (PrometheusObserver,), prometheus),
    Entry("log lines", (LogObserver,), log_observer),
    Entry("member over HTTP", (Member, Requests, RlnAuth, RlnAdapter), http_member),
    Entry("local endpoint", (Connect,), local_endpoint),
    Entry("slasher", (Slasher,), slasher),
    Entry("middleware", (RlnMiddleware, Provider), middleware),
    Entry("upstream", (Upstream,), upstream),
    Entry("roots in a text file", (RootsFile,), roots_file),
    Entry("roots of bulletins", (BulletinRoots,), bulletin_roots),
    Entry(
        "light-push client", (LightPushClient, WakuHost), light_push_client, (WRONG_USE, "client: its loop")
    ),
    Entry("node of a Waku network", (WakuNode,), waku_node, (WRONG_USE, "node: its loop and connections")),
)
