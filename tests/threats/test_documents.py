"""Threats C4: a JSON document has exactly one meaning, or is refused."""

import json

import pytest

import rln
from rln.base import canonical_json
from rln.errors import EncodingError, FieldRangeError
from rln.formats import snarkjs
from tests.threats.full_world import P

GOOD = b'["1", "2"]'
NO_JSON_NUMBERS = [
    "1.0", "1e3", "01", "-0", "0x1", "1_0", "+1", "NaN", "Infinity", "-Infinity", "1E1", ".5", "5.",
    "true", "null", "1" * 17, "9" * 5000, "\uff11\uff12",
]  # fmt: skip
NO_DECIMAL = [
    "", " 1", "1 ", "1\n", "+1", "-1", "01", "00", "0x1", "1_0", "1.0", "1e3", "1,0", "NaN",
    "\uff11\uff12", "\u0661", "1" * 79, "9" * 5000, "\u00b2",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_JSON_NUMBERS)
def test_c4_json_numbers_are_refused_as_public_values(text: str) -> None:
    with pytest.raises(EncodingError):
        snarkjs.read_public(f'["1", {text}]'.encode())
    if text not in ("true", "null"):
        with pytest.raises(EncodingError):
            canonical_json.read(f'{{"a": {text}}}'.encode(), "x")


@pytest.mark.parametrize("text", NO_DECIMAL)
def test_c4_decimal_text_has_one_spelling(text: str) -> None:
    with pytest.raises(EncodingError) as caught:
        snarkjs.read_public(json.dumps(["1", text], ensure_ascii=False).encode())
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"[", GOOD + b"x", GOOD + GOOD, b"\xef\xbb\xbf" + GOOD, b"\xff\xfe" + GOOD,
        b'{"a": 1, "a": 2}', b'{"a": 1, "\\u0061": 2}', b'["\\u0031"]', b'["1",]', b"[1 2]", b"// x\n[]",
        b"[" * 100000, b'{"a":' * 100000, b"[" * 9 + b"]" * 9, b'["' + b"1" * (1 << 21) + b'"]',
        b'["\xed\xa0\x80"]', b'["1"\x00]', b"['1']", b'["1\n"]',
    ],
)  # fmt: skip
def test_c4_an_invalid_or_ambiguous_document_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError) as caught:
        canonical_json.read(data, "document")
    assert len(str(caught.value)) < 200


def test_c4_a_document_of_another_shape_is_refused(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    text = json.loads(snarkjs.write_proof(sample_proof.proof))
    assert snarkjs.read_proof(json.dumps(text).encode()) == sample_proof.proof
    for change in (
        {"extra": "1"}, {"pi_a": text["pi_a"][:2]}, {"pi_a": [*text["pi_a"], "1"]}, {"pi_a": "1"},
        {"pi_a": [*text["pi_a"][:2], "2"]}, {"pi_a": [int(text["pi_a"][0]), *text["pi_a"][1:]]},
        {"protocol": "plonk"}, {"curve": "bls12381"}, {"pi_b": text["pi_b"][:2]}, {"pi_c": None},
        {"pi_a": ["0", "1", "0"]}, {"pi_b": [["0", "0"], ["1", "0"], ["0", "0"]]},
    ):  # fmt: skip
        with pytest.raises(EncodingError):
            snarkjs.read_proof(json.dumps({**text, **change}).encode())
    for name in text:
        without = json.dumps({k: v for k, v in text.items() if k != name}).encode()
        if name == "curve":  # rapidsnark leaves it out
            assert snarkjs.read_proof(without) == sample_proof.proof
            continue
        with pytest.raises(EncodingError, match=name):
            snarkjs.read_proof(without)
    for at in range(2):
        pi_a = list(text["pi_a"])
        pi_a[at] = str(int(pi_a[at]) + P)
        with pytest.raises(FieldRangeError):
            snarkjs.read_proof(json.dumps({**text, "pi_a": pi_a}).encode())
    vk = json.loads(key.verifying_key.to_json())
    for change in (
        {"nPublic": "5"},
        {"nPublic": 4},
        {"nPublic": 5.0},
        {"nPublic": True},
        {"IC": vk["IC"][:5]},
    ):
        with pytest.raises(EncodingError):
            rln.VerifyingKey.from_json(json.dumps({**vk, **change}).encode())
