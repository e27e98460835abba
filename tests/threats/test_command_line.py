"""Row C11: no command ends in a traceback, whatever its arguments, files, environment and output are."""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import rln
from rln.cli.app import app
from rln.formats.keystore import Keystore
from rln.protocol.waku_membership import WakuMembership
from rln.services.connect_token import ConnectToken
from rln.stores.memory import MemoryMessageIds
from rln.verifying.evidence import Evidence
from tests.architecture.tree import ROOT
from tests.support.command_lines import KEPT_SECRET, LONG_RUNNING, command_line, commands, write_odd_files
from tests.support.effort import effort
from tests.support.hostile_uris import WORDS
from tests.support.http_provider import HttpProvider
from tests.support.http_world import HttpWorld
from tests.support.price_routes import FLAT
from tests.support.relay_process import NETWORK
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.unit.cli.terminal import write_inputs

TREE: Any = typer.main.get_command(app)
COMMANDS = list(commands(TREE))
SECONDS = 120


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; return its status, and what it wrote to standard output and error."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(b"seed"))
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            with pytest.raises(SystemExit) as end:
                TREE.main(list(arguments))
    finally:
        sys.stdin = stdin
    written = [stream.buffer.getvalue().decode() for stream in streams]  # type: ignore[attr-defined]
    return int(str(end.value.code)), written[0], written[1]


def succeed(*arguments: str) -> str:
    """Run a command that must succeed, and return its answer."""
    status, out, err = run(*arguments)
    assert status == 0, err
    return out.strip()


class Watch:
    """Collects what is opened for writing, made, renamed or removed outside a directory."""

    def __init__(self) -> None:
        self.folder = ""
        self.outside: list[str] = []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder:
            return
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in (
            "os.mkdir",
            "os.rename",
            "os.remove",
            "os.rmdir",
            "os.link",
            "os.symlink",
            "sqlite3.connect",
        ):
            path = arguments[0]
        else:
            return
        if isinstance(path, int):
            return
        place = os.path.abspath(os.fsdecode(path))
        if not place.startswith((self.folder, "/dev/")) and os.path.isabs(os.fsdecode(path)):
            self.outside.append(place)

    def changed(self) -> list[str]:
        """Return the files outside that were opened for writing, or removed, since the last call."""
        found, self.outside = self.outside, []
        return [path for path in found if os.path.lexists(path) and not os.path.isdir(path)]


WATCH = Watch()

KEYSTORE_PASSWORD = "opens-sesame-7f3a"
"""In `password.txt`. No command prints it."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a valid file of each kind, and files of no kind."""
    folder = tmp_path_factory.mktemp("model")
    world = write_inputs(folder)
    (folder / "vk.json").write_bytes(world.key.verifying_key.to_json())
    (folder / "cut.rlnkey").write_bytes((folder / "key.rlnkey").read_bytes()[:5000])
    small = World()
    member = rln.Identity.generate()
    small.group.register(member.commitment, 1)
    first, second = (small.prover(member, MemoryMessageIds()).prove(text) for text in (b"one", b"two"))
    evidence = Evidence(first, second, small.key.verifying_key.digest)
    (folder / "evidence.json").write_bytes(evidence.encode())
    (folder / "members.csv").write_text("5,1\n6,2\n")
    (folder / "prices.toml").write_text("[[route]]\nmethod='GET'\npath='/'\nadapter='flat'\nunits=1\n")
    shutil.copy(ROOT / "vectors" / "poseidon.json", folder)
    (folder / "board").mkdir()
    before = os.getcwd()
    os.chdir(folder)
    try:
        (folder / "secret.txt").write_text(str(KEPT_SECRET))
        registry, board = "sqlite:///members.db", ("--key", "registrar.pem", "--out", "board")
        clock = ("--application", "example.com", "--period", "86400")
        made = ("--params=params.json", "--key=key.rlnkey", "--identity=identity.json", "--mirror=mirror")
        prove = ("message", "prove", *made, "--limit=3", "--min-members=1", "--out=m.proof")
        commitment = succeed("identity", "new", "--out", "identity.json")
        succeed("identity", "new", "--extended", "--out", "extended.json")
        waku = WakuMembership(rln.Identity.load("extended.json"), "59144", "0x00", 1, 3)
        Path("keystore.json").write_bytes(
            Keystore().with_entry(*waku.lock(KEYSTORE_PASSWORD, 10_000)).encode()
        )
        Path("password.txt").write_text(f"{KEYSTORE_PASSWORD}\n")
        public = succeed("group", "key", "--out", "registrar.pem")
        for line in (
            ("prove", *made[1:2], "--input=witness.json", "--proof=proof.json", "--public=public.json"),
            ("keys", "export", "key.rlnkey", "--to", "graph", "--out", "graph"),
            ("keys", "export", "key.rlnkey", "--to", "zkey", "--out", "key.zkey"),
            ("params", "make", *clock, "--key=key.rlnkey", "--registrar-key", public, "--out=params.json"),
            ("group", "create", registry, "--depth", str(DEPTH), "--limit-bits", str(LIMIT_BITS)),
            ("group", "register", registry, "--file", "members.csv"),
            ("group", "register", registry, "--commitment", commitment, "--limit", "3"),
            ("group", "export", registry, *board),
            ("group", "export", registry, *board[:3], "bulletin"),
            ("group", "import", "bulletin", "--into=mirror", "--params=params.json", "--min-members=1"),
            ("log", "create", "sqlite:///log.db", *clock),
            ("provider", "new", "provider", "--application=api.localhost", "--period=60", "--tier=pro=5",
             "--authority=127.0.0.1", "--depth=3"),
            (*prove, "--ids=sqlite:///ids.db", "--never-sent", "--text=audited"),
            ("message", "check", "m.proof", "--params=params.json", "--vk=vk.json", "--log=sqlite:///log.db",
             "--group", registry, "--text=audited", "--audit=audit"),
            (*prove, "--ids=sqlite:///ids.db", "--text=hello"),
        ):  # fmt: skip
            succeed(*line)
        succeed("registrar", "--config=provider/rln.toml", "--check")
        Path("gateway").mkdir()
        HttpWorld(Path("gateway").absolute(), members=1, routes=(FLAT,)).close()
        with Path("gateway/rln.toml").open("a") as file:
            file.write('[gateway]\nupstream = "http://127.0.0.1:9"\n')
        succeed("gateway", "--config=gateway/rln.toml", "--check")
        Path("relay").mkdir()
        Path("relay/roots.txt").write_text(f"0x{5:064x}\n")
        Path("relay/relay.toml").write_text(
            f'key = "../vk.json"\nlog = "sqlite:///log.db"\n[network]\n{NETWORK}\n'
            '[roots]\nfile = "roots.txt"\n[node]\nlisten = ["/ip4/127.0.0.1/tcp/0"]\n'
        )
        succeed("relay", "--config=relay/relay.toml", "--check")
        Path("member-of").mkdir()
        with HttpProvider(Path("member-of").absolute()) as other:
            ConnectToken.of(other.member_directory(Path("member").absolute()))
        shutil.rmtree("member-of")
        succeed("connect", "member", "--check")
    finally:
        os.chdir(before)
    write_odd_files(folder)
    return folder


def copy_model(model: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in model.iterdir():
        if path.name not in ("fifo", "unreadable"):
            copy = shutil.copytree if path.is_dir() and not path.is_symlink() else shutil.copy2
            copy(path, place / path.name, **({} if path.is_dir() else {"follow_symlinks": False}))
    os.mkfifo(place / "fifo")
    (place / "unreadable").touch(mode=0)
    # A copied registry refuses every change until its operator says so.
    succeed("group", "restored", f"sqlite:///{place}/members.db", "--nothing-slashed")


def feed(fifo: Path, ended: threading.Event) -> None:
    """Give whoever reads a FIFO its end, so that nobody waits."""
    while not ended.wait(0.001):
        with contextlib.suppress(OSError):
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


@contextlib.contextmanager
def time_limit(line: list[str]) -> Iterator[None]:
    """Fail a command that takes long, also one that waits for a FIFO."""

    def end(*_: object) -> None:
        raise RuntimeError(f"not finished after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def secrets_in(folder: Path) -> set[str]:
    """Return the secrets in the files of the model, in each form in which they could be printed."""
    found = [
        json.loads((folder / name).read_text())["identitySecret"]
        for name in ("identity.json", "extended.json", "witness.json")
    ]
    numbers = {KEPT_SECRET, *map(int, found)}
    pem = (folder / "registrar.pem").read_text().splitlines()[1]
    token = (folder / "member" / "connect-token").read_text().strip()
    return {pem, token, KEYSTORE_PASSWORD, *map(str, numbers), *(f"{number:x}" for number in numbers)}


def check(line: list[str], secrets: set[str], status: int, out: str, err: str) -> None:
    """Check what a command line gave."""
    assert status in (0, 1, 2, 3)
    assert "Traceback" not in out + err and "fault of rln" not in out + err
    assert not any(word in out + err for word in WORDS), "a password"
    assert not any(secret in out + err for secret in secrets), "a secret"
    as_json = "--json" in line and (status or "--help" not in line)
    if status and not (as_json and out):
        assert err.strip(), "no message"
    if as_json and out and json.loads(out).get("message", "-") == "":
        pytest.fail("an empty message")


def test_c11_no_command_line_ends_in_a_traceback_or_shows_a_password(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    rounds = effort(1000, 10_000)
    seed = int(os.environ.get("RLN_FUZZ_SEED", "11"))
    place, home = tmp_path / "place", tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    ended = threading.Event()
    threading.Thread(target=feed, args=(place / "fifo", ended), daemon=True).start()
    request.addfinalizer(ended.set)
    secrets = secrets_in(model)
    statuses: dict[int, int] = {}
    ran: set[tuple[str, ...]] = set()
    worked: set[tuple[str, ...]] = set()
    for number in range(rounds):
        if number % 100 == 0:
            copy_model(model, place)
            monkeypatch.chdir(place)
        draw = random.Random(f"{seed} {number}")
        first = COMMANDS[number : number + 1]  # each command does its work once, whatever is drawn later
        line = command_line(draw, first or COMMANDS, tame=bool(first))
        WATCH.folder = str(tmp_path)
        try:
            with time_limit(line):
                result = run(*line)
            check(line, secrets, *result)
            assert WATCH.changed() == []
        except BaseException as error:
            error.add_note(f"seed {seed}, number {number}: rln {line!r}")
            if "result" in locals():
                error.add_note(repr(result))
            raise
        finally:
            WATCH.folder = ""
        statuses[result[0]] = statuses.get(result[0], 0) + 1
        named = {path for path, _ in COMMANDS if line[: len(path)] == list(path)}
        ran |= named
        worked |= named if result[0] in (0, 1) and "--help" not in line else set()
    print(f"{rounds} command lines, seed {seed}: {statuses}")
    assert ran == {path for path, _ in COMMANDS}
    assert {path for path in ran - worked if path[-1] not in LONG_RUNNING} == set(), (
        "these never did their work"
    )
    assert statuses.keys() >= {0, 1, 2, 3}
