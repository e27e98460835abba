"""The law of shares: one message id of one epoch has one x and one y, whatever a member does and suffers.

A member proves, renews and sends again. Meanwhile others join and are slashed, the member moves to another
leaf with another limit, the clock is set, processes end, and messages are lost between an id and its proof. A
model in plain Python predicts which message a renewal makes again. A verifier with a window of few roots
judges everything that is released, and never finds a violation.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import rln
from rln.errors import NotRenewable, RateLimitReached, StoreUnavailable
from rln.ports import MessageIdAllocator
from rln.protocol.proof import AnyProof
from rln.stores import open_message_ids
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.support.effort import effort

DEPTH, LIMIT_BITS, SLOTS = 6, 4, 3
PERIOD, SKEW, START = 60, 5, 1_700_000_010.0
SIGNALS = st.sampled_from([b"one", b"two"])


@cache
def single_key() -> rln.ProvingKey:
    return rln.setup(rln.circuit.rln(DEPTH, LIMIT_BITS), threads=1)


@cache
def multi_key() -> rln.ProvingKey:
    return rln.setup(rln.circuit.rln_multi(DEPTH, LIMIT_BITS, SLOTS), threads=1)


class Sender(RuleBasedStateMachine):
    """One member with message ids in a file, or in memory.

    The model: `reserved` has the first free id of each remembered epoch, `kept` the ids of the newest message
    for an epoch and signal.
    """

    durable = True
    multi = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="rln-shares-"))
        self.key = multi_key() if self.multi else single_key()
        self.time = START
        self.clock = rln.EpochClock("law.example", PERIOD, skew=SKEW, past_gap=1, now=lambda: self.time)
        self.group = rln.Group(DEPTH, LIMIT_BITS, rln.WindowSize(count=2))
        self.strangers: list[rln.Identity] = []
        self.identity = rln.Identity.generate()
        self.member = self.group.register(self.identity.commitment, 4)
        self.ids: MessageIdAllocator = self.opened() if self.durable else MemoryMessageIds()
        self.ids.introduce(self.identity.commitment)
        self.prover = self.new_prover()
        self.verifier = rln.Verifier(
            self.key.verifying_key, roots=self.group.roots, log=MemoryNullifierLog(), clock=self.clock
        )
        self.lines: dict[int, tuple[int, int]] = {}
        self.points: dict[tuple[int, int], tuple[int, int]] = {}
        self.reserved: dict[int, int] = {}
        self.kept: dict[tuple[int, bytes], range] = {}

    def opened(self) -> MessageIdAllocator:
        return open_message_ids(f"sqlite:///{self.folder}/ids.db")

    def new_prover(self) -> rln.Prover:
        return rln.Prover(self.identity, self.member, self.key, ids=self.ids, clock=self.clock, threads=1)

    def teardown(self) -> None:
        self.prover.close()
        self.ids.close()
        shutil.rmtree(self.folder)

    # ---- the law

    def released(self, proof: AnyProof, signal: bytes, epoch: rln.Epoch, ids: range) -> None:
        """Check a proof that was released, and let the verifier judge it."""
        assert len(proof.shares) == len(ids)
        for share, number in zip(proof.shares, ids, strict=True):
            assert share.nullifier is not None
            point = (share.x, share.y)
            assert self.lines.setdefault(share.nullifier, point) == point, "a second point of a line"
            assert self.points.setdefault((epoch.index, number), point) == point, "a second share of an id"
            assert share == self.identity.share(share.x, epoch.external_nullifier, number)
        try:
            verdict = self.verifier.submit(proof, signal)
        except StoreUnavailable:  # the clock went back, and the log has forgotten the epoch
            return
        if proof.root in self.group.roots and epoch in self.clock.acceptable():
            assert isinstance(verdict, (rln.Valid, rln.Duplicate))
        else:
            assert isinstance(verdict, rln.Invalid)

    # ---- the model

    def reserve(self, count: int) -> range | type[Exception]:
        """Predict the ids of the next message."""
        index = self.clock.current().index
        newest = max(self.reserved, default=index)
        if index < newest - 1:
            return StoreUnavailable
        first = self.reserved.get(index, 0)
        if first + count > self.member.limit:
            return RateLimitReached
        self.reserved[index] = first + count
        newest = max(newest, index)
        self.reserved = {one: free for one, free in self.reserved.items() if one >= newest - 1}
        self.kept = {key: ids for key, ids in self.kept.items() if key[0] >= newest - 1}
        return range(first, first + count)

    def renewable(self, signal: bytes) -> tuple[rln.Epoch, range] | None:
        """Predict what is renewed."""
        for epoch in reversed(self.clock.acceptable()):
            if (epoch.index, signal) in self.kept:
                ids = self.kept[epoch.index, signal]
                return (epoch, ids) if ids.stop <= self.member.limit else None
        return None

    def prove(self, signal: bytes, count: int) -> AnyProof:
        return self.prover.prove_multi(signal, count) if self.multi else self.prover.prove(signal)

    # ---- what happens

    @rule(signal=SIGNALS, count=st.integers(1, SLOTS))
    def proves(self, signal: bytes, count: int) -> None:
        count = count if self.multi else 1
        expected = self.reserve(count)
        if not isinstance(expected, range):
            with pytest.raises(expected):
                self.prove(signal, count)
            return
        epoch = self.clock.current()
        self.released(self.prove(signal, count), signal, epoch, expected)
        self.kept[epoch.index, signal] = expected

    @rule(signal=SIGNALS)
    def renews(self, signal: bytes) -> None:
        expected = self.renewable(signal)
        if expected is None:
            with pytest.raises(NotRenewable, match="use `prove`"):
                self.prover.renew(signal)
            return
        proof = self.prover.renew(signal)
        assert proof.root == self.group.root
        self.released(proof, signal, *expected)
        if expected[0] == self.clock.current():
            assert self.prover.again(signal) == proof

    @rule(signal=SIGNALS)
    def sends_again(self, signal: bytes) -> None:
        epoch, proof = self.clock.current(), self.prover.again(signal)
        assert (proof is not None) == ((epoch.index, signal) in self.kept)
        if proof is not None:
            self.released(proof, signal, epoch, self.kept[epoch.index, signal])

    @rule(signal=SIGNALS)
    def is_interrupted(self, signal: bytes) -> None:
        """The process ends between an id and its message: the id is spent, and nothing can be renewed."""
        with interrupted(self.ids):
            expected = self.reserve(1)
            with pytest.raises(StoreUnavailable if isinstance(expected, range) else expected):
                self.prove(signal, 1)

    @rule(signal=SIGNALS)
    def is_interrupted_in_a_renewal(self, signal: bytes) -> None:
        """A renewed proof that was not kept is not released; the old one stays."""
        with interrupted(self.ids):
            try:
                proof = self.prover.renew(signal)
            except (NotRenewable, StoreUnavailable):
                return
        expected = self.renewable(signal)
        assert expected is not None
        self.released(proof, signal, *expected)  # it was kept for this root before

    @precondition(lambda self: self.group.registry.head().next_index < 1 << DEPTH)
    @rule()
    def somebody_joins(self) -> None:
        self.strangers.append(rln.Identity.generate())
        self.group.register(self.strangers[-1].commitment, 1)

    @precondition(lambda self: self.strangers)
    @rule()
    def somebody_is_slashed(self) -> None:
        self.group.slash(self.strangers.pop())

    @precondition(lambda self: self.group.registry.head().next_index < 1 << DEPTH)
    @rule(limit=st.integers(1, 6))
    def moves(self, limit: int) -> None:
        """The member gets another leaf with another limit, and their program starts again."""
        self.group.remove(self.member.index)
        self.member = self.group.register(self.identity.commitment, limit)
        self.starts_again()

    @rule(seconds=st.sampled_from([3, 30, 60, 130, -3, -30, -60]))
    def clock_is_set(self, seconds: int) -> None:
        self.time += seconds

    @rule()
    def starts_again(self) -> None:
        self.prover.close()
        if self.durable:
            self.ids.close()
            self.ids = self.opened()
        self.prover = self.new_prover()


@contextmanager
def interrupted(ids: MessageIdAllocator) -> Iterator[None]:
    """Lose every message that is to be kept."""

    def lost(*_: object) -> None:
        raise StoreUnavailable("ids: lost")

    ids.keep = lost  # type: ignore[method-assign]
    try:
        yield
    finally:
        del ids.keep


class SenderOfSeveralIds(Sender):
    multi = True


class SenderInMemory(Sender):
    durable = False


MACHINES = (Sender, SenderOfSeveralIds, SenderInMemory)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_one_message_id_of_one_epoch_has_one_share_for_ever(machine: type[Sender]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=effort(15, 500), stateful_step_count=40, deadline=None)
    )
