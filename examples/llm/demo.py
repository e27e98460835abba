"""The story with a real chat model: `rln gateway`, forty customers, budgets in tokens, a cheat who goes.

python -m examples.llm.demo [FOLDER]

Model, gateway and registrar are processes of their own, as in real life, and so are `rln connect` and a relay
that hides an address. With FOLDER, a new directory, all files stay there: those of the provider and of the
members; witness.jsonl, what passed between gateway and model; chunks.json, when a customer got a stream.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openai

from examples.llm.model import NAME
from examples.story import (
    MEMBERS,
    WAIT,
    admit,
    copy_without_ids,
    expect,
    find_evidence,
    free_port,
    gone,
    open_accounts,
    refusal,
    register,
    rln_command,
    running,
    step,
    verify_evidence,
)
from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.http.policy import Tier
from rln.integrations.httpx2 import anonymous_client
from rln.services.provider_directory import create_provider

HERE = Path(__file__).resolve().parent
TIER = Tier("basic", 12)
SLOTS = 4
RELAY_ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class Stage:
    """Where everything is: the folder of all files, and a port of this machine for each program."""

    folder: Path
    gateway: int
    registrar: int
    model: int
    witness: int
    connect: int
    relay: int

    @property
    def provider(self) -> Path:
        """The provider's directory."""
        return self.folder / "provider"

    @property
    def url(self) -> str:
        """The provider's URL."""
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def found(self) -> Path:
        """Where the evidence is put."""
        return self.folder / "evidence"

    def member(self, number: int) -> Path:
        """Return the directory of a customer."""
        return self.folder / f"customer-{number}"


def main(folder: Path) -> None:
    """Tell the story."""
    stage = Stage(folder, *(free_port() for _ in range(6)))
    model_key = secrets.token_urlsafe(16)
    step("the provider makes keys, policy, stores, prices", lambda: provide(stage, model_key))
    step("rln gateway --check explains the settings", lambda: check(stage))
    with ExitStack() as programs:
        start = partial(begin, stage, programs)
        step("a chat model with 135 million parameters starts", lambda: start_model(stage, start, model_key))
        step("gateway and registrar start", lambda: start_provider(stage, start))
        members, commands = step(
            "forty customers register, each with an API key",
            lambda: join(stage),
            lambda _: "no identity secret leaves its owner",
        )
        with members[0] as alice, members[1] as mallory:
            step("the registrar admits them in batches", lambda: admit(members))
            step("rln join has waited for it", lambda: joined(commands))
            use_the_budget(stage, alice)
            overspend(stage, alice, mallory)
        with ExitStack() as connect:
            step("Carol starts rln connect on this machine", lambda: start_connect(stage, connect))
            step("curl asks it, as any program can", lambda: curl(stage))
        step("a relay starts, which somebody else should run", lambda: start_relay(stage, start))
        step("Bob asks through it, from a hidden address", lambda: ask_through_relay(stage))
    step("what the model saw", lambda: seen_by_model(stage))


def begin(stage: Stage, programs: ExitStack, name: str, url: str, *command: str, **environment: str) -> None:
    """Start a program that runs until the story ends, and wait until it answers."""
    programs.enter_context(running(*command, url=url, log=stage.folder / f"{name}.log", **environment))


def provide(stage: Stage, model_key: str) -> str:
    """Make the directory of a provider who has a model server, and sells its tokens."""
    policy = create_provider(
        stage.provider,
        "api.localhost",
        period=86400,
        tiers=[TIER],
        authorities=[f"127.0.0.1:{stage.gateway}"],
        registrar=f"http://127.0.0.1:{stage.registrar}/rln/",
        refresh=1,  # second; usually members look twice a minute
        depth=10,
        max_units=SLOTS,
    )
    rln_command("provider", "prices", str(stage.provider), str(HERE / "prices.toml"))
    (stage.provider / "model-key.txt").write_text(f"Bearer {model_key}")
    settings = (stage.provider / "rln.toml").read_text()
    (stage.provider / "rln.toml").write_text(
        f'audit = "audit"\nprices = "prices.json"\nupstream_authorization = "model-key.txt"\n{settings}'
        f"interval = 1\nbatch = {MEMBERS}\n"
        f'[gateway]\nupstream = "http://127.0.0.1:{stage.witness}"\n'
    )
    return f"{policy.application}, {TIER.limit} units a day for each member"


def check(stage: Stage) -> str:
    """Let the gateway explain what it would do."""
    said = rln_command("gateway", "--config", str(stage.provider / "rln.toml"), "--check")
    (stage.folder / "check.txt").write_text(said)
    return f"{said.count(chr(10)) + 1} lines, without listening"


def start_model(stage: Stage, start: partial[None], key: str) -> str:
    """Start the model server, and the witness before it."""
    url = f"http://127.0.0.1:{stage.model}/health"
    start("model", url, "-m", "examples.llm.model", "--port", str(stage.model), MODEL_API_KEY=key)
    record = str(stage.folder / "witness.jsonl")
    start(
        *("witness", f"http://127.0.0.1:{stage.witness}/health", "-m", "examples.llm.witness"),
        *("--port", str(stage.witness), "--model", str(stage.model), "--record", record),
    )
    return f"{NAME}, for requests with its own key"


def start_provider(stage: Stage, start: partial[None]) -> str:
    """Start the registrar, and the gateway, whose one upstream is the model."""
    for name, port in (("registrar", stage.registrar), ("gateway", stage.gateway)):
        start(
            *(name, f"http://127.0.0.1:{port}/.well-known/rln", "-m", "rln", name),
            *("--config", str(stage.provider / "rln.toml"), "--port", str(port)),
        )
    return stage.url


def join(stage: Stage) -> tuple[list[Member], list[subprocess.Popen[str]]]:
    """Let four customers join with a directory each, two of them by command, and all others register."""
    keys = list(open_accounts(stage.provider, TIER.name).items())
    register(stage.provider, TIER.name, dict(keys[4:]))
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "rln", "join", stage.url, str(stage.member(number)), "--wait", "300"],
            env={**os.environ, "RLN_API_KEY": keys[number][1]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in (2, 3)
    ]
    members = [
        Member.join(stage.url, api_key=keys[number][1], directory=stage.member(number)) for number in (0, 1)
    ]
    return members, commands


def joined(commands: list[subprocess.Popen[str]]) -> str:
    """Wait until the customers who joined by command are admitted."""
    for command in commands:
        said, _ = command.communicate(timeout=WAIT)
        expect(command.returncode == 0, f"rln join to succeed, got {said}")
    return "two customers have a directory for rln connect"


def client_of(stage: Stage, member: Member) -> openai.OpenAI:
    """Return the usual client, with one more argument."""
    return openai.OpenAI(base_url=f"{stage.url}/v1", api_key="not used", http_client=anonymous_client(member))


def ask(client: openai.OpenAI, question: str, tokens: int) -> str:
    """Ask, and return the beginning of the answer."""
    answer = client.chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": question}], max_tokens=tokens, temperature=0
    )
    expect(answer.usage is not None and answer.usage.completion_tokens <= tokens, f"at most {tokens} tokens")
    return beginning(answer.choices[0].message.content or "")


def beginning(text: str) -> str:
    """Return what of an answer fits into a line."""
    line = " ".join(text.split())
    return line if len(line) <= 48 else f"{line[:47]}…"


def use_the_budget(stage: Stage, alice: Member) -> None:
    """Spend the twelve units of a day, and not one more."""
    with client_of(stage, alice) as client:
        spend(stage, client)


def spend(stage: Stage, client: openai.OpenAI) -> None:
    """Ask until no unit is left."""
    names = step("1 unit: Alice lists the models", lambda: [one.id for one in client.models.list()])
    expect(names == [NAME], f"one model, got {names}")
    step("2 units: Alice asks", lambda: ask(client, "Name the capital of France.", 32))
    step("4 units: Alice asks, and the answer streams", lambda: stream(stage, client))
    step("no unit: too many tokens for a credential", lambda: refusal(lambda: ask(client, "A novel?", 500)))
    step("2 units: Alice asks again", lambda: ask(client, "Name three colours.", 32))
    step("3 units: Alice asks for more tokens", lambda: ask(client, "Why is the sky blue?", 64))
    step("no unit is left: Alice's own program refuses", lambda: refusal(lambda: ask(client, "And?", 32)))


def stream(stage: Stage, client: openai.OpenAI) -> str:
    """Ask for a stream, and compare when its pieces left the model and when they came."""
    began, times, text = time.monotonic(), [], ""
    for piece in client.chat.completions.create(
        model=NAME,
        messages=[{"role": "user", "content": "Tell me a long story about a dragon."}],
        max_tokens=96,
        temperature=0,
        stream=True,
    ):
        times.append(time.monotonic())
        text += piece.choices[0].delta.content or ""
    (stage.folder / "chunks.json").write_text(json.dumps(times))
    ways = [came - left for came, left in zip(times, events_since(stage, began), strict=False)]
    return (
        f"{len(times)} pieces, {statistics.median(ways) * 1000:.1f} ms from model to Alice: {beginning(text)}"
    )


def events_since(stage: Stage, began: float) -> list[float]:
    """Return when the model sent the pieces of a stream."""
    return [one["time"] for one in witnessed(stage) if "event" in one and one["time"] > began]


def witnessed(stage: Stage) -> list[dict[str, Any]]:
    """Return what the witness has written down."""
    return [json.loads(line) for line in (stage.folder / "witness.jsonl").read_text().splitlines()]


def overspend(stage: Stage, alice: Member, mallory: Member) -> None:
    """Let a member use message ids twice, and see what follows."""
    with client_of(stage, mallory) as client:
        step("Mallory asks", lambda: ask(client, "What is a dragon?", 32))
    step("Mallory deletes the counter, and asks again", lambda: refusal(lambda: cheat(stage, mallory)))
    leaves = alice.group_size
    step("Mallory's leaf goes", lambda: gone(alice, leaves), lambda left: f"{left} members are left")
    step("the provider finds the evidence", lambda: find_evidence(stage.provider, stage.found))
    commitment = mallory.commitment
    step("rln evidence verify agrees", lambda: verify_evidence(stage.provider, stage.found, commitment))


def cheat(stage: Stage, mallory: Member) -> str:
    """Ask with a copy of the member's files that knows of no spent message id."""
    with (
        copy_without_ids(mallory, stage.member(1), stage.folder / "copy") as copied,
        client_of(stage, copied) as client,
    ):
        return ask(client, "What is cheaper than a dragon?", 32)


def start_connect(stage: Stage, programs: ExitStack) -> str:
    """Start `rln connect` for a member who joined by command."""
    url = f"http://127.0.0.1:{stage.connect}"
    port = ("--port", str(stage.connect))
    command = ("-m", "rln", "connect", str(stage.member(2)), *port)
    begin(stage, programs, "connect", f"{url}/v1/models", *command)
    return f"OPENAI_BASE_URL={url}/v1"


def curl(stage: Stage) -> str:
    """Ask with curl, and the token of the local endpoint in the place of an API key."""
    body = {"model": NAME, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 32}
    token = (stage.member(2) / "connect-token").read_text().strip()
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "--config", "-"),
            *("--json", json.dumps({**body, "temperature": 0})),
            f"http://127.0.0.1:{stage.connect}/v1/chat/completions",
        ],
        input=f'header = "Authorization: Bearer {token}"',
        capture_output=True,
        text=True,
    )
    expect(done.returncode == 0, f"curl to succeed, got {done.stdout}{done.stderr}")
    return beginning(json.loads(done.stdout)["choices"][0]["message"]["content"])


def start_relay(stage: Stage, start: partial[None]) -> str:
    """Start a proxy that makes tunnels and calls from an address of its own."""
    url = f"http://127.0.0.1:{stage.relay}"
    port = ("--port", str(stage.relay))
    start("relay", url, "-m", "examples.llm.relay", *port, "--address", RELAY_ADDRESS)
    return f"calls from {RELAY_ADDRESS}"


def ask_through_relay(stage: Stage) -> str:
    """Ask with a stream through the relay, and look at who is connected to the gateway meanwhile."""
    settings = MemberSettings(proxy=f"http://127.0.0.1:{stage.relay}")
    with Member.open(stage.member(3), settings) as bob, client_of(stage, bob) as client:
        peers, text = set(), ""
        for piece in client.chat.completions.create(
            model=NAME,
            messages=[{"role": "user", "content": "Who am I?"}],
            max_tokens=32,
            temperature=0,
            stream=True,
        ):
            peers |= peers_of(stage.gateway)
            text += piece.choices[0].delta.content or ""
    expect(peers == {RELAY_ADDRESS}, f"only the relay at the gateway, got {sorted(peers)}")
    return f"the gateway saw {RELAY_ADDRESS}: {beginning(text)}"


def peers_of(port: int) -> set[str]:
    """Return who is connected to a port of this machine, from the kernel's table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = [(row[1].split(":"), row[2].split(":")) for row in rows if row[3] == "01"]
    found = (bytes.fromhex(there[0]) for here, there in ends if int(here[1], 16) == port)
    return {".".join(map(str, reversed(address))) for address in found}


def seen_by_model(stage: Stage) -> str:
    """Return what reached the model: as many requests as were paid for, and nothing about a member."""
    asked = [one for one in witnessed(stage) if one.get("target") != "/health" and "target" in one]
    names = {name for one in asked for name in one["fields"]}
    return f"{len(asked)} requests with the fields {', '.join(sorted(names))}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True)
        main(Path(sys.argv[1]).resolve())
    else:
        with TemporaryDirectory(prefix="rln-demo-") as temporary:
            main(Path(temporary))
