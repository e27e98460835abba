"""Kill -9: workers and a client are killed at any moment, and nothing is served twice, no id goes with two x.

Two workers judge the same messages on one log, a client proves with the message ids of a file. One of the
three is killed and replaced again and again. What a process has said before it died counts; what it did in
its last moment, nobody knows, and only one message for each kill may be like that.
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
from rln.protocol import proof_record as record
from rln.stores import open_log, open_message_ids
from tests.races.killed_processes import Say, Victim, idle, wait
from tests.races.log_uris import SHARED
from tests.races.stub_proofs import StubKey, StubMaker
from tests.races.traffic import GENUINE, Answer, End, check, end_of, mix
from tests.support.effort import effort
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key

ROUNDS = effort(1, 25)
KILLS = 100
LIMITS = (2, 48)
ROOT = 17
PERIOD = 60


class Shared:
    """A number that all processes see."""

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
    """Two workers, a log, and for each kill the messages of another member.

    Args:
        uri: of the log, which is made here.
        kills: how many will come.
    """

    def __init__(self, uri: str, kills: int) -> None:
        self.uri, self.window = uri, Shared()
        self.clock = rln.EpochClock("kills.example", 3600, past_gap=1)
        epoch = self.clock.current()
        self.key = StubKey()
        self.windows = [
            mix(StubMaker(self.key, LIMITS, epoch, 2 * number), random.Random(number))
            for number in range(kills)
        ]
        self.answers: list[list[Answer]] = [[] for _ in range(kills)]
        self.log = open_log(uri, self.clock, new=True)
        self.verifier = self.judge(self.log)
        self.epoch = epoch

    def judge(self, log: NullifierLog) -> rln.Verifier:
        return rln.Verifier(self.key, roots=[ROOT], log=log, clock=self.clock, threads=1)

    def work(self, say: Say, seed: int) -> None:
        """Submit the messages of the window, and those of the next one as soon as it is the turn."""
        verifier, draw = self.judge(open_log(self.uri, self.clock)), random.Random(seed)
        while True:
            window = self.window.value
            attempts = self.windows[window].attempts
            for number in draw.sample(range(len(attempts)), len(attempts)):
                end, secret = end_of(verifier.submit(attempts[number].proof, attempts[number].signal))
                say(f"{window} {number} {end.value} {secret}")
                if self.window.value != window:
                    break

    def hear(self, lines: list[str]) -> int:
        """Note answers; return how many of them are about the window of now."""
        split = [line.split() for line in lines]
        for window, number, end, secret in split:
            self.answers[int(window)].append((int(number), End(end), int(secret)))
        return sum(int(window) == self.window.value for window, *_ in split)

    def replay(self, window: int) -> None:
        """Submit everything of a window once more, whatever was said of it."""
        attempts = self.windows[window].attempts
        seen = {number for number, *_ in self.answers[window]}
        verdicts = self.verifier.submit_many([(one.proof, one.signal) for one in attempts])
        ends = [(number, *end_of(verdict)) for number, verdict in enumerate(verdicts)]
        assert not [end for end in ends if end[0] in seen and end[1] is End.VALID], "an answer was forgotten"
        self.answers[window] += ends

    def check(self, window: int) -> int:
        """Compare the answers with what must be; return how many ids were spent without an answer."""
        traffic, answers = self.windows[window], self.answers[window]
        served = {traffic.attempts[number].slot for number, end, _ in answers if end is End.VALID}
        lost = {}
        for one in traffic.attempts:
            if one.kind == GENUINE and one.slot not in served and one.slot not in lost:
                known = self.log.peek(self.epoch, one.proof.shares[0].nullifier or 0)
                assert known is not None, "a message id was never spent"
                lost[one.slot] = known.x
        check(traffic, answers, lost)
        return len(lost)


# ---- the client -------------------------------------------------------------------------------------


class StubSpender:
    """Makes stub proofs where `rln.proving.proof_builder.ProofBuilder` makes real ones."""

    def __init__(self, identity: rln.Identity, root: int) -> None:
        self._identity, self._root, self._key = identity, root, StubKey()

    def path(self) -> None:
        pass

    def prove(self, ids: range, path: object, x: int, epoch: rln.Epoch) -> rln.RlnProof:
        share = self._identity.share(x, epoch.external_nullifier, ids[0])
        values = (share.y, self._root, share.nullifier or 0, x, epoch.external_nullifier)
        return rln.RlnProof(self._key.prove(values, random.randrange(1 << 64)), *values)


class Client:
    """A member who proves, with a file for his message ids; when he must wait, he turns the clock on.

    His proofs are stubs, made between `reserve` and `keep` as real ones are.
    """

    def __init__(self, file: Path) -> None:
        self.uri, self.seconds = f"sqlite:///{file}", Shared()
        self.seconds.value = 1_700_000_000
        self.clock = rln.EpochClock("client.example", PERIOD, now=lambda: float(self.seconds.value))
        self.group = rln.Group(DEPTH, LIMIT_BITS)
        self.identity = rln.Identity.generate()
        self.group.register(self.identity.commitment, 1 << LIMIT_BITS)
        ids = open_message_ids(self.uri)
        ids.introduce(self.identity.commitment)
        ids.close()
        self.sent: dict[str, tuple[str, str]] = {}
        self.proofs = self.repeats = 0
        self.key = small_key()

    def work(self, say: Say, seed: int) -> None:
        prover = rln.Prover(
            self.identity,
            self.group.membership(self.identity.commitment),
            self.key,
            ids=open_message_ids(self.uri),
            clock=self.clock,
            path=self.group.proof,
        )
        prover._builder = StubSpender(self.identity, self.group.root)  # type: ignore[assignment]
        messages = 1 << LIMIT_BITS
        for number in count():  # after a kill the same messages once more, each twice
            if number and number % (2 * messages) == 0:
                self.seconds.value += PERIOD
            signal = b"%d %d" % (self.seconds.value, number // 2 % messages)
            try:
                proof = prover.again(signal) or prover.prove(signal)
            except (rln.RateLimitReached, rln.StoreUnavailable):
                self.seconds.value += PERIOD
                continue
            assert isinstance(proof, rln.RlnProof)
            digest = hashlib.sha256(record.encode(proof)).hexdigest()
            say(f"{proof.nullifier:x} {proof.x:x} {digest}")

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            nullifier, x, digest = line.split()
            self.repeats += nullifier in self.sent
            self.proofs += nullifier not in self.sent
            assert self.sent.setdefault(nullifier, (x, digest)) == (x, digest), "one id, two messages"


# ---- the loop ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("place", SHARED)
def test_nothing_is_served_twice_when_workers_and_client_are_killed(
    place: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    totals: dict[str, int] = {}
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = kill_and_check(SHARED[place](folder), folder / "ids.db", random.Random(number))
        totals = {name: totals.get(name, 0) + times for name, times in found.items()}
    for name, times in totals.items():
        record_property(name, times)
    print(f"{place}:", ", ".join(f"{times} {name}" for name, times in totals.items()))
    assert totals["kills"] == KILLS * ROUNDS
    assert totals["unanswered"] <= totals["kills"]


def kill_and_check(uri: str, file: Path, draw: random.Random) -> dict[str, int]:
    """One round of kills; returns what happened how often."""
    service, client = Service(uri, KILLS), Client(file)
    workers = [Victim(service.work), Victim(service.work)]
    prover = Victim(client.work)
    unanswered = 0
    try:
        for window in range(KILLS):
            for victim in (*workers, prover):  # the one that is new has begun
                while not (lines := victim.lines()):
                    wait([victim])
                client.hear(lines) if victim is prover else service.hear(lines)
            service.window.value = window
            heard, wanted = 0, draw.randint(1, 40)
            while heard < wanted:
                wait([*workers, prover])
                heard += sum(service.hear(worker.lines()) for worker in workers)
                client.hear(prover.lines())
            idle(draw.uniform(0, 0.004))
            victim = draw.choice([*workers, prover])
            last = victim.kill()
            client.hear(last) if victim is prover else service.hear(last)
            service.replay(window)
    finally:
        for worker in workers:
            service.hear(worker.end())
        client.hear(prover.end())
    for window in range(KILLS):
        unanswered += service.check(window)
    again = service.judge(open_log(uri, service.clock))
    for traffic in service.windows:
        verdicts = again.submit_many([(one.proof, one.signal) for one in traffic.attempts])
        assert rln.Valid() not in verdicts, "it was served before"
    assert_sound(uri, file)
    return {
        "kills": KILLS,
        "answers": sum(map(len, service.answers)),
        "served": sum(end is End.VALID for answers in service.answers for _, end, _ in answers),
        "unanswered": unanswered,
        "proofs": client.proofs,
        "repeats": client.repeats,
    }


def assert_sound(uri: str, file: Path) -> None:
    """SQLite finds no fault with the files."""
    log = [Path(uri.removeprefix("sqlite:///"))] if uri.startswith("sqlite:") else []
    for path in [*log, file]:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
