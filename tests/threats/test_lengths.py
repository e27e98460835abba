"""Threats C5, C6: a wrong number of values and a wrong number of bytes are refused, in C and in Python."""

import itertools
import re
from pathlib import Path

import pytest

import rln
from rln.errors import EncodingError, InputError
from rln.lowlevel import curve, groth16, identity
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.witness import Graph, Witness
from tests.threats.full_world import G1, verify_in_c, word, words

ROOT = Path(__file__).resolve().parent.parent.parent


# ---- C5 --------------------------------------------------------------------------------------------


def test_c5_only_five_public_values_are_accepted(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    values = [*sample_proof.public_inputs, 1, 2, 3, 4, 5]
    for n in range(11):
        for shape in (values[:n], tuple(values[:n])):
            if n == 5:
                assert key.verifying_key.verify(shape, sample_proof.proof)
                continue
            with pytest.raises(EncodingError, match=f"expected 5, got {n}"):
                key.verifying_key.verify(shape, sample_proof.proof)
        if n != 5:
            with pytest.raises(EncodingError):
                groth16.verify(key.verifying_key._handle, words(tuple(values[:n])), sample_proof.proof)
            assert (
                verify_in_c(key.verifying_key, words(tuple(values[:n])), sample_proof.proof)
                == lib.RLN_ERR_LENGTH
            )
            assert not (n in (4, 6) and is_proof(sample_proof.proof, tuple(values[:n])))


def is_proof(proof: bytes, values: tuple[int, ...]) -> bool:
    try:
        return isinstance(rln.protocol.proof.from_public_inputs(proof, values), rln.RlnProof)
    except InputError:
        return False


def test_c5_only_one_of_the_120_orders_of_the_values_is_valid(
    key: rln.ProvingKey, sample_proof: rln.RlnProof
) -> None:
    assert len(set(sample_proof.public_inputs)) == 5
    good = [
        order
        for order in itertools.permutations(sample_proof.public_inputs)
        if key.verifying_key.verify(order, sample_proof.proof)
    ]
    assert good == [sample_proof.public_inputs]


# ---- C6 --------------------------------------------------------------------------------------------


OUT, IN = "out", "in"


def c_calls(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> dict[str, list[object]]:
    """Return right arguments for each C function with buffers; (IN, bytes) and (OUT, n) are two arguments."""
    secret = identity.from_secret(word(77))
    compressed, plain = key.verifying_key.encode(), key.verifying_key.encode(compressed=False)
    graph = Graph.load(key.graph_data)
    verifying = key.verifying_key._handle
    points = groth16.decompress(sample_proof.proof)
    wires = Witness.from_wires(word(1) + word(2))
    fault, null = ffi.new("rln_fault *"), ffi.NULL
    slot = lambda kind: ffi.new(f"rln_{kind} **")  # noqa: E731
    one = (IN, word(1))
    b = points[64:192]
    return {
        "rln_field_evaluate": [0, 0, (OUT, 32), one, one, fault],
        "rln_ntt": [(OUT, 32), one, 0, null, fault],
        "rln_point_add": [1, (OUT, 64), (IN, G1), (IN, G1), fault],
        "rln_point_msm": [1, (OUT, 64), (IN, G1), one, null, fault],
        "rln_point_compress": [2, (OUT, 64), (IN, b), fault],
        "rln_point_decompress": [2, (OUT, 128), (IN, sample_proof.proof[32:96]), fault],
        "rln_pairing": [(OUT, 384), (IN, G1), (IN, b), fault],
        "rln_keccak256": [(OUT, 32), None],
        "rln_hash_to_field": [(OUT, 32), None, 0],
        "rln_poseidon_hash_many": [(OUT, 32), (IN, word(1) * 2), 2, null, fault],
        "rln_merkle_root": [(OUT, 32), one, (IN, word(5) * 3), (IN, b"\x00\x01\x00"), fault],
        "rln_identity_new": [(IN, bytes(range(64))), 0, slot("identity")],
        "rln_identity_from_secret": [one, slot("identity"), fault],
        "rln_identity_commitment": [secret.pointer, (OUT, 32)],
        "rln_identity_secret": [secret.pointer, (OUT, 32)],
        "rln_identity_share": [secret.pointer, (OUT, 32), (OUT, 32), one, one, one, fault],
        "rln_graph_load": [(IN, key.graph_data), slot("graph"), fault],
        "rln_witness_new": [graph.pointer, (IN, word(1) * graph.input_size), null, 0, slot("witness"), fault],
        "rln_witness_read": [wires.pointer, 0, (OUT, 64)],
        "rln_verifying_key_decode": [(IN, compressed), 1, slot("verifying_key"), fault],
        "rln_verifying_key_encode": [verifying.pointer, 0, (OUT, len(plain))],
        "rln_proof_decompress": [(IN, sample_proof.proof), (OUT, 256), fault],
        "rln_proof_compress": [(IN, points), (OUT, 128), fault],
        "rln_proof_verify": [
            verifying.pointer, (IN, words(sample_proof.public_inputs)), (IN, sample_proof.proof),
            ffi.new("int *"), fault,
        ],
    }  # fmt: skip


LENGTHS_THAT_ALSO_WORK = {
    # One length alone cannot be wrong: a message has any number of bytes, and reading fewer wires is allowed.
    "rln_witness_read": {0, 32, 64},
}


def test_c6_every_wrong_length_is_refused_in_c(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    """Each buffer is exactly as long as its length says, so a sanitizer finds the first byte too many."""
    for name, arguments in c_calls(key, sample_proof).items():
        buffers = [i for i, argument in enumerate(arguments) if isinstance(argument, tuple)]
        right = call(name, arguments, None, 0)
        assert right in (lib.RLN_OK, lib.RLN_ERR_RECOVERY, lib.RLN_ERR_WITNESS), (name, right)
        for place in buffers:
            kind, value = arguments[place]  # type: ignore[misc]
            size = value if kind == OUT else len(value)
            for n in range(301):
                if n == size or n in LENGTHS_THAT_ALSO_WORK.get(name, ()):
                    continue
                status = call(name, arguments, place, n)
                expected = {lib.RLN_ERR_LENGTH}
                if name in ("rln_graph_load",):
                    expected |= {lib.RLN_ERR_FORMAT}
                if name == "rln_ntt":
                    expected |= {lib.RLN_ERR_PARAMETER}
                if name == "rln_witness_read":
                    expected |= {lib.RLN_ERR_PARAMETER}
                assert status in expected, (name, place, n, status)


def call(name: str, arguments: list[object], place: int | None, n: int) -> int:
    """Call it with right arguments, except that the buffer at `place` gets n bytes."""
    flat: list[object] = []
    outputs = []
    for i, argument in enumerate(arguments):
        if argument is None:
            flat += [b"message", 7]
        elif isinstance(argument, tuple):
            kind, value = argument
            size = n if i == place else value if kind == OUT else len(value)
            buffer = ffi.new(
                "uint8_t[]", b"\xaa" * size if kind == OUT else (value * (size // len(value) + 1))[:size]
            )
            exact = ffi.from_buffer("uint8_t[]", bytearray(bytes(ffi.buffer(buffer)[:size])))
            if kind == OUT:
                outputs.append(exact)
            flat += [exact, size]
        else:
            flat.append(argument)
    status = getattr(lib, name)(*flat)
    if status != lib.RLN_OK:
        for out in outputs:
            assert not any(bytes(ffi.buffer(out))), f"{name}: an output is not zero after status {status}"
    for argument in flat:
        if isinstance(argument, ffi.CData) and ffi.typeof(argument).cname.endswith("* *"):
            kind = ffi.typeof(argument).item.item.cname.removeprefix("struct ")
            assert (argument[0] != ffi.NULL) == (status == lib.RLN_OK), name
            if argument[0] != ffi.NULL:
                getattr(lib, f"{kind}_free")(argument[0])
                argument[0] = ffi.NULL
    return int(status)


@pytest.mark.parametrize("n", [*range(301)])
def test_c6_every_wrong_length_is_refused_in_python(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, n: int
) -> None:
    data = (sample_proof.encode() * 2)[:n]
    verifying = key.verifying_key
    attempts = [
        (288, lambda: rln.RlnProof.decode(data)),
        (128, lambda: rln.RlnProof(data, *sample_proof.public_inputs)),
        (128, lambda: verifying.verify(sample_proof.public_inputs, data)),
        (128, lambda: groth16.decompress(data)),
        (256, lambda: groth16.compress(data)),
        (160, lambda: groth16.verify(verifying._handle, data, sample_proof.proof)),
        (32, lambda: rln.base.scalar.decode(data)),
        (32, lambda: identity.from_secret(data)),
        (64, lambda: curve.compress(data)),
        (32, lambda: curve.decompress(data)),
        (-1, lambda: rln.VerifyingKey.decode(data)),
        (-1, lambda: rln.ProvingKey.decode(data)),
        (-1, lambda: Graph.load(data)),
        (-1, lambda: ProvingKeyHandle.load("ark", data)),
        (-1, lambda: ProvingKeyHandle.load("zkey", data)),
    ]
    for right, attempt in attempts:
        if n != right:
            with pytest.raises(InputError):
                attempt()


def test_c6_every_pointer_to_bytes_has_its_length_in_the_header() -> None:
    text = (ROOT / "native" / "include" / "rln.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = 0
    for prototype in re.findall(r"\brln_\w+\(([^)]*)\);", text):
        parameters = [part.strip() for part in prototype.split(",")]
        for parameter, after in itertools.zip_longest(parameters, parameters[1:], fillvalue=""):
            if match := re.match(r"(?:const )?uint8_t \*(\w+)$", parameter):
                found += 1
                assert after.startswith("size_t "), prototype
                assert match[1] == "r" or after.endswith(("_len", " n")), prototype
    assert found >= 40
