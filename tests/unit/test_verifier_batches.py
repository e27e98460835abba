"""Batches of messages: the verdicts of one after the other, and no pair that cancels."""

import dataclasses
import random

import pytest

import rln
from rln import scalar
from rln.errors import Reason
from rln.lowlevel import curve, entropy, groth16
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.story import CountingLog, World
from tests.unit.lowlevel.toy import negated


@pytest.fixture
def world() -> World:
    return World(log=CountingLog())


def mixed_messages(world: World, seed: int) -> list[tuple[rln.RlnProof, bytes]]:
    """Good ones, copies, changed ones, second signals, in a random order."""
    random_source = random.Random(seed)
    members = [world.join(4) for _ in range(3)]
    messages: list[tuple[rln.RlnProof, bytes]] = []
    for member in members:
        for ids in (MemoryMessageIds(), MemoryMessageIds()):
            prover = world.prover(member, ids)
            for n in range(2):
                signal = bytes([random_source.randrange(3), n])
                messages.append((prover.prove(signal), signal))
    proof, signal = messages[0]
    messages += [
        (proof, signal),
        (dataclasses.replace(proof, y=1), signal),
        (proof, b"other"),
        (dataclasses.replace(proof, root=1), signal),
        (dataclasses.replace(proof, proof=messages[1][0].proof), signal),
        (dataclasses.replace(proof, proof=bytes([3]) + bytes(31) + proof.proof[32:]), signal),
    ]
    random_source.shuffle(messages)
    return messages


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_gives_the_verdicts_of_one_after_the_other(seed):
    """Threats D11."""
    world = World()
    messages = mixed_messages(world, seed)
    one_by_one = world.verifier(log=MemoryNullifierLog())
    singles = [one_by_one.submit(*message) for message in messages]
    assert world.verifier(log=MemoryNullifierLog()).submit_many(messages) == singles
    assert world.verifier(log=MemoryNullifierLog(), threads=2).submit_many(messages) == singles
    assert {type(verdict) for verdict in singles} >= {rln.Valid, rln.Duplicate, rln.Invalid}


def test_two_signals_on_one_id_in_one_batch(world):
    member = world.join()
    messages = [(world.prover(member).prove(signal), signal) for signal in (b"a", b"b")]
    assert world.verifier().submit_many(messages) == [rln.Valid(), rln.RateLimitViolation(member.secret())]


def test_pairs_that_cancel_do_not_pass(world):
    """Threats D10: C1 + D and C2 - D fail alone and would pass with equal coefficients."""
    prover = world.prover(world.join(2))
    signals = (b"a", b"b")
    proofs = [prover.prove(signal) for signal in signals]
    shift = curve.msm(groth16.decompress(proofs[0].proof)[:64], scalar.encode(12345))
    forged = []
    for proof, move in zip(proofs, (shift, negated(shift)), strict=True):
        points = groth16.decompress(proof.proof)
        data = groth16.compress(points[:192] + curve.add(points[192:], move))
        forged.append(dataclasses.replace(proof, proof=data))
    for _ in range(5):
        verdicts = world.verifier().submit_many(list(zip(forged, signals, strict=True)))
        assert [verdict.reason for verdict in verdicts] == [Reason.BAD_PROOF] * 2


def test_a_batch_without_randomness_answers_nothing(world, monkeypatch):
    """Threats D10."""
    prover = world.prover(world.join(2))
    messages = [(prover.prove(signal), signal) for signal in (b"a", b"b")]
    verifier = world.verifier()
    for stub in (bytes, lambda n: b"\x01" * n):
        monkeypatch.setattr(entropy, "draw", stub)
        with pytest.raises(rln.EntropyError):
            verifier.submit_many(messages)
    assert world.log.inserts == 0
    monkeypatch.undo()
    assert verifier.submit_many(messages) == [rln.Valid()] * 2


def test_an_empty_batch(world):
    assert world.verifier().submit_many([]) == []
