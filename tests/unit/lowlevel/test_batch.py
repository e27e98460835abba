"""Batches of proofs: each item gets its own answer, whatever the others are."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from rln import errors
from rln.lowlevel import curve, entropy, groth16
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.groth16 import ACCEPTED, REFUSED
from rln.lowlevel.keys import ProvingKeyHandle, VerifyingKeyHandle
from tests.unit.lowlevel.toy import (
    R,
    inputs_of,
    spoiled,
    times_generator,
    witness_of,
    word,
)


class Item(NamedTuple):
    inputs: bytes
    proof: bytes


@pytest.fixture(scope="module")
def items(key: ProvingKeyHandle) -> list[Item]:
    return [Item(inputs_of(a, 2 * a), groth16.prove(key, witness_of(a, 2 * a))) for a in range(1, 13)]


def answers(key: VerifyingKeyHandle, items: Sequence[Item], threads: int = 1) -> list[int]:
    inputs, proofs = b"".join(i.inputs for i in items), b"".join(i.proof for i in items)
    return groth16.verify_many(key, inputs, proofs, threads)


STATUS = {errors.PointError: lib.RLN_ERR_POINT, errors.FieldRangeError: lib.RLN_ERR_RANGE}


def single(key: VerifyingKeyHandle, item: Item) -> int:
    try:
        return ACCEPTED if groth16.verify(key, *item) else REFUSED
    except errors.InputError as error:
        return int(STATUS[type(error)])


def test_a_good_batch_is_accepted(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    for n in (0, 1, 2, 3, 12):
        for threads in (1, 2):
            assert answers(verifying_key, items[:n], threads) == [ACCEPTED] * n


def test_the_same_item_many_times_is_accepted(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    assert answers(verifying_key, items[:1] * 9) == [ACCEPTED] * 9
    bad = Item(items[1].inputs, items[0].proof)
    assert answers(verifying_key, [bad] * 9) == [REFUSED] * 9


def moved(proof: bytes, c: int, by: int) -> bytes:
    """The proof with by * generator added to its C."""
    points = groth16.decompress(proof)
    new = curve.add(points[c:], times_generator(by))
    return groth16.compress(points[:c] + new)


def test_a_pair_that_cancels_is_refused(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    """Threats D10: C1 + D and C2 - D satisfy the sum of the equations but neither of them."""
    first, second = items[0], items[1]
    batch = [
        Item(first.inputs, moved(first.proof, 192, 77)),
        Item(second.inputs, moved(second.proof, 192, -77)),
    ]
    assert answers(verifying_key, batch) == [REFUSED, REFUSED]
    assert answers(verifying_key, [*items[2:], *batch]) == [ACCEPTED] * 10 + [REFUSED] * 2


@pytest.mark.parametrize("k", [3, 4, 7])
def test_k_items_that_cancel_are_refused(
    verifying_key: VerifyingKeyHandle, items: list[Item], k: int
) -> None:
    shifts = [*range(1, k), -sum(range(1, k))]
    batch = [Item(i.inputs, moved(i.proof, 192, shift)) for i, shift in zip(items, shifts, strict=False)]
    assert answers(verifying_key, batch) == [REFUSED] * k
    assert answers(verifying_key, batch + items[k:], threads=2) == [REFUSED] * k + [ACCEPTED] * (12 - k)


def test_swapped_inputs_are_refused(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    batch = [Item(items[1].inputs, items[0].proof), Item(items[0].inputs, items[1].proof), *items[2:4]]
    assert answers(verifying_key, batch) == [REFUSED, REFUSED, ACCEPTED, ACCEPTED]


def test_every_item_gets_the_answer_that_it_gets_alone(
    verifying_key: VerifyingKeyHandle, items: list[Item]
) -> None:
    """Threats D11: infinity in every place, and everything else that is not a proof."""
    draw = random.Random(2)
    bad = [Item(items[0].inputs, proof) for _, _, proof in spoiled(items[0].proof)]
    bad += [Item(word(R) + word(2), items[0].proof), Item(items[3].inputs, items[4].proof)]
    bad += [Item(items[5].inputs, moved(items[5].proof, 192, 1))]
    alone = {item: single(verifying_key, item) for item in [*items, *bad]}
    assert set(alone.values()) == {ACCEPTED, REFUSED, lib.RLN_ERR_POINT, lib.RLN_ERR_RANGE}
    for _ in range(30):
        part = draw.choice((0.05, 0.3, 0.9, 1.0))
        batch = [draw.choice(bad if draw.random() < part else items) for _ in range(draw.randrange(1, 20))]
        assert answers(verifying_key, batch, draw.choice((1, 2))) == [alone[item] for item in batch]
    for item in bad:
        assert answers(verifying_key, [item]) == [alone[item]]


@pytest.mark.parametrize("fake", [bytes, lambda n: b"\x01" * n, lambda n: (b"\x07" + bytes(15)) * (n // 16)])
def test_coefficients_that_are_not_random_stop_the_batch(
    monkeypatch: pytest.MonkeyPatch,
    verifying_key: VerifyingKeyHandle,
    items: list[Item],
    fake: Callable[[int], bytes],
) -> None:
    """Threats D10: no item gets an answer, not even one that is not a proof."""
    monkeypatch.setattr(entropy, "draw", fake)
    for batch in (items, [Item(items[0].inputs, bytes(128)), items[1]]):
        with pytest.raises(errors.EntropyError):
            answers(verifying_key, batch)


def test_two_equal_coefficients_far_apart_are_noticed(
    monkeypatch: pytest.MonkeyPatch, verifying_key: VerifyingKeyHandle, items: list[Item]
) -> None:
    draw = entropy.draw

    def fake(n: int) -> bytes:
        made = draw(n)
        return made[:-16] + made[:16]

    monkeypatch.setattr(entropy, "draw", fake)
    with pytest.raises(errors.EntropyError):
        answers(verifying_key, items)


def test_lengths_of_a_batch_are_checked(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    inputs, proofs = items[0].inputs * 2, items[0].proof * 2
    for bad_inputs, bad_proofs in ((inputs[:-1], proofs), (inputs[:64], proofs), (inputs, proofs[:-1])):
        with pytest.raises(errors.EncodingError):
            groth16.verify_many(verifying_key, bad_inputs, bad_proofs)


def test_results_of_a_batch_that_failed_accept_nothing(verifying_key: VerifyingKeyHandle) -> None:
    results = ffi.new("int32_t[]", [0, 0])
    status = lib.rln_proof_verify_many(
        verifying_key.pointer, bytes(128), 128, bytes(256), 256, bytes(32), 32, ffi.NULL, results, 2
    )
    assert (status, list(results)) == (lib.RLN_ERR_ENTROPY, [REFUSED, REFUSED])
