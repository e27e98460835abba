"""Real parts in processes: two uvicorn workers with the middleware, `rln registrar`, members with `openai`.

Nothing here is a stub: whatever one part says, the other one has to understand.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

import rln
from rln.client.member import Member
from rln.client.member_directory import MemberDirectory
from rln.client.registrar_client import RegistrarClient
from rln.client.settings import MemberSettings
from rln.errors import NotAMember, ProviderUnavailable, RateLimitReached
from rln.http.policy import Policy, Tier, open_policy
from rln.http.signal import RequestParts
from rln.integrations.httpx2 import anonymous_client
from rln.services.api_keys import Account
from rln.services.new_account import add_account
from rln.services.provider_directory import create_provider
from rln.stores import open_message_ids
from rln.sync.signing import RegistrarKey

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "fastapi"
PATIENCE = 60.0
BASIC, PRO = Tier("basic", 3), Tier("pro", 5)
QUIET = MemberSettings(background=False, threads=1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"expected {what} within {seconds} seconds"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/.well-known/rln", timeout=5).close()
    except OSError:
        return False
    return True


class Story:
    """A provider and its registrar as processes, and members of it.

    Args:
        folder: an empty one.
        period: of an epoch.
        window: seconds that a root stays acceptable.
        skew: of clocks.
    """

    def __init__(self, folder: Path, *, period: int = 86400, window: int = 4, skew: int = 1) -> None:
        self.folder = folder
        self.provider = folder / "provider"
        self.url, self.registrar = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        made = create_provider(
            self.provider, "api.localhost", period=period, tiers=[BASIC, PRO],
            authorities=[self.url.removeprefix("http://")], registrar=f"{self.registrar}/rln/",
            refresh=1, depth=8, limit_bits=4,
        )  # fmt: skip
        self.signing_key = RegistrarKey.load(self.provider / "registrar.pem")
        params = replace(made.params, window_seconds=window, skew=skew)
        self.publish(replace(made, params=params))
        settings = self.provider / "rln.toml"
        settings.write_text(settings.read_text() + "interval = 0\n")
        self.environment = {**os.environ, "RLN_CONFIG": str(settings), "PYTHONPATH": str(ROOT)}
        self.members = ExitStack()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def publish(self, policy: Policy) -> None:
        """Write the signed policy; the processes read it when they start."""
        (self.provider / "policy.json").write_bytes(policy.sign(self.signing_key))

    @property
    def policy(self) -> Policy:
        return open_policy((self.provider / "policy.json").read_bytes())

    def start_registrar(self) -> None:
        self._start("registrar", self.registrar, "rln", "registrar", "--port", self.registrar.split(":")[2])

    def start_provider(self) -> None:
        self._start(
            "provider", self.url, "uvicorn", "--app-dir", str(EXAMPLE), "provider:app", "--workers", "2",
            "--port", self.url.split(":")[2],
        )  # fmt: skip

    def _start(self, name: str, url: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            made = subprocess.Popen(
                [sys.executable, "-m", *command], stdout=log, stderr=log, env=self.environment
            )
        self.processes[name] = made
        until(lambda: made.poll() is not None or answers(url), f"an answer of {name}")
        assert made.poll() is None, (self.folder / f"{name}.log").read_text()

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(PATIENCE)

    def account(self, name: str, *tiers: str, several: bool = False) -> str:
        return add_account(self.provider / "api-keys.json", Account(name, tiers or ("basic",), several))

    def join(self, name: str, api_key: str, tier: str = "basic", settings: MemberSettings = QUIET) -> Member:
        made = Member.join(
            self.url, api_key=api_key, directory=self.folder / name, tier=tier, min_members=1,
            settings=settings,
        )  # fmt: skip
        return self.members.enter_context(made)

    def admitted(self, name: str, api_key: str, tier: str = "basic") -> Member:
        """Join, and wait for the admission."""
        member = self.join(name, api_key, tier)
        self.wait(member)
        return member

    def wait(self, member: Member, seconds: float = PATIENCE) -> None:
        def looked() -> bool:
            member.follow()
            return member.is_admitted

        until(looked, "the member in the group", seconds)

    def newcomer(self, name: str) -> None:
        """Let somebody join, so that the group has another step."""
        self.admitted(name, self.account(name)).close()

    def ask(self, member: Member, question: str, *, stream: bool = False, retries: int = 0) -> str:
        with anonymous_client(member) as http:
            client = openai.OpenAI(
                base_url=f"{self.url}/v1", api_key="not used", http_client=http, max_retries=retries
            )
            asked: Any = [{"role": "user", "content": question}]
            if not stream:
                done = client.chat.completions.create(model="echo", messages=asked)
                return str(done.choices[0].message.content)
            parts = client.chat.completions.create(model="echo", messages=asked, stream=True)
            return "|".join(part.choices[0].delta.content or "" for part in parts)

    def slash_somebody(self, name: str, witness: Member) -> None:
        """Let a member, whose leaf a witness has seen, overspend with a copy of their files."""
        cheat = self.admitted(name, self.account(name))
        witness.follow()
        assert witness.step == cheat.step
        self.ask(cheat, "one")
        copy = self.folder / f"{name}-copy"
        shutil.copytree(self.folder / name, copy, ignore=shutil.ignore_patterns("message-ids*"))
        with closing(open_message_ids(f"sqlite:///{copy}/message-ids.db")) as ids:
            ids.introduce(cheat.commitment)
        with Member.open(copy, QUIET) as copied, pytest.raises(openai.RateLimitError):
            self.ask(copied, "two")

    def states(self, api_key: str) -> list[tuple[str, str]]:
        registrar = RegistrarClient(self.policy.registration or "", api_key, QUIET.open_web())
        return [(one.tier, one.state) for one in registrar.registrations()]

    def close(self) -> None:
        self.members.close()
        for name in list(self.processes):
            self.stop(name)


@contextmanager
def story_in(folder: Path, **numbers: int) -> Iterator[Story]:
    story = Story(folder, **numbers)
    try:
        story.start_registrar()
        story.start_provider()
        yield story
    finally:
        story.close()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with story_in(tmp_path_factory.mktemp("story")) as made:
        yield made


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Epochs of four seconds."""
    with story_in(tmp_path_factory.mktemp("quick"), period=4) as made:
        yield made


def ids_used(member: Member) -> int:
    return member._ids.reserve(member._identity.commitment, member._clock.current(), 1 << 16).start


def test_a_member_joins_waits_asks_and_streams_until_the_budget_ends(story: Story) -> None:
    member = story.join("alice", story.account("alice"), settings=MemberSettings(threads=1))
    member.wait_until_admitted(PATIENCE)
    assert story.ask(member, "a b") == "You asked: a b"
    assert story.ask(member, "a b", stream=True) == "You| asked:| a| b|"[:-1]
    assert story.ask(member, "c") == "You asked: c"
    with pytest.raises(RateLimitReached) as caught:
        story.ask(member, "d")
    assert 0 <= (caught.value.retry_after or 0) <= 86400


def test_after_a_slashing_an_honest_request_is_renewed_with_the_same_ids(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member that knows the old roots only is refused, waits, and sends the same share again."""
    honest = story.admitted("honest", story.account("honest", "pro"), "pro")
    assert story.ask(honest, "before") == "You asked: before"
    story.slash_somebody("mallory", honest)
    made, renewed = [], []
    make, renew = honest.make, honest.renew

    def noted_make(parts: RequestParts, units: int) -> Any:
        made.append(make(parts, units))
        return made[-1]

    def noted_renew(parts: RequestParts, old: Any) -> Any:
        renewed.append(renew(parts, old))
        return renewed[-1]

    monkeypatch.setattr(honest, "make", noted_make)
    monkeypatch.setattr(honest, "renew", noted_renew)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(story.ask, honest, "after")
        until(lambda: bool(made), "a first credential")

        def followed() -> bool:
            honest.follow()
            return asked.done()

        until(followed, "an answer")
        assert asked.result() == "You asked: after"
    assert len(made) == 1 and 1 <= len(renewed) <= 3
    shares = {_share(one.value) for one in (*made, *renewed)}
    assert len(shares) == 1 and ids_used(honest) == 2


def _share(value: str) -> tuple[object, ...]:
    proof = rln.http.credential.Credential.decode(value.encode(), None).proof
    return (proof.x, *((share.y, share.nullifier) for share in proof.shares))


def test_a_registrar_that_restarts_loses_nobody(story: Story) -> None:
    early = story.admitted("early", story.account("early"))
    key = story.account("late")
    for number in (signal.SIGTERM, signal.SIGKILL):
        waiting = story.join(f"late-{number}", story.account(f"late-{number}"))
        story.stop("registrar", number)
        with pytest.raises(ProviderUnavailable):
            story.join("late", key)
        story.start_registrar()
        story.wait(waiting)
        early.follow()
        assert early.step == waiting.step and early._mirror.root == waiting._mirror.root
    late = story.admitted("late", key)
    assert story.ask(late, "x") == "You asked: x"
    assert story.ask(early, "y") == "You asked: y"


def test_a_worker_that_is_killed_costs_ids_and_never_a_membership(story: Story) -> None:
    member = story.admitted("patient", story.account("patient", "pro"), "pro")
    workers = _children(story.processes["provider"].pid)
    outcomes: list[object] = []

    def ask(number: int) -> None:
        try:
            outcomes.append(story.ask(member, f"{number} " + "w " * 20, stream=True, retries=6))
        except (openai.APIError, rln.RlnError) as error:
            outcomes.append(error)
        except Exception as error:  # noqa: BLE001 - a stream that ends in the middle
            outcomes.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    time.sleep(0.5)
    os.kill(workers[0], signal.SIGKILL)
    for one in threads:
        one.join(PATIENCE)
    assert len(outcomes) == 2
    until(lambda: answers(story.url), "the other worker")
    assert story.ask(member, "still here", retries=6) == "You asked: still here"
    member.follow()
    assert member.is_admitted and ids_used(member) <= PRO.limit


def _children(pid: int) -> list[int]:
    """Return the workers of a uvicorn supervisor."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == pid and b"spawn_main" in command:
                found.append(int(folder.name))
    assert len(found) == 2, found
    return found


def test_two_processes_with_one_directory_share_one_budget(story: Story) -> None:
    """Each spent id is on the disk before its request is sent, whoever sends it."""
    member = story.admitted("shared", story.account("shared", "pro"), "pro")
    program = (
        "import sys, openai, rln\n"
        "from rln.client.member import Member\n"
        "from rln.integrations.httpx2 import anonymous_client\n"
        "with Member.open(sys.argv[1]) as member, anonymous_client(member) as http:\n"
        "    client = openai.OpenAI(base_url=sys.argv[2], api_key='none', http_client=http)\n"
        "    for number in range(5):\n"
        "        asked = [{'role': 'user', 'content': f'{sys.argv[3]} {number}'}]\n"
        "        try:\n"
        "            client.chat.completions.create(model='echo', messages=asked)\n"
        "            print('served')\n"
        "        except rln.RateLimitReached:\n"
        "            print('refused')\n"
    )
    command = [sys.executable, "-c", program, str(story.folder / "shared"), f"{story.url}/v1"]
    running = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, env=story.environment, text=True)
        for name in ("first", "second")
    ]
    said = [line for one in running for line in one.communicate(timeout=PATIENCE)[0].split()]
    assert [one.returncode for one in running] == [0, 0]
    assert sorted(said) == ["refused"] * 5 + ["served"] * 5
    member.follow()
    assert member.is_admitted


def test_asking_while_epochs_change_serves_each_epoch_and_slashes_nobody(quick: Story) -> None:
    member = quick.admitted("steady", quick.account("steady"))
    end, served, refused = time.monotonic() + 14, 0, 0
    waits: list[float] = []
    while time.monotonic() < end:
        try:
            quick.ask(member, f"{served} {refused}")
            served += 1
        except RateLimitReached as error:
            refused += 1
            waits.append(error.retry_after or 0.0)
            time.sleep(0.3)
    member.follow()
    assert member.is_admitted and BASIC.limit * 2 <= served <= BASIC.limit * 5 and refused
    assert all(0 < wait <= 4 for wait in waits)


def test_a_replacement_after_a_lost_device_never_doubles_the_limit(quick: Story) -> None:
    """Both devices ask all the time, and neither obeys anybody but the provider."""
    key = quick.account("phone")
    old = quick.admitted("old-phone", key)
    served: dict[int, list[str]] = {}

    def ask(name: str, member: Member) -> None:
        epochs: list[int] = []
        make = member.make

        def noted(parts: RequestParts, units: int) -> Any:
            epochs.append(member._clock.current().index)
            return make(parts, units)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(member, "make", noted)
            try:
                quick.ask(member, f"{name} {time.monotonic()}")
            except (openai.APIError, rln.RlnError):
                return
        served.setdefault(epochs[-1], []).append(name)

    ask("old", old)
    new = quick.join("new-phone", key)
    assert quick.states(key)[0] == ("basic", "waiting")
    end = time.monotonic() + PATIENCE
    while not any("new" in names for names in served.values()):
        assert time.monotonic() < end, served
        new.follow()
        ask("old", old)
        if new.is_admitted:
            ask("new", new)
        time.sleep(0.1)
    assert all(len(names) <= BASIC.limit and len(set(names)) == 1 for names in served.values()), served
    assert quick.states(key) == [("basic", "member"), ("basic", "ended")]


def test_another_tier_and_the_end_of_an_account(quick: Story) -> None:
    key = quick.account("grows", "basic", "pro")
    before = quick.admitted("grows-basic", key)
    after = quick.join("grows-pro", key, "pro")
    quick.wait(after)
    before.follow()
    assert after.limit == PRO.limit and not before.is_admitted
    with pytest.raises(NotAMember):
        quick.ask(before, "x")
    assert quick.ask(after, "y") == "You asked: y"
    registrar = RegistrarClient(quick.policy.registration or "", key, QUIET.open_web())
    registrar.end("pro")
    until(lambda: {state for _, state in quick.states(key)} == {"ended"}, "the end")

    def gone() -> bool:
        after.follow()
        return not after.is_admitted

    until(gone, "a group without the member")
    with pytest.raises(NotAMember):
        quick.ask(after, "z")


def test_whoever_ends_a_membership_and_joins_again_at_once_becomes_a_member_again(quick: Story) -> None:
    """The membership that ends was shown as one, so the second joining asked for nothing."""
    key = quick.account("returns")
    member = quick.admitted("returns", key)
    RegistrarClient(quick.policy.registration or "", key, QUIET.open_web()).end("basic")
    again = quick.join("returns", key)

    def left() -> bool:
        member.follow()
        return not member.is_admitted

    until(left, "a group without the member")
    quick.wait(again)
    assert quick.ask(again, "back") == "You asked: back"


def test_whoever_joins_again_after_the_limit_of_a_tier_changed_stays_a_member(tmp_path: Path) -> None:
    """The limit of the new policy was written into the member's record, and no leaf has it."""
    with story_in(tmp_path) as story:
        key = story.account("alice")
        story.admitted("alice", key).close()
        policy = story.policy
        story.publish(replace(policy, version=2, tiers=(Tier("basic", 4), PRO)))
        for name, start in (("registrar", story.start_registrar), ("provider", story.start_provider)):
            story.stop(name)
            start()
        again = story.join("alice", key)
        again.follow()
        assert again.policy.version == 2
        assert again.is_admitted and again.limit == 3
        assert MemberDirectory(story.folder / "alice").read_record().limit == 3
        assert story.ask(again, "x") == "You asked: x"
