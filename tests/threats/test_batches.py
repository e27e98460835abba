"""Threats D10, D11: a batch gives each of its proofs the same answer as a verification of it alone."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.errors import EntropyError, InputError, InvalidProof, Reason
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import lib
from tests.threats.full_world import G1, FullWorld, R, plus, times

COUNT = 12
INFINITE = {"A": (0, 32), "B": (32, 64), "C": (96, 32)}


@pytest.fixture(scope="module")
def proofs(key: rln.ProvingKey) -> list[rln.RlnProof]:
    """Valid proofs of one member, each with its own message id."""
    full_world = FullWorld(key)
    prover = full_world.prover(full_world.join(limit=COUNT))
    return [prover.prove(bytes([number])) for number in range(COUNT)]


def moved(proof: rln.RlnProof, by: int) -> rln.RlnProof:
    """Add by * generator to C."""
    points = groth16.decompress(proof.proof)
    return replace(proof, proof=groth16.compress(points[:192] + plus(points[192:], times(G1, by))))


def answers(key: rln.ProvingKey, batch: list[rln.RlnProof], threads: int = 1) -> list[bool]:
    """Return which proofs hold; every refusal must come from the equation."""
    found = key.verifying_key.verify_many(batch, threads)
    assert all(answer is None or type(answer) is InvalidProof for answer in found)
    return [answer is None for answer in found]


def raw(key: rln.ProvingKey, inputs: bytes, proofs: bytes) -> list[int]:
    return groth16.verify_many(key.verifying_key._handle, inputs, proofs)


def single(key: rln.ProvingKey, values: tuple[int, ...], proof: bytes) -> int:
    """Verify one proof alone; return the status that a batch uses."""
    try:
        inputs = b"".join(value.to_bytes(32, "little") for value in values)
        good = groth16.verify(key.verifying_key._handle, inputs, proof)
    except rln.PointError:
        return int(lib.RLN_ERR_POINT)
    except rln.FieldRangeError:
        return int(lib.RLN_ERR_RANGE)
    return groth16.ACCEPTED if good else groth16.REFUSED


# ---- D10 --------------------------------------------------------------------------------------------


def test_d10_a_pair_that_cancels_is_refused(key: rln.ProvingKey, proofs: list[rln.RlnProof]) -> None:
    pair = [moved(proofs[0], 99), moved(proofs[1], -99)]
    assert answers(key, pair) == [False, False]
    for place in range(0, COUNT - 2, 3):
        batch = [*proofs[2 : 2 + place], *pair, *proofs[2 + place :]]
        assert answers(key, batch, 2) == [True] * place + [False] * 2 + [True] * (COUNT - 2 - place)


@pytest.mark.parametrize("k", [3, 4, 7, 12])
def test_d10_sets_that_cancel_are_refused(key: rln.ProvingKey, proofs: list[rln.RlnProof], k: int) -> None:
    draw = random.Random(k)
    shifts = [draw.randrange(1, R) for _ in range(k - 1)]
    shifts.append(-sum(shifts) % R)
    batch = [moved(proof, shift) for proof, shift in zip(proofs, shifts, strict=False)]
    assert answers(key, batch + proofs[k:]) == [False] * k + [True] * (COUNT - k)


def test_d10_a_batch_may_have_one_proof_or_none(key: rln.ProvingKey, proofs: list[rln.RlnProof]) -> None:
    assert answers(key, []) == []
    assert answers(key, proofs[:1]) == [True]
    assert answers(key, [moved(proofs[0], 1)]) == [False]


@pytest.mark.parametrize(
    "source",
    [
        bytes,
        lambda n: b"\x01" * n,
        lambda n: (b"\x01" + bytes(15)) * (n // 16),
        lambda n: b"\xff" * n,
        lambda n: (bytes(range(16)) * n)[:n],
        lambda n: bytes(16) + bytes(range(1, n - 15)),
    ],
    ids=["all 0", "all 1", "coefficients of 1", "all ones", "repeating", "one zero"],
)
def test_d10_a_batch_without_random_coefficients_answers_nothing(
    key: rln.ProvingKey,
    proofs: list[rln.RlnProof],
    monkeypatch: pytest.MonkeyPatch,
    source: Callable[[int], bytes],
) -> None:
    pair = [moved(proofs[0], 99), moved(proofs[1], -99)]
    monkeypatch.setattr(entropy, "draw", source)
    altered = bytes([proofs[0].proof[0] ^ 1]) + proofs[0].proof[1:]
    for batch in (pair, proofs[:5], [replace(proofs[0], proof=altered), proofs[1]]):
        with pytest.raises(EntropyError):
            key.verifying_key.verify_many(batch)


def test_d10_coefficients_are_drawn_anew_for_each_batch_and_after_its_bytes_are_known(
    key: rln.ProvingKey, proofs: list[rln.RlnProof], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []
    draw = entropy.draw

    def spy(n: int) -> bytes:
        drawn.append(draw(n))
        return drawn[-1]

    monkeypatch.setattr(entropy, "draw", spy)
    for _ in range(3):
        assert answers(key, proofs) == [True] * COUNT
    assert [len(data) for data in drawn] == [16 * COUNT] * 3
    pieces = {data[i : i + 16] for data in drawn for i in range(0, len(data), 16)}
    assert len(pieces) == 3 * COUNT
    assert bytes(16) not in pieces


# ---- D11 --------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, COUNT - 1)), st.permutations(range(COUNT)), st.sampled_from([1, 2]))
@settings(max_examples=25)
def test_d11_any_subset_may_be_bad(
    key: rln.ProvingKey, proofs: list[rln.RlnProof], bad: set[int], order: list[int], threads: int
) -> None:
    batch = [moved(proofs[i], i + 1) if i in bad else proofs[i] for i in order]
    alone = [key.verifying_key.verify(proof.public_inputs, proof.proof) for proof in batch]
    assert answers(key, batch, threads) == alone == [i not in bad for i in order]


@pytest.mark.parametrize("point", INFINITE)
@pytest.mark.parametrize("place", range(5))
def test_d11_infinity_is_refused_at_every_position(
    key: rln.ProvingKey, proofs: list[rln.RlnProof], point: str, place: int
) -> None:
    """One point at infinity must not change the other points of the same batch inversion."""
    start, size = INFINITE[point]
    infinite = proofs[place].proof[:start] + bytes(size - 1) + b"\x40" + proofs[place].proof[start + size :]
    with pytest.raises(rln.PointError):
        replace(proofs[place], proof=infinite)
    batch = [infinite if i == place else proofs[i].proof for i in range(5)]
    inputs = b"".join(v.to_bytes(32, "little") for proof in proofs[:5] for v in proof.public_inputs)
    expected = [lib.RLN_ERR_POINT if i == place else groth16.ACCEPTED for i in range(5)]
    assert raw(key, inputs, b"".join(batch)) == expected


def test_d11_repeated_proofs_get_the_same_answer(key: rln.ProvingKey, proofs: list[rln.RlnProof]) -> None:
    good, bad = proofs[0], moved(proofs[0], 5)
    assert answers(key, [good] * 9) == [True] * 9
    assert answers(key, [bad] * 9) == [False] * 9
    batch = [good, bad, good, good, bad, proofs[1], bad, good]
    assert answers(key, batch, 2) == [proof is not bad for proof in batch]


def test_d11_each_message_gets_the_verdict_that_it_gets_alone(
    key: rln.ProvingKey, proofs: list[rln.RlnProof]
) -> None:
    """The verifier gets messages with everything that can be wrong with a message."""
    full_world = FullWorld(key)
    member = full_world.join(limit=8)
    prover = full_world.prover(member)
    good = [(prover.prove(signal), signal) for signal in (b"a", b"b", b"c", b"d")]
    overspent = full_world.prover(member).prove(b"e")
    off_curve = next(
        changed
        for n in range(1, 50)
        if single(key, good[0][0].public_inputs, changed := bytes([n]) + good[0][0].proof[1:])
        == lib.RLN_ERR_POINT
    )
    messages = [
        good[0],
        (moved(good[1][0], 1), b"b"),
        (good[1][0], b"B"),
        good[1],
        (proofs[0], bytes([0])),
        (replace(good[2][0], external_nullifier=5), b"c"),
        good[2],
        good[0],
        (overspent, b"e"),
        (replace(good[3][0], proof=off_curve), b"d"),
        (replace(good[3][0], y=good[3][0].y ^ 1), b"d"),
        good[3],
    ]
    at_once = full_world.verifier(log=type(full_world.log)(), threads=2).submit_many(messages)
    in_order = full_world.verifier(log=type(full_world.log)())
    alone = [in_order.submit(*message) for message in messages]
    assert list(map(outcome, at_once)) == list(map(outcome, alone)) == [
        rln.Valid, Reason.BAD_PROOF, Reason.WRONG_SIGNAL, rln.Valid, Reason.UNKNOWN_ROOT, Reason.WRONG_EPOCH,
        rln.Valid, rln.Duplicate, rln.RateLimitViolation, Reason.MALFORMED, Reason.BAD_PROOF, rln.Valid,
    ]  # fmt: skip


def outcome(verdict: rln.Verdict) -> object:
    return verdict.reason if isinstance(verdict, rln.Invalid) else type(verdict)


def test_d11_what_cannot_be_decoded_is_refused_alone(key: rln.ProvingKey, proofs: list[rln.RlnProof]) -> None:
    """Proofs with random damage are compared with single verifications."""
    draw = random.Random(11)
    for _ in range(15):
        batch = []
        for proof in draw.sample(proofs, 6):
            data, values = bytearray(proof.proof), list(proof.public_inputs)
            if draw.random() < 0.4:
                data[draw.randrange(128)] = draw.choice((0, 1, 0x40, 0x80, 0xFF))
            if draw.random() < 0.2:
                values[draw.randrange(5)] = draw.choice((0, R - 1, R, 2**256 - 1))
            batch.append((tuple(values), bytes(data)))
        inputs = b"".join(value.to_bytes(32, "little") for values, _ in batch for value in values)
        assert raw(key, inputs, b"".join(data for _, data in batch)) == [single(key, *item) for item in batch]


def test_d11_a_proof_of_another_shape_stops_the_batch_before_it_starts(
    key: rln.ProvingKey, proofs: list[rln.RlnProof]
) -> None:
    multi = rln.MultiRlnProof(proofs[0].proof, (1,), 2, (3,), 4, 5, (True,))
    with pytest.raises(InputError, match="expected 5, got 6"):
        key.verifying_key.verify_many([proofs[0], multi])
