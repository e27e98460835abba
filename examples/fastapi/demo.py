"""The whole story on one screen: forty customers, a stream, the budget's end, a cheat who is removed.

Provider (two workers of uvicorn) and registrar are processes of their own, as in real life. All files are in
a temporary directory.
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
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import openai
from rich.console import Console

import rln
from rln.client.member import Member
from rln.client.registrar_client import RegistrarClient
from rln.client.settings import MemberSettings
from rln.http.policy import Tier, open_policy
from rln.http.registration import prove_registration
from rln.integrations.httpx2 import anonymous_client
from rln.services.provider_directory import create_provider
from rln.stores import open_message_ids

MEMBERS = 40
LIMIT = 3
HERE = Path(__file__).resolve().parent
WAIT = 30.0

T = TypeVar("T")
console = Console(highlight=False)


def step(name: str, action: Callable[[], T], shown: Callable[[T], str] = str) -> T:
    """Do one step, and print its time, its name and its result."""
    start = time.perf_counter()
    made = action()
    milliseconds = (time.perf_counter() - start) * 1000
    console.print(f"{milliseconds:8.0f} ms  {name:46}  {shown(made)}".rstrip(), markup=False, soft_wrap=True)
    return made


def expect(condition: bool, what: str) -> None:
    """End the demo if something is not as it must be."""
    if not condition:
        sys.exit(f"demo: expected {what}")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(*command: str, url: str, folder: Path) -> Iterator[None]:
    """Run a server until the block ends; wait until it answers."""
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=log,
            stderr=log,
            env={**os.environ, "RLN_CONFIG": str(folder / "provider" / "rln.toml")},
        )
    try:
        until(lambda: process.poll() is not None or answers(f"{url}/.well-known/rln"), f"an answer of {url}")
        if process.poll() is not None:
            sys.exit((folder / "servers.log").read_text())
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT)


def answers(url: str) -> bool:
    """Tell whether a server answers."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT
    while not condition():
        expect(time.monotonic() < end, f"{what} within {WAIT:.0f} seconds")
        time.sleep(0.1)


def ask(member: Member, url: str, question: str, stream: bool = False) -> str:
    """Ask through the `openai` package; of a stream, put a mark between what came at different times."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not used", http_client=anonymous_client(member))
    messages = [{"role": "user", "content": question}]
    if not stream:
        return str(client.chat.completions.create(model="echo", messages=messages).choices[0].message.content)
    parts = client.chat.completions.create(model="echo", messages=messages, stream=True)
    return "|".join(part.choices[0].delta.content or "" for part in parts)


def refusal(action: Callable[[], object]) -> str:
    """Return how a call is refused."""
    try:
        action()
    except openai.APIStatusError as error:
        return f"{error.status_code} {json.loads(error.response.text)['title']}"
    except rln.RlnError as error:
        return f"{type(error).__name__}, {str(error).rpartition(', ')[2]}"
    sys.exit("demo: expected a refusal, got an answer")


def rln_command(*words: str) -> str:
    """Run `rln`, and return what it prints."""
    done = subprocess.run([sys.executable, "-m", "rln", *words], capture_output=True, text=True)
    expect(done.returncode == 0, f"rln {words[0]} {words[1]} to succeed, got {done.stderr}")
    return done.stdout.strip()


def main(folder: Path) -> None:
    """Tell the story."""
    url, registrar = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    provider = folder / "provider"
    step(
        "the provider makes keys, policy and stores",
        lambda: create_provider(
            provider,
            "api.localhost",
            period=86400,
            tiers=[Tier("basic", LIMIT)],
            authorities=[url.removeprefix("http://")],
            registrar=f"{registrar}/rln/",
            refresh=1,  # second; usually members look twice a minute
            depth=10,
        ),
        lambda made: f"{made.application}, {LIMIT} requests a day",
    )
    names = [f"customer-{number}" for number in range(MEMBERS)]
    keys = {name: secrets.token_urlsafe(24) for name in names}
    digests = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in keys.items()}
    accounts = {name: {"sha256": one, "tiers": ["basic"], "several": False} for name, one in digests.items()}
    (provider / "api-keys.json").write_text(json.dumps({"accounts": accounts}, indent=1))
    settings = (provider / "rln.toml").read_text()
    (provider / "rln.toml").write_text(f'audit = "audit"\n{settings}interval = 1\nbatch = {MEMBERS}\n')
    ports = [one.rpartition(":")[2] for one in (url, registrar)]
    serve = ("uvicorn", "--app-dir", str(HERE), "provider:app", "--workers", "2", "--port", ports[0])
    register = ("rln", "registrar", "--port", ports[1])
    with running(*register, url=registrar, folder=folder), running(*serve, url=url, folder=folder):
        members = step(
            "forty customers register, each with an API key",
            lambda: join(url, keys, folder),
            lambda _: "no identity secret leaves its owner",
        )
        cheat_commitment = members[-1].commitment
        try:
            call(url, members, folder)
        finally:
            for member in members:
                member.close()
    step("the provider finds the evidence", lambda: evidence(folder))
    step("rln evidence verify agrees", lambda: verify(folder, cheat_commitment))


def join(url: str, keys: dict[str, str], folder: Path) -> list[Member]:
    """Let Alice, Bob and Mallory join with a directory each, and all others register with one program."""
    *others, alice, bob, mallory = keys
    key = rln.ProvingKey.load(folder / "provider" / "provider.rlnkey")
    policy = open_policy((folder / "provider" / "policy.json").read_bytes())
    for name in others:
        registrar = RegistrarClient(policy.registration or "", keys[name], MemberSettings().open_web())
        asked = registrar.challenge("basic")
        parts = (policy.application, asked.account, "basic", LIMIT, asked.nonce, key)
        registrar.register(*prove_registration(rln.Identity.generate(), *parts))
    return [
        Member.join(url, api_key=keys[name], directory=folder / name, tier="basic")
        for name in (alice, bob, mallory)
    ]


def call(url: str, members: list[Member], folder: Path) -> None:
    """Call the provider: honest customers, and one who cheats."""
    alice, bob, mallory = members
    step("the registrar admits them in batches", lambda: admit(members))
    step("Alice asks", lambda: ask(alice, url, "What is a nullifier?"))
    step("Alice asks, and the answer streams", lambda: ask(alice, url, "And an epoch?", stream=True))
    step("Alice asks again", lambda: ask(alice, url, "Thank you"))
    step("Alice's own program keeps the limit", lambda: refusal(lambda: ask(alice, url, "One more?")))
    step("Mallory asks", lambda: ask(mallory, url, "Cheap tokens?"))
    step("Mallory deletes the counter, and asks again", lambda: refusal(lambda: cheat(mallory, url, folder)))
    leaves = alice.group_size
    step("Mallory's leaf goes", lambda: gone(alice, leaves), lambda left: f"{left} members are left")
    step("Bob asks, as if nothing had happened", lambda: ask(bob, url, "All well?"))


def admit(members: list[Member]) -> str:
    """Wait until everybody is in the group."""
    start = time.monotonic()
    for member in members:
        member.wait_until_admitted(WAIT)
    until(lambda: all(member.group_size == MEMBERS for member in members), f"a group of {MEMBERS}")
    return f"{members[0].group_size} leaves, after {time.monotonic() - start:.1f} s"


def cheat(mallory: Member, url: str, folder: Path) -> str:
    """Copy the member's files without the record of spent message ids, and claim that none is spent."""
    copy = folder / "copy"
    shutil.copytree(folder / f"customer-{MEMBERS - 1}", copy, ignore=shutil.ignore_patterns("message-ids*"))
    with closing(open_message_ids(f"sqlite:///{copy}/message-ids.db")) as ids:
        ids.introduce(mallory.commitment)
    with Member.open(copy) as copied:
        return ask(copied, url, "Even cheaper tokens?")


def gone(member: Member, leaves: int) -> int:
    """Wait until a bulletin has removed a leaf, and return how many are left."""
    until(lambda: member.group_size < leaves, "a bulletin without the leaf")
    return member.group_size


def evidence(folder: Path) -> str:
    """Search the audit files for violations, as the provider would on all nodes together."""
    provider = folder / "provider"
    made = ("--vk", str(provider / "provider.rlnkey"), "--evidence", str(folder / "evidence"))
    rln_command("log", "merge", str(provider / "audit"), *made)
    (file,) = (folder / "evidence").iterdir()
    return f"{file.stat().st_size} bytes, two messages with one message id"


def verify(folder: Path, commitment: int) -> str:
    """Let anybody check the evidence with the verifying key."""
    (file,) = (folder / "evidence").iterdir()
    said = rln_command("evidence", "verify", str(file), "--vk", str(folder / "provider/provider.rlnkey"))
    written = f"0x{commitment:064x}"
    expect(written in said, "Mallory's commitment")
    return said.replace(written, f"{written[:8]}…")


if __name__ == "__main__":
    with TemporaryDirectory(prefix="rln-demo-") as temporary:
        main(Path(temporary))
