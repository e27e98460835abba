"""Forks and threads: a child draws its own random numbers; eight threads can share the public objects."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import rln
from rln.lowlevel import hashes
from rln.protocol.proof import AnyProof
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key

THREADS = 8
PATIENCE = 120  # seconds


def in_child(work: Callable[[], bytes]) -> bytes:
    """Run `work` in a forked child and return its result; the child must end with status 0."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write, work())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return answer


def at_once(work: Callable[[int], None], rounds: int = 1) -> None:
    """Run work(0) .. work(7) on threads that start together; raise the first error."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait(PATIENCE)
        for _ in range(rounds):
            work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(run, number) for number in range(THREADS)]:
            done.result(PATIENCE)


# ---- fork -------------------------------------------------------------------------------------------


def test_a_child_forked_after_proving_on_two_threads_proves_with_other_random_numbers() -> None:
    world = World()
    member = world.join(limit=16)
    prover = world.prover(member, threads=2)
    verifier = world.verifier(threads=2)
    before = prover.prove(b"before")
    assert verifier.submit(before, b"before") == rln.Valid()
    path, epoch = world.group.proof(0), world.clock.current()

    def prove() -> AnyProof:
        return prover._builder.prove((1,), path, rln.hash_signal(b"same"), epoch)

    def child() -> bytes:
        made = prove()
        assert world.key.verifying_key.verify(made.public_inputs, made.proof)
        assert world.key.verifying_key.verify_many([made, made], 2) == [None, None]
        return made.encode()

    theirs = rln.RlnProof.decode(in_child(child))
    mine = prove()
    # Both prove one statement. Only the blinding differs.
    assert mine.public_inputs == theirs.public_inputs
    for point in (slice(0, 32), slice(32, 96), slice(96, 128)):
        assert mine.proof[point] != theirs.proof[point]
    assert verifier.submit(theirs, b"same") == rln.Valid()
    assert verifier.submit(mine, b"same") == rln.Duplicate()


def test_a_child_makes_its_own_identities_and_keys() -> None:
    rln.Identity.generate()
    circuit = rln.circuit.rln(DEPTH, LIMIT_BITS)
    rln.setup(circuit, threads=2)

    def child() -> bytes:
        secret = rln.Identity.generate().secret().reveal()
        return secret.to_bytes(32, "little") + bytes.fromhex(rln.setup(circuit, threads=2).digest)

    first, second = in_child(child), in_child(child)
    assert first[:32] != second[:32] != rln.Identity.generate().secret().reveal().to_bytes(32, "little")
    assert first[32:] != second[32:]


def test_a_child_works_that_was_forked_while_other_threads_worked() -> None:
    """The child does not have the parent's threads, and must not wait for what they were doing."""
    key = small_key()
    stop = threading.Event()
    packed = b"".join(i.to_bytes(32, "little") for i in range(2000))
    expected = hashes.poseidon_many(packed, 2)

    def busy() -> None:
        while not stop.is_set():
            hashes.poseidon_many(packed, 2, threads=2)

    workers = [threading.Thread(target=busy) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(10):
            assert in_child(lambda: hashes.poseidon_many(packed, 2, threads=2)) == expected
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    key.check(2)


# ---- eight threads ----------------------------------------------------------------------------------


def test_eight_threads_register_in_one_group() -> None:
    group = rln.Group(8, LIMIT_BITS, rln.WindowSize(count=1000))
    each = 30

    def register(number: int) -> None:
        for i in range(each):
            commitment = 1 + number * each + i
            member = group.register(commitment, 1 + i % 16)
            path = group.proof(member.index)
            assert path.leaf == member.rate_commitment
            assert path.root in group.roots
            with pytest.raises(rln.AlreadyAMember):
                group.register(commitment, 1)

    at_once(register)
    assert len(group) == THREADS * each
    members = [group.member_at(index) for index in range(THREADS * each)]
    assert {member.commitment for member in members} == set(range(1, 1 + THREADS * each))
    again = rln.MerkleTree(8)
    again.extend([member.rate_commitment for member in members])
    assert again.root == group.root


def test_only_one_of_eight_threads_registers_and_one_slashes() -> None:
    group = rln.Group(8, LIMIT_BITS)
    group.register(5, 1)
    identity = rln.Identity.generate()
    done: list[str] = []

    def race(_: int) -> None:
        try:
            group.register(identity.commitment, 3)
            done.append("registered")
        except rln.AlreadyAMember:
            pass

    at_once(race)
    assert done == ["registered"]
    removed: list[rln.Membership] = []
    at_once(lambda _: removed.extend(group.slash(identity)))
    assert [member.commitment for member in removed] == [identity.commitment]
    assert not group.is_member(identity.commitment)


def test_eight_threads_write_to_one_tree() -> None:
    tree = rln.MerkleTree(9, threads=2)
    each = 32

    def write(number: int) -> None:
        for i in range(each):
            index = number * each + i
            tree.set(index, index + 1)
            path = tree.proof(index)
            assert path.leaf == index + 1
            tree.get(index)
            tree.verify(path.leaf, path)

    at_once(write)
    again = rln.MerkleTree(9)
    again.extend(range(1, 1 + THREADS * each))
    assert tree.root == again.root


def test_eight_threads_share_a_prover_and_a_verifier() -> None:
    """No id is used twice, no message is refused, and one of eight submissions of a message is valid."""
    world = World()
    member = world.join(limit=16)
    prover, verifier = world.prover(member, threads=2), world.verifier()
    made: list[tuple[rln.RlnProof, bytes]] = []

    def prove(number: int) -> None:
        signal = b"message %d" % len(made) + bytes([number])
        made.append((prover.prove(signal), signal))

    at_once(prove, rounds=2)
    assert len({proof.nullifier for proof, _ in made}) == 16
    with pytest.raises(rln.RateLimitReached):
        prover.prove(b"one too many")
    verdicts: list[rln.Verdict] = []

    def submit(number: int) -> None:
        for proof, signal in made[number:] + made[:number]:
            verdicts.append(verifier.submit(proof, signal))

    at_once(submit)
    assert verdicts.count(rln.Valid()) == 16
    assert verdicts.count(rln.Duplicate()) == 16 * (THREADS - 1)
    assert len(world.log) == 16


def test_eight_threads_submit_batches_of_two_messages_on_one_id() -> None:
    """Each message comes eight times: one is valid, its copies are duplicates, the other is a violation."""
    world = World()
    member = world.join(limit=1)
    pair = [(world.prover(member).prove(signal), signal) for signal in (b"one", b"two")]
    verifier = world.verifier(was_member=world.group.was_member, threads=2)
    verdicts: list[rln.Verdict] = []
    at_once(lambda number: verdicts.extend(verifier.submit_many(pair if number % 2 else pair[::-1])))
    assert verdicts.count(rln.Valid()) == 1
    assert verdicts.count(rln.Duplicate()) == THREADS - 1
    violations = [verdict for verdict in verdicts if isinstance(verdict, rln.RateLimitViolation)]
    assert len(violations) == THREADS
    assert {verdict.identity_secret.commitment for verdict in violations} == {member.commitment}


def test_eight_threads_take_message_ids() -> None:
    world = World()
    ids, epoch, taken = MemoryMessageIds(), world.clock.current(), []

    def take(_: int) -> None:
        while True:
            try:
                taken.extend(ids.reserve(7, epoch, 500, 3))
            except rln.RateLimitReached:
                return

    at_once(take)
    assert sorted(taken) == list(range(498))


def test_eight_threads_insert_and_forget() -> None:
    world = World()
    log, epoch = MemoryNullifierLog(), world.clock.current()
    first: list[int] = []

    def insert(number: int) -> None:
        for nullifier in range(200):
            if not log.insert_or_get(epoch, [rln.Share(1 + number, 2, nullifier)]):
                first.append(nullifier)
            known = log.peek(epoch, nullifier)
            assert known is not None
            assert known.nullifier == nullifier

    at_once(insert)
    assert sorted(first) == list(range(200))
    at_once(lambda _: log.forget(epoch.end))
    assert len(log) == 0
    with pytest.raises(rln.StoreUnavailable):
        log.peek(epoch, 1)


def test_eight_threads_ask_one_clock() -> None:
    time = [1000.0]
    clock = rln.EpochClock("hammer.example", 1, skew=3, now=lambda: time[0])

    def ask(number: int) -> None:
        for i in range(200):
            time[0] = 1000.0 + (i * (number + 1)) % 90
            index = (i * 7 + number) % 50
            assert clock.epoch(index) == rln.Epoch.of(index, 1, clock.identifier)
            for epoch in clock.acceptable():
                assert epoch == rln.Epoch.of(epoch.index, 1, clock.identifier)

    at_once(ask)


def test_eight_threads_use_an_identity_that_one_of_them_closes() -> None:
    """A share is right, or an error says that the identity is closed."""
    for _ in range(20):
        identity = rln.Identity.from_secret(987654321)
        expected, commitment = identity.share(3, 4, 5), identity.commitment

        def use(number: int, identity: rln.Identity = identity) -> None:
            if number == 0:
                identity.close()
                return
            try:
                for _ in range(20):
                    assert identity.share(3, 4, 5) == expected  # noqa: B023
                    assert identity.commitment == commitment  # noqa: B023
                    assert identity == identity.secret().identity()
            except rln.ParameterError as error:
                assert "closed" in str(error)  # noqa: PT017

        at_once(use)


def test_eight_threads_use_a_key_while_its_last_reference_is_dropped() -> None:
    world = World()
    member = world.join(limit=16)
    data = world.key.encode()
    proof = world.prover(member).prove(b"x")
    held = [rln.ProvingKey.decode(data, check=False)]

    def use(number: int) -> None:
        key = held[-1]
        if number == 0:
            held.append(rln.ProvingKey.decode(data, check=False))
            held.pop(0)
        assert key.verifying_key.verify(proof.public_inputs, proof.proof)
        assert key.encode() == data

    at_once(use, rounds=5)
