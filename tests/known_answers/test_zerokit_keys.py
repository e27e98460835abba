"""zerokit's own keys: its golden proofs byte for byte, and one key in two formats."""

import hashlib
import json
import mmap
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rln import errors
from rln.circuit.r1cs import R1cs
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import groth16, tables
from rln.lowlevel.keys import KeyInfo, ProvingKeyHandle, VerifyingKeyHandle
from rln.lowlevel.partial import Partial
from rln.lowlevel.token import Token
from rln.lowlevel.witness import Graph, Witness
from tests.known_answers.test_zerokit_graphs import fill_slots, golden_inputs, word

ROOT = Path(__file__).resolve().parents[2]
D20, D20_MULTI = "tree_depth_20", "tree_depth_20/multi_message_id/max_out_4"
D10, D10_MULTI = "tree_depth_10", "tree_depth_10/multi_message_id/max_out_4"
SHAPES = [
    # directory; wires, public inputs, constraints, domain, entries of A and of B (zerokit-spec 5.2)
    (D20, KeyInfo(5844, 5, 5820, 8192, 9658, 13282)),
    (D10, KeyInfo(3404, 5, 3390, 4096, 5618, 7692)),
    (D20_MULTI, KeyInfo(7401, 15, 7390, 8192, 12418, 16908)),
    (D10_MULTI, KeyInfo(4961, 15, 4960, 8192, 8378, 11318)),
]

QUOTIENT_HASH = "3e360dd1b2e22daf16e8fe74d77af102516670dbab7b617076d9a474a69368e7"
QUOTIENT_FIRST = 0x234BA76C688AB1F8A18D6BC61C2EC0CDB5F71EFFEDC050870B824292F1A21CF7
QUOTIENT_LAST = 0x24329FF0243F129DCFEA3F151897ED89520F7BB42540FFF1BDFA3AAF33DED40E
PROOF_UNBLINDED = bytes.fromhex(
    "3ff6d22dfe1c54e6f0a95c6f2032de5495c264bd3d20ca1377b9b2e894fb1184689b21660a897c6aeec1bd29e1db3aee"
    "f98acc608d8ad3a41fa003acc6206d007e70428dd643b24985e27bb0317498546c26b151a55808765a3dc28958f4fc2b"
    "b46fbaafc26116e0d32c4f0189c995aacdb22e5a657b52078f3e3806fe7c8e0a"
)
PROOF_BLINDED = bytes.fromhex(
    "22935df85d90f1a90020b065880c9e979960a24ac75cb1a20c2165ceac47f2a3e9c98a64b0f669d2187335dfe552ef9c"
    "1ff1f103602ef56c6226bef7d373972782430392daf0eee0d88e5696759a77714b42c10f675bfddae9f06ab6130baf9c"
    "71328463e02cb165d1a3db56cad865f6abb6eb006ddf05b9f6af72115212e12a"
)
PROOF_MULTI = bytes.fromhex(
    "998e497f29fa32a7734c519455393c000996bb0c4064f9ac00e26521bcd50526140787b3eeba9e824348b366b557df8c"
    "e0d48fb2034c02f09aa81723884bab0c951ca6e3cd0453aca9344c0261b5c0a90bce694df1979b62691da9f6e1ed45ac"
    "ad3f24de21c311807bdb6c1478ad71a721efcb91809ad686f4d029346c8fd288"
)
SNARKJS_A = (
    606446415626469993821291758185575230335423926365686267140465300918089871829,
    14881534001609371078663128199084130129622943308489025453376548677995646280161,
)


def key_file(directory: Path, name: str) -> bytes:
    return (directory / name / "rln_final.arkzkey").read_bytes()


@pytest.fixture(scope="module")
def key(zerokit_dir: Path) -> ProvingKeyHandle:
    return ProvingKeyHandle.load("ark", key_file(zerokit_dir, D20), threads=None)


@pytest.fixture(scope="module")
def witness(zerokit_dir: Path) -> Witness:
    graph = Graph.load((zerokit_dir / D20 / "graph.bin").read_bytes())
    return Witness(graph, fill_slots(graph, golden_inputs(20)))


def test_the_quotient_has_its_hash(key: ProvingKeyHandle, witness: Witness) -> None:
    h = groth16.quotient(key, witness)
    assert hashlib.sha256(h).hexdigest() == QUOTIENT_HASH
    assert (h[:32], h[-32:]) == (word(QUOTIENT_FIRST), word(QUOTIENT_LAST))
    assert groth16.quotient(key, witness, threads=2) == h


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("blinding", "proof"), [((0, 0), PROOF_UNBLINDED), ((123456789, 987654321), PROOF_BLINDED)]
)
def test_a_proof_with_fixed_blinding_equals_zerokits(
    key: ProvingKeyHandle, witness: Witness, blinding: tuple[int, int], proof: bytes, threads: int
) -> None:
    assert groth16.prove(key, witness, blinding, threads) == proof
    assert groth16.verify(key.verifying_key(), witness.read(1, 5), proof)


@pytest.mark.parametrize("folded", [False, True])
def test_tables_steps_and_tokens_keep_zerokits_proof(
    zerokit_dir: Path, key: ProvingKeyHandle, witness: Witness, folded: bool
) -> None:
    c = R1cs.decode((zerokit_dir / D20 / "rln.r1cs").read_bytes()).c if folded else None
    room = mmap.mmap(-1, tables.size(key, folded))
    tables.build(key, c, room, threads=None)
    graph = Graph.load((zerokit_dir / D20 / "graph.bin").read_bytes())
    offsets = {name: offset for name, (offset, _) in graph.inputs.items()}
    known = graph.known(offsets[name] for name in ("x", "externalNullifier", "messageId"))
    assert (len(known) - 1, sum(known) - 1) == (5843, 5338)
    golden = golden_inputs(20)
    blinding = 123456789, 987654321
    zero, one, other = (Witness(graph, fill_slots(graph, golden | {"x": word(x)})) for x in (0, 1, 2))
    with tables.Tables(key, room) as opened:
        assert groth16.prove(key, witness, blinding, 2, opened) == PROOF_BLINDED
        first = Partial.new(key, opened, other, known, threads=2)
        assert first.finish(witness, blinding) == PROOF_BLINDED
        encoded = first.encode()
        assert len(encoded) == 6011
        assert encoded == Partial.new(key, None, other, known, threads=2).encode()
        token = Token.new(first, zero, one, blinding=blinding)
        assert token.publish(golden["x"]) == PROOF_BLINDED


def test_a_multi_proof_with_fixed_blinding_equals_zerokits(zerokit_dir: Path) -> None:
    graph = Graph.load((zerokit_dir / D20_MULTI / "graph.bin").read_bytes())
    given = golden_inputs(20) | {
        "messageId": b"".join(map(word, (0, 1, 2, 3))),
        "selectorUsed": b"".join(map(word, (1, 1, 0, 0))),
    }
    witness = Witness(graph, fill_slots(graph, given))
    key = ProvingKeyHandle.load("ark", key_file(zerokit_dir, D20_MULTI), threads=None)
    proof = groth16.prove(key, witness, (5, 7), threads=None)
    assert proof == PROOF_MULTI
    assert groth16.verify(key.verifying_key(), witness.read(1, 15), proof)


def test_the_proof_that_snarkjs_made_verifies(key: ProvingKeyHandle) -> None:
    """The oracle wrote the numbers to vectors/proof.json."""
    vectors = json.loads((ROOT / "vectors" / "proof.json").read_text())
    [given] = [case["input"] for case in vectors["cases"] if case["id"] == "upstream"]
    proof, inputs = bytes.fromhex(given["proof"]), bytes.fromhex("".join(given["inputs"]))
    points = groth16.decompress(proof)
    a_x, a_y = (int.from_bytes(points[i : i + 32], "little") & 2**254 - 1 for i in (0, 32))
    assert (a_x, a_y) == SNARKJS_A
    assert groth16.compress(points) == proof
    verifying_key = key.verifying_key()
    assert groth16.verify(verifying_key, inputs, proof)
    assert not groth16.verify(verifying_key, word(1) + inputs[32:], proof)


@pytest.mark.parametrize(("directory", "info"), SHAPES)
def test_an_arkzkey_loads_with_its_sizes_and_is_written_byte_for_byte(
    zerokit_dir: Path, directory: str, info: KeyInfo
) -> None:
    data = key_file(zerokit_dir, directory)
    key = ProvingKeyHandle.load("ark", data, threads=None)
    assert key.info() == info
    assert key.encode("ark") == data
    key.check(threads=None)
    VerifyingKey.decode(key.verifying_key().encode(False), compressed=False).check_rln(info.public_inputs)


def test_zkey_and_arkzkey_are_the_same_key(zerokit_dir: Path, key: ProvingKeyHandle) -> None:
    original = (zerokit_dir / D20 / "rln_final.zkey").read_bytes()
    other = ProvingKeyHandle.load("zkey", original, threads=None)
    assert other.encode("ark") == key_file(zerokit_dir, D20)
    ours = key.encode("zkey")
    assert other.encode("zkey") == ours
    sections = split(ours)
    for number, data in split(original).items():
        if number not in (4, 10):  # entries may come in any order; contributions are not kept
            assert sections[number] == data, number
    entries = [sorted(s[4][i : i + 44] for i in range(4, len(s[4]), 44)) for s in (split(original), sections)]
    assert entries[0] == entries[1]
    assert ProvingKeyHandle.load("zkey", ours, threads=None).encode("ark") == key_file(zerokit_dir, D20)


def split(zkey: bytes) -> dict[int, bytes]:
    sections, at = {}, 12
    while at < len(zkey):
        number = int.from_bytes(zkey[at : at + 4], "little")
        size = int.from_bytes(zkey[at + 4 : at + 12], "little")
        sections[number] = zkey[at + 12 : at + 12 + size]
        at += 12 + size
    return sections


def test_one_point_changed_anywhere_is_noticed(
    zerokit_dir: Path, key: ProvingKeyHandle, witness: Witness
) -> None:
    """Threats D5: the pairings of `check` find a change in B; for the others, a proof does not verify."""
    data = key_file(zerokit_dir, D20)
    verifying_key = key.verifying_key()
    inputs = witness.read(1, 5)
    queries = {"a": 976, "b_g1": 375000, "b_g2": 749024, "h": 1497064, "l": 2021360}
    for name, start in queries.items():
        size = 128 if name == "b_g2" else 64
        here, there = (start + size * i for i in (1000, 1001))
        while data[here + size - 1] & 0x40 or data[there + size - 1] & 0x40:
            here, there = here + size, there + size
        changed = bytearray(data)
        changed[here : here + size], changed[there : there + size] = (
            data[there : there + size],
            data[here : here + size],
        )
        bad = ProvingKeyHandle.load("ark", bytes(changed), threads=None)
        if name.startswith("b"):
            with pytest.raises(errors.KeyFileError, match="b_g1_query"):
                bad.check(threads=None)
        else:
            assert not groth16.verify(verifying_key, inputs, groth16.prove(bad, witness, threads=None)), name


def test_the_verifying_key_alone_is_the_same(key: ProvingKeyHandle) -> None:
    verifying_key = key.verifying_key()
    for compressed in (True, False):
        data = verifying_key.encode(compressed)
        assert VerifyingKeyHandle.decode(data, compressed).encode(compressed) == data


def test_a_file_cut_at_the_edge_of_any_part_is_refused(zerokit_dir: Path) -> None:
    data = key_file(zerokit_dir, D20)
    edges = [0, 64, 192, 320, 448, 840, 904, 968, 374992, 749016, 1497056, 2021352, 2394992, 2395000, 2395008]
    edges += [2395016, 2395024, 2395032, 2395040, 2827928, 3405776]
    for edge in edges:
        for cut in (max(edge - 1, 0), edge, edge + 1, edge + 7):
            with pytest.raises(errors.EncodingError):
                ProvingKeyHandle.load("ark", data[:cut])
    zkey, at = (zerokit_dir / D20 / "rln_final.zkey").read_bytes(), 12
    while at < len(zkey):
        for cut in (at, at + 1, at + 4, at + 12, at + 13):
            with pytest.raises(errors.EncodingError):
                ProvingKeyHandle.load("zkey", zkey[:cut])
        at += 12 + int.from_bytes(zkey[at + 4 : at + 12], "little")


LOADER = """
import resource, sys, time
from rln import errors
from rln.lowlevel.keys import ProvingKeyHandle
form, path, counts = sys.argv[1], sys.argv[2], [int(a) for a in sys.argv[3:]]
data = open(path, "rb").read()
ProvingKeyHandle.load(form, data).close()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for at in counts:
    for huge in (2**64 - 1, 2**63, 2**58, 2**32, 2**32 - 1, len(data) // 64, len(data)):
        bad = bytearray(data)
        bad[at:at + 8] = (huge % 2**64).to_bytes(8, "little")
        bad = bytes(bad)
        start = time.process_time()
        try:
            ProvingKeyHandle.load(form, bad)
        except errors.InputError:
            pass
        else:
            sys.exit(f"{huge} at {at} was accepted")
        if time.process_time() - start > 2:
            sys.exit(f"{huge} at {at} took too long")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_wrong_counts_cost_neither_memory_nor_time(zerokit_dir: Path) -> None:
    """Threats D7: a load needs at most twice its file and 64 MiB, and less than 2 s of processor time."""
    path = zerokit_dir / D20 / "rln_final.arkzkey"
    counts = [448, 968, 374992, 749016, 1497056, 2021352, 2394992, 2395000, 2395008, 2395016, 2395024]
    counts += [2395032, 2395040, 2395048, 2827928, 3405776]
    done = subprocess.run(
        [sys.executable, "-c", LOADER, "ark", str(path), *map(str, counts)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) * 1024 <= 2 * path.stat().st_size + 2**26
