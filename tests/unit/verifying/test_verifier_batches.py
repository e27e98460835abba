"""Batches: the same verdicts as one by one, and two invalid proofs cannot cancel each other out."""

import dataclasses
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.base import scalar
from rln.errors import Reason
from rln.lowlevel import curve, entropy, groth16
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.support.effort import effort
from tests.support.small_world import CountingLog, World, small_multi_key
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


@cache
def pool(kind: str) -> tuple[World, list[tuple[rln.MultiRlnProof | rln.RlnProof, bytes]], int]:
    """Messages that meet in every way: ids shared in whole or in part, one signal or two, forgeries.

    From the returned number on they are forgeries with the shares of good messages.
    """
    world = World(small_multi_key() if kind == "multi" else None)
    messages = []
    for member in (world.join(8), world.join(8)):
        for counts in ((1, 2, 1), (2, 1, 1)) if kind == "multi" else ((1, 1), (1, 1)):
            prover = world.prover(member)
            for i, count in enumerate(counts):
                signal = bytes([i % 2])
                made = prover.prove_multi(signal, count) if kind == "multi" else prover.prove(signal)
                messages.append((made, signal))
        other = world.prover(member)
        for signal in (b"\x01", b"\x00"):
            made = other.prove_multi(signal, 1) if kind == "multi" else other.prove(signal)
            messages.append((made, signal))
    honest = list(messages)
    for proof, signal in honest:
        changes = {"ys": (proof.ys[0] + 1, *proof.ys[1:])} if kind == "multi" else {"y": proof.y + 1}
        messages.append((dataclasses.replace(proof, **changes), signal))
    proof, signal = honest[0]
    messages += [(proof, b"other"), (dataclasses.replace(proof, root=1), signal)]
    distinct = len(messages)
    for (proof, signal), (other, _) in zip(honest, honest[1:] + honest[:1], strict=True):
        messages.append((dataclasses.replace(proof, proof=other.proof), signal))
    if kind == "multi":  # shares of two messages in one that nobody has proved
        (one, signal), (two, _) = honest[0], honest[2]
        parts = (one.shares[0], two.shares[0])
        changes = {
            "ys": (*(share.y for share in parts), 0),
            "nullifiers": (*(share.nullifier for share in parts), 0),
            "selector_used": (True, True, False),
        }
        messages.append((dataclasses.replace(one, **changes), signal))
    return world, messages, distinct


_answers: dict[tuple[object, ...], bool] = {}


def remembered(key: rln.VerifyingKey, values: tuple[int, ...], proof: bytes) -> bool:
    """The answer of `verify`, computed once."""
    name = (key.digest, values, proof)
    if name not in _answers:
        _answers[name] = groth16.verify(key._handle, key._pack(values), proof)
    return _answers[name]


def remembered_many(key: rln.VerifyingKey, proofs: list[rln.RlnProof], threads: int | None) -> list[object]:
    return [
        None if remembered(key, proof.public_inputs, proof.proof) else rln.InvalidProof("bad")
        for proof in proofs
    ]


@pytest.mark.parametrize("kind", ["single", "multi"])
@settings(max_examples=effort(150, 20_000))
@given(data=st.data())
def test_batches_of_any_size_give_the_outcomes_of_one_after_the_other(kind, data):
    """Threats D11, F8: with limits for sources too, whose allowances change within a batch.

    One thing differs: a forgery with the shares of a good message of its batch uses up allowance.
    """
    world, messages, distinct = pool(kind)
    burst = data.draw(st.sampled_from([None, 1, 2, 4]))
    last = (len(messages) if burst is None else distinct) - 1
    numbers = st.tuples(st.integers(0, last), st.sampled_from(["a", "b", None]))
    drawn = data.draw(st.lists(numbers, max_size=24))
    size = data.draw(st.integers(1, 24))

    def fresh() -> rln.Verifier:
        limit = None if burst is None else rln.SourceLimit(1.0, burst)
        return world.verifier(log=MemoryNullifierLog(), sources=limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rln.VerifyingKey, "verify", remembered)
        patch.setattr(rln.VerifyingKey, "verify_many", remembered_many)
        one_by_one, batched = fresh(), fresh()
        singles = [one_by_one.outcomes([messages[i]], [source])[0] for i, source in drawn]
        outcomes = []
        for start in range(0, len(drawn), size):
            part = drawn[start : start + size]
            outcomes += batched.outcomes([messages[i] for i, _ in part], [source for _, source in part])
    assert list(map(comparable, outcomes)) == list(map(comparable, singles))


def comparable(outcome: rln.Verdict | Exception) -> object:
    return (type(outcome), str(outcome)) if isinstance(outcome, Exception) else outcome


def test_the_single_call_and_the_batch_of_one_agree(world):
    messages = mixed_messages(world, 7)
    alone, batched = (world.verifier(log=MemoryNullifierLog()) for _ in range(2))
    assert [alone.submit(*message) for message in messages] == [
        batched.submit_many([message])[0] for message in messages
    ]


def test_as_many_sources_as_messages(world):
    prover = world.prover(world.join(2))
    messages = [(prover.prove(signal), signal) for signal in (b"a", b"b")]
    verifier = world.verifier()
    for sources in (["a"], ["a", "b", "c"], ["a", 7]):
        with pytest.raises(rln.ParameterError, match="source"):
            verifier.submit_many(messages, sources)
    assert verifier.submit_many(messages, ["a", None]) == [rln.Valid()] * 2


def test_a_batch_without_randomness_costs_no_tokens(world, monkeypatch):
    prover = world.prover(world.join(2))
    messages = [(prover.prove(signal), signal) for signal in (b"a", b"b")]
    verifier = world.verifier(sources=rln.SourceLimit(0.001, 2))
    with monkeypatch.context() as patch:
        patch.setattr(entropy, "draw", bytes)
        for _ in range(5):
            with pytest.raises(rln.EntropyError):
                verifier.submit_many(messages, ["a", "a"])
    assert verifier.submit_many(messages, ["a", "a"]) == [rln.Valid()] * 2


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
