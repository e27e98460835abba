"""Threats D4, D5, D6, D14: bad keys, keys with which everybody forges, and changed key files."""

import hashlib
import json
import pkgutil
import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from py_ecc import optimized_bn128 as ecc

import rln
from rln.errors import EncodingError, KeyFileError, ParameterError
from rln.formats import snarkjs
from rln.keys.key_file import KeyFile, Provenance
from rln.lowlevel import curve, groth16
from rln.lowlevel.keys import ProvingKeyHandle
from tests.differential import bn254
from tests.support.forgeries import RELATIONS, Logarithms, Relation, forgeries, holds
from tests.threats.full_world import (
    G1,
    INFINITY_1,
    INFINITY_2,
    FullWorld,
    R,
    key_points,
    negated,
    patched,
    plus,
    times,
    verdict,
    words,
)
from tests.unit.cli.terminal import run_json
from tests.unit.lowlevel.toy import curve_generator_2

G2 = curve_generator_2()


# ---- D4 --------------------------------------------------------------------------------------------


def bad_verifying_keys(key: rln.VerifyingKey) -> Iterator[tuple[str, bool, bytes]]:
    """Yield the name of the bad part, whether it is unsound for any circuit, and the key, uncompressed."""
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


def test_d4_twelve_bad_keys_are_refused(full_world, sample_proof: rln.RlnProof) -> None:  # type: ignore[no-untyped-def]
    bad_keys = list(bad_verifying_keys(full_world.key.verifying_key))
    assert len(bad_keys) == 12
    for name, everywhere, data in bad_keys:
        if everywhere or name != "public_inputs":
            with pytest.raises(KeyFileError, match=name):
                rln.VerifyingKey.decode(data, compressed=False)
            continue
        bad = rln.VerifyingKey.decode(data, compressed=False)
        with pytest.raises(KeyFileError, match=name):
            bad.check_rln(5)
        with pytest.raises(KeyFileError, match=name):
            rln.Verifier(bad, roots=full_world.group.roots, log=full_world.log, clock=full_world.clock)


def test_d4_a_proving_key_with_a_bad_verifying_key_is_refused(key: rln.ProvingKey) -> None:
    """The test imports both formats, and loads our own key file with a right digest."""
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
    key: rln.ProvingKey, sample_proof: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With delta = gamma, (alpha, beta, -IC(x)) would hold for every x; such a key is refused."""
    points = key_points(key.verifying_key)
    values = (1, 2, 3, 4, 5)
    ic = plus(points["ic0"], curve.msm(b"".join(points[f"ic{i}"] for i in range(1, 6)), words(values)))
    forged = groth16.compress(points["alpha"] + points["beta"] + negated(ic))
    # This would be a forgery: e(IC, gamma) e(-IC, gamma) = 1.
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
    """Return the offset of each query of an arkzkey, and the number of its points."""
    ic = struct.unpack_from("<Q", ark, 448)[0]
    position, found = 456 + 64 * ic + 128, {}
    for name, size in QUERIES.items():
        count = struct.unpack_from("<Q", ark, position)[0]
        found[name] = (position + 8, count)
        position += 8 + size * count
    return found


def spoiled(ark: bytes, other: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield keys with one point of a query doubled, at infinity or of another key, or two swapped."""
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


def test_d5_one_wrong_point_in_any_query_is_refused_on_import(key: rln.ProvingKey) -> None:
    other = rln.setup(rln.circuit.rln()).to_arkzkey()
    for number, (what, bad) in enumerate(spoiled(key.to_arkzkey(), other, random.Random(5))):
        with pytest.raises(KeyFileError):
            assert rln.ProvingKey.from_arkzkey(bad, key.graph_data, name="x") is None, what
        if number % 5 == 4:
            zkey = ProvingKeyHandle.load("ark", bad, None).encode("zkey")
            with pytest.raises(KeyFileError):
                assert rln.ProvingKey.from_zkey(zkey, rln.circuit.rln(), name="x") is None, what


def test_d5_a_wrong_point_of_a_wire_that_is_a_bit_is_refused(key: rln.ProvingKey) -> None:
    """A bit is zero in half of all statements; these do not use its points."""
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


def test_d6_the_bytes_that_were_hashed_are_the_bytes_that_are_parsed(
    key: rln.ProvingKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced right after its digest was compared; still the first key loads."""
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
        if not 21 <= place < header_end:  # without a pin a changed header may be another valid header
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


# ---- D14 -------------------------------------------------------------------------------------------


def refusals(data: bytes, fault: str, key: rln.ProvingKey) -> None:
    """Assert that every constructor refuses an unsound verifying key, uncompressed, by this fault."""
    ark = data + key.to_arkzkey()[len(data) :]
    file = KeyFile(key.parameters, key.circuit_digest, Provenance(), ark, key.graph_data)
    doors = [
        lambda: rln.VerifyingKey.decode(data, compressed=False),
        lambda: rln.VerifyingKey.from_json(json_of(data)),
        lambda: rln.VerifyingKey.from_proving_key(ark, "ark"),
        lambda: rln.ProvingKey.from_arkzkey(ark, key.graph_data, name="x"),
        lambda: rln.ProvingKey.decode(file.encode()),
        lambda: rln.ProvingKey.decode(file.encode(), check=False),
    ]
    for door in doors:
        with pytest.raises(KeyFileError, match=fault):
            door()


def json_of(data: bytes) -> bytes:
    """Write a verification_key.json as another program would, without a look at the points."""
    text = json.loads(snarkjs.write_verifying_key(data, bytes(384)))
    del text["vk_alphabeta_12"]  # it is optional
    return json.dumps(text).encode()


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_d14_a_key_with_which_everybody_forges_is_refused(relation: Relation) -> None:
    """20 of 20 forgeries satisfy the equation, and no such key becomes an object."""
    found = list(forgeries(relation, 20))
    assert sum(holds(one.key, one.values, one.proof) for one in found) == 20
    for one in found:
        with pytest.raises(KeyFileError, match=relation.fault):
            rln.VerifyingKey.decode(one.key, compressed=False)


def test_d14_the_forgeries_need_their_relations() -> None:
    """The same points in keys without the relation prove nothing: else these tests would show nothing."""
    for relation in RELATIONS:
        one, other = forgeries(relation, 2)
        assert not holds(other.key, one.values, one.proof)
        if one.values != other.values:
            assert not holds(one.key, other.values, one.proof)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_d14_every_door_refuses_a_key_with_which_everybody_forges(
    relation: Relation, key: rln.ProvingKey
) -> None:
    (one,) = forgeries(relation, 1, seed=1)
    refusals(one.key, relation.fault, key)


def test_d14_a_proof_moves_between_public_values_whose_points_are_multiples(key: rln.ProvingKey) -> None:
    """IC_i = k IC_j: a proof for (x_i, x_j) is one for (x_i + d, x_j - k d). IC_i = 0: one for every x_i."""
    draw = random.Random(14)
    for number in range(20):
        k, logs = draw.choice((1, -1, 2, -5, 16)), Logarithms(draw)
        logs.ic = [logs.number() for _ in range(6)]
        logs.ic[1] = 0 if number % 2 else k * logs.ic[4] % R
        values = [logs.number() for _ in range(5)]
        total = sum(x * y for x, y in zip(logs.ic, [1, *values], strict=True))
        a, b = logs.number(), logs.number()
        c = (a * b - logs.alpha * logs.beta - total * logs.gamma) * pow(logs.delta, -1, R)
        points = [times(G1, a), times(G2, b), times(G1, c)]
        proof, step = groth16.compress(b"".join(points)), logs.number()
        moved = [(values[0] + step) % R, *values[1:]]
        if number % 2 == 0:
            moved[3] = (moved[3] - k * step) % R
        data = logs.key()
        assert holds(data, values, proof)
        assert holds(data, moved, proof)
        with pytest.raises(KeyFileError, match="ic"):
            rln.VerifyingKey.decode(data, compressed=False)


@pytest.mark.parametrize("count", [0, 1, 4, 7, 8, 19, 54])
def test_d14_a_key_of_another_circuit_is_no_rln_key(
    count: int, full_world: FullWorld, sample_proof: rln.RlnProof, tmp_path: Path
) -> None:
    logs = Logarithms(random.Random(count))
    logs.ic = [logs.number() for _ in range(count + 1)]
    other = rln.VerifyingKey.decode(logs.key(), compressed=False)
    evidence = rln.Evidence(sample_proof, sample_proof, other.digest)
    told = f"^public_inputs: expected 5, or 3 .*, got {count};"
    for door in (
        lambda: rln.Verifier(other, roots=[1], log=full_world.log, clock=full_world.clock),
        lambda: evidence.check(other),
        other.check_rln,
    ):
        with pytest.raises(KeyFileError, match=told):
            door()
    (tmp_path / "vk.json").write_bytes(other.to_json())
    report = run_json("keys", "check", tmp_path / "vk.json", status=2)
    assert report["sound"] is False
    assert [one["name"] for one in report["checks"] if one["outcome"] == "failed"] == ["public values"]
    # A verification of any circuit stays possible where the function says so.
    assert other.verify([1] * count, sample_proof.proof) is False


@pytest.mark.parametrize("count", [5, 6, 9, 12, 51])
def test_d14_keys_of_all_rln_relations_are_taken(count: int) -> None:
    logs = Logarithms(random.Random(count))
    logs.ic = [logs.number() for _ in range(count + 1)]
    rln.VerifyingKey.decode(logs.key(), compressed=False).check_rln()


def test_d14_the_commands_refuse_a_key_with_which_everybody_forges(
    full_world: FullWorld, tmp_path: Path
) -> None:
    """`keys check` says which check failed; `verify` and `evidence verify` do not use the key."""
    member = full_world.join(limit=1)
    first, second = (full_world.prover(member).prove(signal) for signal in (b"one", b"two"))
    vk, proof, public = (tmp_path / name for name in ("vk.json", "proof.json", "public.json"))
    for relation in RELATIONS:
        (one,) = forgeries(relation, 1, seed=2)
        vk.write_bytes(json_of(one.key))
        proof.write_bytes(snarkjs.write_proof(one.proof))
        public.write_bytes(snarkjs.write_public(one.values))
        report = run_json("keys", "check", vk, status=2)
        failed = [check["fault"] for check in report["checks"] if check["outcome"] == "failed"]
        assert len(failed) >= 1
        assert report["sound"] is False
        assert re.search(relation.fault, failed[0])
        said = run_json("verify", "--vk", vk, "--proof", proof, "--public", public, status=2)
        assert said["error"] == "KeyFileError"
        digest = hashlib.sha256(b"").hexdigest()
        (tmp_path / "evidence").write_bytes(rln.Evidence(first, second, digest).encode())
        said = run_json("evidence", "verify", tmp_path / "evidence", "--vk", vk, status=2)
        assert said["error"] == "KeyFileError"
