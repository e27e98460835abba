"""Threats B: which epochs are acceptable, second by second, and how shares are stored under them."""

import dataclasses

import pytest

import rln
from rln.errors import Reason, RecoveryError
from rln.stores.memory import MemoryNullifierLog
from tests.threats.full_world import FullWorld

PERIOD = 10
BEGIN = 1000 * PERIOD


def overlapping(now: int, skew: int, past: int, future: int) -> set[int]:
    """Return the expected epochs: those that overlap [now - skew, now + skew], and their neighbours."""
    touched = [
        index
        for index in range(BEGIN // PERIOD - 20, BEGIN // PERIOD + 20)
        if index * PERIOD <= now + skew and (index + 1) * PERIOD > now - skew
    ]
    return set(range(min(touched) - past, max(touched) + future + 1))


@pytest.mark.parametrize(
    ("skew", "past", "future"), [(0, 0, 0), (4, 0, 0), (5, 1, 0), (3, 0, 2), (13, 2, 1), (10, 3, 3)]
)
def test_b1_each_second_the_expected_epochs_are_acceptable_and_no_share_is_dropped_early(
    full_world: FullWorld,
    sample_proof: rln.RlnProof,
    monkeypatch: pytest.MonkeyPatch,
    skew: int,
    past: int,
    future: int,
) -> None:
    """A message of each epoch is submitted every second for three epochs, and never counts twice."""
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    time = [BEGIN]
    log = MemoryNullifierLog()
    clock = rln.EpochClock(
        "sweep.example", PERIOD, skew=skew, past_gap=past, future_gap=future, now=lambda: time[0]
    )
    verifier = rln.Verifier(full_world.key.verifying_key, roots=[sample_proof.root], log=log, clock=clock)
    indices = range(BEGIN // PERIOD - past - future - 5, BEGIN // PERIOD + past + future + 8)
    messages = {
        index: dataclasses.replace(sample_proof, external_nullifier=clock.epoch(index).external_nullifier)
        for index in indices
    }
    accepted: dict[int, int] = {}
    last: dict[int, int] = {}
    for now in range(BEGIN, BEGIN + 3 * PERIOD + 1):
        time[0] = now
        log.forget(clock.horizon())
        expected = overlapping(now, skew, past, future)
        assert {epoch.index for epoch in clock.acceptable()} == expected
        for index, message in messages.items():
            verdict = verifier.submit(message, b"sample")
            if index not in expected:
                assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH, (now, index)
                continue
            assert verdict == (rln.Duplicate() if index in accepted else rln.Valid()), (now, index)
            accepted.setdefault(index, now)
            last[index] = now
            assert clock.opened(clock.epoch(index)) <= now
    assert len(accepted) > 3
    for index, first in accepted.items():
        assert last[index] - first < clock.retention, (
            "a store may drop a share only when its epoch cannot be acceptable again"
        )


@pytest.mark.parametrize("skew", [0, 3, 10, 25])
@pytest.mark.parametrize("past", [0, 1, 4])
@pytest.mark.parametrize("future", [0, 1, 4])
def test_b1_retention_covers_all_seconds_in_which_an_epoch_is_acceptable(
    skew: int, past: int, future: int
) -> None:
    time, seconds = [0], []
    clock = rln.EpochClock(
        "sweep.example", PERIOD, skew=skew, past_gap=past, future_gap=future, now=lambda: time[0]
    )
    epoch = clock.epoch(BEGIN // PERIOD)
    for time[0] in range(BEGIN - 150, BEGIN + 150):
        if clock.find(epoch.external_nullifier) is not None:
            seconds.append(time[0])
    assert seconds == list(range(seconds[0], seconds[-1] + 1))
    assert clock.opened(epoch) <= seconds[0]
    assert seconds[-1] - seconds[0] + 60 <= clock.retention


def test_b4_a_share_is_stored_under_the_epoch_of_its_proof_not_of_its_arrival(full_world: FullWorld) -> None:
    """A message that comes before and after its epoch ends counts once; a second one is a violation."""
    mallory = full_world.join(limit=1)
    full_world.time = full_world.clock.current().end - 2.0
    first, second = (full_world.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    before = full_world.clock.current()
    verifier = full_world.verifier()
    assert verifier.submit(first, b"one") == rln.Valid()
    full_world.time += 4
    assert full_world.clock.current().index == before.index + 1
    assert verifier.submit(first, b"one") == rln.Duplicate()
    assert verifier.submit(second, b"two") == rln.RateLimitViolation(mallory.secret())
    assert verifier.submit(full_world.prover(mallory).prove(b"one"), b"one") == rln.Valid(), (
        "of the new epoch"
    )
    assert full_world.log.peek(before, first.nullifier) == first.shares[0]
    assert full_world.log.peek(full_world.clock.current(), first.nullifier) is None


def test_b4_a_share_is_found_only_by_epoch_and_nullifier_together(
    full_world: FullWorld, sample_proof: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One nullifier in two acceptable epochs, which no honest proof has, is stored twice."""
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    full_world.time = full_world.clock.current().end - 2.0
    verifier = full_world.verifier(roots=[sample_proof.root])
    for epoch in full_world.clock.acceptable():
        message = dataclasses.replace(sample_proof, external_nullifier=epoch.external_nullifier)
        assert verifier.submit(message, b"sample") == rln.Valid()
        assert verifier.submit(message, b"sample") == rln.Duplicate()
    assert len(full_world.log) == 2


def test_b5_a_changed_period_makes_other_epochs_even_with_the_same_index(full_world: FullWorld) -> None:
    """60 seconds become 600: index 100 was at an hour and a half, and is now at most of a day."""
    member = full_world.join()
    minute = rln.EpochClock("story.example", 60, now=lambda: 100 * 60.0)
    ten = rln.EpochClock("story.example", 600, now=lambda: 100 * 600.0)
    other = rln.EpochClock("story2.example", 60, now=lambda: 100 * 60.0)
    clocks = (minute, ten, other)
    assert {clock.current().index for clock in clocks} == {100}
    assert len({clock.current().external_nullifier for clock in clocks}) == 3
    proofs = [full_world.prover(member, clock=clock).prove(b"x%d" % i) for i, clock in enumerate(clocks)]
    assert len({proof.nullifier for proof in proofs}) == 3
    for i, proof in enumerate(proofs):
        for j, clock in enumerate(clocks):
            verdict = full_world.verifier(clock=clock, log=MemoryNullifierLog()).submit(proof, b"x%d" % i)
            if i == j:
                assert verdict == rln.Valid()
            else:
                assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
                with pytest.raises(RecoveryError):
                    rln.recover_secret(proof, proofs[j])
