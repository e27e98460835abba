"""Threats A, B, F: what a verifier does as a service, under replays, forgeries and floods."""

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
from tests.threats.full_world import Stage

PATIENCE = 120  # seconds

LOGS = {"memory": "memory://", "sqlite": "sqlite:///{}/log.db"}


def opened(name: str, stage: Stage, folder: Path) -> NullifierLog:
    return open_log(LOGS[name].format(folder), stage.clock, new=name != "memory")


class Backend:
    """What a provider serves: it counts."""

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
    stage: Stage, told: rln.RlnProof, tmp_path: Path, store: str
) -> None:
    log = opened(store, stage, tmp_path)
    backend, verifier = Backend(), stage.verifier(log=log, roots=[told.root])

    def replay() -> None:
        for _ in range(125):
            backend.serve(verifier.submit(told, b"told"))

    together(8, replay)
    assert backend.calls == 1
    assert backend.verdicts.count(rln.Valid()) == 1
    assert backend.verdicts.count(rln.Duplicate()) == 999
    log.close()


@pytest.mark.parametrize("store", LOGS)
def test_a1_a_thousand_replays_from_eight_tasks_are_served_once(
    stage: Stage, told: rln.RlnProof, tmp_path: Path, store: str
) -> None:
    log, backend = opened(store, stage, tmp_path), Backend()

    async def replay(judge: rln.AsyncVerifier) -> None:
        for _ in range(125):
            backend.serve(await judge.submit(told, b"told"))

    async def story() -> None:
        verifier = stage.verifier(log=log, roots=[told.root])
        async with rln.AsyncVerifier(verifier, window=0) as judge:
            await asyncio.gather(*(replay(judge) for _ in range(8)))

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
    assert (backend.calls, backend.verdicts.count(rln.Duplicate())) == (1, 999)
    log.close()


# ---- A2 ---------------------------------------------------------------------------------------------


def test_a2_another_y_is_a_bad_proof(stage: Stage, told: rln.RlnProof) -> None:
    verifier = stage.verifier(roots=[told.root])
    assert verifier.submit(told, b"told") == rln.Valid()
    for shift in (1, 2, ORDER - 1):
        forged = dataclasses.replace(told, y=(told.y + shift) % ORDER)
        verdict = verifier.submit(forged, b"told")
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
        assert verifier.submit_many([(forged, b"told")]) == [verdict]
    assert len(stage.log) == 1


def test_a2_another_y_that_verifies_is_an_alarm_and_nothing_is_divided(
    stage: Stage, told: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = stage.verifier(roots=[told.root])
    verifier.submit(told, b"told")
    forged = dataclasses.replace(told, y=(told.y + 1) % ORDER)
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    monkeypatch.setattr(rln.VerifyingKey, "verify_many", lambda key, proofs, threads: [None] * len(proofs))
    monkeypatch.setattr(
        "rln.verifying.nullifier_check.recover_secret", lambda *_: pytest.fail("shares were divided")
    )
    with pytest.raises(IntegrityAlarm, match="different y"):
        verifier.submit(forged, b"told")
    with pytest.raises(IntegrityAlarm, match="different y"):
        verifier.submit_many([(forged, b"told")])
    assert len(stage.log) == 1


# ---- A4 ---------------------------------------------------------------------------------------------


def test_a4_forged_second_shares_leave_the_log_as_it_is(stage: Stage, told: rln.RlnProof) -> None:
    verifier = stage.verifier(roots=[told.root], was_member=stage.group.was_member)
    assert verifier.submit(told, b"told") == rln.Valid()
    batch = 250
    for start in range(0, effort(2_500, 10_000), batch):
        messages = []
        for number in range(start, start + batch):
            signal = number.to_bytes(4, "little")
            forged = dataclasses.replace(told, x=rln.hash_signal(signal), y=number + 1)
            messages.append((forged, signal))
        verdicts = verifier.submit_many(messages)
        assert {verdict.reason for verdict in verdicts} == {Reason.BAD_PROOF}
        verdict = verifier.submit(*messages[0])
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
    assert len(stage.log) == 1
    assert verifier.submit(told, b"told") == rln.Duplicate(), "the victim is still what he was"


# ---- A13 --------------------------------------------------------------------------------------------

CHECK = """
import sys
import rln
evidence = rln.Evidence.decode(open(sys.argv[1], "rb").read())
key = rln.VerifyingKey.decode(open(sys.argv[2], "rb").read())
print(evidence.check(key).commitment)
"""


def test_a13_evidence_convicts_in_a_fresh_process_without_the_log(stage: Stage, tmp_path: Path) -> None:
    mallory = stage.join(limit=1)
    audit = AuditFiles(tmp_path / "audit", stage.key.verifying_key)
    verifier = stage.verifier(was_member=stage.group.was_member, audit=audit)
    first, second = (stage.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    assert verifier.submit(first, b"one") == rln.Valid()
    verdict = verifier.submit(second, b"two")
    assert isinstance(verdict, rln.RateLimitViolation) and verdict.evidence is not None
    (tmp_path / "evidence.json").write_bytes(verdict.evidence.encode())
    (tmp_path / "key.vk").write_bytes(stage.key.verifying_key.encode())
    arguments = [sys.executable, "-c", CHECK, str(tmp_path / "evidence.json"), str(tmp_path / "key.vk")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == mallory.commitment


def test_a13_nobody_is_framed_by_a_message_that_he_did_not_prove(stage: Stage, told: rln.RlnProof) -> None:
    """A provider, or whoever reads the traffic, makes up the second message of a member."""
    key = stage.key.verifying_key
    other = stage.prover(stage.join()).prove(b"another")
    for made_up in (
        dataclasses.replace(told, x=other.x, y=other.y),
        dataclasses.replace(other, nullifier=told.nullifier),
        dataclasses.replace(told, proof=other.proof, x=other.x),
    ):
        for pair in ((told, made_up), (made_up, told)):
            with pytest.raises(rln.InvalidProof):
                rln.Evidence(*pair, key.digest).check(key)
    with pytest.raises(RecoveryError, match="nullifier that both"):
        rln.Evidence(told, other, key.digest).check(key)


# ---- B9 ---------------------------------------------------------------------------------------------


def test_b9_a_message_to_one_application_is_none_to_another(stage: Stage) -> None:
    member = stage.join()
    proof = stage.prover(member).prove(b"x")
    elsewhere = rln.EpochClock("elsewhere.example", stage.clock.period, skew=5, now=lambda: stage.time)
    verdict = stage.verifier(clock=elsewhere).submit(proof, b"x")
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
    claimed = dataclasses.replace(proof, external_nullifier=elsewhere.current().external_nullifier)
    verdict = stage.verifier(clock=elsewhere).submit(claimed, b"x")
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
    assert len(stage.log) == 0


def test_b9_the_messages_of_one_member_to_two_applications_are_on_two_lines(stage: Stage) -> None:
    """Same identity, same epoch index, same message id, two signals."""
    member = stage.join()
    elsewhere = rln.EpochClock("elsewhere.example", stage.clock.period, skew=5, now=lambda: stage.time)
    here, there = stage.prover(member).prove(b"x"), stage.prover(member, clock=elsewhere).prove(b"y")
    assert stage.clock.current().index == elsewhere.current().index
    assert here.nullifier != there.nullifier
    with pytest.raises(RecoveryError, match="different nullifiers"):
        rln.recover_secret(here, there)
    bare = [dataclasses.replace(share, nullifier=None) for share in (*here.shares, *there.shares)]
    assert not stage.group.was_member(rln.recover_secret(*bare).commitment)


# ---- F8 ---------------------------------------------------------------------------------------------


@pytest.fixture
def pairings(monkeypatch: pytest.MonkeyPatch) -> list[rln.RlnProof]:
    """The messages for which a pairing was asked."""
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


def forgeries(told: rln.RlnProof, count: int) -> list[rln.RlnProof]:
    return [dataclasses.replace(told, y=number + 1, nullifier=number + 1) for number in range(count)]


def test_f8_a_source_without_tokens_never_reaches_the_pairing(
    stage: Stage, told: rln.RlnProof, pairings: list[int]
) -> None:
    bad = forgeries(told, 100)
    verifier = stage.verifier(roots=[told.root], sources=rln.SourceLimit(1.0, 5))
    seen = 0
    for forged in bad[:50]:
        try:
            verdict = verifier.submit(forged, b"told", "192.0.2.1")
        except Overloaded:
            continue
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF
        seen += 1
    assert seen == len(pairings) == 5
    outcomes = verifier.outcomes([(forged, b"told") for forged in bad[50:]], ["192.0.2.1"] * 50)
    assert {type(outcome) for outcome in outcomes} == {Overloaded}
    assert len(pairings) == 5 and len(stage.log) == 0
    assert verifier.submit(told, b"told", "198.51.100.7") == rln.Valid(), "others are not concerned"
    assert verifier.submit(told, b"told", "192.0.2.1") == rln.Duplicate(), "and what is known costs nothing"
    stage.time += 2
    outcomes = verifier.outcomes([(forged, b"told") for forged in bad[50:]], ["192.0.2.1"] * 50)
    assert [type(outcome) for outcome in outcomes] == [rln.Invalid] * 2 + [Overloaded] * 48


def test_f8_good_messages_cost_no_tokens_however_many_come_at_once(stage: Stage) -> None:
    prover = stage.prover(stage.join(limit=8))
    messages = [(prover.prove(bytes([n])), bytes([n])) for n in range(8)]
    verifier = stage.verifier(sources=rln.SourceLimit(0.001, 3))
    assert verifier.submit_many(messages, ["a proxy"] * 8) == [rln.Valid()] * 8


def test_f8_a_flood_is_refused_at_once_and_who_comes_after_it_is_served(
    stage: Stage, told: rln.RlnProof, pairings: list[int]
) -> None:
    """Twenty times as many messages as there are places, all in one turn of the event loop."""
    queue = 32
    bad = forgeries(told, 20 * queue)

    async def story() -> None:
        verifier = stage.verifier(roots=[told.root], sources=rln.SourceLimit(1.0, 4))
        async with rln.AsyncVerifier(verifier, queue=queue, batch=16) as judge:
            flood = [asyncio.create_task(judge.submit(forged, b"told", "192.0.2.1")) for forged in bad]
            await asyncio.sleep(0)
            assert sum(task.done() for task in flood) == 20 * queue - queue // 2, "refused at once"
            others = [judge.submit(told, b"told", f"198.51.100.{n}") for n in range(queue // 2)]
            verdicts = await asyncio.gather(*others)
            assert verdicts == [rln.Valid(), *[rln.Duplicate()] * (queue // 2 - 1)], "half is for them"
            done = await asyncio.gather(*flood, return_exceptions=True)
            assert [type(outcome) for outcome in done] == [rln.Invalid] * 4 + [Overloaded] * (len(bad) - 4)
            assert await judge.submit(told, b"told", "192.0.2.1") == rln.Duplicate()

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
    assert 4 < len(pairings) <= 4 + queue // 2, "four forgeries, and copies of one message in one batch"


def test_f8_a_flood_from_many_sources_fills_no_memory(stage: Stage, told: rln.RlnProof) -> None:
    """Every message from a source of its own: the buckets are bounded, and so is what the log holds."""
    limit = rln.SourceLimit(0.001, 1, sources=64)
    verifier = stage.verifier(roots=[told.root], sources=limit)
    bad = forgeries(told, 256)
    outcomes = verifier.outcomes(
        [(forged, b"told") for forged in bad], [number.to_bytes(4, "big") for number in range(len(bad))]
    )
    assert {type(outcome) for outcome in outcomes} == {rln.Invalid}
    assert len(limit) == 64 and len(stage.log) == 0
