"""The story of a relay on one screen: three nodes, a peer of js-waku, and a member who sends too much.

The relays are processes, each with a log of its own, as if they were of three operators. All files are in a
temporary directory. The peer of js-waku takes part if `node` is there, and `npm ci` was run in tests/interop.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import rln
from examples.relay.people import CLOCK, IDENTIFIER, PUBSUB, TOPIC, Crowd, Person
from examples.story import expect, step, until
from rln.stores.groups import open_group

DEPTH, LIMIT_BITS, LIMIT = 10, 8, 2
NAMES = ("A", "B", "C")
PEERS = Path(__file__).resolve().parents[2] / "tests" / "interop"

SETTINGS = """key = "vk.json"
log = "sqlite:///{name}.db"

[network]
cluster = 1
shards = 1
signal_format = "waku-2025"
identifier = "{identifier}"
epoch_seconds = {period}

[roots]
members = "sqlite:///members.db"
depth = {depth}
limit_bits = {limit_bits}
slash = {slash}

[node]
listen = ["/ip4/127.0.0.1/tcp/0"]
peers = {peers}
key = "{name}.key"
"""


class Relays:
    """The processes of `rln relay`.

    Args:
        folder: for their files.
        stack: ends them.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.addresses: dict[str, str] = {}

    def start(self) -> dict[str, str]:
        """Start all in a line: each calls the one before."""
        for name in NAMES:
            settings = self._folder / f"{name}.toml"
            settings.write_text(
                SETTINGS.format(
                    name=name,
                    identifier=IDENTIFIER.rstrip(b"\0").decode(),
                    period=CLOCK.period,
                    depth=DEPTH,
                    limit_bits=LIMIT_BITS,
                    slash=str(name == "A").lower(),
                    peers=json.dumps(list(self.addresses.values())[-1:]),
                )
            )
            output = self._stack.enter_context(self._running(settings))
            self.addresses[name] = output.readline().removeprefix("relay at ").strip()
            expect(self.addresses[name].startswith("/ip4/"), f"an address of relay {name}; {self._log(name)}")
        for name in NAMES[1:]:
            until(lambda name=name: "peer 1 is there" in self._log(name), f"relay {name} to find its peer")  # type: ignore[misc]
        return self.addresses

    @contextmanager
    def _running(self, settings: Path) -> Iterator[IO[str]]:
        command = [sys.executable, "-m", "rln", "relay", "--config", str(settings), "--create-log"]
        with settings.with_suffix(".log").open("w") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()
            process.wait(20)

    def _log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def caught(self, name: str) -> str:
        """Wait until a relay names a member, and return the line."""
        until(lambda: "exceeded the limit" in self._log(name), f"relay {name} to name a member")
        (line,) = (line for line in self._log(name).splitlines() if "exceeded the limit" in line)
        return line.partition("rln.relay: ")[2]


class JsPeer:
    """A relay of js-waku.

    Args:
        node: the program.
        stack: ends it.
    """

    def __init__(self, node: str, stack: ExitStack) -> None:
        shard = int(PUBSUB.rpartition("/")[2])
        options = {
            "topic": PUBSUB,
            "contentTopic": TOPIC,
            "shard": shard,
            "muxer": "yamux",
            "transport": "tcp",
        }
        command = [node, "--import", "./polyfill.mjs", "waku_relay.mjs", json.dumps(options)]
        self._process = subprocess.Popen(
            command, cwd=PEERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.callback(self._process.wait, 20)
        stack.callback(self._process.kill)
        self.read("ready")

    def read(self, event: str) -> dict[str, str]:
        """Return the next thing that it says of a kind."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{") and (said := json.loads(line))["event"] == event:
                return dict(said)
        sys.exit("demo: expected js-waku to answer, and it has ended")

    def join(self, address: str) -> None:
        """Connect to a relay, and wait until both forward to each other."""
        assert self._process.stdin is not None
        for command in ({"command": "dial", "address": address}, {"command": "state"}):
            while True:
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
                if self.read(command["command"]).get("mesh") != []:
                    break
                time.sleep(0.2)


def found_peer(stack: ExitStack) -> JsPeer | None:
    """Start js-waku if it is there."""
    node = shutil.which("node")
    return JsPeer(node, stack) if node and (PEERS / "node_modules" / "@waku" / "relay").is_dir() else None


def main(folder: Path, stack: ExitStack) -> None:
    """Tell the story."""
    key = step(
        "the network makes its key",
        lambda: rln.setup(rln.circuit.rln(DEPTH, LIMIT_BITS)),
        lambda _: f"RLN({DEPTH}, {LIMIT_BITS})",
    )
    (folder / "vk.json").write_bytes(key.verifying_key.to_json())
    group = open_group(f"sqlite:///{folder}/members.db", DEPTH, LIMIT_BITS, now=CLOCK.now)
    identities = [rln.Identity.generate() for _ in range(3)]
    step(
        "Alice, Bob and Mallory register",
        lambda: group.register_many([(one.commitment, LIMIT) for one in identities]),
        lambda _: f"{LIMIT} messages a day each",
    )
    alice, bob = (Person(one, group, key) for one in identities[:2])
    # The same keystore in several programs: none knows which message ids the others have used.
    first, mallory = (
        Person(identities[2], group, key),
        {name: Person(identities[2], group, key) for name in NAMES},
    )
    relays = Relays(folder, stack)
    step("three relays start", relays.start, lambda _: "A - B - C, each with its own log")
    crowd = stack.enter_context(Crowd([alice, bob, first, *mallory.values()]))
    step(
        "everybody connects",
        lambda: connect(crowd, relays, [alice, first], bob, mallory),
        lambda _: "Alice to A, Bob to C, Mallory to all",
    )
    js = found_peer(stack)
    if js is None:
        step("a peer of js-waku", lambda: "not here: no node, or no packages")
    else:
        step(
            "a peer of js-waku joins B",
            lambda: js.join(relays.addresses["B"]),
            lambda _: "they forward to each other",
        )
    # A program that has seen its message id in use refuses to use it again; these three have not.
    for name, copy in mallory.items():
        crowd.do(copy.write, f"buy now, {name}!")
    step("Alice says good morning through A", lambda: passed(crowd, alice, bob, js, "good morning"))
    step("Mallory speaks", lambda: passed(crowd, first, bob, js, "buy!"))
    for name in reversed(NAMES):
        step(
            f"Mallory uses a message id again; {name} prints",
            lambda name=name: shout(crowd, mallory[name], relays, name),  # type: ignore[misc]
            short,
        )
    step("Mallory's commitment is", lambda: f"0x{identities[2].commitment:064x}", short)
    step("A removes Mallory from the registry", lambda: removed(group, identities[2]))
    step("Mallory cannot prove any more", lambda: refused(crowd, first))
    step("Alice says good night", lambda: passed(crowd, alice, bob, js, "good night"))
    group.registry.close()


def connect(crowd: Crowd, relays: Relays, near: list[Person], far: Person, spread: dict[str, Person]) -> None:
    """Connect people to A, somebody to C, and Mallory's copies to one relay each."""
    places = [*((one, "A") for one in near), (far, "C"), *((one, name) for name, one in spread.items())]
    crowd.together([(person.meet, relays.addresses[name]) for person, name in places])


def passed(crowd: Crowd, speaker: Person, bob: Person, js: JsPeer | None, words: str) -> str:
    """Let somebody say something, and wait until the others have heard it."""
    start = time.perf_counter()
    crowd.do(speaker.say, words)
    until(lambda: words in bob.heard, f"Bob to hear {words!r}")
    heard = f"Bob: after {(bob.heard[words] - start) * 1000:.0f} ms"
    if js is None:
        return heard
    expect(js.read("message")["payload"] == words, f"js-waku to hear {words!r}")
    return f"{heard}, js-waku, too"


def shout(crowd: Crowd, copy: Person, relays: Relays, name: str) -> str:
    """Use a message id again, towards one relay, and return what it prints."""
    crowd.do(copy.send)
    return relays.caught(name)


def removed(group: rln.Group, identity: rln.Identity) -> str:
    """Wait until a member is none any more."""
    until(lambda: not group.is_member(identity.commitment), "the registry without the member")
    return f"{len(group)} members are left"


def refused(crowd: Crowd, person: Person) -> str:
    """Return why somebody cannot publish."""
    try:
        crowd.do(person.say, "buy again!")
    except rln.RlnError as error:
        return f"refused: {type(error).__name__}"
    sys.exit("demo: expected a refusal, got a message")


def short(text: str) -> str:
    """Cut the commitment in a line."""
    before, mark, after = text.partition("0x")
    return f"{before}{mark}{after[:6]}…{after[64:]}"


if __name__ == "__main__":
    with TemporaryDirectory(prefix="rln-demo-") as temporary, ExitStack() as opened:
        main(Path(temporary), opened)
