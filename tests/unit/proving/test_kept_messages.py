"""`Prover.renew`: the proof of a kept message, made again for the newest root."""

from __future__ import annotations

import dataclasses

import pytest

import rln
from rln.errors import (
    EncodingError,
    KeyFileError,
    NotRenewable,
    ParameterError,
    RateLimitReached,
    StoreUnavailable,
)
from rln.lowlevel.partial import Partial
from rln.ports import KeptMessage
from rln.protocol import proof_record
from rln.protocol.epoch import Epoch
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import PERIOD, World, small_multi_key


class Ids(MemoryMessageIds):
    """Records what is reserved and kept, in one list of events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, range]] = []

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        given = super().reserve(commitment, epoch, limit, count, x)
        self.events.append(("reserve", given))
        return given

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        super().keep(commitment, epoch, ids, x, message)
        self.events.append(("keep", ids))


@pytest.fixture
def world() -> World:
    return World()


def test_a_renewed_proof_has_the_new_root_and_the_same_share(world: World) -> None:
    ids, member = Ids(), world.join()
    prover = world.prover(member, ids)
    first = prover.prove(b"x")
    world.join()
    renewed = prover.renew(b"x")
    assert renewed.root == world.group.root != first.root
    assert (renewed.shares, renewed.x) == (first.shares, first.x)
    assert renewed.external_nullifier == first.external_nullifier
    assert renewed.proof != first.proof
    assert world.verifier(roots=[world.group.root]).submit(renewed, b"x") == rln.Valid()
    assert prover.again(b"x") == renewed
    assert ids.events == [("reserve", range(1)), ("keep", range(1)), ("keep", range(1))]


def test_for_the_root_of_the_current_path_the_kept_proof_comes_back_and_nothing_is_written(
    world: World,
) -> None:
    ids = Ids()
    prover = world.prover(world.join(), ids)
    first = prover.prove(b"x")
    before = list(ids.events)
    assert prover.renew(b"x") == first
    assert ids.events == before


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_message_with_several_ids_keeps_its_ids(count: int) -> None:
    world = World(small_multi_key())
    ids, member = Ids(), world.join(8)
    prover = world.prover(member, ids)
    prover.prove_multi(b"before", 2)
    first = prover.prove_multi(b"x", count)
    prover.prove_multi(b"after", 1)
    world.join()
    renewed = prover.renew(b"x")
    assert isinstance(renewed, rln.MultiRlnProof)
    assert renewed.shares == first.shares
    assert renewed.selector_used == first.selector_used
    assert renewed.root == world.group.root
    assert ids.events[-1] == ("keep", range(2, 2 + count))


def test_of_two_messages_for_one_signal_the_newer_is_renewed(world: World) -> None:
    prover = world.prover(world.join(3), Ids())
    prover.prove(b"x")
    newer = prover.prove(b"x")
    world.join()
    assert prover.renew(b"x").shares == newer.shares


def test_a_signal_that_was_not_proved_is_refused_and_spends_nothing(world: World) -> None:
    ids = Ids()
    prover = world.prover(world.join(), ids)
    with pytest.raises(NotRenewable, match=r"no message was kept for this signal; .* use `prove`"):
        prover.renew(b"x")
    assert ids.events == []


def test_an_id_that_was_bound_and_whose_message_was_not_kept_is_not_used(world: World) -> None:
    ids, member = Ids(), world.join()
    ids.reserve(member.commitment, world.clock.current(), 2, 1, rln.hash_signal(b"x"))
    with pytest.raises(NotRenewable, match="no message was kept"):
        world.prover(member, ids).renew(b"x")
    assert ids.events == [("reserve", range(1))]
    world.prover(member, ids).prove(b"x")
    assert ids.events[1] == ("reserve", range(1, 2))


def test_the_epoch_is_that_of_the_record_and_not_of_the_clock(world: World) -> None:
    world.time = world.time // PERIOD * PERIOD + PERIOD - 1
    prover = world.prover(world.join(), Ids())
    first = prover.prove(b"x")
    world.join()
    world.time += 4  # the next epoch has begun; the skew of 5 seconds still accepts the one before
    renewed = prover.renew(b"x")
    assert renewed.shares == first.shares
    assert renewed.external_nullifier == first.external_nullifier != world.clock.current().external_nullifier
    assert world.verifier().submit(renewed, b"x") == rln.Valid()


@pytest.mark.parametrize("seconds", [2 * PERIOD, -2 * PERIOD])
def test_an_epoch_that_is_not_acceptable_is_refused(world: World, seconds: int) -> None:
    ids = Ids()
    prover = world.prover(world.join(), ids)
    prover.prove(b"x")
    world.join()
    world.time += seconds
    index = world.clock.current().index - seconds // PERIOD
    with pytest.raises(
        NotRenewable, match=rf"epoch {index} of the message, .* is not acceptable now; .*prove"
    ):
        prover.renew(b"x")
    assert len(ids.events) == 2


def test_of_two_epochs_the_newest_acceptable_one_is_renewed(world: World) -> None:
    prover = world.prover(world.join(), Ids())
    old = prover.prove(b"x")
    world.time += PERIOD
    new = prover.prove(b"x")
    world.join()
    assert prover.renew(b"x").shares == new.shares
    world.time -= PERIOD
    assert prover.renew(b"x").shares == old.shares
    assert prover.again(b"x").shares == old.shares  # type: ignore[union-attr]


def test_a_message_that_was_not_kept_is_not_released(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids()
    prover = world.prover(world.join(), ids)
    first = prover.prove(b"x")
    world.join()

    def full(*_: object) -> None:
        raise StoreUnavailable("ids: disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Ids, "keep", full)
        with pytest.raises(StoreUnavailable, match="disk full"):
            prover.renew(b"x")
    assert prover.again(b"x") == first
    assert prover.renew(b"x").shares == first.shares


def test_a_proof_that_does_not_verify_is_neither_kept_nor_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = Ids()
    prover = world.prover(world.join(), ids)
    first = prover.prove(b"x")
    world.join()
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: False)
    with pytest.raises(KeyFileError, match="not released"):
        prover.renew(b"x")
    assert prover.again(b"x") == first
    assert len(ids.events) == 2


def test_ids_that_are_not_below_a_new_limit_are_refused(world: World) -> None:
    ids, member = Ids(), world.join(3)
    prover = world.prover(member, ids)
    for signal in (b"one", b"two", b"three"):
        prover.prove(signal)
    kept = prover.again(b"two")
    world.group.remove(world.group.membership(member.commitment).index)
    world.group.register(member.commitment, 2)
    moved = world.prover(member, ids)
    with pytest.raises(
        NotRenewable, match="message id 2 of the message is not below the member's limit, 2 now"
    ):
        moved.renew(b"three")
    renewed = moved.renew(b"two")
    assert kept is not None
    assert renewed.shares == kept.shares
    assert world.verifier(roots=[world.group.root]).submit(renewed, b"two") == rln.Valid()
    with pytest.raises(RateLimitReached):
        moved.prove(b"four")


def test_a_path_that_is_not_the_members_any_more_renews_nothing(world: World) -> None:
    ids, member = Ids(), world.join()
    prover = world.prover(member, ids)
    prover.prove(b"x")
    world.group.remove(0)
    with pytest.raises((ParameterError, rln.NotAMember)):
        prover.renew(b"x")
    assert len(ids.events) == 2


def test_a_closed_prover_renews_nothing(world: World) -> None:
    prover = world.prover(world.join(), Ids())
    prover.prove(b"x")
    prover.close()
    with pytest.raises(ParameterError, match="used after it was closed"):
        prover.renew(b"x")


def test_the_signal_must_have_the_format_of_the_parameters(world: World) -> None:
    params = rln.Params.of(world.key, "story.example", PERIOD, window_count=5, skew=5, signal_format="joined")
    prover = world.prover(world.join(), Ids(), params=params)
    signal = params.signal([b"one", b"two"])
    first = prover.prove(signal)
    world.join()
    assert prover.renew(signal).shares == first.shares
    with pytest.raises(EncodingError):
        prover.renew(b"not joined")


def test_tokens_do_not_change_what_is_renewed(world: World) -> None:
    ids = MemoryMessageIds()
    member = world.join(8)
    with world.prover(member, ids, tokens=2) as prover:
        first = [prover.prove(signal) for signal in (b"one", b"two")]
        world.join()
        renewed = [prover.renew(signal) for signal in (b"one", b"two")]
        assert [one.shares for one in renewed] == [one.shares for one in first]
        assert {one.root for one in renewed} == {world.group.root}
        third = prover.prove(b"three")
        assert third.shares[0].nullifier not in {one.shares[0].nullifier for one in first}


def test_a_key_for_several_ids_renews_the_message_of_a_key_for_one(world: World) -> None:
    """Both kinds have the same share, so nothing new is published; the other way needs enough slots."""
    ids, member = Ids(), world.join(8)
    single = world.prover(member, ids)
    first = single.prove(b"x")
    membership = world.group.membership(member.commitment)
    multi = rln.Prover(member, membership, small_multi_key(), ids=ids, clock=world.clock)
    renewed = multi.renew(b"x")
    assert isinstance(renewed, rln.MultiRlnProof)
    assert renewed.shares == first.shares
    back = single.renew(b"x")
    assert isinstance(back, rln.RlnProof)
    assert back.shares == first.shares
    multi.prove_multi(b"two", 2)
    with pytest.raises(ParameterError, match="expected a key for 2 message ids, .* got a key for 1"):
        single.renew(b"two")


def test_a_kept_proof_of_another_key_is_made_again_for_the_same_root(world: World) -> None:
    ids, member = Ids(), world.join()
    first = world.prover(member, ids).prove(b"x")
    other = rln.setup(rln.circuit.rln(3, 4), threads=1)
    membership = world.group.membership(member.commitment)
    renewed = rln.Prover(member, membership, other, ids=ids, clock=world.clock).renew(b"x")
    assert renewed.shares == first.shares
    assert renewed.root == first.root
    assert other.verifying_key.verify(renewed.public_inputs, renewed.proof)


# ---- wrong answers


def test_what_is_no_kept_message_cannot_be_made() -> None:
    for ids in (range(0), range(-1, 1), range(0, 4, 2), range(3, 0, -1), [0], None):
        with pytest.raises(ParameterError, match="^ids: "):
            KeptMessage(5, ids, b"")  # type: ignore[arg-type]
    assert KeptMessage(5, range(2, 3), b"secret").ids == range(2, 3)
    assert "message" not in repr(KeptMessage(5, range(1), b"message"))[len("KeptMessage") :]


def lie(kept: KeptMessage, proof: rln.RlnProof, strangers: rln.RlnProof, kind: str) -> object:
    """Return an answer that is wrong in one way."""
    message = proof_record.encode
    answers: dict[str, object] = {
        "nothing": None,
        "one message": kept,
        "a list": [kept],
        "bytes": (kept.message,),
        "one epoch twice": (kept, kept),
        "the oldest epoch first": (dataclasses.replace(kept, epoch_index=kept.epoch_index - 1), kept),
        "no proof": (dataclasses.replace(kept, message=b"no proof"),),
        "a damaged proof": (dataclasses.replace(kept, message=kept.message[:-9] + bytes(9)),),
        "another x": (dataclasses.replace(kept, message=message(dataclasses.replace(proof, x=proof.x + 1))),),
        "another external nullifier": (
            dataclasses.replace(kept, message=message(dataclasses.replace(proof, external_nullifier=7))),
        ),
        "another epoch": (dataclasses.replace(kept, epoch_index=kept.epoch_index + 1),),
        "too many ids": (dataclasses.replace(kept, ids=range(0, 2)),),
        "another id": (dataclasses.replace(kept, ids=range(1, 2)),),
        "another member": (dataclasses.replace(kept, message=message(strangers)),),
        "another y": (dataclasses.replace(kept, message=message(dataclasses.replace(proof, y=proof.y + 1))),),
    }
    return answers[kind]


LIES = (
    "nothing", "one message", "a list", "bytes", "one epoch twice", "the oldest epoch first", "no proof",
    "a damaged proof", "another x", "another external nullifier", "another epoch", "too many ids",
    "another id", "another member", "another y",
)  # fmt: skip


@pytest.mark.parametrize("kind", LIES)
def test_a_wrong_answer_of_an_allocator_renews_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    ids, member, stranger = Ids(), world.join(4), world.join(4)
    world.time = world.time // PERIOD * PERIOD + PERIOD - 1  # the next epoch is acceptable
    prover = world.prover(member, ids)
    proof, strangers = prover.prove(b"x"), world.prover(stranger, Ids()).prove(b"x")
    world.join()
    (kept,) = ids.recall(member.commitment, world.clock.identifier, proof.x)
    answer = lie(kept, proof, strangers, kind)
    monkeypatch.setattr(ids, "recall", lambda *_: answer)
    monkeypatch.setattr(rln.ProvingKey, "witness", lambda *_: pytest.fail("the secret was used for a proof"))
    with pytest.raises(StoreUnavailable, match="^ids: expected .* nothing was revealed"):
        prover.renew(b"x")
    assert len(ids.events) == 2


@pytest.mark.parametrize("kind", ["another epoch", "a number", "text"])
def test_a_wrong_answer_of_a_clock_renews_nothing(world: World, kind: str) -> None:
    answers = {"another epoch": world.clock.epoch(5), "a number": 5, "text": "epoch"}

    class Clock(rln.EpochClock):
        def find(self, external_nullifier: int) -> object:  # type: ignore[override]
            return answers[kind]

    ids = Ids()
    clock = Clock("story.example", PERIOD, skew=5, now=lambda: world.time)
    prover = world.prover(world.join(), ids, clock=clock)
    prover.prove(b"x")
    world.join()
    with pytest.raises(ParameterError, match="^clock.find: expected epoch"):
        prover.renew(b"x")
    assert len(ids.events) == 2


def test_a_member_with_no_id_left_can_renew(world: World) -> None:
    prover = world.prover(world.join(1), Ids())
    first = prover.prove(b"x")
    with pytest.raises(RateLimitReached):
        prover.prove(b"y")
    world.join()
    assert prover.renew(b"x").shares == first.shares


# ---- what it costs


@pytest.mark.parametrize("prepared", [True, False])
def test_a_renewal_costs_one_proof_and_uses_what_is_prepared(
    world: World, monkeypatch: pytest.MonkeyPatch, prepared: bool
) -> None:
    """One witness, one proof; for a new path the prepared part is updated, never computed as a whole."""
    prover = world.prover(world.join(), Ids(), path=None)
    prover.prove(b"x")
    world.join()
    if prepared:
        prover.prepare(world.group.proof(0))
    calls: list[str] = []
    for owner, name in (
        (rln.ProvingKey, "witness"),
        (rln.ProvingKey, "partial"),
        (Partial, "update"),
        (Partial, "finish"),
    ):
        counted(monkeypatch, owner, name, calls)
    renewed = prover.renew(b"x")
    assert renewed.root == world.group.root
    assert calls == ["witness", *([] if prepared else ["update"]), "finish"]
    calls.clear()
    assert prover.renew(b"x") == renewed
    assert calls == []


def counted(patch: pytest.MonkeyPatch, owner: type, name: str, calls: list[str]) -> None:
    """Note each call of a method."""
    method = getattr(owner, name)

    def noted(*arguments: object, **named: object) -> object:
        calls.append(name)
        return method(*arguments, **named)

    patch.setattr(owner, name, noted)
