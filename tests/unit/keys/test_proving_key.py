import hashlib
import os
import stat

import pytest

import rln
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, KeyFileError, ParameterError, PointError
from rln.keys import key_file
from rln.keys.key_file import KeyFile
from rln.keys.proving_key import write_file
from rln.keys.witness_graph import WitnessGraph
from rln.lowlevel import entropy, groth16
from rln.protocol.statement import Statement
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key, small_multi_key

OTHER = rln.setup(rln.circuit.rln(DEPTH, LIMIT_BITS), threads=1)


def own_file(key: rln.ProvingKey, /, **change: object) -> bytes:
    parts = {
        "parameters": key.parameters,
        "circuit_digest": key.circuit_digest,
        "provenance": key.provenance,
        "key": key.to_arkzkey(),
        "graph": key.graph_data,
    }
    return KeyFile(**{**parts, **change}).encode()


@pytest.mark.parametrize("make", [small_key, small_multi_key])
def test_files_read_back(make, tmp_path):
    key = make()
    path = tmp_path / "key.rlnkey"
    key.save(path)
    data = path.read_bytes()
    for again in (
        rln.ProvingKey.load(path),
        rln.ProvingKey.decode(data, check=False),
        rln.ProvingKey.load(path, sha256=hashlib.sha256(data).hexdigest()),
    ):
        assert again.digest == key.digest
        assert again.verifying_key == key.verifying_key
        assert (again.parameters, again.circuit_digest, again.provenance) == (
            key.parameters,
            key.circuit_digest,
            key.provenance,
        )
        assert again.encode() == data
    assert [p.name for p in tmp_path.iterdir()] == ["key.rlnkey"]


def test_a_pinned_file_is_that_file(tmp_path):
    path = tmp_path / "key.rlnkey"
    small_key().save(path)
    with pytest.raises(KeyFileError, match="key file: expected SHA-256 abab"):
        rln.ProvingKey.load(path, sha256="ab" * 32)
    with pytest.raises(EncodingError, match="64 lower-case"):
        rln.ProvingKey.load(path, sha256="AB" * 32)


def test_what_was_hashed_is_what_is_parsed(tmp_path, monkeypatch):
    """Threats D6: the file is read once; replacing it between hash and parse changes nothing."""
    path = tmp_path / "key.rlnkey"
    small_key().save(path)
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    parse = KeyFile.decode.__func__

    def replaced(cls, data):
        OTHER.save(path)
        return parse(cls, data)

    monkeypatch.setattr(key_file.KeyFile, "decode", classmethod(replaced))
    assert rln.ProvingKey.load(path, sha256=pin).digest == small_key().digest


def test_zkey_there_and_back():
    key = small_key()
    again = rln.ProvingKey.from_zkey(key.to_zkey(), rln.circuit.rln(DEPTH, LIMIT_BITS), name="own.zkey")
    assert again.to_arkzkey() == key.to_arkzkey()
    assert again.verifying_key == key.verifying_key
    assert str(again.provenance) == "imported from own.zkey"
    by_graph = rln.ProvingKey.from_zkey(key.to_zkey(), key.graph_data, name="own.zkey", limit_bits=LIMIT_BITS)
    assert by_graph.parameters == key.parameters
    assert by_graph.circuit_digest is None
    assert rln.VerifyingKey.from_proving_key(key.to_zkey(), "zkey") == key.verifying_key
    assert rln.VerifyingKey.from_proving_key(key.to_arkzkey(), "ark") == key.verifying_key


def test_arkzkey_with_its_graph(tmp_path):
    key, path, graph = small_multi_key(), tmp_path / "k.arkzkey", tmp_path / "graph.bin"
    path.write_bytes(key.to_arkzkey())
    graph.write_bytes(key.graph_data)
    again = rln.ProvingKey.load(path, graph=graph, limit_bits=LIMIT_BITS)
    assert again.parameters == key.parameters
    assert again.digest == key.digest
    with pytest.raises(ParameterError, match="expected the witness graph"):
        rln.ProvingKey.load(path)
    own = tmp_path / "own.rlnkey"
    key.save(own)
    with pytest.raises(ParameterError, match="graph: expected none"):
        rln.ProvingKey.load(own, graph=graph)


def test_key_and_graph_must_fit():
    deep = rln.circuit.rln(DEPTH + 1, LIMIT_BITS)
    with pytest.raises(ParameterError, match=r"graph: expected \d+ wires"):
        rln.ProvingKey.from_arkzkey(small_key().to_arkzkey(), deep.graph, name="x", limit_bits=LIMIT_BITS)
    with pytest.raises(ParameterError, match="graph: expected the inputs"):
        rln.ProvingKey.decode(own_file(small_key(), parameters=CircuitParameters(DEPTH + 1, LIMIT_BITS)))
    with pytest.raises(ParameterError, match="graph"):
        rln.ProvingKey.decode(own_file(small_key(), graph=small_multi_key().graph_data))


def test_a_proving_key_of_another_setup_is_noticed():
    """Threats D5: each query, and single points, are replaced with those of another key of the circuit."""
    mine, other = small_key().to_arkzkey(), OTHER.to_arkzkey()
    assert len(mine) == len(other)
    info = small_key().info()
    wires, instance, domain = info["wires"], info["public_inputs"] + 1, info["domain"]
    ic = 448
    b_g1 = ic + 8 + 64 * instance
    a_query = b_g1 + 128
    b1_query = a_query + 8 + 64 * wires
    b2_query = b1_query + 8 + 64 * wires
    h_query = b2_query + 8 + 128 * wires
    l_query = h_query + 8 + 64 * domain
    end = l_query + 8 + 64 * (wires - instance)
    regions = {
        "alpha": (0, 64),
        "beta": (64, 192),
        "delta": (320, 448),
        "ic": (ic, b_g1),
        "beta_g1": (b_g1, b_g1 + 64),
        "delta_g1": (b_g1 + 64, a_query),
        "a": (a_query, b1_query),
        "b1": (b1_query, b2_query),
        "b2": (b2_query, h_query),
        "h": (h_query, l_query),
        "l": (l_query, end),
    }
    for name, (start, stop) in regions.items():
        data = mine[:start] + other[start:stop] + mine[stop:]
        assert data != mine, name
        with pytest.raises(KeyFileError):
            rln.ProvingKey.decode(own_file(small_key(), key=data))


def test_one_swapped_point_of_each_query_is_noticed():
    mine = small_key().to_arkzkey()
    info = small_key().info()
    wires, instance = info["wires"], info["public_inputs"] + 1
    a_query = 448 + 8 + 64 * instance + 128 + 8
    b1_query = a_query + 64 * wires + 8
    h_query = b1_query + 64 * wires + 8 + 128 * wires + 8
    l_query = h_query + 64 * info["domain"] + 8
    for start in (a_query, h_query, l_query):
        first, second = mine[start + 640 : start + 704], mine[start + 704 : start + 768]
        assert first != second
        data = mine[: start + 640] + second + first + mine[start + 768 :]
        with pytest.raises(KeyFileError):
            rln.ProvingKey.decode(own_file(small_key(), key=data))


def test_a_graph_that_computes_something_else_is_noticed(monkeypatch):
    """A key file could hold a graph that puts the secret in the place of y."""
    key = small_key()
    honest = WitnessGraph.public_values
    monkeypatch.setattr(WitnessGraph, "public_values", lambda self, w: (0, *honest(self, w)[1:]))
    with pytest.raises(KeyFileError, match="graph: expected the public values of RLN"):
        key.check(1)


def test_points_are_checked_before_anything_else():
    mine = bytearray(small_key().to_arkzkey())
    start = 448 + 8 + 64 * 6 + 128 + 8 + 64
    mine[start] ^= 1
    with pytest.raises(PointError):
        rln.ProvingKey.decode(own_file(small_key(), key=bytes(mine)))


def test_the_ceremony_key_is_pinned(zerokit_dir):
    directory = zerokit_dir / "tree_depth_20"
    key = rln.ProvingKey.load(directory / "rln_final.arkzkey", graph=directory / "graph.bin")
    assert key.is_pinned
    assert key.parameters == CircuitParameters(20, 16)
    assert key.verifying_key == rln.VerifyingKey.builtin("zerokit-20")


@pytest.mark.parametrize(
    "directory",
    ["tree_depth_10", "tree_depth_10/multi_message_id/max_out_4", "tree_depth_20/multi_message_id/max_out_4"],
)
def test_development_keys_import_and_are_not_pinned(zerokit_dir, directory):
    path = zerokit_dir / directory
    key = rln.ProvingKey.load(path / "rln_final.arkzkey", graph=path / "graph.bin")
    assert not key.is_pinned
    assert key.parameters.depth == int(directory[11:13])
    assert key.parameters.max_out == (4 if "multi" in directory else None)


def test_witnesses_need_exactly_their_inputs():
    key = small_key()
    world = World(key)
    member = world.join()
    statement = Statement.spend(key.parameters, 2, (0,), world.group.proof(0), 5, 6)
    inputs = statement.inputs()
    witness = key.witness(inputs, member)
    assert key.public_values(witness) == statement.public_values(member)
    whole = {**inputs, "identitySecret": (member.secret().reveal(),)}
    assert key.witness(whole).read(0, witness.size) == witness.read(0, witness.size)
    for change, words in (
        ({"y": (1,)}, "unknown name 'y'"),
        ({"x": (1, 2)}, "x: expected 1 values, got 2"),
        ({"pathElements": (1,)}, "pathElements: expected 3 values, got 1"),
    ):
        with pytest.raises(ParameterError, match=words):
            key.witness({**inputs, **change}, member)
    with pytest.raises(ParameterError, match="identitySecret is missing"):
        key.witness(inputs)
    with pytest.raises(ParameterError, match="unknown name 'identitySecret'"):
        key.witness(whole, member)


def test_no_randomness_no_proof(monkeypatch):
    """Threats D9."""
    world = World()
    prover = world.prover(world.join())
    monkeypatch.setattr(entropy, "fill", lambda out: None)
    with pytest.raises(rln.EntropyError):
        prover.prove(b"hi")


def test_proofs_of_one_witness_share_no_point():
    """Threats P5."""
    world = World()
    member = world.join()
    statement = Statement.spend(world.key.parameters, 2, (0,), world.group.proof(0), 5, 6)
    witness = world.key.witness(statement.inputs(), member)
    proofs = [world.key.prove(witness) for _ in range(20)]
    for part in (slice(0, 32), slice(32, 96), slice(96, 128)):
        assert len({proof[part] for proof in proofs}) == 20
    assert groth16.prove(world.key._handle, witness, (1, 2)) == groth16.prove(
        world.key._handle, witness, (1, 2)
    )


def test_files_are_written_whole_with_their_mode(tmp_path):
    path = tmp_path / "file"
    write_file(path, b"one", 0o600)
    write_file(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "nowhere" / "file", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_key_that_is_pinned_in_the_package_is_not_checked_again(zerokit_dir, monkeypatch):
    """Every other key is checked."""
    folder = zerokit_dir / "tree_depth_20"
    data, graph = (folder / "rln_final.arkzkey").read_bytes(), (folder / "graph.bin").read_bytes()
    checked: list[str] = []
    monkeypatch.setattr(rln.ProvingKey, "check", lambda self, *_: checked.append(self.digest))
    key = rln.ProvingKey.from_arkzkey(data, graph, name="a test")
    assert key.is_pinned and checked == []
    again = rln.ProvingKey.decode(key.encode())
    assert again.is_pinned and checked == []
    narrow = rln.ProvingKey.from_arkzkey(data, graph, name="a test", limit_bits=8)
    assert narrow.is_pinned and checked == []
    small = small_key()
    made = rln.ProvingKey.from_arkzkey(small.to_arkzkey(), small.graph_data, name="x", limit_bits=4)
    assert checked == [made.digest] and not made.is_pinned
    rln.ProvingKey.decode(small.encode())
    assert checked == [made.digest, small.digest]
