import json
from pathlib import Path

import pytest

import rln
from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, KeyFileError, PointError
from rln.formats import snarkjs
from tests.support.small_world import World

WORLD = World()
PROOF = WORLD.prover(WORLD.join()).prove(b"hi")
P = scalar.COORDINATE_MODULUS
FILES = Path(__file__).resolve().parent / "files"


def proof_json(**change) -> bytes:
    return json.dumps({**json.loads(snarkjs.write_proof(PROOF.proof)), **change}).encode()


def key_json(**change) -> bytes:
    content = {**json.loads(WORLD.key.verifying_key.to_json()), **change}
    return json.dumps({name: value for name, value in content.items() if value is not None}).encode()


def test_files_read_back():
    assert snarkjs.read_proof(snarkjs.write_proof(PROOF.proof)) == PROOF.proof
    assert snarkjs.read_public(snarkjs.write_public(PROOF.public_inputs)) == PROOF.public_inputs
    key = WORLD.key.verifying_key
    assert rln.VerifyingKey.from_json(key.to_json()) == key
    assert key.to_json() == rln.VerifyingKey.from_json(key.to_json()).to_json()


def test_the_shapes_are_snarkjs():
    proof = json.loads(snarkjs.write_proof(PROOF.proof))
    assert list(proof) == ["pi_a", "pi_b", "pi_c", "protocol", "curve"]
    assert (proof["protocol"], proof["curve"]) == ("groth16", "bn128")
    assert [len(proof[name]) for name in ("pi_a", "pi_b", "pi_c")] == [3, 3, 3]
    assert proof["pi_a"][2] == proof["pi_c"][2] == "1"
    assert proof["pi_b"][2] == ["1", "0"]
    key = json.loads(WORLD.key.verifying_key.to_json())
    assert list(key) == [
        "protocol",
        "curve",
        "nPublic",
        "vk_alpha_1",
        "vk_beta_2",
        "vk_gamma_2",
        "vk_delta_2",
        "vk_alphabeta_12",
        "IC",
    ]
    assert key["nPublic"] == 5
    assert len(key["IC"]) == 6


NUMBERS = [
    "01",
    "+1",
    "-1",
    " 1",
    "1 ",
    "1\n",
    "1_0",
    "0x1",
    "1.0",
    "1e3",
    "",
    "１２",
    "٣",
    "1" * 5000,
    1,
    1.0,
    True,
    None,
    ["1"],
]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_have_one_spelling(number):
    """Threats C4, in every file."""
    text = json.dumps(number, ensure_ascii=False)
    with pytest.raises(EncodingError):
        snarkjs.read_public(f'["1", {text}]'.encode())
    for data in (
        proof_json(pi_a=[number, "2", "1"]),
        proof_json(pi_b=[["1", number], ["1", "1"], ["1", "0"]]),
    ):
        with pytest.raises(EncodingError):
            snarkjs.read_proof(data)
    with pytest.raises(EncodingError):
        snarkjs.read_verifying_key(key_json(vk_alpha_1=["1", number, "1"]))
    if number != ["1"]:
        with pytest.raises(EncodingError):
            snarkjs.read_witness(f'{{"x": {text}}}'.encode())


@pytest.mark.parametrize("k", range(1, 6))
def test_public_values_have_no_aliases(k):
    values = [str(value) for value in PROOF.public_inputs]
    for place in range(5):
        alias = [*values]
        alias[place] = str(PROOF.public_inputs[place] + k * scalar.ORDER)
        with pytest.raises(FieldRangeError, match=f"public.json\\[{place}\\]"):
            snarkjs.read_public(json.dumps(alias).encode())


@pytest.mark.parametrize("value", [scalar.ORDER, scalar.ORDER + 1, P - 1])
def test_public_values_between_r_and_p_are_refused(value):
    """Threats C3: coordinates are in a larger field than public values."""
    with pytest.raises(FieldRangeError, match="canonical number"):
        snarkjs.read_public(json.dumps([str(value)]).encode())


def test_coordinates_have_no_aliases():
    pi_a = json.loads(proof_json())["pi_a"]
    for k in range(1, 6):
        with pytest.raises(FieldRangeError, match="pi_a"):
            snarkjs.read_proof(proof_json(pi_a=[str(int(pi_a[0]) + k * P), pi_a[1], "1"]))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"pi_a": ["1", "2"]}, EncodingError, "3 items, got 2"),
        ({"pi_a": ["1", "2", "1", "1"]}, EncodingError, "3 items, got 4"),
        ({"pi_a": ["1", "2", "0"]}, EncodingError, "third coordinate"),
        ({"pi_a": ["0", "1", "0"]}, EncodingError, "third coordinate"),
        ({"pi_a": "12"}, EncodingError, "an array, got string"),
        ({"pi_b": [["0", "0"], ["1", "0"], ["0", "0"]]}, EncodingError, "third coordinate"),
        ({"pi_b": [["1", "2"], ["1", "2"]]}, EncodingError, "3 items, got 2"),
        ({"pi_a": ["1", "3", "1"]}, PointError, "point"),
        ({"pi_a": ["0", "0", "1"]}, PointError, "point"),
        ({"pi_b": [["1", "2"], ["3", "4"], ["1", "0"]]}, PointError, "point"),
        ({"protocol": "plonk"}, EncodingError, "PLONK"),
        ({"protocol": "groth17"}, EncodingError, "protocol"),
        ({"curve": "bls12381"}, EncodingError, "curve"),
        ({"extra": 1}, EncodingError, "unknown name 'extra'"),
    ],
)
def test_proofs_of_another_shape_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        snarkjs.read_proof(proof_json(**change))


@pytest.mark.parametrize("name", ["pi_a", "pi_b", "pi_c", "protocol"])
def test_nothing_may_be_missing(name):
    content = json.loads(proof_json())
    del content[name]
    with pytest.raises(EncodingError, match=f"{name} is missing"):
        snarkjs.read_proof(json.dumps(content).encode())


def test_rapidsnark_writes_no_curve_and_its_proof_verifies():
    key, proof, public = (
        (FILES / "rapidsnark_proof" / f"{name}.json").read_bytes()
        for name in ("verification_key", "proof", "public")
    )
    assert b"curve" not in proof
    values, points = snarkjs.read_public(public), snarkjs.read_proof(proof)
    assert values == (33,)
    assert rln.VerifyingKey.from_json(key).verify(values, points) is True
    assert rln.VerifyingKey.from_json(key).verify((34,), points) is False


@pytest.mark.parametrize("curve", ["bn128", "bn254", "altbn128"])
def test_three_names_are_one_curve(curve):
    assert snarkjs.read_proof(proof_json(curve=curve)) == PROOF.proof
    assert rln.VerifyingKey.from_json(key_json(curve=curve)) == WORLD.key.verifying_key


@pytest.mark.parametrize("curve", ["bls12381", "BN128", "", 1, None])
def test_another_curve_is_refused(curve):
    with pytest.raises(EncodingError, match="^proof.json: curve: expected 'bn128' or"):
        snarkjs.read_proof(proof_json(curve=curve))


def test_a_byte_order_mark_is_skipped_once():
    mark = b"\xef\xbb\xbf"
    assert snarkjs.read_proof(mark + proof_json()) == PROOF.proof
    assert snarkjs.read_public(mark + b'["7"]') == (7,)
    assert snarkjs.read_witness(mark + b'{"x": "5"}') == {"x": (5,)}
    assert rln.VerifyingKey.from_json(mark + key_json()) == WORLD.key.verifying_key
    with pytest.raises(EncodingError, match="not JSON"):
        snarkjs.read_public(2 * mark + b'["7"]')


def test_public_is_a_flat_array():
    for data in (b"{}", b'"1"', b'[["1"]]', b"null", b"1"):
        with pytest.raises(EncodingError, match="public.json"):
            snarkjs.read_public(data)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"nPublic": 4}, EncodingError, "IC: expected 5 items, got 6"),
        ({"nPublic": 6}, EncodingError, "IC: expected 7 items, got 6"),
        ({"nPublic": "5"}, EncodingError, "expected a number"),
        ({"nPublic": -1}, EncodingError, "nPublic"),
        ({"IC": []}, EncodingError, "IC"),
        ({"vk_gamma_2": None}, EncodingError, "vk_gamma_2 is missing"),
        ({"vk_alphabeta_12": []}, EncodingError, "vk_alphabeta_12"),
        ({"vk_alphabeta_12": [[["1", "2"]] * 3] * 2}, KeyFileError, "pairing of alpha and beta"),
        ({"vk_alpha_1": ["1", "3", "1"]}, PointError, "point"),
        ({"vk_delta_2": [["1", "2"], ["3", "4"], ["1", "0"]]}, PointError, "point"),
    ],
)
def test_keys_of_another_shape_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        rln.VerifyingKey.from_json(key_json(**change))


def test_the_cached_pairing_may_be_absent():
    content = json.loads(key_json())
    del content["vk_alphabeta_12"]
    assert rln.VerifyingKey.from_json(json.dumps(content).encode()) == WORLD.key.verifying_key


def test_a_key_with_delta_gamma_is_refused():
    """Threats D4: with delta = gamma, anybody can forge proofs."""
    content = json.loads(key_json())
    with pytest.raises(KeyFileError, match="delta"):
        rln.VerifyingKey.from_json(key_json(vk_delta_2=content["vk_gamma_2"]))


def test_witnesses_read_back_and_show_nothing():
    inputs = {"identitySecret": (5,), "pathElements": (1, 2, 3), "x": (0,)}
    data = snarkjs.write_witness({"identitySecret": 5, "pathElements": [1, 2, 3], "x": 0})
    assert snarkjs.read_witness(data) == inputs
    secret = str(scalar.ORDER + 5)
    with pytest.raises(FieldRangeError, match="identitySecret") as caught:
        snarkjs.read_witness(json.dumps({"identitySecret": secret}).encode())
    assert secret not in str(caught.value)
    for data in (b"[]", b'{"x": {"y": "1"}}', b'{"x": [["1"]]}'):
        with pytest.raises(EncodingError):
            snarkjs.read_witness(data)
