"""Row C11: the environment, the output and the machine fail a command, and it says so with a status."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rln.stores import open_existing_members
from tests.architecture.tree import ROOT
from tests.threats.test_command_line import run

RLN = (sys.executable, "-m", "rln")


def rln(
    *arguments: str | bytes,
    cwd: Path,
    stdout: Any = subprocess.PIPE,
    before: Callable[[], object] | None = None,
    code: str = "",
    **environment: str,
) -> tuple[int, str, str]:
    """Run a command in a process of its own; return its status and what it wrote."""
    program = (sys.executable, "-c", f"import sys\n{code}\nfrom rln.cli import main\nmain()") if code else RLN
    done = subprocess.run(
        [*program, *arguments],
        cwd=cwd,
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=before,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
    )
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


@pytest.fixture
def registry(tmp_path: Path) -> str:
    """An empty registry, below the working directory."""
    uri = f"sqlite:///{tmp_path}/members.db"
    assert run("group", "create", uri, "--depth", "3")[0] == 0
    return uri


def members(uri: str) -> int:
    with contextlib.closing(open_existing_members(uri)) as found:
        return found.head().members


def register(uri: str) -> tuple[str, ...]:
    return ("group", "register", uri, "--commitment", "7", "--limit", "1")


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_c11_a_full_disk_on_output_is_status_3_and_tells_what_was_done(
    registry: str, tmp_path: Path, as_json: tuple[str, ...]
) -> None:
    with open("/dev/full", "wb") as full:
        status, _, said = rln(*register(registry), *as_json, cwd=tmp_path, stdout=full)
    assert (status, said) == (
        3,
        "rln: the member was registered at index 0, but the answer could not be written: "
        "standard output: No space left on device\n",
    )
    assert members(registry) == 1


def test_c11_an_answer_that_is_lost_says_so_also_if_nothing_was_changed(tmp_path: Path) -> None:
    for arguments in (("poseidon", "1"), ("doctor",), ("--help",), ("group", "list", "--help")):
        with open("/dev/full", "wb") as full:
            status, _, said = rln(*arguments, cwd=tmp_path, stdout=full)
        assert (status, said.count("\n")) == (3, 1), said
        assert "No space left on device" in said


def test_c11_output_that_is_closed_is_status_3(registry: str, tmp_path: Path) -> None:
    status, _, said = rln(*register(registry), cwd=tmp_path, stdout=None, before=lambda: os.close(1))
    assert status == 3
    assert said.startswith("rln: the member was registered at index 0, but the answer could not be written")


def test_c11_a_file_that_grows_too_large_is_status_3(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    with open(tmp_path / "answer", "wb") as file:
        status, _, said = rln("poseidon", "1", cwd=tmp_path, stdout=file, before=limit)
    assert (status, "standard output: File too large" in said) == (3, True), said
    status, _, said = rln("identity", "new", "--out", "secret.json", cwd=tmp_path, before=limit)
    assert (status, said) == (3, "rln: secret.json: File too large\n")
    assert not (tmp_path / "secret.json").exists()


def test_c11_a_closed_pipe_ends_a_command_silently_with_the_status_of_sigpipe(
    registry: str, tmp_path: Path
) -> None:
    for number, arguments in enumerate(
        (register(registry), ("group", "list", registry), ("--help",), ("demo",))
    ):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb") as nobody:
            assert rln(*arguments, cwd=tmp_path, stdout=nobody)[::2] == (141, ""), number
    assert members(registry) == 1


def test_c11_sigint_ends_a_command_with_status_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    command = subprocess.Popen(
        [*RLN, "keys", "check", "fifo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with open(tmp_path / "fifo", "wb"):  # opens when the command reads
        command.send_signal(signal.SIGINT)
        out, said = command.communicate(timeout=60)
    assert (command.returncode, out) == (130, "")
    assert said.startswith("rln: interrupted;") and said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("doctor",), ("--help",), ("poseidon", "1"), ("keys", "check", "zerokit-20")]
)
def test_c11_an_unknown_engine_is_status_2_and_the_known_ones_are_named(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    status, out, said = rln(*arguments, cwd=tmp_path, RLN_ENGINE="nope")
    assert (status, out) == (2, "")
    assert said.startswith("rln: RLN_ENGINE: expected one of ") and "portable, got 'nope'\n" in said


CLOCK = ("--application", "example.com", "--period", "60")


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("typer", "cli", ("--help",)),
        ("rich", "cli", ("doctor",)),
        ("redis", "redis", ("log", "stats", "redis://127.0.0.1:1", *CLOCK)),
        ("psycopg", "postgres", ("group", "create", "postgresql://127.0.0.1:1/d")),
        ("cryptography", "sync", ("group", "key", "--out", "key.pem")),
    ],
)
def test_c11_a_missing_extra_is_named(
    package: str, extra: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    status, out, said = rln(*arguments, cwd=tmp_path, code=f"sys.modules[{package!r}] = None")
    assert (status, out) == (2, "")
    assert f": {package}: expected this package to be installed" in said
    assert said.endswith(f"run: pip install 'rln[{extra}]'\n") and said.count("\n") == 1


def test_c11_a_missing_extra_of_the_library_is_an_error_of_ours() -> None:
    for package, extra, module in (
        ("prometheus_client", "metrics", "rln.integrations.prometheus"),
        ("redis", "redis", "rln.stores.redis.log"),
        ("psycopg", "postgres", "rln.stores.postgres.members"),
    ):
        code = (
            f"import sys; sys.modules[{package!r}] = None\nimport importlib, rln\n"
            f"try:\n    importlib.import_module({module!r})\nexcept rln.RlnError as error:\n    print(error)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.endswith(f"run: pip install 'rln[{extra}]'\n"), done.stderr


def test_c11_arguments_that_are_no_text_are_taken_as_names_of_files(tmp_path: Path) -> None:
    status, _, said = rln("keys", "check", b"no-\xff-text", cwd=tmp_path)
    assert (status, said) == (2, "rln: no-\\udcff-text: No such file or directory\n")
    status, out, _ = rln("keys", "check", b"no-\xff-text", "--json", cwd=tmp_path, LC_ALL="C")
    assert (status, json.loads(out)["message"]) == (2, "no-\udcff-text: No such file or directory")
    status, _, said = rln("identity", "new", "--out", b"new-\xff", cwd=tmp_path)
    assert (status, said) == (0, "")
    assert (os.fsencode(tmp_path) + b"/new-\xff") in [os.fsencode(path) for path in tmp_path.iterdir()]


def test_c11_odd_files_are_refused_with_their_names(registry: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text("\n \n")
    (tmp_path / "latin").write_bytes("5,1 é\n".encode("latin-1"))
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    for name in ("empty", "blank", "latin", "loop", "missing", ".", "/dev/zero"):
        path = str(tmp_path / name)
        for arguments in (("group", "register", registry, "--file", path), ("keys", "check", path)):
            status, out, said = run(*arguments)
            assert (status, out) == (2, "") and path in said, (arguments, said)
    for name in ("fifo", "loop", ".", "missing/file", "/dev/full"):  # nothing waits for a reader of the FIFO
        status, _, said = run("setup", "--depth", "3", "--out", str(tmp_path / name))
        assert status == 2 and str(tmp_path / name) in said, said
    assert members(registry) == 0


def test_c11_a_name_that_is_too_long_is_status_2_wherever_it_is_given(tmp_path: Path) -> None:
    long = "n" * 300
    for arguments in (
        ("group", "list", f"sqlite:///{long}"),
        ("group", "restored", f"sqlite:///{long}", "--nothing-slashed"),
        ("log", "stats", f"sqlite:///{long}", *CLOCK),
        ("log", "create", f"sqlite:///{long}", *CLOCK),
        ("vectors", "check", long),
        ("keys", "check", long),
    ):
        status, out, said = run(*arguments)
        assert (status, out, said) == (2, "", f"rln: {long}: File name too long\n"), arguments


def test_c11_standard_input_that_is_closed_is_status_2(tmp_path: Path) -> None:
    for arguments in (("load", "-", "--commitment", "5"), ("new", "--seed-file", "-")):
        status, out, said = rln(
            "identity", *arguments, "--out", "id.json", cwd=tmp_path, before=lambda: os.close(0)
        )
        assert (status, out, said) == (2, "", "rln: -: standard input is closed\n")
    assert not (tmp_path / "id.json").exists()


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_c11_a_fault_of_the_library_is_shown_with_what_a_report_needs(
    as_json: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("rln.cli.commands.proofs.poseidon_hash", fault)
    status, out, said = run("poseidon", "1", *as_json)
    text = json.loads(out)["message"] if as_json else said
    assert status == 3
    assert "fault of rln: KeyError: 'lost'; please report it with these lines:\n" in text
    assert ", in fault\n" in text
    for error, expected in ((MemoryError(), 3), (KeyboardInterrupt(), 130), (OSError(5, "broken", "f"), 3)):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr("rln.cli.commands.proofs.poseidon_hash", fail)
        status, out, said = run("poseidon", "1", *as_json)
        assert status == expected and "Traceback" not in out + said
        assert json.loads(out)["message"] if as_json else said.count("\n") == 1
