"""Key files on the command line: their formats, and that each file is read once."""

import hashlib
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

import rln
from rln.cli.keyfiles import KeyContent, KeyForm, open_verifying_key
from rln.errors import ParameterError
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key
from tests.unit.cli.terminal import run, run_json


@pytest.fixture(scope="module")
def folder(files: Path) -> Path:
    """The files of `files`, and k.zkey and k.arkzkey with graph and r1cs."""
    key = small_key()
    (files / "k.zkey").write_bytes(key.to_zkey())
    (files / "k.arkzkey").write_bytes(key.to_arkzkey())
    (files / "graph").write_bytes(key.graph_data)
    (files / "r1cs").write_bytes(rln.circuit.rln(DEPTH, LIMIT_BITS).r1cs.encode())
    return files


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is opened, by name."""
    counts: Counter[str] = Counter()
    original = Path.open

    def counting(self, *arguments, **options):
        counts[self.name] += 1
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", counting)
    return counts


COMMANDS = [
    "prove --key {} --input witness.json --proof {out}/p.json --public {out}/u.json",
    "witness --key {} --input witness.json --out {out}/w.wtns",
    "keys info {}",
    "keys check {}",
    "keys check {} --sha256 {sha256}",
    "keys import {} --out {out}/again.rlnkey",
    "keys export {} --to zkey --out {out}/again.zkey",
    "keys tables {}",
]
FOREIGN = ("--graph", "graph", "--limit-bits", LIMIT_BITS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("key", ["key.rlnkey", "k.zkey", "k.arkzkey"])
def test_every_command_reads_each_key_file_once(folder, opened, tmp_path, monkeypatch, command, key):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "cache"))
    digest = hashlib.sha256((folder / key).read_bytes()).hexdigest()
    arguments: list[object] = command.format(key, out=tmp_path, sha256=digest).split()
    expected = [key]
    if key != "key.rlnkey":
        arguments += FOREIGN
        expected.append("graph")
        if arguments[1] in ("import", "tables"):
            arguments += ("--r1cs", "r1cs")
            expected.append("r1cs")
    opened.clear()
    run(*arguments)
    assert {name: opened[name] for name in expected} == dict.fromkeys(expected, 1)


@pytest.mark.parametrize("key", ["key.rlnkey", "k.zkey", "k.arkzkey", "vk.json"])
def test_a_verifying_key_is_read_once_too(folder, opened, tmp_path, monkeypatch, key):
    monkeypatch.chdir(folder)
    for command in (
        f"verify --vk {key} --proof proof.json --public public.json",
        f"keys export {key} --to vk --out {tmp_path}/vk.json",
        f"keys info {key}",
    ):
        opened.clear()
        run(*command.split())
        assert opened[key] == 1, command


def test_a_key_may_come_through_a_pipe(folder, tmp_path):
    """A second read of a pipe would find nothing, or wait forever."""
    pipe, out = tmp_path / "pipe", ("--proof", tmp_path / "p.json", "--public", tmp_path / "u.json")
    os.mkfifo(pipe)
    data = (folder / "key.rlnkey").read_bytes()
    for command in (
        ("prove", "--key", pipe, "--input", folder / "witness.json", *out),
        ("verify", "--vk", pipe, *out),
        ("keys", "info", pipe),
        ("keys", "check", pipe),
    ):
        writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
        writer.start()
        run(*command)
        writer.join(30)
        assert not writer.is_alive()


def test_formats_are_detected_by_content_and_then_by_name(folder, tmp_path):
    for name, form in (
        ("key.rlnkey", KeyForm.OWN),
        ("k.zkey", KeyForm.ZKEY),
        ("k.arkzkey", KeyForm.ARKZKEY),
        ("vk.json", KeyForm.JSON),
    ):
        assert KeyContent.read(folder / name).form is form
    for form, name, data in (
        (KeyForm.OWN, "key", (folder / "key.rlnkey").read_bytes()),
        (KeyForm.ZKEY, "key", (folder / "k.zkey").read_bytes()),
        (KeyForm.JSON, "key", b" \n{}"),
        (KeyForm.JSON, "key.json", b""),
        (KeyForm.ARKZKEY, "key.arkzkey", b"{" + bytes(64)),
        (KeyForm.ARKZKEY, "key", (folder / "k.arkzkey").read_bytes()),
    ):
        (tmp_path / name).write_bytes(data)
        assert KeyContent.read(tmp_path / name).form is form
    (tmp_path / "key").write_bytes(bytes(1000))
    with pytest.raises(ParameterError, match=f"{tmp_path}/key: expected a key file"):
        KeyContent.read(tmp_path / "key")


def test_errors_name_the_key_file(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    out = ("--out", tmp_path / "again.rlnkey")
    for arguments, words in (
        (("vk.json",), "vk.json: expected a proving key, got the JSON"),
        (("zerokit-20",), "zerokit-20: expected the file of a proving key"),
        (("k.zkey",), "k.zkey: --graph: expected the witness graph"),
        (("key.rlnkey", "--graph", "graph"), "key.rlnkey: --graph: expected none"),
        (("k.zkey", "--graph", "missing"), "missing: No such file"),
        (("k.zkey", "--graph", "graph", "--r1cs", "missing"), "missing: No such file"),
        (("key.rlnkey", "--sha256", "ab" * 32), "key.rlnkey: key file: expected SHA-256 abab"),
        (("key.rlnkey", "--sha256", "ab"), "key.rlnkey: sha256: expected"),
    ):
        message = run_json("keys", "import", *arguments, *out, status=2)["message"]
        assert message.startswith(words), message
    assert os.listdir(tmp_path) == []


def test_a_built_in_name_takes_precedence_over_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zerokit-20").write_bytes(b"junk")
    assert open_verifying_key("zerokit-20") == rln.VerifyingKey.builtin("zerokit-20")
    assert run_json("keys", "check", "zerokit-20")["sound"] is True
