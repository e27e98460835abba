"""Threats C: one encoding for each value, in C and in Python."""

import itertools
import json
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rln
from rln import document, snarkjs
from rln.epoch import rln_identifier
from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError
from rln.lowlevel import curve, field, groth16, hashes, identity
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.witness import Graph, Witness
from rln.scalar import ORDER
from tests.threats.stage import G1, INFINITY_1, NAMES, P, R, patched, word, words

ROOT = Path(__file__).resolve().parent.parent.parent
WIRE = ("root", "external_nullifier", "x", "y", "nullifier")  # after 128 bytes of proof


def verify_in_c(key: rln.VerifyingKey, inputs: bytes, proof: bytes) -> int:
    """The status of the C entry, without any Python before it."""
    ok = ffi.new("int *", 7)
    status = lib.rln_proof_verify(key._handle.pointer, inputs, len(inputs), proof, len(proof), ok, ffi.NULL)
    if status == lib.RLN_OK:
        assert ok[0] in (0, 1)
        return lib.RLN_OK if ok[0] else lib.RLN_REFUSED
    assert ok[0] == 0
    return int(status)


# ---- C1, C3 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_c1_a_value_plus_k_r_is_refused(key: rln.ProvingKey, told: rln.RlnProof, name: str, k: int) -> None:
    alias = getattr(told, name) + k * R
    if alias >= 2**256:
        return
    place = NAMES.index(name)
    inputs = patched(words(told.public_inputs), 32 * place, word(alias))
    verifying = key.verifying_key
    assert verify_in_c(verifying, inputs, told.proof) == lib.RLN_ERR_RANGE
    with pytest.raises(FieldRangeError, match=rf"inputs\[{place}\]"):
        groth16.verify(verifying._handle, inputs, told.proof)
    assert groth16.verify_many(verifying._handle, inputs, told.proof) == [lib.RLN_ERR_RANGE]
    values = list(told.public_inputs)
    values[place] = alias
    with pytest.raises(FieldRangeError, match=f"public value {place}"):
        verifying.verify(values, told.proof)
    with pytest.raises(FieldRangeError, match=name):
        rln.RlnProof(told.proof, *values)
    message = patched(told.encode(), 128 + 32 * WIRE.index(name), word(alias))
    with pytest.raises(FieldRangeError, match=name):
        rln.RlnProof.decode(message)
    with pytest.raises(FieldRangeError, match=rf"\[{place}\]"):
        snarkjs.read_public(json.dumps([str(value) for value in values]).encode())


@pytest.mark.parametrize("value", [R, R + 1, P - 1, P, P + 1, 2**254 - 1, 2**255, 2**256 - 1])
def test_c3_scalars_end_at_r_and_not_at_q(key: rln.ProvingKey, told: rln.RlnProof, value: int) -> None:
    """The two moduli agree in 127 bits, and whoever takes the larger one lets aliases in."""
    assert (R, P - R) == (ORDER, 147946756881789318990833708069417712966)
    for place in range(5):
        inputs = patched(words(told.public_inputs), 32 * place, word(value))
        assert verify_in_c(key.verifying_key, inputs, told.proof) == lib.RLN_ERR_RANGE
    for refuse in (
        lambda: hashes.poseidon([word(value)]),
        lambda: identity.from_secret(word(value)),
        lambda: field.evaluate("fr", "neg", word(value)),
        lambda: curve.msm(G1, word(value)),
        lambda: rln.scalar.decode(word(value)),
        lambda: rln.scalar.parse(str(value)),
        lambda: rln.Share(value, 1),
        lambda: rln.poseidon_hash([value]),
    ):
        with pytest.raises(FieldRangeError):
            refuse()
    if value < P:
        field.evaluate("fp", "neg", word(value))
    else:
        with pytest.raises(FieldRangeError):
            field.evaluate("fp", "neg", word(value))


def test_c3_the_last_scalar_is_one() -> None:
    assert field.evaluate("fr", "neg", word(R - 1)) == word(1)
    assert field.evaluate("fp", "neg", word(P - 1)) == word(1)
    hashes.poseidon([word(R - 1)])


# ---- C2 ---------------------------------------------------------------------------------------------

EDGE_X = [0, 1, 2, 3, P - 1, P, P + 1, P + 2, R, (P - 1) // 2, 2**253, 2**254 - 1]


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("flags", [0, 0x40, 0x80, 0xC0])
@pytest.mark.parametrize("x", EDGE_X)
def test_c2_what_decompresses_compresses_to_the_same_bytes(group: int, flags: int, x: int) -> None:
    for low in (0, 1, 7) if group == 2 else (None,):
        data = bytearray((b"" if low is None else word(low)) + word(x))
        data[-1] |= flags
        try:
            point = curve.decompress(bytes(data), group)
        except InputError:
            continue
        assert x < P
        assert flags != 0xC0
        assert curve.compress(point, group) == data
        assert curve.decompress(curve.compress(point, group), group) == point


def test_c2_infinity_has_one_form() -> None:
    assert curve.compress(INFINITY_1) == bytes(31) + b"\x40"
    for bad in (bytes(31) + b"\xc0", b"\x01" + bytes(30) + b"\x40", bytes(30) + b"\x01\x40"):
        with pytest.raises(InputError):
            curve.decompress(bad)
    for bad in (
        bytes(64),
        bytes(63) + b"\xc0",
        patched(INFINITY_1, 40, b"\x01"),
        patched(INFINITY_1, 0, b"\x01"),
    ):
        with pytest.raises(InputError):
            curve.compress(bad)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_c2_coordinates_plus_k_q_are_refused(told: rln.RlnProof, k: int) -> None:
    points = groth16.decompress(told.proof)
    for place in range(0, 256, 32):
        end = place + 31
        last = place in (32, 160, 224)  # its two top bits are flags
        number = int.from_bytes(points[place:end] + bytes([points[end] & 0x3F]), "little") + k * P
        if number < 2 ** (254 if last else 256):
            flags = (points[end] >> 6) << 254 if last else 0
            with pytest.raises(FieldRangeError):
                groth16.compress(patched(points, place, word(number | flags)))
    for place, flagged in ((0, True), (32, False), (64, True), (96, True)):
        last_byte = told.proof[place + 31]
        plain = told.proof[place : place + 31] + bytes([last_byte & 0x3F if flagged else last_byte])
        number = int.from_bytes(plain, "little") + k * P
        if number < 2 ** (254 if flagged else 256):
            bad = patched(told.proof, place, word(number | ((last_byte >> 6) << 254 if flagged else 0)))
            with pytest.raises(FieldRangeError):
                groth16.decompress(bad)
            with pytest.raises(FieldRangeError):
                rln.RlnProof(bad, *told.public_inputs)


def test_c2_every_flag_of_every_point_matters(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    for place in (31, 95, 127):
        for flags in (0, 0x40, 0x80, 0xC0):
            byte = told.proof[place] & 0x3F | flags
            if byte != told.proof[place]:
                bad = patched(told.proof, place, bytes([byte]))
                assert not accepted(key.verifying_key, words(told.public_inputs), bad)


def accepted(key: rln.VerifyingKey, inputs: bytes, proof: bytes) -> bool:
    try:
        return groth16.verify(key._handle, inputs, proof)
    except InputError:
        return False


def test_c2_all_2304_single_bit_flips_are_refused(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    verifying, inputs = key.verifying_key, words(told.public_inputs)
    assert accepted(verifying, inputs, told.proof)
    flipped = 0
    for data in (told.proof, inputs):
        for bit in range(8 * len(data)):
            bad = patched(data, bit // 8, bytes([data[bit // 8] ^ 1 << bit % 8]))
            good = (
                accepted(verifying, inputs, bad)
                if data is told.proof
                else accepted(verifying, bad, told.proof)
            )
            assert not good, bit
            flipped += 1
    assert flipped == 2304


# ---- C4 ---------------------------------------------------------------------------------------------

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
def test_c4_numbers_of_json_are_not_public_values(text: str) -> None:
    with pytest.raises(EncodingError):
        snarkjs.read_public(f'["1", {text}]'.encode())
    if text not in ("true", "null"):
        with pytest.raises(EncodingError):
            document.read(f'{{"a": {text}}}'.encode(), "x")


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
def test_c4_a_document_has_one_reading(data: bytes) -> None:
    with pytest.raises(EncodingError) as caught:
        document.read(data, "document")
    assert len(str(caught.value)) < 200


def test_c4_the_shape_is_exact(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    text = json.loads(snarkjs.write_proof(told.proof))
    assert snarkjs.read_proof(json.dumps(text).encode()) == told.proof
    for change in (
        {"extra": "1"}, {"pi_a": text["pi_a"][:2]}, {"pi_a": [*text["pi_a"], "1"]}, {"pi_a": "1"},
        {"pi_a": [*text["pi_a"][:2], "2"]}, {"pi_a": [int(text["pi_a"][0]), *text["pi_a"][1:]]},
        {"protocol": "plonk"}, {"curve": "bls12381"}, {"pi_b": text["pi_b"][:2]}, {"pi_c": None},
        {"pi_a": ["0", "1", "0"]}, {"pi_b": [["0", "0"], ["1", "0"], ["0", "0"]]},
    ):  # fmt: skip
        with pytest.raises(EncodingError):
            snarkjs.read_proof(json.dumps({**text, **change}).encode())
    for name in text:
        with pytest.raises(EncodingError, match=name):
            snarkjs.read_proof(json.dumps({k: v for k, v in text.items() if k != name}).encode())
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


# ---- C5 ---------------------------------------------------------------------------------------------


def test_c5_there_are_exactly_five_values(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    values = [*told.public_inputs, 1, 2, 3, 4, 5]
    for n in range(11):
        for shape in (values[:n], tuple(values[:n])):
            if n == 5:
                assert key.verifying_key.verify(shape, told.proof)
                continue
            with pytest.raises(EncodingError, match=f"expected 5, got {n}"):
                key.verifying_key.verify(shape, told.proof)
        if n != 5:
            with pytest.raises(EncodingError):
                groth16.verify(key.verifying_key._handle, words(tuple(values[:n])), told.proof)
            assert verify_in_c(key.verifying_key, words(tuple(values[:n])), told.proof) == lib.RLN_ERR_LENGTH
            assert not (n in (4, 6) and is_proof(told.proof, tuple(values[:n])))


def is_proof(proof: bytes, values: tuple[int, ...]) -> bool:
    try:
        return isinstance(rln.proof.from_public_inputs(proof, values), rln.RlnProof)
    except InputError:
        return False


def test_c5_of_120_orders_one_is_right(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    assert len(set(told.public_inputs)) == 5
    good = [
        order
        for order in itertools.permutations(told.public_inputs)
        if key.verifying_key.verify(order, told.proof)
    ]
    assert good == [told.public_inputs]


# ---- C6 ---------------------------------------------------------------------------------------------

OUT, IN = "out", "in"


def c_calls(key: rln.ProvingKey, told: rln.RlnProof) -> dict[str, list[object]]:
    """For each C function with buffers the right arguments; (IN, bytes) and (OUT, n) take two places."""
    secret = identity.from_secret(word(77))
    compressed, plain = key.verifying_key.encode(), key.verifying_key.encode(compressed=False)
    graph = Graph.load(key.graph_data)
    verifying = key.verifying_key._handle
    points = groth16.decompress(told.proof)
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
        "rln_point_decompress": [2, (OUT, 128), (IN, told.proof[32:96]), fault],
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
        "rln_proof_decompress": [(IN, told.proof), (OUT, 256), fault],
        "rln_proof_compress": [(IN, points), (OUT, 128), fault],
        "rln_proof_verify": [
            verifying.pointer, (IN, words(told.public_inputs)), (IN, told.proof), ffi.new("int *"), fault,
        ],
    }  # fmt: skip


LENGTHS_THAT_ALSO_WORK = {
    # one length alone cannot be wrong: any number of bytes is a message; fewer wires are wires too
    "rln_witness_read": {0, 32, 64},
}


def test_c6_every_wrong_length_is_refused_in_c(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    """Buffers are exactly as long as their length says, so a sanitizer sees the first byte too many."""
    for name, arguments in c_calls(key, told).items():
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
    """Call it with the right arguments but for the buffer at `place`, which gets n bytes."""
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
def test_c6_every_wrong_length_is_refused_in_python(key: rln.ProvingKey, told: rln.RlnProof, n: int) -> None:
    data = (told.encode() * 2)[:n]
    verifying = key.verifying_key
    attempts = [
        (288, lambda: rln.RlnProof.decode(data)),
        (128, lambda: rln.RlnProof(data, *told.public_inputs)),
        (128, lambda: verifying.verify(told.public_inputs, data)),
        (128, lambda: groth16.decompress(data)),
        (256, lambda: groth16.compress(data)),
        (160, lambda: groth16.verify(verifying._handle, data, told.proof)),
        (32, lambda: rln.scalar.decode(data)),
        (32, lambda: identity.from_secret(data)),
        (64, lambda: curve.compress(data)),
        (32, lambda: curve.decompress(data)),
        (-1, lambda: rln.VerifyingKey.decode(data)),
        (-1, lambda: rln.ProvingKey.decode(data)),
        (-1, lambda: Graph.load(data)),
        (-1, lambda: groth16.ProvingKeyHandle.load("ark", data)),
        (-1, lambda: groth16.ProvingKeyHandle.load("zkey", data)),
    ]
    for right, attempt in attempts:
        if n != right:
            with pytest.raises(InputError):
                attempt()


def test_c6_every_pointer_to_bytes_has_its_length_in_the_header() -> None:
    text = (ROOT / "native" / "include" / "rln.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for prototype in re.findall(r"\brln_\w+\(([^)]*)\);", text):
        parameters = [part.strip() for part in prototype.split(",")]
        for parameter, after in itertools.zip_longest(parameters, parameters[1:], fillvalue=""):
            if match := re.match(r"(?:const )?uint8_t \*(\w+)$", parameter):
                assert after.startswith("size_t "), prototype
                assert match[1] == "r" or after.endswith(("_len", " n")), prototype


# ---- C7 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytearray, memoryview, list, str, None])
def test_c7_only_bytes_go_in(key: rln.ProvingKey, told: rln.RlnProof, kind: type | None) -> None:
    def other(data: bytes) -> object:
        if kind is None:
            return None
        return data.decode("latin-1") if kind is str else kind(data)

    verifying = key.verifying_key
    inputs = words(told.public_inputs)
    stage_signal = other(b"told")
    for attempt in (
        lambda: rln.RlnProof.decode(other(told.encode())),
        lambda: rln.RlnProof(other(told.proof), *told.public_inputs),
        lambda: verifying.verify(told.public_inputs, other(told.proof)),
        lambda: groth16.verify(verifying._handle, other(inputs), told.proof),
        lambda: groth16.verify(verifying._handle, inputs, other(told.proof)),
        lambda: groth16.verify_many(verifying._handle, other(inputs), told.proof),
        lambda: groth16.decompress(other(told.proof)),
        lambda: rln.VerifyingKey.decode(other(verifying.encode())),
        lambda: rln.VerifyingKey.from_json(other(verifying.to_json())),
        lambda: rln.ProvingKey.decode(other(key.encode())),
        lambda: rln.ProvingKey.from_arkzkey(other(key.to_arkzkey()), key.graph_data, name="x"),
        lambda: rln.ProvingKey.from_arkzkey(key.to_arkzkey(), other(key.graph_data), name="x"),
        lambda: rln.ProvingKey.from_zkey(other(key.to_zkey()), key.graph_data, name="x"),
        lambda: rln.hash_signal(stage_signal),
        lambda: rln.hash_to_field(stage_signal),
        lambda: rln.join_signal("domain", [stage_signal]),
        lambda: rln.Identity.from_seed(stage_signal),
        lambda: Graph.load(other(key.graph_data)),
        lambda: Witness.from_wires(other(word(1))),
        lambda: hashes.keccak256(other(b"x")),
        lambda: hashes.poseidon_many(other(word(1)), 1),
        lambda: snarkjs.read_proof(other(snarkjs.write_proof(told.proof))),
    ):
        with pytest.raises((EncodingError, ParameterError)):
            attempt()


def test_c7_a_buffer_that_another_thread_flips_never_gets_in(key: rln.ProvingKey, told: rln.RlnProof) -> None:
    shared = bytearray(told.proof)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            shared[5] ^= 1

    flipper = threading.Thread(target=flip)
    flipper.start()
    try:
        for _ in range(200):
            with pytest.raises(EncodingError, match="bytearray"):
                key.verifying_key.verify(told.public_inputs, shared)  # type: ignore[arg-type]
            # what was copied is what is checked and what is verified
            copy = bytes(shared)
            assert accepted(key.verifying_key, words(told.public_inputs), copy) == (copy == told.proof)
    finally:
        stop.set()
        flipper.join()


# ---- C8 ---------------------------------------------------------------------------------------------

parts = st.lists(st.binary(max_size=12), max_size=5)
domains = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)


def taken_apart(data: bytes) -> tuple[str, list[bytes]]:
    """The way back, written from the docstring: that there is one makes the joining injective."""

    def prefixed(at: int) -> tuple[bytes, int]:
        start = at + 8
        end = start + int.from_bytes(data[at:start], "little")
        assert end <= len(data)
        return data[start:end], end

    domain, at = prefixed(0)
    count, at = int.from_bytes(data[at : at + 8], "little"), at + 8
    found = []
    for _ in range(count):
        part, at = prefixed(at)
        found.append(part)
    assert at == len(data)
    return domain.decode("ascii"), found


@given(domains, parts)
def test_c8_a_joined_signal_can_be_taken_apart(domain: str, signal: list[bytes]) -> None:
    assert taken_apart(rln.join_signal(domain, signal)) == (domain, signal)


@given(domains, parts, domains, parts)
def test_c8_distinct_tuples_are_distinct_before_the_hash(
    domain1: str, parts1: list[bytes], domain2: str, parts2: list[bytes]
) -> None:
    same = rln.join_signal(domain1, parts1) == rln.join_signal(domain2, parts2)
    assert same == ((domain1, parts1) == (domain2, parts2))


def test_c8_where_one_part_ends_matters() -> None:
    tuples = [[b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [b"", b"abc"], [b"ab", b"", b"c"], []]
    assert len({rln.hash_signal(rln.join_signal("d", signal)) for signal in tuples}) == len(tuples)
    pairs = [("a.example", 60), ("a.example", 600), ("a.example6", 0x30), ("b.example", 60)]
    assert len({rln_identifier(application, period) for application, period in pairs}) == len(pairs)
