"""Kill -9: when workers and a client die at any moment, no message is served twice and no id has two x.

Two workers verify the same messages on one log, and a client proves with message ids from a file. Again and
again one of the three is killed and replaced. The test uses what a process reported before it was
killed. What it did after its last report is unknown: at most one message for each kill.
"""

from __future__ import annotations

import hashlib
import mmap
import random
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import rln
from rln.ports import NullifierLog
from rln.protocol import proof_record
from rln.stores import open_log, open_message_ids
from tests.races.killed_processes import KilledProcess, Report, pause, wait_for_lines
from tests.races.log_uris import SHARED
from tests.races.stub_proofs import StubKey, StubProofMaker
from tests.races.traffic import GENUINE, Answer, Result, check, mix, result_of
from tests.support.effort import effort
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key

ROUNDS = effort(1, 25)
KILLS = 100
LIMITS = (2, 48)
ROOT = 17
PERIOD = 60


class Shared:
    """A number in memory that all processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int.from_bytes(self._memory[:8], "little")

    @value.setter
    def value(self, value: int) -> None:
        self._memory[:8] = value.to_bytes(8, "little")


# ---- workers ----------------------------------------------------------------------------------------


class Service:
    """Two workers, a log, and a batch of messages of other members for each kill.

    Args:
        uri: of the log, which is made here.
        kills: number of kills.
    """

    def __init__(self, uri: str, kills: int) -> None:
        self.uri, self.current_batch = uri, Shared()
        self.clock = rln.EpochClock("kills.example", 3600, past_gap=1)
        epoch = self.clock.current()
        self.key = StubKey()
        self.batches = [
            mix(StubProofMaker(self.key, LIMITS, epoch, 2 * number), random.Random(number))
            for number in range(kills)
        ]
        self.answers: list[list[Answer]] = [[] for _ in range(kills)]
        self.log = open_log(uri, self.clock, new=True)
        self.verifier = self.make_verifier(self.log)
        self.epoch = epoch

    def make_verifier(self, log: NullifierLog) -> rln.Verifier:
        return rln.Verifier(self.key, roots=[ROOT], log=log, clock=self.clock, threads=1)

    def work(self, report: Report, seed: int) -> None:
        """Submit the messages of the current batch again and again; change to the next batch at once."""
        verifier, draw = self.make_verifier(open_log(self.uri, self.clock)), random.Random(seed)
        while True:
            batch = self.current_batch.value
            attempts = self.batches[batch].attempts
            for number in draw.sample(range(len(attempts)), len(attempts)):
                result, secret = result_of(verifier.submit(attempts[number].proof, attempts[number].signal))
                report(f"{batch} {number} {result.value} {secret}")
                if self.current_batch.value != batch:
                    break

    def receive(self, lines: list[str]) -> int:
        """Note answers; return how many of them are about the current batch."""
        split = [line.split() for line in lines]
        for batch, number, result, secret in split:
            self.answers[int(batch)].append((int(number), Result(result), int(secret)))
        return sum(int(batch) == self.current_batch.value for batch, *_ in split)

    def replay(self, batch: int) -> None:
        """Submit all messages of a batch again, with or without an earlier answer."""
        attempts = self.batches[batch].attempts
        seen = {number for number, *_ in self.answers[batch]}
        verdicts = self.verifier.submit_many([(one.proof, one.signal) for one in attempts])
        results = [(number, *result_of(verdict)) for number, verdict in enumerate(verdicts)]
        assert not [result for result in results if result[0] in seen and result[1] is Result.VALID], (
            "an answer was forgotten"
        )
        self.answers[batch] += results

    def check(self, batch: int) -> int:
        """Check the answers; return how many ids were spent without an answer."""
        traffic, answers = self.batches[batch], self.answers[batch]
        served = {traffic.attempts[number].slot for number, result, _ in answers if result is Result.VALID}
        lost = {}
        for one in traffic.attempts:
            if one.kind == GENUINE and one.slot not in served and one.slot not in lost:
                known = self.log.peek(self.epoch, one.proof.shares[0].nullifier or 0)
                assert known is not None, "a message id was never spent"
                lost[one.slot] = known.x
        check(traffic, answers, lost)
        return len(lost)


# ---- the client -------------------------------------------------------------------------------------


class StubProofBuilder:
    """Makes stub proofs in place of `rln.proving.proof_builder.ProofBuilder`."""

    def __init__(self, identity: rln.Identity, root: int) -> None:
        self._identity, self._root, self._key = identity, root, StubKey()

    def path(self) -> None:
        """The root of a renewed proof does not follow from a path."""

    def shares(self, ids: range, x: int, epoch: rln.Epoch) -> tuple[rln.Share, ...]:
        return (self._identity.share(x, epoch.external_nullifier, ids[0]),)

    def renew(self, kept: rln.RlnProof, ids: range, path: object, epoch: rln.Epoch) -> rln.RlnProof:
        return self._prove(ids, kept.x, epoch, kept.root + 1)

    def prove(self, ids: range, path: object, x: int, epoch: rln.Epoch) -> rln.RlnProof:
        return self._prove(ids, x, epoch, self._root)

    def _prove(self, ids: range, x: int, epoch: rln.Epoch, root: int) -> rln.RlnProof:
        share = self._identity.share(x, epoch.external_nullifier, ids[0])
        values = (share.y, root, share.nullifier or 0, x, epoch.external_nullifier)
        return rln.RlnProof(self._key.prove(values, random.randrange(1 << 64)), *values)


class Client:
    """A member who proves, with message ids in a file, and sets the clock forward when they must wait.

    The proofs are stubs, made between `reserve` and `keep` as real proofs are. Each third message is renewed,
    each time it is sent; the others are sent byte for byte.
    """

    def __init__(self, file: Path) -> None:
        self.uri, self.seconds = f"sqlite:///{file}", Shared()
        self.seconds.value = 1_700_000_000
        self.clock = rln.EpochClock("client.example", PERIOD, now=lambda: float(self.seconds.value))
        self.group = rln.Group(DEPTH, LIMIT_BITS)
        self.identity = rln.Identity.generate()
        self.membership = self.group.register(self.identity.commitment, 1 << LIMIT_BITS)
        self.root, self.path = self.group.root, self.group.proof(self.membership.index)
        ids = open_message_ids(self.uri)
        ids.introduce(self.identity.commitment)
        ids.close()
        self.sent: dict[str, tuple[str, str]] = {}
        self.proofs = self.repeats = 0
        self.key = small_key()

    def work(self, report: Report, seed: int) -> None:
        prover = rln.Prover(
            self.identity,
            self.membership,
            self.key,
            ids=open_message_ids(self.uri),
            clock=self.clock,
            path=self.path,
        )
        prover._builder = StubProofBuilder(self.identity, self.root)  # type: ignore[assignment]
        messages = 1 << LIMIT_BITS
        for number in count():  # after a kill: the same messages again, each twice
            if number and number % (2 * messages) == 0:
                self.seconds.value += PERIOD
            signal = b"%d %d" % (self.seconds.value, number // 2 % messages)
            try:
                proof = prover.again(signal) or prover.prove(signal)
                is_renewed = number // 2 % messages % 3 == 0
                if is_renewed:
                    proof = prover.renew(signal)
            except (rln.RateLimitReached, rln.StoreUnavailable):
                self.seconds.value += PERIOD
                continue
            assert isinstance(proof, rln.RlnProof)
            digest = hashlib.sha256(proof_record.encode(proof)).hexdigest()
            report(f"{proof.nullifier:x} {proof.x:x},{proof.y:x} {'renewed' if is_renewed else digest}")

    def receive(self, lines: list[str]) -> None:
        for line in lines:
            nullifier, point, digest = line.split()
            self.repeats += nullifier in self.sent
            self.proofs += nullifier not in self.sent
            assert self.sent.setdefault(nullifier, (point, digest)) == (point, digest), "one id, two messages"


# ---- the loop ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("store", SHARED)
def test_nothing_is_served_twice_when_workers_and_client_are_killed(
    store: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    totals: dict[str, int] = {}
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = kill_and_check(SHARED[store](folder), folder / "ids.db", random.Random(number))
        totals = {name: totals.get(name, 0) + times for name, times in found.items()}
    for name, times in totals.items():
        record_property(name, times)
    print(f"{store}:", ", ".join(f"{times} {name}" for name, times in totals.items()))
    assert totals["kills"] == KILLS * ROUNDS
    assert totals["unanswered"] <= totals["kills"]


def kill_and_check(uri: str, file: Path, draw: random.Random) -> dict[str, int]:
    """Run one round of kills; return how often each thing happened."""
    service, client = Service(uri, KILLS), Client(file)
    workers = [KilledProcess(service.work), KilledProcess(service.work)]
    prover = KilledProcess(client.work)
    unanswered = 0
    try:
        for batch in range(KILLS):
            for process in (*workers, prover):  # wait until the new process has begun
                while not (lines := process.lines()):
                    wait_for_lines([process])
                client.receive(lines) if process is prover else service.receive(lines)
            service.current_batch.value = batch
            heard, wanted = 0, draw.randint(1, 40)
            while heard < wanted:
                wait_for_lines([*workers, prover])
                heard += sum(service.receive(worker.lines()) for worker in workers)
                client.receive(prover.lines())
            pause(draw.uniform(0, 0.004))
            process = draw.choice([*workers, prover])
            last = process.kill()
            client.receive(last) if process is prover else service.receive(last)
            service.replay(batch)
    finally:
        for worker in workers:
            service.receive(worker.end())
        client.receive(prover.end())
    for batch in range(KILLS):
        unanswered += service.check(batch)
    verifier = service.make_verifier(open_log(uri, service.clock))
    for traffic in service.batches:
        verdicts = verifier.submit_many([(one.proof, one.signal) for one in traffic.attempts])
        assert rln.Valid() not in verdicts, "it was served before"
    assert_sound(uri, file)
    return {
        "kills": KILLS,
        "answers": sum(map(len, service.answers)),
        "served": sum(result is Result.VALID for answers in service.answers for _, result, _ in answers),
        "unanswered": unanswered,
        "proofs": client.proofs,
        "repeats": client.repeats,
    }


def assert_sound(uri: str, file: Path) -> None:
    """Check the files with SQLite's integrity check."""
    log = [Path(uri.removeprefix("sqlite:///"))] if uri.startswith("sqlite:") else []
    for path in [*log, file]:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
