"""Threats D4, D5, D6: keys and key files that lie."""

import hashlib
import json
import pkgutil
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from py_ecc import optimized_bn128 as ecc

import rln
from rln.errors import EncodingError, KeyFileError, ParameterError
from rln.keys.key_file import KeyFile, Provenance
from rln.lowlevel import curve, groth16
from rln.lowlevel.keys import ProvingKeyHandle
from tests.differential import bn254
from tests.threats.full_world import (
    G1,
    INFINITY_1,
    INFINITY_2,
    key_points,
    negated,
    patched,
    plus,
    verdict,
    words,
)
from tests.unit.lowlevel.toy import curve_generator_2

G2 = curve_generator_2()


# ---- D4 --------------------------------------------------------------------------------------------


def bad_verifying_keys(key: rln.VerifyingKey) -> Iterator[tuple[str, bool, bytes]]:
    """Name of the part, whether it is unsound for any circuit, the key: uncompressed."""
    points, data = key_points(key), key.encode(compressed=False)
    yield "alpha", True, patched(data, 0, INFINITY_1)
    yield "beta", True, patched(data, 64, INFINITY_2)
    yield "gamma", True, patched(data, 192, INFINITY_2)
    yield "delta", True, patched(data, 320, INFINITY_2)
    yield "ic", True, patched(data, 520, INFINITY_1)
    yield "delta", True, patched(data, 320, points["gamma"])
    yield "delta", True, patched(data, 320, negated(points["gamma"]))
    yield "delta", False, patched(data, 320, G2)
    yield "delta", False, patched(data, 320, negated(G2))
    yield "ic", False, patched(data, 520, points["ic4"])
    yield "ic", False, patched(data, 584, negated(points["ic0"]))
    yield "public_inputs", False, patched(data, 448, struct.pack("<Q", 5))[:-64]


def test_d4_twelve_bad_keys(stage, told: rln.RlnProof) -> None:  # type: ignore[no-untyped-def]
    bad_keys = list(bad_verifying_keys(stage.key.verifying_key))
    assert len(bad_keys) == 12
    for name, everywhere, data in bad_keys:
        if everywhere:
            with pytest.raises(KeyFileError, match=name):
                rln.VerifyingKey.decode(data, compressed=False)
            continue
        bad = rln.VerifyingKey.decode(data, compressed=False)
        with pytest.raises(KeyFileError, match=name):
            bad.check_rln(5)
        if name != "public_inputs":
            with pytest.raises(KeyFileError, match=name):
                rln.Verifier(bad, roots=stage.group.roots, log=stage.log, clock=stage.clock)


def test_d4_a_proving_key_with_a_bad_verifying_key_is_refused(key: rln.ProvingKey) -> None:
    """On import of either form, and in our own file with a digest that is right."""
    ark = key.to_arkzkey()
    for name, everywhere, data in bad_verifying_keys(key.verifying_key):
        if name == "public_inputs":
            continue
        bad = data + ark[len(data) :]
        with pytest.raises(KeyFileError):
            rln.ProvingKey.from_arkzkey(bad, key.graph_data, name="x")
        file = KeyFile(key.parameters, key.circuit_digest, Provenance(), bad, key.graph_data)
        with pytest.raises(KeyFileError):
            rln.ProvingKey.decode(file.encode())
        if not everywhere:
            zkey = ProvingKeyHandle.load("ark", bad, None).encode("zkey")
            with pytest.raises(KeyFileError):
                rln.ProvingKey.from_zkey(zkey, key.graph_data, name="x")


def test_d4_the_forged_triple_never_reaches_the_pairing(
    key: rln.ProvingKey, told: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With delta = gamma, (alpha, beta, -IC(x)) would hold for every x: such a key does not come to be."""
    points = key_points(key.verifying_key)
    values = (1, 2, 3, 4, 5)
    ic = plus(points["ic0"], curve.msm(b"".join(points[f"ic{i}"] for i in range(1, 6)), words(values)))
    forged = groth16.compress(points["alpha"] + points["beta"] + negated(ic))
    # it is a forgery indeed: e(IC, gamma) e(-IC, gamma) = 1
    product = ecc.FQ12.one()
    for point in (ic, negated(ic)):
        value = curve.pairing(point, points["gamma"])
        product *= bn254.fq12(bn254.decode(value))
    assert product == ecc.FQ12.one()
    assert verdict(key.verifying_key, values, forged) is False

    def never(*_: object) -> bool:
        raise AssertionError("the pairing was reached")

    monkeypatch.setattr(groth16, "verify", never)
    monkeypatch.setattr(groth16, "verify_many", never)
    data = patched(key.verifying_key.encode(compressed=False), 320, points["gamma"])
    text = json.loads(key.verifying_key.to_json())
    text["vk_delta_2"] = text["vk_gamma_2"]
    for load in (
        lambda: rln.VerifyingKey.decode(data, compressed=False),
        lambda: rln.VerifyingKey.from_json(json.dumps(text).encode()),
        lambda: rln.ProvingKey.from_arkzkey(data + key.to_arkzkey()[len(data) :], key.graph_data, name="x"),
    ):
        with pytest.raises(KeyFileError, match="delta"):
            load()
    zkey = key.to_zkey()
    header = zkey.index(struct.pack("<IQ", 2, 660)) + 12
    gamma = zkey[header + 84 + 256 : header + 84 + 384]
    spot = header + 84 + 384 + 64
    with pytest.raises(KeyFileError, match="delta"):
        rln.ProvingKey.from_zkey(patched(zkey, spot, gamma), key.graph_data, name="x")


# ---- D5 --------------------------------------------------------------------------------------------


QUERIES = {"a_query": 64, "b_g1_query": 64, "b_g2_query": 128, "h_query": 64, "l_query": 64}


def query_places(ark: bytes) -> dict[str, tuple[int, int]]:
    """Where each query of an arkzkey starts, and how many points it has."""
    ic = struct.unpack_from("<Q", ark, 448)[0]
    position, found = 456 + 64 * ic + 128, {}
    for name, size in QUERIES.items():
        count = struct.unpack_from("<Q", ark, position)[0]
        found[name] = (position + 8, count)
        position += 8 + size * count
    return found


def spoiled(ark: bytes, other: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """In each query a point doubled, at infinity, of another key, and two of them exchanged."""
    for name, (start, count) in query_places(ark).items():
        size = QUERIES[name]

        def place(index: int, start: int = start, size: int = size) -> int:
            return start + size * index

        def point(index: int, place=place, size: int = size) -> bytes:  # type: ignore[no-untyped-def]
            return ark[place(index) : place(index) + size]

        real = [i for i in range(count) if point(i)[-1] != 0x40]
        one, two = draw.sample(real, 2)
        while point(one) == point(two):
            one, two = draw.sample(real, 2)
        at = place(one)
        yield f"{name}[{one}] doubled", patched(ark, at, plus(point(one), point(one)))
        yield f"{name}[{one}] at infinity", patched(ark, at, bytes(size - 1) + b"\x40")
        yield f"{name}[{one}] of another key", patched(ark, at, other[at : at + size])
        yield f"{name}[{one}] is [{two}]", patched(ark, at, point(two))
        yield (
            f"{name}[{one}] and [{two}] exchanged",
            patched(patched(ark, at, point(two)), place(two), point(one)),
        )


def test_d5_one_wrong_point_in_any_query_is_caught_on_import(key: rln.ProvingKey) -> None:
    other = rln.setup(rln.circuit.rln()).to_arkzkey()
    for number, (what, bad) in enumerate(spoiled(key.to_arkzkey(), other, random.Random(5))):
        with pytest.raises(KeyFileError):
            assert rln.ProvingKey.from_arkzkey(bad, key.graph_data, name="x") is None, what
        if number % 5 == 4:
            zkey = ProvingKeyHandle.load("ark", bad, None).encode("zkey")
            with pytest.raises(KeyFileError):
                assert rln.ProvingKey.from_zkey(zkey, rln.circuit.rln(), name="x") is None, what


def test_d5_a_wrong_point_of_a_wire_that_is_a_bit_is_caught_too(key: rln.ProvingKey) -> None:
    """A bit is zero in half of all statements, where its points do not matter."""
    start, _ = query_places(key.to_arkzkey())["a_query"]
    ark, circuit = key.to_arkzkey(), rln.circuit.rln()
    bits = [a[0][0] for a, _, c in circuit.r1cs.rows() if not c and len(a) == 1]
    assert len(bits) >= 50
    for wire in random.Random(6).sample(bits, 6):
        at = start + 64 * wire
        bad = patched(ark, at, plus(ark[at : at + 64], G1))
        with pytest.raises(KeyFileError):
            assert rln.ProvingKey.from_arkzkey(bad, key.graph_data, name="x") is None, wire


def test_d5_a_key_with_another_circuits_graph_is_refused(key: rln.ProvingKey) -> None:
    for circuit in (rln.circuit.rln(20, 15), rln.circuit.rln(19, 16), rln.circuit.rln_multi(20, 16, 2)):
        with pytest.raises(ParameterError, match="^graph: expected .* as in the key"):
            rln.ProvingKey.from_arkzkey(key.to_arkzkey(), circuit.graph, name="x")


# ---- D6 --------------------------------------------------------------------------------------------


def test_d6_what_was_hashed_is_what_is_parsed(
    key: rln.ProvingKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced right after its digest was compared; the key that loads is the first one."""
    path, other = tmp_path / "key", rln.setup(rln.circuit.rln(2, 2))
    key.save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    check, reads = rln.keys.proving_key.check_pin, []
    read_bytes = Path.read_bytes

    def counted(self: Path) -> bytes:
        reads.append(self)
        return read_bytes(self)

    def then_replace(*arguments: str) -> None:
        check(*arguments)
        other.save(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    monkeypatch.setattr(rln.keys.proving_key, "check_pin", then_replace)
    loaded = rln.ProvingKey.load(path, sha256=digest)
    assert loaded.digest == key.digest
    assert reads == [path]
    with pytest.raises(KeyFileError, match="SHA-256"):
        rln.ProvingKey.load(path, sha256=digest)


def test_d6_a_file_that_was_changed_is_refused(key: rln.ProvingKey, tmp_path: Path) -> None:
    data = key.encode()
    digest = hashlib.sha256(data).hexdigest()
    path = tmp_path / "key"
    header_end = 21 + int.from_bytes(data[17:21], "little")
    for place in (0, 8, 20, 100, 500, len(data) // 2, len(data) - 1):
        path.write_bytes(patched(data, place, bytes([data[place] ^ 1])))
        with pytest.raises(KeyFileError, match="SHA-256"):
            rln.ProvingKey.load(path, sha256=digest)
        if (
            not 21 <= place < header_end
        ):  # the header says what the body is; without a pin it can say anything
            with pytest.raises((EncodingError, ParameterError)):
                rln.ProvingKey.load(path)
    path.write_bytes(data)
    assert rln.ProvingKey.load(path, sha256=digest).digest == key.digest
    for name in rln.keys.verifying_key.PACKAGED:
        assert rln.VerifyingKey.builtin(name).public_inputs == 5


def test_d6_a_packaged_key_that_was_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    read = pkgutil.get_data
    monkeypatch.setattr(pkgutil, "get_data", lambda *a: (read(*a) or b"")[:-1] + b"\x00")
    with pytest.raises(KeyFileError, match="SHA-256"):
        rln.VerifyingKey.builtin("zerokit-20")
