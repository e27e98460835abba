"""Tokens: no id twice, none lost within its epoch, callers never wait, and nothing is left in memory."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

import rln
from rln.errors import KeyFileError, ParameterError, RateLimitReached, StoreUnavailable
from rln.proving import proof_builder, token_queue
from rln.proving.proof_builder import ProofBuilder, SlotToken
from rln.stores.memory import MemoryMessageIds
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.small_world import PERIOD, World, small_multi_key

PATIENCE = 60  # seconds
ROOT = Path(__file__).resolve().parents[3]


class CountingIds(MemoryMessageIds):
    """Records the ids that it gives out, and fails on request."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[int, int]] = []
        self.broken = False

    def reserve(self, commitment, epoch, limit, count=1, x=None):
        if self.broken:
            raise StoreUnavailable("ids: gone")
        given = super().reserve(commitment, epoch, limit, count, x)
        self.given += [(epoch.index, i) for i in given]
        return given

    def ids(self) -> list[int]:
        return [i for _, i in self.given]


class Gate:
    """Blocks the making of tokens until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        honest = ProofBuilder.token

        def token(builder, *arguments):
            self.reached.set()
            assert self.open.wait(PATIENCE)
            return honest(builder, *arguments)

        monkeypatch.setattr(ProofBuilder, "token", token)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_queue, "POLL", 0.01)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ids() -> CountingIds:
    return CountingIds()


def with_ids_in_a_file(world: World, limit: int, directory: Path, **more) -> rln.Prover:
    """Make a prover that also works in a forked child: it needs no group, and its ids are in a file."""
    member = world.join(limit)
    ids = SqliteMessageIds(directory / "ids.db")
    ids.introduce(member.commitment)
    path = world.group.proof(world.group.membership(member.commitment).index)
    return world.prover(member, ids, path=path, **more)


def until(claim: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.005)


def full(prover: rln.Prover, count: int) -> None:
    until(lambda: prover.tokens_ready == count)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rln-tokens"]


# ---- proofs from tokens ----------------------------------------------------------------------------


def test_proofs_from_tokens_are_ordinary_proofs(world, ids):
    member = world.join(8)
    verifier, epoch = world.verifier(), world.clock.current()
    with world.prover(member, ids, tokens=3) as prover:
        full(prover, 3)
        for message_id in range(6):
            if message_id < 3:
                assert prover.tokens_ready > 0
            signal = bytes([message_id])
            proof = prover.prove(signal)
            assert type(proof) is rln.RlnProof
            assert proof.root == world.group.root
            assert proof.shares == (member.share(proof.x, epoch.external_nullifier, message_id),)
            assert verifier.submit(proof, signal) == rln.Valid()


def test_a_token_replaces_a_full_proof(world, ids, monkeypatch):
    with world.prover(world.join(8), ids, tokens=2) as prover:
        full(prover, 2)
        monkeypatch.setattr(ProofBuilder, "prove", lambda *_: pytest.fail("a whole proof was made"))
        prover.prove(b"x")


def test_the_queue_is_filled_again(world, ids):
    with world.prover(world.join(8), ids, tokens=2) as prover:
        for n in range(3):
            full(prover, 2)
            prover.prove(bytes([n]))
        full(prover, 2)
        assert ids.ids() == list(range(5))


@pytest.mark.parametrize("tokens", [1, 3, 5, 16])
def test_the_limit_is_reached_exactly(world, tokens):
    member = world.join(5)
    verifier = world.verifier()
    with world.prover(member, tokens=tokens) as prover:
        for n in range(5):
            assert verifier.submit(prover.prove(bytes([n])), bytes([n])) == rln.Valid()
        for _ in range(3):
            with pytest.raises(RateLimitReached):
                prover.prove(b"one too many")
    assert len(world.log) == 5


def test_the_limit_is_reached_exactly_when_all_tokens_are_ready(world):
    with world.prover(world.join(4), tokens=16) as prover:
        full(prover, 4)
        assert len({prover.prove(bytes([n])).nullifier for n in range(4)}) == 4
        with pytest.raises(RateLimitReached):
            prover.prove(b"one too many")
        assert prover.tokens_ready == 0


# ---- callers never wait ----------------------------------------------------------------------------


def test_without_a_token_a_full_proof_is_made_at_once(world, ids, monkeypatch):
    """Also with the id whose token the thread is making; that token is then wiped."""
    gate = Gate(monkeypatch)
    verifier = world.verifier()
    with world.prover(world.join(3), ids, tokens=2) as prover:
        assert gate.reached.wait(PATIENCE)
        for n in range(3):
            assert verifier.submit(prover.prove(bytes([n])), bytes([n])) == rln.Valid()
        with pytest.raises(RateLimitReached):
            prover.prove(b"four")
        assert prover.tokens_ready == 0
        gate.open.set()
    assert ids.ids() == [0, 1, 2]


def test_a_token_whose_id_was_taken_is_wiped(world, monkeypatch):
    gate, made = Gate(monkeypatch), []
    inner = ProofBuilder.token
    monkeypatch.setattr(ProofBuilder, "token", lambda *a: made.append(inner(*a)) or made[-1])
    with world.prover(world.join(1), tokens=1) as prover:
        assert gate.reached.wait(PATIENCE)
        prover.prove(b"x")
        gate.open.set()
        until(lambda: made and made[0]._token.closed)
        assert prover.tokens_ready == 0


# ---- roots, epochs ---------------------------------------------------------------------------------


def test_a_new_root_gives_each_id_a_new_token(world, ids):
    prover = world.prover(world.join(8), ids, tokens=3)
    full(prover, 3)
    old = [slot.root for slot in prover._queue._slots.values()]
    world.join()
    until(lambda: [slot and slot.root for slot in prover._queue._slots.values()] == [world.group.root] * 3)
    assert old == [old[0]] * 3 != [world.group.root] * 3
    assert ids.ids() == [0, 1, 2]
    assert prover.prove(b"x").root == world.group.root
    prover.close()


def test_a_token_of_an_old_root_is_not_published(world, ids, monkeypatch):
    prover = world.prover(world.join(2), ids, tokens=2)
    full(prover, 2)
    gate = Gate(monkeypatch)
    tokens = list(prover._queue._slots.values())
    world.join()
    for n in range(2):
        proof = prover.prove(bytes([n]))
        assert proof.root == world.group.root
        assert tokens[n]._token.closed
    with pytest.raises(RateLimitReached):
        prover.prove(b"x")
    assert ids.ids() == [0, 1]
    gate.open.set()
    prover.close()


def test_prepare_gives_each_id_a_new_token(world, ids):
    alice = world.join(4)
    prover = world.prover(alice, ids, path=world.group.proof(0), tokens=2)
    full(prover, 2)
    world.join()
    prover.prepare(world.group.proof(0))
    until(lambda: [slot and slot.root for slot in prover._queue._slots.values()] == [world.group.root] * 2)
    assert prover.prove(b"x").root == world.group.root
    assert ids.ids()[:2] == [0, 1]
    prover.close()


def test_without_a_path_the_thread_waits_for_one(world, ids):
    alice = world.join(4)
    membership = rln.Membership(0, 4, alice.commitment)
    prover = rln.Prover(alice, membership, world.key, ids=ids, clock=world.clock, tokens=2)
    time.sleep(0.05)
    assert ids.given == []
    prover.prepare(world.group.proof(0))
    full(prover, 2)
    prover.close()


def test_tokens_of_a_past_epoch_are_wiped(world, ids):
    prover, verifier = world.prover(world.join(3), ids, tokens=2), world.verifier()
    full(prover, 2)
    tokens = list(prover._queue._slots.values())
    world.time += PERIOD
    until(lambda: all(token._token.closed for token in tokens))
    full(prover, 2)
    now = world.clock.current()
    assert ids.given[2:] == [(now.index, 0), (now.index, 1)]
    for n in range(3):
        proof = prover.prove(bytes([n]))
        assert proof.external_nullifier == now.external_nullifier
        assert verifier.submit(proof, bytes([n])) == rln.Valid()
    with pytest.raises(RateLimitReached):
        prover.prove(b"x")
    prover.close()


def test_the_epoch_ends_while_a_token_is_made(world, ids, monkeypatch):
    gate = Gate(monkeypatch)
    prover = world.prover(world.join(3), ids, tokens=2)
    assert gate.reached.wait(PATIENCE)
    world.time += PERIOD
    proof = prover.prove(b"x")
    assert proof.external_nullifier == world.clock.current().external_nullifier
    gate.open.set()
    full(prover, 2)
    index = world.clock.current().index
    assert ids.given == [(index - 1, 0), (index, 0), (index, 1), (index, 2)]
    assert {slot.external_nullifier for slot in prover._queue._slots.values()} == {proof.external_nullifier}
    prover.close()


def test_a_clock_that_goes_back_a_little(world, ids):
    """The tokens stay, and `prove` calls the allocator, as without tokens."""
    prover = world.prover(world.join(3), ids, tokens=1)
    full(prover, 1)
    world.time -= PERIOD
    proof = prover.prove(b"x")
    assert proof.external_nullifier == world.clock.current().external_nullifier
    world.time += PERIOD
    assert prover.tokens_ready == 1
    prover.close()


# ---- threads, forks, the end -----------------------------------------------------------------------


def test_threads_race_for_tokens_and_no_id_comes_twice(world, ids):
    prover, verifier = world.prover(world.join(16), ids, tokens=5), world.verifier()
    full(prover, 5)
    proofs: list[tuple[rln.RlnProof, bytes]] = []
    refused: list[int] = []
    start = threading.Barrier(8)

    def run(number: int) -> None:
        start.wait(PATIENCE)
        for n in range(3):
            signal = bytes([number, n])
            try:
                proofs.append((prover.prove(signal), signal))
            except RateLimitReached:
                refused.append(number)

    workers = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    prover.close()
    assert (len(proofs), len(refused)) == (16, 8)
    assert verifier.submit_many(proofs) == [rln.Valid()] * 16
    assert sorted(ids.ids()) == list(range(16))


def test_a_child_leaves_the_tokens_to_its_parent(world, tmp_path):
    prover = with_ids_in_a_file(world, 16, tmp_path, tokens=3)
    full(prover, 3)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert prover.tokens_ready == 0
            for n in range(4):
                os.write(write, prover.prove(bytes([n])).encode())
            full(prover, 3)
            os.write(write, prover.prove(b"late").encode())
            prover.close()
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    theirs = [rln.RlnProof.decode(data[i : i + 288]) for i in range(0, len(data), 288)]
    mine = [prover.prove(bytes([100 + n])) for n in range(3)]
    prover.close()
    assert len({proof.nullifier for proof in (*mine, *theirs)}) == 8
    assert all(world.key.verifying_key.verify(proof.public_inputs, proof.proof) for proof in theirs + mine)


def test_a_fork_while_the_thread_is_busy(world, tmp_path, monkeypatch):
    gate = Gate(monkeypatch)
    prover = with_ids_in_a_file(world, 8, tmp_path, tokens=2)
    assert gate.reached.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            gate.open.set()
            prover.prove(b"x")
            full(prover, 2)
            prover.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    gate.open.set()
    full(prover, 2)
    prover.close()


def test_a_fork_that_was_not_noticed_takes_no_id_from_the_queue(world, tmp_path, monkeypatch):
    prover = with_ids_in_a_file(world, 8, tmp_path, tokens=3)
    full(prover, 3)
    queued = set(prover._queue._slots)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        with prover._queue._lock, pytest.raises(StoreUnavailable, match="forked outside Python"):
            prover.prove(b"x")
    assert set(prover._queue._slots) == queued
    prover.prove(b"x")
    prover.close()


def test_a_child_does_not_inherit_a_lock_that_the_thread_held(world, ids):
    member, lock, asked = world.join(8), threading.Lock(), threading.Event()

    def source(index: int) -> rln.MerkleProof:
        with lock:
            if threading.current_thread().name == "rln-tokens":
                asked.set()
                time.sleep(0.05)
            return world.group.proof(index)

    prover = world.prover(member, ids, path=source, tokens=2)
    assert asked.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        os._exit(0 if lock.acquire(timeout=0.2) else 1)
    assert os.waitpid(child, 0)[1] == 0
    full(prover, 2)
    prover.close()


def test_close_ends_the_thread_and_wipes(world):
    before = len(threads())
    prover = world.prover(world.join(4), tokens=2)
    full(prover, 2)
    tokens = list(prover._queue._slots.values())
    assert len(threads()) == before + 1
    prover.close()
    prover.close()
    assert len(threads()) == before
    assert all(token._token.closed for token in tokens)
    assert prover.tokens_ready == 0
    for refused in (lambda: prover.prove(b"x"), lambda: prover.prepare(world.group.proof(0))):
        with pytest.raises(ParameterError, match="used after it was closed"):
            refused()


def test_close_while_a_token_is_being_made(world, ids, monkeypatch):
    gate, made = Gate(monkeypatch), []
    inner = ProofBuilder.token
    monkeypatch.setattr(ProofBuilder, "token", lambda *a: made.append(inner(*a)) or made[-1])
    prover = world.prover(world.join(4), ids, tokens=4)
    assert gate.reached.wait(PATIENCE)
    closing = threading.Thread(target=prover.close)
    closing.start()
    gate.open.set()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert all(token._token.closed for token in made)
    assert len(ids.given) == 1


def test_the_thread_ends_when_the_prover_is_dropped(world):
    before = len(threads())
    prover = world.prover(world.join(4), tokens=2)
    full(prover, 2)
    queue = weakref.ref(prover._queue)
    del prover
    gc.collect()
    until(lambda: queue() is None and len(threads()) == before)


def test_the_process_may_end_at_any_time(tmp_path):
    """The thread is in C most of the time; unused tokens are wiped; `prove` still works at exit."""
    code = (
        "import atexit, sys, rln\n"
        "from tests.support.small_world import World\n"
        "world = World(); prover = world.prover(world.join(4), tokens=4)\n"
        "atexit.register(lambda: print(world.verifier().submit(prover.prove(b'x'), b'x')))\n"
        "import rln.proving.token_queue\n"
        "for _ in range(int(sys.argv[1])): prover.prove(bytes([_]))\n"
    )
    for count in ("0", "1", "2"):
        command = [sys.executable, "-c", code, count]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "Valid()\n")


def test_close_does_not_wait_for_a_blocked_path_source(world, ids, monkeypatch):
    monkeypatch.setattr(token_queue, "STOP_WAIT", 0.01)
    asked, answer = threading.Event(), threading.Event()
    member = world.join(4)

    def source(index: int) -> rln.MerkleProof:
        asked.set()
        assert answer.wait(PATIENCE)
        return world.group.proof(index)

    prover = world.prover(member, ids, path=source, tokens=2)
    assert asked.wait(PATIENCE)
    (thread,) = threads()
    prover.close()
    assert thread.is_alive()
    answer.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert ids.given == []


def test_without_a_thread_proofs_are_made_without_tokens(world, monkeypatch):
    def none_left(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        prover = world.prover(world.join(4), tokens=2)
        prover.prove(b"x")
    prover.prove(b"y")
    full(prover, 2)
    prover.close()


# ---- failures --------------------------------------------------------------------------------------


def test_an_unsure_allocator_is_called_again_and_prove_raises(world, ids):
    ids.broken = True
    prover = world.prover(world.join(4), ids, tokens=2)
    with pytest.raises(StoreUnavailable):
        prover.prove(b"x")
    assert prover.tokens_ready == 0
    ids.broken = False
    full(prover, 2)
    ids.broken = True
    prover.prove(b"a")
    prover.prove(b"b")
    with pytest.raises(StoreUnavailable):
        prover.prove(b"c")
    prover.close()


def test_an_id_whose_token_failed_is_not_lost(world, ids, monkeypatch):
    def fail(*_: object) -> None:
        raise rln.EntropyError("random: none")

    with monkeypatch.context() as patch:
        patch.setattr(proof_builder.Token, "new", fail)
        prover = world.prover(world.join(2), ids, tokens=2)
        until(lambda: ids.given)
        time.sleep(0.05)
        assert prover.tokens_ready == 0
        prover.prove(b"a")
    full(prover, 1)
    prover.prove(b"b")
    assert ids.ids() == [0, 1]
    prover.close()


def test_a_path_source_that_fails(world, ids):
    member = world.join(4)
    broken = [True]

    def source(index: int) -> rln.MerkleProof:
        if broken[0]:
            raise rln.NotAMember("gone")
        return world.group.proof(index)

    prover = world.prover(member, ids, path=source, tokens=2)
    with pytest.raises(rln.NotAMember):
        prover.prove(b"x")
    assert ids.given == []
    broken[0] = False
    full(prover, 2)
    prover.close()


def test_a_proof_from_a_token_that_does_not_verify_is_not_returned(world, ids, monkeypatch):
    member = world.join(4)
    prover = world.prover(member, ids, tokens=1)
    full(prover, 1)
    (token,) = prover._queue._slots.values()
    with monkeypatch.context() as patch:
        patch.setattr(rln.VerifyingKey, "verify", lambda *_: False)
        with pytest.raises(KeyFileError, match="not released"):
            prover.prove(b"x")
    assert token._token.closed
    assert ids.ids()[0] == 0
    share = member.share(rln.hash_signal(b"y"), world.clock.current().external_nullifier, 1)
    assert prover.prove(b"y").shares == (share,), "the id is spent"
    prover.close()


def test_a_token_serves_once(world):
    prover = world.prover(world.join(4), tokens=1)
    full(prover, 1)
    token = prover._queue.take(world.clock.current(), world.group.proof(0))
    assert isinstance(token, SlotToken)
    token.publish(5)
    with pytest.raises(ParameterError):
        token.publish(6)
    prover.close()


def test_a_share_at_zero_is_refused(world):
    """Threats A8: y would be the secret."""
    prover = world.prover(world.join(4), tokens=1)
    full(prover, 1)
    token = prover._queue.take(world.clock.current(), world.group.proof(0))
    with pytest.raises(ParameterError, match="x"):
        prover._builder.publish(token, 0)
    assert token._token.closed
    prover.close()


@pytest.mark.parametrize("tokens", [-1, True, 1.0, "8", 1 << 17])
def test_numbers_outside_their_range(world, tokens):
    with pytest.raises(ParameterError, match="tokens"):
        world.prover(world.join(4), tokens=tokens)


def test_several_message_ids_have_no_tokens():
    world = World(small_multi_key())
    with pytest.raises(ParameterError, match="tokens: expected 0"):
        world.prover(world.join(4), tokens=1)


def test_a_token_is_neither_copied_nor_shown(world):
    """Threats E8."""
    member = world.join(4)
    prover = world.prover(member, tokens=1)
    full(prover, 1)
    (token,) = prover._queue._slots.values()
    for thing in (prover, token, token._token):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                attempt(thing)
        assert str(member.secret().reveal()) not in repr(thing)
    assert repr(token) == "<SlotToken>"
    prover.close()
