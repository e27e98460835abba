"""NullifierCheck: what it writes to log and audit trail, and the verdicts, with fixed proofs."""

import dataclasses

import pytest

import rln
from rln.audit.files import AuditFiles
from rln.base.scalar import ORDER
from rln.errors import IntegrityAlarm, Overloaded, ParameterError, Reason, StoreUnavailable
from rln.ports import AuditTrail
from rln.stores import open_log
from rln.stores.memory import MemoryNullifierLog
from rln.verifying.nullifier_check import Candidate, LookupResult, NullifierCheck
from rln.verifying.safe_observer import SafeObserver
from tests.support.small_world import World, small_multi_key


class ListTrail(AuditTrail):
    """An audit trail in memory that fails where it is told to."""

    def __init__(self) -> None:
        self.kept: list[rln.RlnProof] = []
        self.writes: list[int] = []
        self.failing: tuple[str, ...] = ()

    def append_many(self, messages):
        if "append" in self.failing:
            raise StoreUnavailable("audit: full")
        self.writes.append(len(messages))
        self.kept += [proof for _, proof in messages]

    def lookup(self, epoch, nullifier):
        if "lookup" in self.failing:
            raise StoreUnavailable("audit: unreadable")
        return [
            proof
            for proof in self.kept
            if proof.external_nullifier == epoch.external_nullifier
            and any(share.nullifier == nullifier for share in proof.shares)
        ]

    def forget(self, before):
        raise AssertionError("that is the operator's")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def trail() -> ListTrail:
    return ListTrail()


def on_one_id(world: World, member: rln.Identity, count: int) -> list[tuple[rln.RlnProof, bytes]]:
    """Messages of a member on their first message id."""
    return [(world.prover(member).prove(bytes([n])), bytes([n])) for n in range(count)]


def test_what_is_accepted_and_what_convicts_is_kept_and_nothing_else(world, trail):
    verifier = world.verifier(audit=trail)
    (first, second), (alone,) = on_one_id(world, world.join(), 2), on_one_id(world, world.join(), 1)
    forged = (dataclasses.replace(alone[0], y=alone[0].y + 1), alone[1])
    for message in (forged, first, first, forged, second, alone, alone):
        verifier.submit(*message)
    assert trail.kept == [first[0], second[0], alone[0]]


def test_one_write_for_all_that_a_batch_accepts(world, trail):
    members = [world.join() for _ in range(4)]
    messages = [message for member in members for message in on_one_id(world, member, 1)]
    assert world.verifier(audit=trail).submit_many(messages) == [rln.Valid()] * 4
    assert trail.writes == [4]


@pytest.mark.parametrize("together", [True, False])
def test_a_violation_comes_with_evidence(world, trail, together):
    member = world.join()
    first, second, third = on_one_id(world, member, 3)
    verifier = world.verifier(audit=trail)
    if together:
        verdicts = verifier.submit_many([first, second, third])
    else:
        verdicts = [verifier.submit(*message) for message in (first, second, third)]
    assert verdicts == [rln.Valid(), *[rln.RateLimitViolation(member.secret())] * 2]
    key = world.key.verifying_key
    assert verdicts[1].evidence == rln.Evidence(first[0], second[0], key.digest)
    assert verdicts[2].evidence == rln.Evidence(first[0], third[0], key.digest)
    assert all(verdict.evidence.check(key) == member.secret() for verdict in verdicts[1:])
    assert trail.kept == [first[0], second[0]], "two of an id convict; more of them do not fill the disk"


def test_evidence_of_messages_with_several_ids(trail):
    world = World(small_multi_key())
    member = world.join(8)
    one, other = world.prover(member), world.prover(member)
    first = one.prove_multi(b"a", 3)
    other.prove_multi(b"shifts the ids", 2)
    second = other.prove_multi(b"b", 2)
    verifier = world.verifier(audit=trail)
    assert verifier.submit(first, b"a") == rln.Valid()
    verdict = verifier.submit(second, b"b")
    assert verdict.evidence.check(world.key.verifying_key) == member.secret()


def test_without_the_first_message_there_is_a_secret_and_no_evidence(world, trail):
    """Another verifier has accepted it, with a directory of its own."""
    member = world.join()
    first, second = on_one_id(world, member, 2)
    world.verifier().submit(*first)
    verdict = world.verifier(audit=trail).submit(*second)
    assert (verdict, verdict.evidence) == (rln.RateLimitViolation(member.secret()), None)
    assert trail.kept == [second[0]]


def test_neither_secret_nor_evidence_is_printed(world, trail):
    """Threats P3."""
    member = world.join()
    verifier = world.verifier(audit=trail)
    _, verdict = (verifier.submit(*message) for message in on_one_id(world, member, 2))
    assert repr(verdict) == str(verdict) == "RateLimitViolation(identity_secret=IdentitySecret(<hidden>))"


def test_what_cannot_be_kept_is_not_served_and_counts(world, trail):
    (message,) = on_one_id(world, world.join(), 1)
    verifier = world.verifier(audit=trail)
    trail.failing = ("append",)
    with pytest.raises(StoreUnavailable, match="audit: full"):
        verifier.submit(*message)
    trail.failing = ()
    assert verifier.submit(*message) == rln.Duplicate()


@pytest.mark.parametrize(("failing", "words"), [("append", "full"), ("lookup", "unreadable")])
def test_a_violation_that_cannot_be_kept_is_told_all_the_same(world, trail, failing, words, monkeypatch):
    """Threats F20: the trail decides nothing. Evidence is there if the first message could be read."""
    member = world.join()
    first, second = on_one_id(world, member, 2)
    other, third = on_one_id(world, world.join(), 2)
    alarms: list[Exception] = []
    monkeypatch.setattr(SafeObserver, "damaged", lambda self, error: alarms.append(error))
    verifier = world.verifier(audit=trail)
    verifier.submit_many([first, other])
    trail.failing = (failing,)
    outcomes = verifier.outcomes([first, second, third])
    assert outcomes[:2] == [rln.Duplicate(), rln.RateLimitViolation(member.secret())]
    assert isinstance(outcomes[2], rln.RateLimitViolation)
    assert [outcome.evidence is None for outcome in outcomes[1:]] == [failing == "lookup"] * 2
    assert [str(error) for error in alarms] == [str(StoreUnavailable(f"audit: {words}"))] * 2
    trail.failing = ()
    assert verifier.submit(*second).evidence.check(world.key.verifying_key) == member.secret()
    assert trail.kept == [first[0], other[0], second[0]]
    assert len(alarms) == 2


def test_two_copies_of_the_first_message_are_not_the_two_that_convict(world, trail):
    """A trail that was unsure whether it had kept a message may have it twice."""
    first, second = on_one_id(world, world.join(), 2)
    verifier = world.verifier(audit=trail)
    verifier.submit(*first)
    trail.kept.append(first[0])
    verifier.submit(*second)
    assert trail.kept == [first[0], first[0], second[0]]


def test_a_trail_whose_report_fails_changes_no_verdict(world, trail, monkeypatch, caplog):
    def fail() -> list[Exception]:
        raise KeyError("damage")

    first, second = on_one_id(world, world.join(), 2)
    verifier = world.verifier(audit=trail)
    monkeypatch.setattr(trail, "damage", fail)
    assert verifier.submit(*first) == rln.Valid()
    assert isinstance(verifier.submit(*second), rln.RateLimitViolation)
    assert [line.getMessage() for line in caplog.records] == ["audit trail damaged: 'damage'"] * 2


def test_the_trail_is_checked_beforehand(world):
    with pytest.raises(ParameterError, match="audit: expected AuditTrail"):
        world.verifier(audit=[])


def test_audit_files_behind_a_verifier(world, tmp_path):
    """One that starts anew on the same log and the same directory finds the first message."""
    member = world.join()
    first, second = on_one_id(world, member, 2)
    key = world.key.verifying_key
    world.verifier(audit=AuditFiles(tmp_path, key)).submit(*first)
    verdict = world.verifier(audit=AuditFiles(tmp_path, key)).submit(*second)
    assert verdict.evidence.check(key) == member.secret()


def test_neither_signals_nor_addresses_are_kept(world, tmp_path):
    """Threats P3: log and audit files are searched for them, and for the secret."""
    member = world.join()
    key, signals = world.key.verifying_key, (b"a signal that nobody keeps", b"another one of them")
    log = open_log(f"sqlite:///{tmp_path}/log.db", world.clock, new=True)
    verifier = world.verifier(
        log=log, audit=AuditFiles(tmp_path / "audit", key), sources=rln.SourceLimit(1.0, 5)
    )
    for signal in signals:
        verifier.submit(world.prover(member).prove(signal), signal, "address 192.0.2.1")
    log.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    secret = member.secret().reveal()
    for path in files:
        data = path.read_bytes()
        for kept in (*signals, b"192.0.2.1", secret.to_bytes(32, "little"), str(secret).encode()):
            assert kept not in data, path.name


def test_a_forged_copy_behind_its_message_in_a_batch(world):
    """As one by one: shares that are in the log are a duplicate, whatever the proof."""
    (good, signal), (other, _) = on_one_id(world, world.join(), 2)
    forged = (dataclasses.replace(good, proof=other.proof), signal)
    before, after = world.verifier(), world.verifier(log=MemoryNullifierLog())
    verdicts = before.submit_many([forged, (good, signal), forged])
    assert [type(verdict) for verdict in verdicts] == [rln.Invalid, rln.Valid, rln.Duplicate]
    assert [after.submit(*message) for message in (forged, (good, signal), forged)] == verdicts


def test_a_forgery_of_shares_from_the_log_and_from_its_batch(world):
    """One share was there before the batch, the other one came with it."""
    world = World(small_multi_key())
    prover = world.prover(world.join(8))
    first, second, both = (prover.prove_multi(b"x", count) for count in (1, 1, 2))
    forged = dataclasses.replace(
        both,
        nullifiers=(first.shares[0].nullifier, second.shares[0].nullifier, 0),
        ys=(first.shares[0].y, second.shares[0].y, 0),
    )
    verifier, single = world.verifier(), world.verifier(log=MemoryNullifierLog())
    verifier.submit(first, b"x")
    batch = verifier.submit_many([(forged, b"x"), (second, b"x"), (forged, b"x")])
    assert [type(verdict) for verdict in batch] == [rln.Invalid, rln.Valid, rln.Duplicate]
    single.submit(first, b"x")
    assert [single.submit(proof, b"x") for proof in (forged, second, forged)] == batch


def test_a_verified_second_y_is_an_alarm_for_it_alone(world, monkeypatch):
    (proof, signal), (other, other_signal) = (on_one_id(world, world.join(), 1)[0] for _ in range(2))
    forged = dataclasses.replace(proof, y=(proof.y + 1) % ORDER)
    monkeypatch.setattr(rln.VerifyingKey, "verify_many", lambda self, proofs, threads: [None] * len(proofs))
    messages = [(proof, signal), (forged, signal), (other, other_signal)]
    outcomes = world.verifier().outcomes(messages)
    assert [type(outcome) for outcome in outcomes] == [rln.Valid, IntegrityAlarm, rln.Valid]


def test_a_store_that_fails_for_one_message_fails_for_it_alone(world, monkeypatch):
    messages = [message for _ in range(3) for message in on_one_id(world, world.join(), 1)]
    nullifier, honest = messages[1][0].nullifier, world.log.peek_many

    def partly(keys):
        unsure = StoreUnavailable("gone")
        return [
            unsure if key[1] == nullifier else share for key, share in zip(keys, honest(keys), strict=True)
        ]

    monkeypatch.setattr(world.log, "peek_many", partly)
    outcomes = world.verifier().outcomes(messages)
    assert [type(outcome) for outcome in outcomes] == [rln.Valid, StoreUnavailable, rln.Valid]
    assert len(world.log) == 2


def test_a_clock_or_a_window_that_fails_is_no_fault_of_the_message(world, monkeypatch):
    (message,) = on_one_id(world, world.join(), 1)
    world.time = float("nan")
    with pytest.raises(ParameterError, match="now: expected"):
        world.verifier().submit(*message)
    world.time = 1_700_000_010.0

    class Roots(list):
        def __contains__(self, root):
            raise StoreUnavailable("roots: gone")

    with pytest.raises(StoreUnavailable, match="roots: gone"):
        world.verifier(roots=Roots([1])).submit(*message)
    assert world.verifier().submit(*message) == rln.Valid()
    assert world.verifier().submit(message[0], b"?").reason is Reason.WRONG_SIGNAL


def candidate_of(world: World, proof: rln.RlnProof) -> Candidate:
    return Candidate(proof, proof.shares, world.clock.current())


def check_of(world: World) -> NullifierCheck:
    return NullifierCheck(
        world.log, world.clock, None, None, world.key.verifying_key.digest, SafeObserver(None)
    )


def test_a_look_returns_what_is_known_and_writes_nothing(world):
    member = world.join()
    (first, signal), (second, _) = on_one_id(world, member, 2)
    (new, _) = on_one_id(world, world.join(), 1)[0]
    world.verifier().submit(first, signal)
    candidates = [candidate_of(world, proof) for proof in (first, second, new)]
    looks = check_of(world).look(candidates)
    assert [look.known for look in looks] == [first.shares, first.shares, (None,)]
    assert [look.outcome for look in looks] == [rln.Duplicate(), None, None]
    assert len(world.log) == 1


def test_a_record_returns_every_outcome_and_changes_no_input(world):
    member = world.join()
    (first, _), (second, _) = on_one_id(world, member, 2)
    (other, _) = on_one_id(world, world.join(), 1)[0]
    candidates = [candidate_of(world, proof) for proof in (first, second, first, first, other)]
    looks = [LookupResult((None,), None) for _ in candidates]
    bad, alarm = rln.Invalid(Reason.BAD_PROOF), IntegrityAlarm("an error is no refusal")
    refused = [None, None, bad, alarm, bad]
    outcomes = check_of(world).record(candidates, looks, refused)
    assert outcomes == [
        rln.Valid(),
        rln.RateLimitViolation(member.secret()),
        rln.Duplicate(),
        alarm,
        bad,
    ]
    assert refused == [None, None, bad, alarm, bad]
    assert [look.known for look in looks] == [(None,)] * 5
    assert len(world.log) == 1


@pytest.mark.parametrize("refusal", [rln.Invalid(Reason.BAD_PROOF), Overloaded("busy")])
def test_a_refused_copy_is_a_duplicate_only_after_its_message(world, refusal):
    (first, _) = on_one_id(world, world.join(), 1)[0]
    candidates = [candidate_of(world, first)] * 3
    outcomes = check_of(world).record(candidates, [LookupResult((None,), None)] * 3, [refusal, None, refusal])
    assert outcomes == [refusal, rln.Valid(), rln.Duplicate()]


def test_candidates_and_looks_are_immutable(world):
    (first, _) = on_one_id(world, world.join(), 1)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        candidate_of(world, first).source = "somebody else"
    with pytest.raises(dataclasses.FrozenInstanceError):
        LookupResult((None,), None).outcome = rln.Valid()
