"""Threats B: epochs, roots, context."""

import pytest

import rln
from rln.errors import ParameterError, Reason
from tests.threats.full_world import Stage


@pytest.mark.parametrize("empty", [(), [], set(), frozenset(), {}])
def test_b6_no_roots_is_an_error_and_never_a_skipped_check(stage: Stage, empty: object) -> None:
    with pytest.raises(ParameterError, match="at least one"):
        stage.verifier(roots=empty)


def test_b6_a_window_that_runs_empty_later_accepts_nothing(stage: Stage) -> None:
    proof = stage.prover(stage.join()).prove(b"x")
    roots = {stage.group.root}
    verifier = stage.verifier(roots=roots)
    roots.clear()
    assert verifier.submit(proof, b"x").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(rln.UnknownRoot):
        verifier.check(proof, b"x")


def test_b6_roots_of_the_past_and_of_the_future_are_unknown(stage: Stage) -> None:
    stage.group = rln.Group(20, 16, rln.WindowSize(count=2))
    member = stage.join()
    verifier = stage.verifier()
    stale, late = (stage.prover(member).prove(signal) for signal in (b"stale", b"late"))
    stage.join()
    assert verifier.submit(stale, b"stale") == rln.Valid()
    stage.join()
    assert verifier.submit(late, b"late").reason is Reason.UNKNOWN_ROOT

    here = stage.group
    future = rln.Group(20, 16)
    future.register_many([(here.member_at(i).commitment, here.member_at(i).limit) for i in range(3)])
    future.register(rln.Identity.generate().commitment, 1)
    ahead = stage.prover(member, path=future.proof(0)).prove(b"ahead")
    assert verifier.submit(ahead, b"ahead").reason is Reason.UNKNOWN_ROOT
    assert len(stage.log) == 1


def test_b6_root_zero_is_a_root_like_others_that_nobody_has(stage: Stage) -> None:
    proof = stage.prover(stage.join()).prove(b"x")
    zero = rln.RlnProof(proof.proof, proof.y, 0, proof.nullifier, proof.x, proof.external_nullifier)
    assert stage.verifier().submit(zero, b"x").reason is Reason.UNKNOWN_ROOT
    assert stage.verifier(roots=[0]).submit(zero, b"x").reason is Reason.BAD_PROOF
    assert stage.verifier(roots=[0]).submit(proof, b"x").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(rln.FieldRangeError):
        stage.verifier(roots=[proof.root + rln.base.scalar.ORDER])
