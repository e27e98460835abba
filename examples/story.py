"""What the demos share: steps with times and results, servers that run meanwhile, customers, and a cheat.

Run a demo from the root of the repository: `python -m examples.llm.demo`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import openai
from rich.console import Console
from rich.progress import track

import rln
from rln.client.member import Member
from rln.client.registrar_client import RegistrarClient
from rln.client.settings import MemberSettings
from rln.http.policy import open_policy
from rln.http.registration import prove_registration
from rln.stores import open_message_ids

MEMBERS = 40
WAIT = 60.0

T = TypeVar("T")
console = Console(highlight=False)


def step(name: str, action: Callable[[], T], shown: Callable[[T], str] = str) -> T:
    """Do one step, and print its time, its name and its result."""
    start = time.perf_counter()
    made = action()
    milliseconds = (time.perf_counter() - start) * 1000
    console.print(f"{milliseconds:8.0f} ms  {name:48}  {shown(made)}".rstrip(), markup=False, soft_wrap=True)
    return made


def expect(condition: bool, what: str) -> None:
    """End the demo if something is not as it must be."""
    if not condition:
        sys.exit(f"demo: expected {what}")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT
    while not condition():
        expect(time.monotonic() < end, f"{what} within {WAIT:.0f} seconds")
        time.sleep(0.1)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(*command: str, url: str, log: Path, **environment: str) -> Iterator[None]:
    """Run a Python program that serves until the block ends; wait until it answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        until(lambda: process.poll() is not None or answers(url), f"an answer of {url}")
        if process.poll() is not None:
            sys.exit(log.read_text())
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT)


def answers(url: str) -> bool:
    """Tell whether a server answers, be it with a refusal."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True


def rln_command(*words: str) -> str:
    """Run `rln`, and return what it prints."""
    done = subprocess.run([sys.executable, "-m", "rln", *words], capture_output=True, text=True)
    expect(done.returncode == 0, f"rln {words[0]} {words[1]} to succeed, got {done.stderr}")
    return done.stdout.strip()


def refusal(action: Callable[[], object]) -> str:
    """Return how a call is refused."""
    try:
        action()
    except openai.APIStatusError as error:
        return f"{error.status_code} {json.loads(error.response.text)['title']}"
    except rln.RlnError as error:
        return f"{type(error).__name__}: {str(error).partition(';')[0]}"
    sys.exit("demo: expected a refusal, got an answer")


def open_accounts(provider: Path, tier: str) -> dict[str, str]:
    """Write an account for each customer, and return their API keys by their names."""
    keys = {f"customer-{number}": secrets.token_urlsafe(24) for number in range(MEMBERS)}
    digests = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in keys.items()}
    accounts = {name: {"sha256": one, "tiers": [tier], "several": False} for name, one in digests.items()}
    (provider / "api-keys.json").write_text(json.dumps({"accounts": accounts}, indent=1))
    return keys


def register(provider: Path, tier: str, keys: dict[str, str]) -> None:
    """Register customers of whom the story tells no more, with one program."""
    key = rln.ProvingKey.load(provider / "provider.rlnkey")
    policy = open_policy((provider / "policy.json").read_bytes())
    limit = policy.tier(tier).limit
    quiet = not console.is_terminal
    for api_key in track(keys.values(), "registering", console=console, transient=True, disable=quiet):
        registrar = RegistrarClient(policy.registration or "", api_key, MemberSettings().open_web())
        asked = registrar.challenge(tier)
        parts = (policy.application, asked.account, tier, limit, asked.nonce, key)
        registrar.register(*prove_registration(rln.Identity.generate(), *parts))


def admit(members: list[Member]) -> str:
    """Wait until everybody is in the group."""
    start = time.monotonic()
    for member in members:
        member.wait_until_admitted(WAIT)
    until(lambda: all(member.group_size == MEMBERS for member in members), f"a group of {MEMBERS}")
    return f"{members[0].group_size} leaves, after {time.monotonic() - start:.1f} s"


def copy_without_ids(member: Member, directory: Path, copy: Path) -> Member:
    """Copy a member's files without the record of spent message ids, and claim that none is spent."""
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("message-ids*"))
    with closing(open_message_ids(f"sqlite:///{copy}/message-ids.db")) as ids:
        ids.introduce(member.commitment)
    return Member.open(copy)


def gone(member: Member, leaves: int) -> int:
    """Wait until a bulletin has removed a leaf, and return how many are left."""
    until(lambda: member.group_size < leaves, "a bulletin without the leaf")
    return member.group_size


def find_evidence(provider: Path, found: Path) -> str:
    """Search the audit files for violations, as the provider would on all nodes together."""
    made = ("--vk", str(provider / "provider.rlnkey"), "--evidence", str(found))
    rln_command("log", "merge", str(provider / "audit"), *made)
    (file,) = found.iterdir()
    return f"{file.stat().st_size} bytes, two messages with one message id"


def verify_evidence(provider: Path, found: Path, commitment: int) -> str:
    """Let anybody check the evidence with the verifying key."""
    (file,) = found.iterdir()
    said = rln_command("evidence", "verify", str(file), "--vk", str(provider / "provider.rlnkey"))
    written = f"0x{commitment:064x}"
    expect(written in said, "the commitment of the member who cheated")
    return said.replace(written, f"{written[:8]}…")
