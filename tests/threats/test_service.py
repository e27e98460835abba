"""Threats A, B, F: a verifier as a service, under replays, forgeries and floods."""

import asyncio
import dataclasses
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import rln
from rln.audit.files import AuditFiles
from rln.base.scalar import ORDER
from rln.errors import IntegrityAlarm, Overloaded, Reason, RecoveryError
from rln.ports import NullifierLog
from rln.stores import open_log
from tests.support.effort import effort
from tests.threats.full_world import FullWorld

PATIENCE = 120  # seconds

LOGS = {"memory": "memory://", "sqlite": "sqlite:///{}/log.db"}


def opened(name: str, full_world: FullWorld, folder: Path) -> NullifierLog:
    return open_log(LOGS[name].format(folder), full_world.clock, new=name != "memory")


class Backend:
    """A provider's service, which counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.verdicts: list[rln.Verdict] = []
        self._lock = threading.Lock()

    def serve(self, verdict: rln.Verdict) -> None:
        with self._lock:
            self.verdicts.append(verdict)
            self.calls += isinstance(verdict, rln.Valid)


def together(count: int, work: Callable[[], None]) -> None:
    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert not any(worker.is_alive() for worker in workers)


# ---- A1 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", LOGS)
def test_a1_a_thousand_replays_from_eight_threads_are_served_once(
    full_world: FullWorld, sample_proof: rln.RlnProof, tmp_path: Path, store: str
) -> None:
    log = opened(store, full_world, tmp_path)
    backend, verifier = Backend(), full_world.verifier(log=log, roots=[sample_proof.root])

    def replay() -> None:
        for _ in range(125):
            backend.serve(verifier.submit(sample_proof, b"sample"))

    together(8, replay)
    assert backend.calls == 1
    assert backend.verdicts.count(rln.Valid()) == 1
    assert backend.verdicts.count(rln.Duplicate()) == 999
    log.close()


@pytest.mark.parametrize("store", LOGS)
def test_a1_a_thousand_replays_from_eight_tasks_are_served_once(
    full_world: FullWorld, sample_proof: rln.RlnProof, tmp_path: Path, store: str
) -> None:
    log, backend = opened(store, full_world, tmp_path), Backend()

    async def replay(async_verifier: rln.AsyncVerifier) -> None:
        for _ in range(125):
            backend.serve(await async_verifier.submit(sample_proof, b"sample"))

    async def submit_all() -> None:
        verifier = full_world.verifier(log=log, roots=[sample_proof.root])
        async with rln.AsyncVerifier(verifier, window=0) as async_verifier:
            await asyncio.gather(*(replay(async_verifier) for _ in range(8)))

    asyncio.run(asyncio.wait_for(submit_all(), PATIENCE))
    assert (backend.calls, backend.verdicts.count(rln.Duplicate())) == (1, 999)
    log.close()


# ---- A2 ---------------------------------------------------------------------------------------------


def test_a2_another_y_is_a_bad_proof(full_world: FullWorld, sample_proof: rln.RlnProof) -> None:
    verifier = full_world.verifier(roots=[sample_proof.root])
    assert verifier.submit(sample_proof, b"sample") == rln.Valid()
    for shift in (1, 2, ORDER - 1):
        forged = dataclasses.replace(sample_proof, y=(sample_proof.y + shift) % ORDER)
        verdict = verifier.submit(forged, b"sample")
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
        assert verifier.submit_many([(forged, b"sample")]) == [verdict]
    assert len(full_world.log) == 1


def test_a2_another_y_that_verifies_is_an_alarm_and_no_secret_is_recovered(
    full_world: FullWorld, sample_proof: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = full_world.verifier(roots=[sample_proof.root])
    verifier.submit(sample_proof, b"sample")
    forged = dataclasses.replace(sample_proof, y=(sample_proof.y + 1) % ORDER)
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    monkeypatch.setattr(rln.VerifyingKey, "verify_many", lambda key, proofs, threads: [None] * len(proofs))
    monkeypatch.setattr(
        "rln.verifying.nullifier_check.recover_secret", lambda *_: pytest.fail("shares were divided")
    )
    with pytest.raises(IntegrityAlarm, match="different y"):
        verifier.submit(forged, b"sample")
    with pytest.raises(IntegrityAlarm, match="different y"):
        verifier.submit_many([(forged, b"sample")])
    assert len(full_world.log) == 1


# ---- A4 ---------------------------------------------------------------------------------------------


def test_a4_forged_second_shares_leave_the_log_as_it_is(
    full_world: FullWorld, sample_proof: rln.RlnProof
) -> None:
    verifier = full_world.verifier(roots=[sample_proof.root], was_member=full_world.group.was_member)
    assert verifier.submit(sample_proof, b"sample") == rln.Valid()
    batch = 250
    for start in range(0, effort(2_500, 10_000), batch):
        messages = []
        for number in range(start, start + batch):
            signal = number.to_bytes(4, "little")
            forged = dataclasses.replace(sample_proof, x=rln.hash_signal(signal), y=number + 1)
            messages.append((forged, signal))
        verdicts = verifier.submit_many(messages)
        assert {verdict.reason for verdict in verdicts} == {Reason.BAD_PROOF}
        verdict = verifier.submit(*messages[0])
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
    assert len(full_world.log) == 1
    assert verifier.submit(sample_proof, b"sample") == rln.Duplicate(), (
        "the member's own message must stay accepted"
    )


# ---- A13 --------------------------------------------------------------------------------------------

CHECK = """
import sys
import rln
evidence = rln.Evidence.decode(open(sys.argv[1], "rb").read())
key = rln.VerifyingKey.decode(open(sys.argv[2], "rb").read())
print(evidence.check(key).commitment)
"""


def test_a13_evidence_convicts_in_a_fresh_process_without_the_log(
    full_world: FullWorld, tmp_path: Path
) -> None:
    mallory = full_world.join(limit=1)
    audit = AuditFiles(tmp_path / "audit", full_world.key.verifying_key)
    verifier = full_world.verifier(was_member=full_world.group.was_member, audit=audit)
    first, second = (full_world.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    assert verifier.submit(first, b"one") == rln.Valid()
    verdict = verifier.submit(second, b"two")
    assert isinstance(verdict, rln.RateLimitViolation) and verdict.evidence is not None
    (tmp_path / "evidence.json").write_bytes(verdict.evidence.encode())
    (tmp_path / "key.vk").write_bytes(full_world.key.verifying_key.encode())
    arguments = [sys.executable, "-c", CHECK, str(tmp_path / "evidence.json"), str(tmp_path / "key.vk")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == mallory.commitment


def test_a13_a_message_that_a_member_did_not_prove_is_no_evidence(
    full_world: FullWorld, sample_proof: rln.RlnProof
) -> None:
    """A provider, or anybody who reads the traffic, makes up the second message of a member."""
    key = full_world.key.verifying_key
    other = full_world.prover(full_world.join()).prove(b"another")
    for made_up in (
        dataclasses.replace(sample_proof, x=other.x, y=other.y),
        dataclasses.replace(other, nullifier=sample_proof.nullifier),
        dataclasses.replace(sample_proof, proof=other.proof, x=other.x),
    ):
        for pair in ((sample_proof, made_up), (made_up, sample_proof)):
            with pytest.raises(rln.InvalidProof):
                rln.Evidence(*pair, key.digest).check(key)
    with pytest.raises(RecoveryError, match="two shares with the same nullifier"):
        rln.Evidence(sample_proof, other, key.digest).check(key)


# ---- B9 ---------------------------------------------------------------------------------------------


def test_b9_a_message_to_one_application_is_refused_by_another(full_world: FullWorld) -> None:
    member = full_world.join()
    proof = full_world.prover(member).prove(b"x")
    elsewhere = rln.EpochClock(
        "elsewhere.example", full_world.clock.period, skew=5, now=lambda: full_world.time
    )
    verdict = full_world.verifier(clock=elsewhere).submit(proof, b"x")
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
    claimed = dataclasses.replace(proof, external_nullifier=elsewhere.current().external_nullifier)
    verdict = full_world.verifier(clock=elsewhere).submit(claimed, b"x")
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
    assert len(full_world.log) == 0


def test_b9_the_messages_of_one_member_to_two_applications_are_on_two_lines(full_world: FullWorld) -> None:
    """Both have the same identity, epoch index and message id, and different signals."""
    member = full_world.join()
    elsewhere = rln.EpochClock(
        "elsewhere.example", full_world.clock.period, skew=5, now=lambda: full_world.time
    )
    here, there = (
        full_world.prover(member).prove(b"x"),
        full_world.prover(member, clock=elsewhere).prove(b"y"),
    )
    assert full_world.clock.current().index == elsewhere.current().index
    assert here.nullifier != there.nullifier
    with pytest.raises(RecoveryError, match="different nullifiers"):
        rln.recover_secret(here, there)
    bare = [dataclasses.replace(share, nullifier=None) for share in (*here.shares, *there.shares)]
    assert not full_world.group.was_member(rln.recover_unverified(*bare).commitment)


# ---- F8 ---------------------------------------------------------------------------------------------


@pytest.fixture
def pairings(monkeypatch: pytest.MonkeyPatch) -> list[rln.RlnProof]:
    """The messages for which pairings were computed."""
    seen: list[rln.RlnProof] = []
    one, many = rln.VerifyingKey.verify, rln.VerifyingKey.verify_many

    def verify(key: rln.VerifyingKey, values: tuple[int, ...], data: bytes) -> bool:
        seen.append(values[0])
        return one(key, values, data)

    def verify_many(key: rln.VerifyingKey, proofs: list[rln.RlnProof], threads: int | None) -> list[object]:
        seen.extend(proof.y for proof in proofs)
        return many(key, proofs, threads)

    monkeypatch.setattr(rln.VerifyingKey, "verify", verify)
    monkeypatch.setattr(rln.VerifyingKey, "verify_many", verify_many)
    return seen


def forgeries(sample_proof: rln.RlnProof, count: int) -> list[rln.RlnProof]:
    return [dataclasses.replace(sample_proof, y=number + 1, nullifier=number + 1) for number in range(count)]


def test_f8_a_source_without_tokens_never_reaches_the_pairing(
    full_world: FullWorld, sample_proof: rln.RlnProof, pairings: list[int]
) -> None:
    bad = forgeries(sample_proof, 100)
    verifier = full_world.verifier(roots=[sample_proof.root], sources=rln.SourceLimit(1.0, 5))
    seen = 0
    for forged in bad[:50]:
        try:
            verdict = verifier.submit(forged, b"sample", "192.0.2.1")
        except Overloaded:
            continue
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
        seen += 1
    assert seen == len(pairings) == 5
    outcomes = verifier.outcomes([(forged, b"sample") for forged in bad[50:]], ["192.0.2.1"] * 50)
    assert {type(outcome) for outcome in outcomes} == {Overloaded}
    assert len(pairings) == 5 and len(full_world.log) == 0
    assert verifier.submit(sample_proof, b"sample", "198.51.100.7") == rln.Valid(), (
        "other sources must not be affected"
    )
    assert verifier.submit(sample_proof, b"sample", "192.0.2.1") == rln.Duplicate(), (
        "a duplicate must cost no token"
    )
    full_world.time += 2
    outcomes = verifier.outcomes([(forged, b"sample") for forged in bad[50:]], ["192.0.2.1"] * 50)
    assert [type(outcome) for outcome in outcomes] == [rln.Invalid] * 2 + [Overloaded] * 48


def test_f8_good_messages_cost_no_tokens_even_in_large_batches(full_world: FullWorld) -> None:
    prover = full_world.prover(full_world.join(limit=8))
    messages = [(prover.prove(bytes([n])), bytes([n])) for n in range(8)]
    verifier = full_world.verifier(sources=rln.SourceLimit(0.001, 3))
    assert verifier.submit_many(messages, ["a proxy"] * 8) == [rln.Valid()] * 8


def test_f8_a_flood_is_refused_at_once_and_later_messages_are_served(
    full_world: FullWorld, sample_proof: rln.RlnProof, pairings: list[int]
) -> None:
    """Twenty times as many messages as places in the queue come in one turn of the event loop."""
    queue = 32
    bad = forgeries(sample_proof, 20 * queue)

    async def submit_all() -> None:
        verifier = full_world.verifier(roots=[sample_proof.root], sources=rln.SourceLimit(1.0, 4))
        async with rln.AsyncVerifier(verifier, queue=queue, batch=16) as async_verifier:
            flood = [
                asyncio.create_task(async_verifier.submit(forged, b"sample", "192.0.2.1")) for forged in bad
            ]
            await asyncio.sleep(0)
            assert sum(task.done() for task in flood) == 20 * queue - queue // 2, "refused at once"
            others = [
                async_verifier.submit(sample_proof, b"sample", f"198.51.100.{n}") for n in range(queue // 2)
            ]
            verdicts = await asyncio.gather(*others)
            assert verdicts == [rln.Valid(), *[rln.Duplicate()] * (queue // 2 - 1)], (
                "half of the queue must be left for others"
            )
            done = await asyncio.gather(*flood, return_exceptions=True)
            assert [type(outcome) for outcome in done] == [rln.Invalid] * 4 + [Overloaded] * (len(bad) - 4)
            assert await async_verifier.submit(sample_proof, b"sample", "192.0.2.1") == rln.Duplicate()

    asyncio.run(asyncio.wait_for(submit_all(), PATIENCE))
    assert 4 < len(pairings) <= 4 + queue // 2, "four forgeries, and copies of one message in one batch"


def test_f8_a_flood_from_many_sources_fills_no_memory(
    full_world: FullWorld, sample_proof: rln.RlnProof
) -> None:
    """Each message has its own source: the number of buckets is bounded, and the log holds nothing."""
    limit = rln.SourceLimit(0.001, 1, sources=64)
    verifier = full_world.verifier(roots=[sample_proof.root], sources=limit)
    bad = forgeries(sample_proof, 256)
    outcomes = verifier.outcomes(
        [(forged, b"sample") for forged in bad], [number.to_bytes(4, "big") for number in range(len(bad))]
    )
    assert {type(outcome) for outcome in outcomes} == {rln.Invalid}
    assert len(limit) == 64 and len(full_world.log) == 0
