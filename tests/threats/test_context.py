"""Threats B6: a verifier without roots, and roots that it does not know."""

from collections import deque

import pytest

import rln
from rln.errors import ParameterError, Reason
from tests.threats.full_world import FullWorld


@pytest.mark.parametrize("empty", [(), [], set(), frozenset(), deque()])
def test_b6_no_roots_is_an_error_and_never_a_skipped_check(full_world: FullWorld, empty: object) -> None:
    with pytest.raises(ParameterError, match="at least one"):
        full_world.verifier(roots=empty)


def test_b6_a_window_that_runs_empty_later_accepts_nothing(full_world: FullWorld) -> None:
    proof = full_world.prover(full_world.join()).prove(b"x")
    roots = deque([full_world.group.root])  # not a plain collection, so it is asked for each message
    verifier = full_world.verifier(roots=roots)
    roots.clear()
    assert verifier.submit(proof, b"x").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(rln.UnknownRoot):
        verifier.check(proof, b"x")


def test_b6_roots_of_the_past_and_of_the_future_are_unknown(full_world: FullWorld) -> None:
    full_world.group = rln.Group(20, 16, rln.WindowSize(count=2))
    member = full_world.join()
    verifier = full_world.verifier()
    stale, late = (full_world.prover(member).prove(signal) for signal in (b"stale", b"late"))
    full_world.join()
    assert verifier.submit(stale, b"stale") == rln.Valid()
    full_world.join()
    assert verifier.submit(late, b"late").reason is Reason.UNKNOWN_ROOT

    here = full_world.group
    future = rln.Group(20, 16)
    future.register_many([(here.member_at(i).commitment, here.member_at(i).limit) for i in range(3)])
    future.register(rln.Identity.generate().commitment, 1)
    ahead = full_world.prover(member, path=future.proof(0)).prove(b"ahead")
    assert verifier.submit(ahead, b"ahead").reason is Reason.UNKNOWN_ROOT
    assert len(full_world.log) == 1


def test_b6_root_zero_is_not_special(full_world: FullWorld) -> None:
    proof = full_world.prover(full_world.join()).prove(b"x")
    zero = rln.RlnProof(proof.proof, proof.y, 0, proof.nullifier, proof.x, proof.external_nullifier)
    assert full_world.verifier().submit(zero, b"x").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(ParameterError, match="root: expected a field element other than 0"):
        full_world.verifier(roots=[0])
    with pytest.raises(rln.FieldRangeError):
        full_world.verifier(roots=[proof.root + rln.base.scalar.ORDER])
