"""Kinds of file: each is recognised, and each reader calls a file of another kind by its name."""

from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

import rln
from rln.base.file_kind import FileKind, expect, sniff, store_kind, without_mark
from rln.circuit import R1cs
from rln.errors import EncodingError, InputError, StoreUnavailable
from rln.formats import snarkjs, wtns
from rln.formats.keystore import Keystore
from rln.lowlevel import curve
from rln.services.accounts import AccountStore
from rln.services.replacement import ReplacementRules
from rln.stores import open_existing_members, open_log, open_members, open_message_ids
from rln.stores.snapshot import write_snapshot
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key
from tests.unit.cli.terminal import run, run_json

FILES = Path(__file__).resolve().parents[1] / "formats" / "files"
CIRCUIT = rln.circuit.rln(DEPTH, LIMIT_BITS)


def compressed_ark(data: bytes) -> bytes:
    """Compress all points of an arkzkey, as zerokit 0.4.4 to 0.6.1 shipped it."""
    out, at = b"", 0

    def points(group: int, count: int) -> None:
        nonlocal out, at
        for _ in range(count):
            out += curve.compress(data[at : at + 64 * group], group)
            at += 64 * group

    def vector(group: int) -> None:
        nonlocal out, at
        count = int.from_bytes(data[at : at + 8], "little")
        out, at = out + data[at : at + 8], at + 8
        points(group, count)

    points(1, 1)
    points(2, 3)
    vector(1)
    points(1, 2)
    for group in (1, 1, 2, 1, 1):
        vector(group)
    return out + data[at:]


@cache
def contents() -> dict[FileKind, bytes]:
    """Return a file of each kind that has no place of its own."""
    world, key = World(), small_key()
    prover = world.prover(world.join())
    proofs = [prover.prove(signal) for signal in (b"one", b"two")]
    secret = b'{"identityCommitment": "1", "identitySecret": "2"}'
    inputs = {"x": 1, "identityPathIndex": [0, 1], "identitySecret": 5}
    plonk = b'{"protocol": "plonk", "curve": "bn128", "A": []}'
    return {
        FileKind.KEY: key.encode(),
        FileKind.ZKEY: key.to_zkey(),
        FileKind.ZKEY_PLONK: (FILES / "wrong_kind" / "plonk.zkey").read_bytes(),
        FileKind.ZKEY_BLS: (FILES / "wrong_kind" / "bls12381.zkey").read_bytes(),
        FileKind.ARKZKEY: key.to_arkzkey(),
        FileKind.ARKZKEY_COMPRESSED: compressed_ark(key.to_arkzkey()),
        FileKind.GRAPH: key.graph_data,
        FileKind.GRAPH_OTHER: b"wtns.graph.002" + key.graph_data[14:],
        FileKind.R1CS: CIRCUIT.r1cs.encode(),
        FileKind.WITNESS: wtns.write((1).to_bytes(32, "little") * 3),
        FileKind.POWERS: b"ptau\1\0\0\0",
        FileKind.VERIFYING_KEY: key.verifying_key.to_json(),
        FileKind.VERIFYING_KEY_PLONK: (FILES / "wrong_kind" / "plonk_vk.json").read_bytes(),
        FileKind.VERIFYING_KEY_FFLONK: b'{"protocol": "fflonk", "curve": "bn128", "nPublic": 1}',
        FileKind.PROOF: snarkjs.write_proof(proofs[0].proof),
        FileKind.PROOF_PLONK: plonk,
        FileKind.PROOF_FFLONK: plonk.replace(b"plonk", b"fflonk"),
        FileKind.PUBLIC: snarkjs.write_public(proofs[0].public_inputs),
        FileKind.INPUTS: snarkjs.write_witness(inputs),
        FileKind.SECRET: secret,
        FileKind.EVIDENCE: rln.Evidence(*proofs, key.verifying_key.digest).encode(),
        FileKind.KEYSTORE: Keystore().encode(),
        FileKind.PRIVATE_KEY: b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        FileKind.PARAMETERS: rln.Params.of(key, "example.com", 60, window_count=5).encode(),
        FileKind.BULLETIN: Registrar().change([5]).encode(),
    }


KINDS = list(contents())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_recognised(kind: FileKind) -> None:
    assert sniff(contents()[kind]) is kind
    # An .arkzkey begins with a random number: its first byte may be a bracket, but it is no text.
    if contents()[kind][:1] in b"{[" and kind not in (FileKind.ARKZKEY, FileKind.ARKZKEY_COMPRESSED):
        assert sniff(b"\xef\xbb\xbf" + contents()[kind]) is kind


def test_the_files_of_stores_are_recognised(tmp_path: Path) -> None:
    world = World()
    with closing(open_members(f"sqlite:///{tmp_path}/members", DEPTH, LIMIT_BITS)) as registry:
        write_snapshot(rln.Group(DEPTH, LIMIT_BITS, registry=registry).picture(), tmp_path / "tree")
    open_log(f"sqlite:///{tmp_path}/log", world.clock).close()
    open_message_ids(f"sqlite:///{tmp_path}/ids").close()
    AccountStore(tmp_path / "accounts", ReplacementRules(60, 300, 20)).close()
    for name, kind in (
        ("members", FileKind.REGISTRY),
        ("log", FileKind.LOG),
        ("ids", FileKind.MESSAGE_IDS),
        ("accounts", FileKind.ACCOUNTS),
        ("tree", FileKind.SNAPSHOT),
    ):
        assert sniff((tmp_path / name).read_bytes()) is kind


def test_a_database_of_another_program_is_called_so() -> None:
    assert store_kind(0) is store_kind(77) is FileKind.SQLITE


READERS: dict[str, tuple[set[FileKind], Callable[[bytes], object]]] = {
    "ProvingKey.decode": ({FileKind.KEY}, rln.ProvingKey.decode),
    "ProvingKey.from_zkey": (
        {FileKind.ZKEY},
        lambda data: rln.ProvingKey.from_zkey(data, CIRCUIT, name="x", threads=1),
    ),
    "ProvingKey.from_arkzkey": (
        {FileKind.ARKZKEY},
        lambda data: rln.ProvingKey.from_arkzkey(
            data, CIRCUIT.graph, name="x", limit_bits=LIMIT_BITS, threads=1
        ),
    ),
    "graph": (
        {FileKind.GRAPH},
        lambda data: rln.ProvingKey.from_arkzkey(
            small_key().to_arkzkey(), data, name="x", limit_bits=LIMIT_BITS, threads=1
        ),
    ),
    "VerifyingKey.from_json": ({FileKind.VERIFYING_KEY}, rln.VerifyingKey.from_json),
    "VerifyingKey.from_proving_key": (
        {FileKind.ZKEY},
        lambda data: rln.VerifyingKey.from_proving_key(data, "zkey"),
    ),
    "R1cs.decode": ({FileKind.R1CS}, R1cs.decode),
    "wtns.read": ({FileKind.WITNESS}, wtns.read),
    "read_proof": ({FileKind.PROOF}, snarkjs.read_proof),
    "read_public": ({FileKind.PUBLIC}, snarkjs.read_public),
    "read_witness": ({FileKind.INPUTS}, snarkjs.read_witness),
    "Evidence.decode": ({FileKind.EVIDENCE}, rln.Evidence.decode),
    "Params.decode": ({FileKind.PARAMETERS}, rln.Params.decode),
    "Keystore.decode": ({FileKind.KEYSTORE}, Keystore.decode),
    "Bulletin.decode": ({FileKind.BULLETIN}, rln.Bulletin.decode),
}


@pytest.mark.parametrize("kind", [FileKind.ARKZKEY, FileKind.ARKZKEY_COMPRESSED])
@pytest.mark.parametrize("start", [b"[", b"{", b" [", b"\n{", b"\xef\xbb\xbf["])
def test_an_arkzkey_whose_first_byte_is_a_bracket_is_not_called_json(kind, start):
    """It starts with alpha, so this is true of one key in a hundred."""
    assert sniff(start + contents()[kind][len(start) :]) is kind


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_calls_a_file_of_another_kind_by_its_name(reader: str) -> None:
    accepted, read = READERS[reader]
    for kind, data in contents().items():
        if kind in accepted:
            read(data)
            continue
        with pytest.raises(EncodingError, match="expected") as caught:
            read(data)
        assert f"got {kind.value};" in str(caught.value), (reader, kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_commands_call_a_file_of_another_kind_by_its_name(kind: FileKind, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(contents()[kind])
    keys = {FileKind.KEY, FileKind.ZKEY, FileKind.ARKZKEY, FileKind.VERIFYING_KEY}
    if kind not in keys:
        for command in ("check", "info"):
            said = run_json("keys", command, file, status=2)
            assert said["message"].startswith(f"{file}: key: expected a key file")
            assert f"got {kind.value};" in said["message"]
        with pytest.raises(EncodingError, match="^key file: expected") as caught:
            rln.ProvingKey.load(file)
        assert f"got {kind.value};" in str(caught.value)
    vk, proof, public = (tmp_path / name for name in ("vk", "proof", "public"))
    for path, content in ((vk, FileKind.VERIFYING_KEY), (proof, FileKind.PROOF), (public, FileKind.PUBLIC)):
        path.write_bytes(contents()[content])
    for option, good in (("--proof", FileKind.PROOF), ("--public", FileKind.PUBLIC)):
        if kind is good:
            continue
        given = {"--proof": proof, "--public": public, option: file}
        arguments = [part for pair in given.items() for part in pair]
        said = run_json("verify", "--vk", vk, *arguments, status=2)
        assert f"got {kind.value};" in said["message"]


def test_a_log_is_called_a_log_where_a_registry_or_a_key_is_expected(tmp_path: Path) -> None:
    world = World()
    open_members(f"sqlite:///{tmp_path}/members", DEPTH, LIMIT_BITS).close()
    open_log(f"sqlite:///{tmp_path}/log", world.clock).close()
    with pytest.raises(StoreUnavailable, match="this file is a nullifier log, expected a member registry"):
        open_members(f"sqlite:///{tmp_path}/log", DEPTH, LIMIT_BITS)
    with pytest.raises(StoreUnavailable, match="this file is a member registry, expected a nullifier log"):
        open_log(f"sqlite:///{tmp_path}/members", world.clock)
    with pytest.raises(StoreUnavailable, match="this file is a nullifier log, expected a member registry"):
        open_existing_members(f"sqlite:///{tmp_path}/log")
    said = run("group", "list", f"sqlite:///{tmp_path}/log", status=3)
    assert "this file is a nullifier log, expected a member registry; check the path" in said
    assert "got a nullifier log;" in run("keys", "check", tmp_path / "log", status=2)
    assert "got a member registry;" in run("keys", "info", tmp_path / "members", status=2)


def test_a_file_that_nobody_knows_is_left_to_its_parser() -> None:
    for data in (b"", b"\0" * 600, b"hello", b"{", b"zkey", bytes(range(256)) * 8):
        assert expect(data, "x", FileKind.ZKEY) in (FileKind.UNKNOWN, FileKind.ZKEY)
        for _, read in READERS.values():
            with pytest.raises(InputError):
                read(data)
    assert without_mark(b"\xef\xbb\xbfx") == b"x"
    assert expect(bytearray(b"r1cs"), "x", FileKind.ZKEY) is FileKind.UNKNOWN  # type: ignore[arg-type]
