"""examples/fastapi: provider with two workers, registrar and customer are processes of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rln.http.policy import Tier
from rln.services.api_keys import Account
from rln.services.new_account import add_account
from rln.services.provider_directory import create_provider

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "fastapi"
LIMIT = 3


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def serving(*command: str, url: str, **more: object) -> Iterator[None]:
    """Run a server until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", *command], **more)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/.well-known/rln", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, command
                time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """A provider that serves: its directory, its URL and an API key."""
    folder = tmp_path_factory.mktemp("example")
    url, registrar = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    create_provider(
        folder / "provider",
        "api.localhost",
        period=86400,
        tiers=[Tier("pro", LIMIT)],
        authorities=[url.removeprefix("http://")],
        registrar=f"{registrar}/rln/",
        depth=8,
        limit_bits=4,
    )
    key = add_account(folder / "provider" / "api-keys.json", Account("acme", ("pro",)))
    settings = folder / "provider" / "rln.toml"
    settings.write_text(settings.read_text() + "interval = 1\n")
    environment = {**os.environ, "RLN_CONFIG": str(settings)}
    ports = [one.rpartition(":")[2] for one in (url, registrar)]
    with (
        serving("rln", "registrar", "--port", ports[1], url=registrar, env=environment),
        serving(
            "uvicorn", "--app-dir", str(EXAMPLE), "provider:app", "--workers", "2", "--port", ports[0],
            url=url, env=environment,
        ),
    ):  # fmt: skip
        yield folder, url, key


@pytest.fixture
def customer(provider: tuple[Path, str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    folder, url, _ = provider

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLE / "customer.py"), *words],
            cwd=folder, env={**os.environ, "PROVIDER": url}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def test_a_customer_joins_and_asks_until_the_budget_ends(
    provider: tuple[Path, str, str], customer: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """In a process of its own each time: the spent message ids are on the disk."""
    _, url, key = provider
    assert (joined := customer("join", key)).returncode == 0, joined.stderr
    for question in ("What is a nullifier?", "And an epoch?", "Thank you"):
        asked = customer("ask", question)
        assert (asked.returncode, asked.stdout) == (0, f"You asked: {question}\n"), asked.stderr
    over = customer("ask", "One more?")
    assert over.returncode == 1 and over.stdout == ""
    assert "message ids: 3 of 3 ids of epoch" in over.stderr and "Traceback" not in over.stderr
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/v1/chat/completions", data=b"{}")
    assert caught.value.code == 401
    assert re.match(r'RLN realm="api\.localhost", ', caught.value.headers["WWW-Authenticate"])


def test_a_wrong_api_key_is_told_in_one_line(
    provider: tuple[Path, str, str], customer: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _, url, _ = provider
    said = subprocess.run(
        [sys.executable, str(EXAMPLE / "customer.py"), "join", "a-key-that-nobody-has-made"],
        cwd=tmp_path, env={**os.environ, "PROVIDER": url}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert said.returncode == 1 and said.stderr.count("\n") == 1
    assert said.stderr.startswith("registrar: 401: ")


@pytest.mark.slow
def test_the_demo_tells_the_whole_story() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.fastapi.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "40 leaves, after ",
        "You asked: What is a nullifier?",
        "You| asked:| And| an| epoch?",
        "RateLimitReached: message ids: 3 of 3 ids of epoch ",
        "429 The limit was exceeded.",
        "39 members are left",
        "You asked: All well?",
        "both messages are valid; commitment 0x",
    ):
        assert said in done.stdout
