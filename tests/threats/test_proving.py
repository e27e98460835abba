"""Threats D3, D9: rerandomised proofs, and random sources that are not random."""

import random
from collections.abc import Callable
from contextlib import closing

import pytest

import rln
from rln.errors import EntropyError
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import ffi
from rln.lowlevel.partial import Partial
from rln.protocol.statement import Statement
from rln.stores.memory import MemoryMessageIds
from tests.threats.full_world import FullWorld, R, key_points, negated, plus, times

SOURCES: dict[str, Callable[[int], bytes]] = {
    "all zero": bytes,
    "all one": lambda n: b"\xff" * n,
    "constant": lambda n: b"\x5a" * n,
    "repeating": lambda n: (bytes(range(1, 17)) * n)[:n],
}
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))


def break_entropy(monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]) -> None:
    """Replace both functions that draw random bytes by the source."""

    def fill(out: object) -> None:
        ffi.memmove(out, source(len(out)), len(out))  # type: ignore[arg-type]

    monkeypatch.setattr(entropy, "draw", source)
    monkeypatch.setattr(entropy, "fill", fill)


# ---- D3 ---------------------------------------------------------------------------------------------


def rerandomised(key: rln.VerifyingKey, proof: bytes, t: int, s: int) -> bytes:
    """Return (A / t, t B + t s delta, C + s A), another proof of the same statement; anybody can make it."""
    points = groth16.decompress(proof)
    a, b, c = points[:64], points[64:192], points[192:]
    delta = key_points(key)["delta"]
    return groth16.compress(
        times(a, pow(t, -1, R)) + plus(times(b, t), times(delta, t * s)) + plus(c, times(a, s))
    )


def test_d3_of_100_rerandomised_proofs_one_is_valid_and_99_are_duplicates(full_world: FullWorld) -> None:
    proof = full_world.prover(full_world.join()).prove(b"x")
    draw = random.Random(3)
    pairs = [(1, 0), (R - 1, 0), *((draw.randrange(1, R), draw.randrange(R)) for _ in range(98))]
    made = [
        rln.RlnProof(rerandomised(full_world.key.verifying_key, proof.proof, t, s), *proof.public_inputs)
        for t, s in pairs
    ]
    points = groth16.decompress(proof.proof)
    opposite = groth16.compress(negated(points[:64]) + negated(points[64:192]) + points[192:])
    assert made[0] == proof
    assert made[1].proof == opposite
    assert len({other.proof for other in made}) == 100
    for other in made:
        assert full_world.key.verifying_key.verify(other.public_inputs, other.proof)
    one_by_one, at_once = full_world.verifier(), full_world.verifier(log=type(full_world.log)())
    expected = [rln.Valid(), *[rln.Duplicate()] * 99]
    assert [one_by_one.submit(other, b"x") for other in made] == expected
    assert at_once.submit_many([(other, b"x") for other in made]) == expected
    assert len(full_world.log) == 1


# ---- D9 ---------------------------------------------------------------------------------------------


@every_source
def test_d9_no_proof_without_random_numbers(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]
) -> None:
    prover = full_world.prover(full_world.join())
    break_entropy(monkeypatch, source)
    with pytest.raises(EntropyError):
        prover.prove(b"x")


@every_source
def test_d9_no_set_up_without_random_numbers(
    monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]
) -> None:
    circuit = rln.circuit.rln(1, 1)
    break_entropy(monkeypatch, source)
    with pytest.raises(EntropyError):
        rln.setup(circuit)


@every_source
def test_d9_no_identity_without_random_numbers(
    monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]
) -> None:
    break_entropy(monkeypatch, source)
    for make in (rln.Identity.generate, rln.Identity.generate_extended):
        with pytest.raises(EntropyError):
            make()


@every_source
def test_d9_no_batch_and_no_check_without_random_numbers(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]
) -> None:
    prover, verifier = full_world.prover(full_world.join()), full_world.verifier()
    messages = [(prover.prove(signal), signal) for signal in (b"one", b"two")]
    break_entropy(monkeypatch, source)
    with pytest.raises(EntropyError):
        verifier.submit_many(messages)
    assert len(full_world.log) == 0
    with pytest.raises(EntropyError):
        full_world.key.check()


def test_d9_a_source_that_fails_stops_everything(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> bytes:
        raise EntropyError("entropy: the system gives none")

    prover, verifier = full_world.prover(full_world.join()), full_world.verifier()
    messages = [(prover.prove(b"x"), b"x")]
    monkeypatch.setattr(entropy, "draw", fail)
    monkeypatch.setattr(entropy, "fill", fail)
    for attempt in (
        lambda: prover.prove(b"y"),
        lambda: verifier.submit_many(messages * 2),
        rln.Identity.generate,
        full_world.key.check,
        lambda: rln.setup(rln.circuit.rln(1, 1)),
    ):
        with pytest.raises(EntropyError):
            attempt()
    assert len(full_world.log) == 0


def test_d9_two_proofs_of_one_witness_share_no_point(full_world: FullWorld) -> None:
    member = full_world.join()
    statement = Statement.spend(full_world.key.parameters, 2, (0,), full_world.group.proof(0), 7, 8)
    with closing(full_world.key.witness(statement.inputs(), member)) as witness:
        made = [full_world.key.prove(witness) for _ in range(8)]
    for start, end in ((0, 32), (32, 96), (96, 128)):
        assert len({proof[start:end] for proof in made}) == 8


def test_d9_a_proof_that_does_not_verify_is_not_released(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    prover = full_world.prover(full_world.join(), ids=MemoryMessageIds())
    good = prover.prove(b"x")
    monkeypatch.setattr(Partial, "finish", lambda *_, **__: good.proof)
    with pytest.raises(rln.KeyFileError, match="not released"):
        prover.prove(b"y")
