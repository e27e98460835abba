import copy
import dataclasses
import pickle
import threading
import time
from contextlib import closing

import pytest

import rln
from rln.errors import KeyFileError, ParameterError, RateLimitReached, StoreUnavailable
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import ffi
from rln.lowlevel.partial import Partial
from rln.protocol.statement import Statement
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import PERIOD, World, small_key, small_multi_key


class CountingIds(MemoryMessageIds):
    """Records the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[range] = []

    def reserve(self, commitment, epoch, limit, count=1, x=None):
        given = super().reserve(commitment, epoch, limit, count, x)
        self.given.append(given)
        return given


class BrokenIds(MemoryMessageIds):
    def reserve(self, commitment, epoch, limit, count=1, x=None):
        raise StoreUnavailable("ids: gone")


class ForgetfulIds(CountingIds):
    """Cannot record a message."""

    def keep(self, commitment, epoch, ids, x, message):
        raise StoreUnavailable("ids: disk full")


@pytest.fixture
def world() -> World:
    return World()


def test_a_proof_is_what_the_relation_says(world):
    member = world.join(3)
    prover = world.prover(member)
    epoch = world.clock.current()
    for message_id, signal in enumerate((b"one", b"", bytes(10_000))):
        proof = prover.prove(signal)
        share = member.share(rln.hash_to_field(signal), epoch.external_nullifier, message_id)
        assert proof.shares == (share,)
        assert proof.root == world.group.root
        assert proof.external_nullifier == epoch.external_nullifier
        assert world.key.verifying_key.verify(proof.public_inputs, proof.proof)
    with pytest.raises(RateLimitReached):
        prover.prove(b"four")


def test_everything_is_validated_before_an_id_is_spent(world):
    member, ids = world.join(), CountingIds()
    other = world.join()
    for signal in ("text", bytearray(b"x"), None):
        with pytest.raises(rln.EncodingError):
            world.prover(member, ids).prove(signal)
    alone = dataclasses.replace(world.group.membership(member.commitment), paths=None)
    with pytest.raises(ParameterError, match="path: expected a path"):
        rln.Prover(member, alone, world.key, ids=ids, clock=world.clock).prove(b"x")
    wrong = world.group.proof(world.group.membership(other.commitment).index)
    with pytest.raises(
        ParameterError, match=r"the member's leaf 0x\w+ at index 0, got leaf 0x\w+ at index 1"
    ):
        world.prover(member, ids, path=lambda index: wrong).prove(b"x")
    with pytest.raises(ParameterError, match="use prove"):
        world.prover(member, ids).prove_multi(b"x", 1)
    assert ids.given == []


@pytest.mark.parametrize("value", [0])
def test_x_zero_is_refused_before_the_secret_is_touched(world, monkeypatch, value):
    """Threats A8."""
    ids = CountingIds()
    prover = world.prover(world.join(), ids)
    monkeypatch.setattr("rln.protocol.signal.hash_to_field", lambda message: value)
    monkeypatch.setattr(rln.Identity, "share", lambda *a: pytest.fail("the secret was touched"))
    with pytest.raises(ParameterError, match="x"):
        prover.prove(b"x")
    assert ids.given == []


def test_the_id_is_spent_before_a_proof_exists(world, monkeypatch):
    """Threats E1, D9: whatever fails after the reservation, the id is never given out again."""
    ids = CountingIds()
    prover = world.prover(world.join(2), ids)
    with monkeypatch.context() as patch:
        patch.setattr("rln.lowlevel.entropy.fill", lambda out: None)
        with pytest.raises(rln.EntropyError):
            prover.prove(b"x")
    assert ids.given == [range(1)]
    prover.prove(b"x")
    assert ids.given == [range(1), range(1, 2)]


def test_no_id_no_proof(world):
    with pytest.raises(StoreUnavailable):
        world.prover(world.join(), BrokenIds()).prove(b"x")


def test_a_message_that_is_not_recorded_is_not_returned(world):
    """Threats E2: it could not be sent again, and after a restart its id might go with another message."""
    ids = ForgetfulIds()
    prover = world.prover(world.join(2), ids)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="disk full"):
            prover.prove(b"x")
    assert ids.given == [range(1), range(1, 2)], "the ids are spent"
    assert prover.again(b"x") is None
    with pytest.raises(RateLimitReached):
        prover.prove(b"x")


def test_an_id_is_bound_to_its_message_before_there_is_a_proof(world, monkeypatch):
    ids = CountingIds()
    prover = world.prover(member := world.join(2), ids)
    with monkeypatch.context() as patch:
        patch.setattr("rln.lowlevel.entropy.fill", lambda out: None)
        with pytest.raises(rln.EntropyError):
            prover.prove(b"one")
    with pytest.raises(StoreUnavailable, match="belongs to another message"):
        ids.keep(member.commitment, world.clock.current(), range(1), rln.hash_signal(b"two"), b"message")


def test_a_message_is_sent_again_byte_for_byte_and_costs_nothing(world):
    ids = CountingIds()
    member = world.join(2)
    first = world.prover(member, ids).prove(b"x")
    prover = world.prover(member, ids)
    assert prover.again(b"x") == first
    assert prover.again(b"y") is None
    assert ids.given == [range(1)]
    newer = prover.prove(b"x")
    assert newer != first
    assert prover.again(b"x") == newer
    world.time += PERIOD
    assert prover.again(b"x") is None


def test_a_message_with_several_ids_is_sent_again():
    world = World(small_multi_key())
    prover = world.prover(world.join(5))
    proof = prover.prove_multi(b"x", 2)
    assert prover.again(b"x") == proof


def test_a_proof_that_does_not_verify_is_not_returned(world, monkeypatch):
    prover = world.prover(world.join())
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: False)
    with pytest.raises(KeyFileError, match="not released"):
        prover.prove(b"x")


def test_a_graph_that_reveals_the_secret_is_refused(world, monkeypatch):
    member = world.join()
    prover = world.prover(member)
    honest = rln.ProvingKey.public_values
    secret = member.secret().reveal()
    monkeypatch.setattr(rln.ProvingKey, "public_values", lambda self, w: (secret, *honest(self, w)[1:]))
    with pytest.raises(KeyFileError, match="graph") as caught:
        prover.prove(b"x")
    assert str(secret) not in str(caught.value)


def test_only_a_pinned_key_may_skip_the_self_check(world, monkeypatch):
    member = world.join()
    with pytest.raises(ParameterError, match="self_check"):
        world.prover(member, self_check=False)
    monkeypatch.setattr(rln.ProvingKey, "is_pinned", property(lambda self: True))
    prover = world.prover(member, self_check=False)
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: pytest.fail("no self-check was asked for"))
    prover.prove(b"x")


def test_parts_must_belong_together(world):
    alice, bob = world.join(), world.join()
    membership = world.group.membership(bob.commitment)
    arguments = {"ids": MemoryMessageIds(), "clock": world.clock}
    with pytest.raises(ParameterError, match="membership"):
        rln.Prover(alice, membership, world.key, **arguments)
    with pytest.raises(ParameterError, match="limit: expected 1 to 16, got 17"):
        rln.Prover(alice, rln.Membership(0, 17, alice.commitment), world.key, **arguments)
    deep = rln.Group(4, 4)
    deep.register(alice.commitment, 2)
    with pytest.raises(ParameterError, match="path: expected 3 levels, got 4"):
        world.prover(alice, path=deep.proof(0))


def test_a_membership_from_a_group_supplies_the_paths(world):
    alice = rln.Identity.generate()
    membership = world.group.register(alice.commitment, limit=2)
    prover = rln.Prover(alice, membership, world.key, ids=MemoryMessageIds(), clock=world.clock)
    world.join()
    assert prover.prove(b"x").root == world.group.root
    assert membership == rln.Membership(membership.index, 2, alice.commitment)
    assert "paths" not in repr(membership)


def test_prepare_sets_the_path_until_the_next_one(world):
    alice = world.join(4)
    prover = world.prover(alice, path=None)
    prover.prepare(world.group.proof(0))
    old = world.group.root
    world.join()
    assert prover.prove(b"a").root == old
    prover.prepare(world.group.proof(0))
    assert prover.prove(b"b").root == world.group.root != old
    with pytest.raises(
        ParameterError, match=r"the member's leaf 0x\w+ at index 0, got leaf 0x\w+ at index 1"
    ):
        prover.prepare(world.group.proof(1))
    following = world.prover(alice)
    world.join()
    assert following.prove(b"c").root == world.group.root


def test_threads_share_a_prover_and_no_id_comes_twice(world):
    prover = world.prover(world.join(8))
    proofs: list[rln.RlnProof] = []
    workers = [threading.Thread(target=lambda n=n: proofs.append(prover.prove(bytes([n])))) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({proof.nullifier for proof in proofs}) == 8
    verdicts = world.verifier().submit_many(
        [(p, bytes([n])) for p in proofs for n in range(8) if p.x == rln.hash_signal(bytes([n]))]
    )
    assert verdicts == [rln.Valid()] * 8


def test_several_message_ids():
    world = World(small_multi_key())
    ids = CountingIds()
    prover = world.prover(world.join(5), ids)
    proof = prover.prove_multi(b"x", 2)
    assert proof.selector_used == (True, True, False)
    assert ids.given == [range(2)]
    for count in (0, 4, True, 1.0):
        with pytest.raises(ParameterError, match="count"):
            prover.prove_multi(b"x", count)
    with pytest.raises(ParameterError, match="prove_multi"):
        prover.prove(b"x")
    prover.prove_multi(b"y", 3)
    with pytest.raises(RateLimitReached):
        prover.prove_multi(b"z", 1)
    assert ids.given == [range(2), range(2, 5)]


def test_repr_shows_no_secret(world):
    member = world.join()
    text = repr(world.prover(member))
    assert str(member.secret().reveal()) not in text
    assert text == "Prover(index 0, limit 2)"


def test_the_module_reads_no_clock():
    assert not {"time", "datetime"} & set(vars(rln.proving.prover))


# ---- what is computed in advance --------------------------------------------------------------------


@pytest.fixture
def fixed_blinding(monkeypatch):
    """The same random bytes for every proof, so that proofs can be compared; identities stay random."""
    drawn, honest = bytes(range(64)) + bytes(range(100, 164)), entropy.fill

    def fill(out) -> None:
        if len(out) == len(drawn):
            ffi.memmove(out, drawn, len(drawn))
        else:
            honest(out)

    monkeypatch.setattr(entropy, "fill", fill)


@pytest.mark.parametrize("tables", [False, True])
def test_every_way_to_a_proof_gives_the_same_bytes(fixed_blinding, tables):
    world = World(rln.ProvingKey.decode(small_key().encode(), check=False))
    if tables:
        world.key.build_tables(threads=1)
    member = world.join()
    path, epoch, x = world.group.proof(0), world.clock.current(), rln.hash_signal(b"x")
    statement = Statement.spend(world.key.parameters, 2, (0,), path, x, epoch.external_nullifier)
    with closing(world.key.witness(statement.inputs(), member)) as witness:
        whole = groth16.prove(world.key._handle, witness)
        assert groth16.prove(world.key._handle, witness, tables=world.key.tables()) == whole
    first = world.prover(member)
    assert first.prove(b"x").proof == whole
    prepared = world.prover(member, path=None)
    prepared.prepare(path)
    assert prepared.prove(b"x").proof == whole
    builder = prepared._builder
    assert builder.publish(builder.token(0, path, epoch), x).proof == whole
    # and after a change of the path, there and back
    world.join()
    prepared.prepare(world.group.proof(0))
    moved = prepared._builder.prove((0,), world.group.proof(0), x, epoch).proof
    assert moved == world.prover(member).prove(b"x").proof != whole
    prepared.prepare(path)
    assert builder.prove((0,), path, x, epoch).proof == whole


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """How often a partial proof was computed: new, or updated."""
    log: list[str] = []
    new, update = Partial.new, Partial.update
    monkeypatch.setattr(Partial, "new", lambda *a: log.append("new") or new(*a))
    monkeypatch.setattr(Partial, "update", lambda *a: log.append("update") or update(*a))
    return log


def test_what_depends_on_the_path_is_computed_once(made):
    world = World(rln.setup(rln.circuit.rln(3, 4), threads=1))
    prover = world.prover(world.join(16))
    for n in range(4):
        prover.prove(bytes([n]))
    assert made.count("update") == 0
    until_tables(world.key)
    prover.prove(b"tables")
    made.clear()
    prover.prove(b"x")
    assert made == []
    world.join()
    for n in range(3):
        assert prover.prove(bytes([n, 0])).root == world.group.root
    assert made == ["update"]
    world.time += PERIOD
    prover.prove(b"another epoch")
    assert made == ["update"]
    prover.prepare(world.group.proof(0))
    assert made == ["update"]


def until_tables(key: rln.ProvingKey) -> None:
    end = time.monotonic() + 60
    while not key.has_tables:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_proof_with_several_slots_is_prepared_too(made):
    world = World(small_multi_key())
    prover, verifier = world.prover(world.join(8)), world.verifier()
    for n, count in enumerate((1, 3, 2)):
        assert verifier.submit(prover.prove_multi(bytes([n]), count), bytes([n])) == rln.Valid()
    assert 1 <= len(made) <= 2


def test_a_partial_proof_of_zerokit_is_written_and_read(world, made):
    member = world.join(8)
    prover = world.prover(member, path=world.group.proof(0))
    wires = world.key.info()["wires"]
    written = {codec: prover.partial_proof(codec) for codec in ("zerokit-2", "zerokit-3")}
    assert written["zerokit-2"] == b"\0" + written["zerokit-3"]
    assert len(written["zerokit-3"]) == 8 + wires - 1 + 160
    assert written["zerokit-3"] == prover.partial_proof()
    other = world.prover(member, path=None)
    for codec, data in written.items():
        other.prepare(world.group.proof(0), data, codec)
        assert other.partial_proof(codec) == data
    signal = b"x"
    assert world.verifier().submit(other.prove(signal), signal) == rln.Valid()


def test_a_partial_proof_of_anything_else_is_refused(world):
    """The known wires must be those of this member and path; upstream would make an invalid proof."""
    member, stranger = world.join(8), world.join(8)
    path = world.group.proof(0)
    prover = world.prover(member, path=path)
    data = prover.partial_proof()
    theirs = world.prover(stranger).partial_proof()
    world.join()
    elsewhere = world.prover(member).partial_proof()
    mask = bytearray(data)
    mask[8] ^= 1
    swapped = data[:-32] + data[-64:-32]
    for bad in (theirs, elsewhere, bytes(mask), swapped, data[:-1], data + b"\0", b"\0" + data, b""):
        with pytest.raises(rln.InputError):
            prover.prepare(path, bad)
    for bad, codec in ((data, "zerokit-2"), (data, "zerokit-0.9"), (bytearray(data), "zerokit-3")):
        with pytest.raises(rln.InputError):
            prover.prepare(path, bad, codec)
    with pytest.raises(ParameterError, match="codec"):
        prover.partial_proof("zerokit-1")
    prover.prepare(path, data)


def test_a_closed_prover_refuses_to_prove(world):
    with world.prover(world.join()) as prover:
        prover.prove(b"x")
        kept = prover._builder._prepared
    assert kept.partial.closed
    prover.close()
    for refused in (
        lambda: prover.prove(b"y"),
        lambda: prover.prepare(world.group.proof(0)),
        prover.partial_proof,
    ):
        with pytest.raises(ParameterError, match="used after it was closed"):
            refused()


def test_a_prover_is_neither_copied_nor_pickled(world):
    prover = world.prover(world.join())
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Prover"):
            attempt(prover)
