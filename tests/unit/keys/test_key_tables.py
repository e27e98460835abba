"""Tables of a key: how they are found, built and cached; they never change a proof."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import rln
from rln.circuit.r1cs import Matrix, R1cs
from rln.errors import NativeError, ParameterError
from rln.keys import key_tables
from rln.keys.constraint_matrix import build_circuit
from rln.keys.key_tables import KeyTables
from rln.lowlevel import engine, groth16, tables
from rln.protocol.statement import Statement
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.small_world import World, small_key, small_multi_key

PATIENCE = 120  # seconds
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory."""
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """List, for each set of tables that is built, whether C is folded in."""
    made: list[bool] = []
    honest = tables.build

    def counting(key, c, *rest):
        made.append(c is not None)
        honest(key, c, *rest)

    monkeypatch.setattr(tables, "build", counting)
    return made


def again(key: rln.ProvingKey | None = None) -> rln.ProvingKey:
    """Load the key as another process does."""
    return rln.ProvingKey.decode((key or small_key()).encode(), check=False)


def foreign(r1cs: bytes | None = None) -> rln.ProvingKey:
    """Import the small key without its circuit, as a key that somebody else made."""
    key = small_key()
    return rln.ProvingKey.from_arkzkey(
        key.to_arkzkey(), key.graph_data, name="elsewhere", limit_bits=4, r1cs=r1cs
    )


def file_of(place: Path) -> Path:
    (file,) = place.glob("*.tables")
    return file


def wait_for_tables(key: rln.ProvingKey) -> None:
    end = time.monotonic() + PATIENCE
    while not key.has_tables:
        assert time.monotonic() < end
        time.sleep(0.01)


def witness_of(key: rln.ProvingKey, group: rln.Group | None = None):
    """Make the witnesses of a member with a limit of 2 who uses all message ids."""
    world = World(key)
    world.group = world.group if group is None else group
    member = world.join(2)
    ids = tuple(range(min(key.parameters.max_out or 1, 2)))
    statement = Statement.spend(key.parameters, 2, ids, world.group.proof(0), 7, 11)
    return key.witness(statement.inputs(), member)


# ---- proofs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [small_key, small_multi_key])
@pytest.mark.parametrize("folded", [True, False])
def test_tables_never_change_a_proof(key, folded):
    made = key()
    matrix = build_circuit(made.parameters).r1cs.c if folded else None
    digest = made.circuit_digest if folded else None
    tables = KeyTables(made._handle, made.digest, digest, lambda: matrix, cached=False)
    tables.build(1)
    assert tables.folded == folded
    with closing(witness_of(made)) as witness:
        for blinding in ((1, 2), (123456789, 987654321), (rln.base.scalar.ORDER - 1, 5)):
            plain = groth16.prove(made._handle, witness, blinding)
            for threads in (1, 2):
                made_with = groth16.prove(made._handle, witness, blinding, threads, tables.current())
                assert made_with == plain


def test_tables_never_change_a_proof_of_the_ceremony_key(zerokit_dir):
    folder = zerokit_dir / "tree_depth_20"
    if not (folder / "rln.r1cs").is_file():
        pytest.skip("no rln.r1cs")
    key = rln.ProvingKey.load(
        folder / "rln_final.arkzkey", graph=folder / "graph.bin", r1cs=folder / "rln.r1cs"
    )
    assert key.is_pinned
    key.build_tables()
    with closing(witness_of(key, rln.Group(20, 16))) as witness:
        plain = groth16.prove(key._handle, witness, (3, 4), None)
        assert groth16.prove(key._handle, witness, (3, 4), None, key.tables()) == plain


# ---- when ------------------------------------------------------------------------------------------


def test_the_second_proof_begins_to_build_and_none_waits(place, builds):
    world = World(again())
    prover = world.prover(world.join(4))
    prover.prove(b"one")
    assert builds == [] and not world.key.has_tables
    prover.prove(b"two")
    wait_for_tables(world.key)
    assert builds == [True]
    prover.prove(b"three")
    assert [file.name for file in place.iterdir()] == [file_of(place).name]


def test_the_first_proof_of_a_later_process_finds_them(place, builds):
    again().build_tables(threads=1)
    world = World(again())
    world.prover(world.join()).prove(b"x")
    assert world.key.has_tables
    assert builds == [True]


def test_a_key_that_was_made_here_keeps_its_tables_in_memory(place, builds):
    key = rln.setup(rln.circuit.rln(1, 1), threads=1)
    assert not key.build_tables(threads=1)
    assert key.has_tables
    assert not place.exists()


def test_without_a_cache_they_are_in_memory(builds):
    key = again()
    assert not key.build_tables(threads=1)
    assert key.has_tables and builds == [True]


def test_asking_for_them_waits_for_the_thread_that_is_building(place, builds):
    world = World(again())
    prover = world.prover(world.join(2))
    prover.prove(b"one")
    prover.prove(b"two")
    steps: list[float] = []
    assert world.key.build_tables(progress=steps.append)
    assert steps[-1] == 1.0 and steps == sorted(steps)
    assert builds == [True]


def test_progress_is_told(place):
    steps: list[float] = []
    again().build_tables(threads=2, progress=steps.append)
    assert steps[-1] == 1.0 and steps == sorted(steps)


def test_a_build_that_fails_leaves_proofs_as_they_were(monkeypatch):
    world = World(again())
    prover = world.prover(world.join(4))

    def fail(*_: object) -> None:
        raise NativeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(tables, "build", fail)
        for n in range(3):
            prover.prove(bytes([n]))
        with pytest.raises(NativeError, match="out of memory"):
            world.key.build_tables()
    assert not world.key.has_tables
    world.key.build_tables()
    assert world.key.has_tables


def test_without_a_thread_proofs_go_on(monkeypatch):
    def none_left(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    world = World(again())
    prover = world.prover(world.join(4))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        prover.prove(b"one")
        prover.prove(b"two")
    prover.prove(b"three")
    wait_for_tables(world.key)


def test_a_child_builds_its_own(builds, tmp_path):
    world = World(again())
    member, ids = world.join(8), SqliteMessageIds(tmp_path / "ids.db")
    ids.introduce(member.commitment)
    prover = world.prover(member, ids, path=world.group.proof(0))
    prover.prove(b"one")
    prover.prove(b"two")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            prover.prove(b"three")
            wait_for_tables(world.key)
            prover.prove(b"four")
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    wait_for_tables(world.key)


# ---- which -----------------------------------------------------------------------------------------


def test_a_foreign_key_gets_the_textbook_quotient(place, builds):
    foreign().build_tables(threads=1)
    assert builds == [False]


def test_a_foreign_key_with_its_constraints_gets_the_short_one(place, builds):
    r1cs = build_circuit(small_key().parameters).r1cs.encode()
    key = foreign(r1cs)
    assert key.circuit_digest == hashlib.sha256(r1cs).hexdigest()
    key.build_tables(threads=1)
    assert builds == [True]
    # our key file holds the digest of the constraints, so the tables are found without them
    later = rln.ProvingKey.decode(key.encode(), check=False)
    later.build_tables()
    assert builds == [True] and later.has_tables


def test_constraints_of_another_circuit_are_refused_at_once(place):
    for circuit in (rln.circuit.rln(3, 5), rln.circuit.rln_multi(3, 4, 3)):
        with pytest.raises(ParameterError, match="r1cs: expected the constraints of the key"):
            foreign(circuit.r1cs.encode())


def test_a_c_that_is_not_the_keys_is_not_believed(place, builds):
    """A and B do not determine C, but proofs made with a wrong C do not verify."""
    r1cs = build_circuit(small_key().parameters).r1cs
    rows = [dict(row) for row in r1cs.c.rows()]
    place_of = next(i for i, row in enumerate(rows) if row)
    wire = next(iter(rows[place_of]))
    rows[place_of] = {**rows[place_of], wire: rows[place_of][wire] + 1}
    counts = (r1cs.wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs)
    key = foreign(R1cs(r1cs.a, r1cs.b, Matrix.from_rows(rows), *counts).encode())
    with pytest.raises(ParameterError, match="r1cs: its C matrix is not that of the key"):
        key.build_tables(threads=1)
    assert builds == [True]
    assert not key.has_tables
    assert not list(place.glob("*")), "nothing of it was kept"
    world = World(key)
    prover, verifier = world.prover(world.join(4)), world.verifier()
    for n in range(3):
        assert verifier.submit(prover.prove(bytes([n])), bytes([n])) == rln.Valid()


def test_a_key_of_a_circuit_that_this_version_does_not_build(place, builds, monkeypatch):
    key = again()
    monkeypatch.setattr(key_tables, "matrix_of_own_circuit", lambda *_: None)
    key.build_tables(threads=1)
    assert builds == [False]
    later = again()
    later.build_tables(threads=1)
    assert builds == [False], "it was found under the name of one without"
    assert later.has_tables


# ---- the file --------------------------------------------------------------------------------------


def test_the_header_is_what_the_module_says(place):
    key = again()
    key.build_tables(threads=1)
    data = file_of(place).read_bytes()
    assert data[:8] == b"rln-tab\x01"
    assert data[8:24].rstrip(b"\0").decode() == f"{engine.name()}-{sys.byteorder}"
    assert int.from_bytes(data[24:32], "little") == len(data) - 128
    assert data[32:64].hex() == key.digest
    assert data[64:96].hex() == key.circuit_digest
    assert data[96:128] == hashlib.sha256(data[128:]).digest()


def spoilt(data: bytes) -> list[bytes]:
    places = (0, 7, 8, 24, 32, 64, 96, 127, 128, len(data) // 2, len(data) - 1)
    changed = [data[:at] + bytes([data[at] ^ 128]) + data[at + 1 :] for at in places]
    return [*changed, data[:-1], data[:128], b"", data + b"\0", data[:128] + bytes(len(data) - 128)]


def test_a_file_that_is_not_as_it_was_is_built_anew(place, builds):
    again().build_tables(threads=1)
    honest = file_of(place).read_bytes()
    for number, data in enumerate(spoilt(honest)):
        file_of(place).write_bytes(data)
        world = World(again())
        world.prover(world.join()).prove(b"x")
        assert not world.key.has_tables, f"{number} was used"
    builds.clear()
    again().build_tables(threads=1)
    assert builds == [True]
    assert file_of(place).read_bytes() == honest


def test_another_keys_file_is_not_used(place):
    other = rln.setup(rln.circuit.rln(3, 4), threads=1)
    rln.ProvingKey.decode(other.encode(), check=False).build_tables(threads=1)
    theirs = file_of(place)
    data = theirs.read_bytes()
    theirs.unlink()
    again().build_tables(threads=1)
    mine = file_of(place)
    honest = mine.read_bytes()
    assert len(honest) == len(data)
    # also with the digests in the header changed, so that only the points are another key's
    forged = honest[:96] + hashlib.sha256(data[128:]).digest() + data[128:]
    for attempt in (data, forged):
        mine.write_bytes(attempt)
        world = World(again())
        world.prover(world.join()).prove(b"x")
        assert not world.key.has_tables


def test_another_engines_file_is_not_used(place, monkeypatch):
    again().build_tables(threads=1)
    monkeypatch.setattr(engine, "name", lambda: "another")
    key = again()
    assert key.tables() is None
    key.build_tables(threads=1)
    assert len(list(place.glob("*.tables"))) == 2


def test_a_file_is_mapped_and_its_digest_is_that_of_the_mapping(place, monkeypatch):
    """Threats D6: the mapping that is hashed is the one that is used, even if the file is then replaced."""
    again().build_tables(threads=1)
    file = file_of(place)
    honest = file.read_bytes()
    opened = key_tables.Tables

    def exchange(*arguments):
        file.unlink()
        file.write_bytes(bytes(len(honest)))
        return opened(*arguments)

    monkeypatch.setattr(key_tables, "Tables", exchange)
    key = again()
    tables = key.tables()
    assert tables is not None
    with closing(witness_of(key)) as witness:
        plain = groth16.prove(key._handle, witness, (1, 2))
        assert groth16.prove(key._handle, witness, (1, 2), tables=tables) == plain


def test_two_processes_at_once_both_end_with_good_tables(place, tmp_path):
    path = tmp_path / "key"
    small_key().save(path)
    code = (
        "import sys, rln; key = rln.ProvingKey.load(sys.argv[1]); "
        "sys.exit(not (key.build_tables(threads=1) and key.has_tables))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(path)]
    running = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(PATIENCE) for process in running] == [0, 0, 0]
    key = again()
    assert key.tables() is not None
    assert len(list(place.iterdir())) == 1


def test_a_process_that_ends_while_it_builds_ends_well(place, tmp_path):
    path = tmp_path / "key"
    small_key().save(path)
    code = (
        "import sys, rln\n"
        "key = rln.ProvingKey.load(sys.argv[1])\n"
        "for _ in range(3): key.tables()\n"
        "assert not key.has_tables"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, str(path)], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
