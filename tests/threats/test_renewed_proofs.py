"""Threats E13: roots that change quickly cost honest members no message ids, and renewing reveals nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.errors import NotRenewable, RateLimitReached, RecoveryError, StoreUnavailable
from rln.ports import KeptMessage, MessageIdAllocator
from rln.protocol import proof_record
from rln.stores import machine_time
from rln.stores.memory import MemoryMessageIds
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.races.forked_child import ForkedChild
from tests.support.small_world import DEPTH, PERIOD, World, small_multi_key

ROUNDS = 5
ATTACKERS = 5
KINDS = ("memory", "sqlite")


@pytest.fixture(params=KINDS)
def ids(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MemoryMessageIds() if request.param == "memory" else SqliteMessageIds(tmp_path / "ids.db")
    yield made
    made.close()


class Attacked(World):
    """A world whose members also are some identities of an attacker; only the newest root is acceptable."""

    def __init__(self, key: rln.ProvingKey | None = None) -> None:
        super().__init__(key, window=rln.WindowSize(count=1))
        self.attackers = [self.join(1) for _ in range(ATTACKERS)]

    def slash_one(self) -> None:
        """Let the attacker slash one of their own identities: older roots are refused from now on."""
        self.group.slash(self.attackers.pop())


def new_member(world: World, ids: MessageIdAllocator, limit: int = 2) -> rln.Identity:
    member = world.join(limit)
    ids.introduce(member.commitment)
    return member


def share_of(proof: rln.AnyProof) -> rln.Share:
    (share,) = proof.shares
    return share


# ---- the attack


@pytest.mark.parametrize("tokens", [0, 2])
def test_e13_who_slashes_themselves_once_a_second_burns_no_ids_of_others(ids: Any, tokens: int) -> None:
    world = Attacked()
    member = new_member(world, ids, limit=4)
    verifier = world.verifier()
    with world.prover(member, ids, tokens=tokens) as prover:
        proof: rln.AnyProof = prover.prove(b"x")
        first = share_of(proof)
        for _ in range(3):
            world.slash_one()
            verdict = verifier.submit(proof, b"x")
            assert isinstance(verdict, rln.Invalid) and verdict.reason is rln.Reason.UNKNOWN_ROOT
            proof = prover.renew(b"x")
            assert share_of(proof) == first
        assert verifier.submit(proof, b"x") == rln.Valid()
        for signal in (b"two", b"three", b"four"):
            assert verifier.submit(prover.prove(signal), signal) == rln.Valid()
        with pytest.raises(RateLimitReached):
            prover.prove(b"five")


def test_e13_proving_again_instead_burns_the_ids(ids: Any) -> None:
    """What the attack does without `renew`."""
    world = Attacked()
    prover = world.prover(new_member(world, ids, limit=2), ids)
    for _ in range(2):
        prover.prove(b"x")
        world.slash_one()
    with pytest.raises(RateLimitReached):
        prover.prove(b"x")
    assert world.verifier().submit(prover.renew(b"x"), b"x") == rln.Valid()


def test_e13_all_proofs_of_a_message_together_reveal_one_share(ids: Any) -> None:
    world = Attacked()
    prover = world.prover(new_member(world, ids), ids)
    proofs = [prover.prove(b"x")]
    for _ in range(3):
        world.slash_one()
        proofs += [prover.renew(b"x"), prover.renew(b"x")]
    assert len({one.root for one in proofs}) == 4
    shares = {share_of(one) for one in proofs}
    assert len(shares) == 1
    (share,) = shares
    with pytest.raises(RecoveryError):
        rln.recover_secret(share, share)


def test_e13_a_renewed_proof_of_a_message_that_was_served_is_a_duplicate(ids: Any) -> None:
    world = Attacked()
    prover = world.prover(new_member(world, ids), ids)
    verifier = world.verifier()
    assert verifier.submit(prover.prove(b"x"), b"x") == rln.Valid()
    world.slash_one()
    assert isinstance(verifier.submit(prover.renew(b"x"), b"x"), rln.Duplicate)
    assert len(world.log) == 1


def test_e13_several_ids_are_renewed_together(ids: Any) -> None:
    world = Attacked(small_multi_key())
    prover = world.prover(new_member(world, ids, limit=3), ids)
    first = prover.prove_multi(b"x", 3)
    world.slash_one()
    renewed = prover.renew(b"x")
    assert renewed.shares == first.shares
    assert world.verifier().submit(renewed, b"x") == rln.Valid()


# ---- what is renewed comes from the record


def test_e13_the_end_of_an_epoch_between_two_attempts_uses_no_id_of_the_next_one(ids: Any) -> None:
    world = Attacked()
    world.time = world.time // PERIOD * PERIOD + PERIOD - 1
    prover = world.prover(new_member(world, ids), ids)
    first = prover.prove(b"x")
    world.slash_one()
    world.time += 3
    renewed = prover.renew(b"x")
    assert renewed.external_nullifier == first.external_nullifier
    assert world.verifier().submit(renewed, b"x") == rln.Valid()
    # Both ids of the new epoch are left.
    assert [share_of(prover.prove(signal)).x for signal in (b"one", b"two")]


@pytest.mark.parametrize("seconds", [2 * PERIOD, -2 * PERIOD])
def test_e13_an_epoch_that_is_over_or_that_a_wrong_clock_left_is_not_renewed(ids: Any, seconds: int) -> None:
    world = Attacked()
    prover = world.prover(new_member(world, ids), ids)
    prover.prove(b"x")
    world.slash_one()
    world.time += seconds
    with pytest.raises(NotRenewable, match="is not acceptable now; nothing was spent; use `prove`"):
        prover.renew(b"x")


def test_e13_an_id_whose_message_was_lost_stays_spent(ids: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash between the id and the record nobody knows whether the proof was made."""
    world = Attacked()
    member = new_member(world, ids)
    prover = world.prover(member, ids)
    with monkeypatch.context() as patch:
        patch.setattr(type(ids), "keep", lost)
        with pytest.raises(StoreUnavailable, match="disk full"):
            prover.prove(b"x")
    world.slash_one()
    with pytest.raises(NotRenewable, match="no message was kept for this signal; .*use `prove`"):
        prover.renew(b"x")
    proof = prover.prove(b"x")
    assert share_of(proof) == member.share(proof.x, proof.external_nullifier, 1)


def test_e13_a_renewed_proof_that_was_not_recorded_is_not_released(
    ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Attacked()
    prover = world.prover(new_member(world, ids), ids)
    first = prover.prove(b"x")
    world.slash_one()
    with monkeypatch.context() as patch:
        patch.setattr(type(ids), "keep", lost)
        with pytest.raises(StoreUnavailable, match="disk full"):
            prover.renew(b"x")
    assert prover.again(b"x") == first
    renewed = prover.renew(b"x")
    assert prover.again(b"x") == renewed


def lost(*_: object) -> None:
    raise StoreUnavailable("message ids: disk full")


MIXED_UP: dict[str, Callable[[KeptMessage, KeptMessage], KeptMessage]] = {
    "the ids of another message": lambda one, other: KeptMessage(one.epoch_index, other.ids, one.message),
    "the message of another signal": lambda one, other: KeptMessage(one.epoch_index, one.ids, other.message),
    "another epoch": lambda one, other: KeptMessage(one.epoch_index + 1, one.ids, one.message),
    "more ids": lambda one, other: KeptMessage(one.epoch_index, range(0, 2), one.message),
}


@pytest.mark.parametrize("kind", MIXED_UP)
def test_e13_an_allocator_that_mixes_up_its_records_gets_no_second_share(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, ids = Attacked(), MemoryMessageIds()
    world.time = world.time // PERIOD * PERIOD + PERIOD - 1  # the next epoch is acceptable, too
    member = world.join(4)
    prover = world.prover(member, ids)
    xs = [prover.prove(signal).x for signal in (b"one", b"two")]
    world.slash_one()
    identifier = world.clock.identifier
    (one,), (two,) = (ids.recall(member.commitment, identifier, x) for x in xs)
    monkeypatch.setattr(ids, "recall", lambda *_: (MIXED_UP[kind](one, two),))
    monkeypatch.setattr(rln.ProvingKey, "witness", lambda *_: pytest.fail("a proof was made"))
    with pytest.raises(StoreUnavailable, match="^ids: expected .*no proof was made and nothing was revealed"):
        prover.renew(b"one")


# ---- several users of one record


def test_e13_threads_that_prove_and_renew_one_signal_publish_one_share_for_each_id(ids: Any) -> None:
    world, threads = Attacked(), 6
    member = new_member(world, ids, limit=16)
    prover = world.prover(member, ids)
    first = prover.prove(b"x")
    made: list[rln.AnyProof] = []
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for attempt in range(ROUNDS):
                if number < 2:
                    made.append(prover.prove(b"x" if number == 0 else b"%d" % attempt))
                else:
                    made.append(prover.renew(b"x"))
        except BaseException as error:  # noqa: BLE001 - the test reports it
            errors.append(error)

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for _ in range(ATTACKERS):
        world.slash_one()
    for thread in running:
        thread.join()
    assert errors == []
    assert len(made) == threads * ROUNDS
    points: dict[int, rln.Share] = {}
    for proof in [first, *made]:
        share = share_of(proof)
        assert points.setdefault(share.nullifier or 0, share) == share
    assert len(points) == 1 + 2 * ROUNDS, "one line for each message that was proved"
    last = prover.again(b"x")
    assert last is not None
    assert prover.renew(b"x").shares == last.shares


@pytest.mark.parametrize("seed", range(3))
def test_e13_with_tokens_no_sequence_of_events_gives_an_id_a_second_share(seed: int, tmp_path: Path) -> None:
    """The thread of the tokens reserves ids and follows paths meanwhile."""
    world, chance = World(), random.Random(seed)
    member = world.join(limit=8)
    membership = world.group.membership(member.commitment)
    tree = rln.MerkleTree(DEPTH)
    tree.extend([membership.rate_commitment, 1])
    ids = SqliteMessageIds(tmp_path / "ids.db")
    ids.introduce(member.commitment)
    points: dict[int, rln.Share] = {}
    renewals = 0
    for _ in range(6):
        with world.prover(member, ids, tokens=2, path=tree.proof) as prover:
            for _ in range(10):
                signal = chance.choice((b"one", b"two", b"three"))
                call = chance.choice((prover.prove, prover.renew, prover.renew, prover.again))
                try:
                    proof = call(signal)
                except (RateLimitReached, NotRenewable):
                    continue
                renewals += call == prover.renew
                if proof is not None:
                    share = share_of(proof)
                    assert points.setdefault(share.nullifier or 0, share) == share, "a second share of an id"
                if chance.random() < 0.5:
                    tree.set_range(1, [chance.randrange(1, 1 << 64)])
                if chance.random() < 0.2:
                    world.time += chance.choice((10, PERIOD))
        ids.close()
        ids = SqliteMessageIds(tmp_path / "ids.db")
    ids.close()
    assert renewals > 5
    assert len(points) > 3


def test_e13_a_forked_child_and_its_parent_renew_one_message_with_one_share(tmp_path: Path) -> None:
    world = Attacked()
    ids = SqliteMessageIds(tmp_path / "ids.db")
    member = new_member(world, ids)
    first = world.prover(member, ids).prove(b"x")
    world.slash_one()
    prover = world.prover(member, ids, path=world.group.proof(ATTACKERS))  # a child has no group in memory
    children = [ForkedChild(lambda: proof_record.encode(prover.renew(b"x"))) for _ in range(2)]
    for child in children:
        child.go()
    mine = prover.renew(b"x")
    for child in children:
        answer = child.answer()
        assert answer.error is None, answer.text
        made = proof_record.decode(answer.made)
        assert made.shares == mine.shares == first.shares
        assert made.root == world.group.root
    assert share_of(prover.prove(b"y")).nullifier != share_of(first).nullifier
    ids.close()


def test_e13_a_child_with_a_copied_allocator_renews_nothing() -> None:
    world = Attacked()
    prover = world.prover(world.join(), MemoryMessageIds(), path=world.group.proof(ATTACKERS))
    prover.prove(b"x")
    child = ForkedChild(lambda: prover.renew(b"x"))
    child.go()
    assert child.answer().error == "StoreUnavailable"


def test_e13_a_message_is_renewed_after_a_restart(tmp_path: Path) -> None:
    world = Attacked()
    ids = SqliteMessageIds(tmp_path / "ids.db")
    member = new_member(world, ids)
    first = world.prover(member, ids).prove(b"x")
    for _ in range(2):
        ids.close()
        world.slash_one()
        ids = SqliteMessageIds(tmp_path / "ids.db")
        renewed = world.prover(member, ids).renew(b"x")
        assert renewed.shares == first.shares
        assert world.verifier().submit(renewed, b"x") in (rln.Valid(), rln.Duplicate())
    ids.close()


def test_e13_when_the_records_may_be_old_nothing_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the machine the old proof may be sent again; a new one waits for the next epoch."""
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr(machine_time, "_BOOT", str(boot))
    world = Attacked()
    ids = SqliteMessageIds(tmp_path / "ids.db")
    prover = world.prover(new_member(world, ids), ids)
    first = prover.prove(b"x")
    world.slash_one()
    boot.write_text("second\n")
    with pytest.raises(StoreUnavailable, match="do not send the message: the machine was restarted"):
        prover.renew(b"x")
    assert prover.again(b"x") == first
    ids.close()
