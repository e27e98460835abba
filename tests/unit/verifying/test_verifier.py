"""Verifier.submit and check: the verdict of each message; a refused message writes nothing."""

import dataclasses
import threading

import pytest

import rln
from rln.base import scalar
from rln.errors import (
    IntegrityAlarm,
    InvalidProof,
    ParameterError,
    Reason,
    StoreUnavailable,
    UnknownRoot,
    WrongEpoch,
    WrongSignal,
)
from rln.lowlevel import curve, groth16
from rln.stores.memory import MemoryNullifierLog
from tests.support.small_world import PERIOD, CountingLog, World, small_multi_key
from tests.unit.lowlevel.toy import negated


class BrokenLog(MemoryNullifierLog):
    """Fails where it is told to, with an error for all or with one for each."""

    def __init__(self, at: str, raises: bool = True) -> None:
        super().__init__()
        self.at, self.raises = at, raises

    def failed(self, count: int) -> list[StoreUnavailable]:
        if self.raises:
            raise StoreUnavailable("log: gone")
        return [StoreUnavailable("log: gone")] * count

    def peek_many(self, keys):
        return self.failed(len(keys)) if self.at == "peek" else super().peek_many(keys)

    def insert_or_get_many(self, claims):
        return self.failed(len(claims)) if self.at == "insert" else super().insert_or_get_many(claims)

    def forget(self, before):
        if self.at == "forget":
            raise StoreUnavailable("log: gone")
        super().forget(before)


@pytest.fixture
def world() -> World:
    return World(log=CountingLog())


def rerandomised(proof: bytes, key: rln.VerifyingKey, t: int, s: int) -> bytes:
    """(A/t, tB + ts delta, C + sA): another proof of the same statement."""
    points = groth16.decompress(proof)
    a, b, c = points[:64], points[64:192], points[192:]
    delta = key.encode(compressed=False)[320:448]
    new_a = curve.msm(a, scalar.encode(pow(t, -1, scalar.ORDER)))
    new_b = curve.msm(b + delta, scalar.encode(t) + scalar.encode(t * s % scalar.ORDER), group=2)
    new_c = curve.msm(c + a, scalar.encode(1) + scalar.encode(s))
    return groth16.compress(new_a + new_b + new_c)


def test_the_window_of_roots_is_never_empty(world):
    """Threats B6."""
    for roots in ((), [], set(), frozenset()):
        with pytest.raises(ParameterError, match="roots: expected at least one"):
            world.verifier(roots=roots)
    proof = world.prover(world.join()).prove(b"x")
    roots = [proof.root]
    verifier = world.verifier(roots=roots)
    roots.clear()  # the list was copied
    assert verifier.submit(proof, b"x") == rln.Valid()


def test_unknown_old_and_zero_roots(world):
    member = world.join()
    proof = world.prover(member).prove(b"x")
    assert world.verifier(roots=[proof.root + 1]).submit(proof, b"x").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(ParameterError, match="root: expected a field element other than 0"):
        world.verifier(roots=[0])
    narrow = World(window=rln.WindowSize(count=1))
    stale = narrow.prover(narrow.join()).prove(b"x")
    narrow.join()
    assert narrow.verifier().submit(stale, b"x").reason is Reason.UNKNOWN_ROOT


def test_replays_are_duplicates_and_nothing_else(world):
    """Threats A1: from eight threads, one is first."""
    proof = world.prover(world.join()).prove(b"x")
    verifier, verdicts = world.verifier(), []

    def replay() -> None:
        verdicts.extend(verifier.submit(proof, b"x") for _ in range(25))

    workers = [threading.Thread(target=replay) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert verdicts.count(rln.Valid()) == 1
    assert verdicts.count(rln.Duplicate()) == 199


def test_rerandomised_and_negated_proofs_are_duplicates(world):
    """Threats D3: nothing is keyed on proof bytes."""
    proof = world.prover(world.join()).prove(b"x")
    points = groth16.decompress(proof.proof)
    other = groth16.compress(negated(points[:64]) + negated(points[64:192]) + points[192:])
    copies = [rerandomised(proof.proof, world.key.verifying_key, t, s) for t, s in ((2, 3), (7, 11), (5, 0))]
    messages = [dataclasses.replace(proof, proof=data) for data in (other, *copies)]
    assert len({proof.proof, *(message.proof for message in messages)}) == 5
    for message in messages:
        assert world.key.verifying_key.verify(message.public_inputs, message.proof)
    verdicts = world.verifier().submit_many([(message, b"x") for message in (*messages, proof)])
    assert verdicts == [rln.Valid(), *[rln.Duplicate()] * 4]


def test_same_x_with_another_y_is_a_bad_proof_and_verified_an_alarm(world, monkeypatch):
    """Threats A2."""
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    assert verifier.submit(proof, b"x") == rln.Valid()
    forged = dataclasses.replace(proof, y=(proof.y + 1) % scalar.ORDER)
    assert verifier.submit(forged, b"x").reason is Reason.BAD_PROOF
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: True)
    with pytest.raises(IntegrityAlarm, match="different y"):
        verifier.submit(forged, b"x")


def test_two_signals_on_one_id_recover_the_secret(world):
    """Threats A3."""
    member = world.join()
    verifier = world.verifier(was_member=world.group.was_member)
    assert verifier.submit(world.prover(member).prove(b"a"), b"a") == rln.Valid()
    verdict = verifier.submit(world.prover(member).prove(b"b"), b"b")
    assert verdict == rln.RateLimitViolation(member.secret())
    again = verifier.submit(world.prover(member).prove(b"c"), b"c")
    assert again == rln.RateLimitViolation(member.secret())
    assert len(world.log) == 1


def test_a_forged_second_share_frames_nobody(world):
    """Threats A4: the log stays as it is, and the honest member is not slashed."""
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    assert verifier.submit(proof, b"x") == rln.Valid()
    for n in range(50):
        signal = n.to_bytes(2, "little")
        forged = dataclasses.replace(proof, x=rln.hash_signal(signal), y=n + 1)
        assert verifier.submit(forged, signal).reason is Reason.BAD_PROOF
    assert len(world.log) == 1
    assert world.log.inserts == 1


def test_a_line_that_is_not_the_nullifiers_is_an_alarm(world, monkeypatch):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    assert verifier.submit(proof, b"x") == rln.Valid()
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: True)
    with pytest.raises(IntegrityAlarm, match="not on its line"):
        verifier.submit(dataclasses.replace(proof, x=rln.hash_signal(b"y"), y=5), b"y")


def test_a_recovered_stranger_is_an_alarm(world):
    member = world.join()
    verifier = world.verifier(was_member=lambda commitment: False)
    assert verifier.submit(world.prover(member).prove(b"a"), b"a") == rln.Valid()
    with pytest.raises(IntegrityAlarm, match="never registered"):
        verifier.submit(world.prover(member).prove(b"b"), b"b")


def test_epochs_before_and_after_are_wrong(world):
    """Threats B4: the log's key is the epoch of the proof, after it was found acceptable."""
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    start = world.time
    for shift, expected in (
        (-PERIOD, Reason.WRONG_EPOCH),
        (PERIOD, Reason.WRONG_EPOCH),
        (5 * PERIOD, Reason.WRONG_EPOCH),
    ):
        world.time = start + shift
        assert verifier.submit(proof, b"x").reason is expected
    world.time = start
    assert verifier.submit(proof, b"x") == rln.Valid()
    moved = dataclasses.replace(proof, external_nullifier=(proof.external_nullifier + 1) % scalar.ORDER)
    assert verifier.submit(moved, b"x").reason is Reason.WRONG_EPOCH
    other = rln.EpochClock("other.example", PERIOD, now=lambda: world.time)
    assert world.verifier(clock=other).submit(proof, b"x").reason is Reason.WRONG_EPOCH


def test_the_signal_is_bound(world, monkeypatch):
    proof = world.prover(world.join()).prove(b"signal")
    verifier = world.verifier()
    for signal in (b"signa", b"signal\0", b"", b"Signal"):
        assert verifier.submit(proof, signal).reason is Reason.WRONG_SIGNAL
    monkeypatch.setattr("rln.protocol.signal.hash_to_field", lambda message: 0)
    verdict = verifier.submit(proof, b"signal")
    assert verdict.reason is Reason.WRONG_SIGNAL
    assert "its hash is 0" in verdict.detail


def test_cheap_checks_come_first_and_refusals_write_nothing(world, monkeypatch):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: pytest.fail("a pairing was computed"))
    assert (
        verifier.submit(dataclasses.replace(proof, external_nullifier=1), b"x").reason is Reason.WRONG_EPOCH
    )
    assert verifier.submit(dataclasses.replace(proof, root=1), b"x").reason is Reason.UNKNOWN_ROOT
    assert verifier.submit(proof, b"y").reason is Reason.WRONG_SIGNAL
    assert world.log.inserts == 0
    monkeypatch.undo()
    assert verifier.submit(proof, b"x") == rln.Valid()
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *a: pytest.fail("a pairing was computed"))
    assert verifier.submit(proof, b"x") == rln.Duplicate()


def test_every_changed_public_value_is_refused(world):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    for name, reason in (
        ("y", Reason.BAD_PROOF),
        ("nullifier", Reason.BAD_PROOF),
        ("root", Reason.UNKNOWN_ROOT),
        ("x", Reason.WRONG_SIGNAL),
        ("external_nullifier", Reason.WRONG_EPOCH),
    ):
        value = (getattr(proof, name) + 1) % scalar.ORDER
        assert verifier.submit(dataclasses.replace(proof, **{name: value}), b"x").reason is reason
    assert len(world.log) == 0


def test_points_off_the_curve_are_malformed(world):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    seen = set()
    for n in range(1, 20):
        bad = dataclasses.replace(proof, proof=bytes([n]) + bytes(31) + proof.proof[32:])
        seen.add(verifier.submit(bad, b"x").reason)
    assert seen == {Reason.MALFORMED, Reason.BAD_PROOF}


def test_a_proof_of_the_other_kind_is_malformed(world):
    multi = World(small_multi_key())
    proof = multi.prover(multi.join()).prove_multi(b"x", 1)
    assert world.verifier().submit(proof, b"x").reason is Reason.MALFORMED


def test_arguments_that_are_no_message_raise(world):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    for bad in (proof.encode(), None, proof.shares):
        with pytest.raises(ParameterError, match="proof: expected"):
            verifier.submit(bad, b"x")
    for bad in ("x", bytearray(b"x"), None):
        with pytest.raises(rln.EncodingError, match="signal"):
            verifier.submit(proof, bad)
        with pytest.raises(rln.EncodingError, match="signal"):
            verifier.submit_many([(proof, b"x"), (proof, bad)])
    assert world.log.inserts == 0


def test_check_raises_what_does_not_hold_and_remembers_nothing(world):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier()
    assert verifier.check(proof, b"x") == world.clock.current()
    assert verifier.check(proof, b"x") == world.clock.current()
    for change, error in (
        ({"external_nullifier": 1}, WrongEpoch),
        ({"root": 1}, UnknownRoot),
        ({"y": 1}, InvalidProof),
    ):
        with pytest.raises(error):
            verifier.check(dataclasses.replace(proof, **change), b"x")
    with pytest.raises(WrongSignal):
        verifier.check(proof, b"y")
    assert world.log.inserts == 0


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("at", ["peek", "insert"])
def test_an_unsure_log_accepts_nothing(world, at, raises):
    proof = world.prover(world.join()).prove(b"x")
    verifier = world.verifier(log=BrokenLog(at, raises))
    with pytest.raises(StoreUnavailable, match="gone"):
        verifier.submit(proof, b"x")
    with pytest.raises(StoreUnavailable, match="gone"):
        verifier.submit_many([(proof, b"x")])


@pytest.mark.parametrize("method", ["peek_many", "insert_or_get_many"])
def test_a_log_that_answers_too_little_accepts_nothing(world, monkeypatch, method):
    proof = world.prover(world.join()).prove(b"x")
    monkeypatch.setattr(world.log, method, lambda questions: [])
    with pytest.raises(StoreUnavailable, match="expected 1 answers, got 0"):
        world.verifier().submit(proof, b"x")


def test_a_root_retired_during_verification_counts(world, monkeypatch):
    """Threats A11: the slashing that happens meanwhile."""
    member = world.join()
    proof = world.prover(member).prove(b"x")
    verifier = world.verifier()
    honest = rln.VerifyingKey.verify

    def slashing(self, values, data):
        world.group.slash(member)
        return honest(self, values, data)

    monkeypatch.setattr(rln.VerifyingKey, "verify", slashing)
    assert verifier.submit(proof, b"x").reason is Reason.UNKNOWN_ROOT
    assert world.log.inserts == 0


def test_a_key_that_is_no_rln_key_is_refused(world):
    plain = world.key.verifying_key.encode(compressed=False)
    shorter = plain[:448] + (5).to_bytes(8, "little") + plain[456:-64]
    key = rln.VerifyingKey.decode(shorter, compressed=False)
    with pytest.raises(rln.KeyFileError, match="^public_inputs: expected 5, or 3 .*, got 4"):
        rln.Verifier(key, roots=[1], log=MemoryNullifierLog(), clock=world.clock)


def test_every_flipped_bit_is_refused():
    """2,304 bits: 128 proof bytes and five public values."""
    world = World()
    proof = world.prover(world.join()).prove(b"x")
    key, data = world.key.verifying_key, proof.encode()
    assert len(data) * 8 == 2304
    for bit in range(2304):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            decoded = rln.RlnProof.decode(bytes(changed))
            accepted = key.verify(decoded.public_inputs, decoded.proof)
        except rln.InputError:
            continue
        assert not accepted, bit


def test_the_log_forgets_what_can_never_be_acceptable_again(world):
    """Each message is the only one of its epoch: the log holds those of the last few epochs, not of all."""
    verifier, prover = world.verifier(), world.prover(world.join())
    for _ in range(8):
        assert isinstance(verifier.submit(prover.prove(b"x"), b"x"), rln.Valid)
        world.time += PERIOD
    assert 1 <= len(world.log) <= 4


def test_a_log_that_cannot_forget_accepts_nothing(world):
    verifier = world.verifier(log=BrokenLog("forget"))
    with pytest.raises(StoreUnavailable):
        verifier.submit(world.prover(world.join()).prove(b"x"), b"x")
