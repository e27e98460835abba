"""`rln gateway` and `rln registrar` as processes, an upstream that speaks as OpenAI does, and its client.

Nobody in this story knows who asks, and everybody gets what was paid for.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import openai
import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import RateLimitReached
from rln.http.policy import Tier
from rln.http.route import Route
from rln.integrations.httpx2 import anonymous_client
from rln.services.api_keys import Account
from rln.services.new_account import add_account
from rln.services.provider_directory import create_provider
from rln.services.provider_prices import publish_prices
from rln.stores import open_message_ids
from tests.support.http_servers import ROOT
from tests.support.openai_upstream import GAP, KEY, WORDS
from tests.support.redis_server import free_port, until

CHAT = Route(
    "POST",
    "/v1/chat/completions",
    "openai-chat",
    models=(("echo", 1),),
    prompt_bytes=1000,
    output_tokens=4,
    default_tokens=8,
)
LIMIT = 13
ASKED = [{"role": "user", "content": "hello"}]
QUIET = MemberSettings(background=False, threads=1)


class Provider:
    """The processes of a provider, and how members join.

    Args:
        folder: an empty one.
        stack: ends what is started.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.calls_file = folder / "calls.txt"
        self.url, registrar, upstream = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        directory = folder / "provider"
        create_provider(
            directory,
            "api.localhost",
            period=86400,
            tiers=[Tier("basic", LIMIT)],
            authorities=[self.url.removeprefix("http://")],
            registrar=f"{registrar}/rln/",
            refresh=1,
            depth=8,
            limit_bits=4,
            max_units=8,
        )
        publish_prices(directory, (CHAT,))
        (directory / "upstream-key.txt").write_text(KEY)
        self.api_keys = directory / "api-keys.json"
        settings = directory / "rln.toml"
        settings.write_text(
            'prices = "prices.json"\nexempt = ["/health"]\nupstream_authorization = "upstream-key.txt"\n'
            f'{settings.read_text()}interval = 0\n[gateway]\nupstream = "{upstream}"\n'
        )
        self.environment = {
            **os.environ,
            "RLN_CONFIG": str(settings),
            "RLN_CALLS": str(self.calls_file),
            "PYTHONPATH": str(ROOT),
        }
        self.start(upstream, "/health", "uvicorn", "tests.support.openai_upstream:app")
        self.start(registrar, "/.well-known/rln", "rln", "registrar")
        self.start(self.url, "/rln/prices", "rln", "gateway")

    def start(self, url: str, path: str, *command: str) -> None:
        log = self.folder / f"{command[-1]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "--port", url.rpartition(":")[2]],
                stdout=output,
                stderr=output,
                env=self.environment,
                cwd=ROOT,
            )
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{url}{path}", timeout=5).close()
            except OSError:
                return False
            return True

        until(answers, f"an answer of {command}", 60)

    def calls(self) -> list[dict]:
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]

    def member(self, name: str) -> Member:
        made = Member.join(
            self.url,
            api_key=add_account(self.api_keys, Account(name, ("basic",), False)),
            directory=self.folder / name,
            tier="basic",
            min_members=1,
            settings=QUIET,
        )
        self.stack.enter_context(made)

        def looked() -> bool:
            made.follow()
            return made.is_admitted

        until(looked, "the member in the group", 60)
        return made

    def client(self, member: Member) -> openai.OpenAI:
        http = self.stack.enter_context(anonymous_client(member))
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="not used", http_client=http, max_retries=0)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield Provider(tmp_path_factory.mktemp("gateway"), stack)


def test_a_member_gets_what_was_paid_for_until_the_limit_is_reached(provider: Provider) -> None:
    member = provider.member("honest")
    client = provider.client(member)
    before = len(provider.calls()) if provider.calls_file.exists() else 0
    done = client.chat.completions.create(model="echo", messages=ASKED, max_tokens=3)  # 3 units
    assert done.choices[0].message.content == "word word word" and done.choices[0].finish_reason == "length"
    done = client.chat.completions.create(model="echo", messages=ASKED)  # 4 units, for 8 tokens
    assert done.choices[0].message.content == " ".join(["word"] * WORDS)

    times: list[tuple[float, float]] = []
    for part in client.chat.completions.create(model="echo", messages=ASKED, max_tokens=4, stream=True):
        times.append((float(part.choices[0].delta.content or "nan"), time.monotonic()))
    sent, heard = [one for one, _ in times], [one for _, one in times]
    assert len(times) == 4 and sent[-1] - sent[0] >= 3 * GAP
    assert heard[0] < sent[-1], "the first word came before the last one was sent"

    done = client.chat.completions.create(model="echo", messages=ASKED, max_tokens=1)  # the last 3 units
    with pytest.raises(RateLimitReached):
        client.chat.completions.create(model="echo", messages=ASKED, max_tokens=1)

    calls = provider.calls()[before:]
    assert [one["body"]["max_tokens"] for one in calls] == [3, 8, 4, 1]
    for one in calls:
        assert one["fields"]["authorization"] == KEY
        assert not {"user-agent", "cookie", "content-digest", "x-forwarded-for"} & one["fields"].keys()
        assert not [name for name in one["fields"] if name.startswith("x-stainless")]


def test_an_overspender_is_refused_and_nothing_reaches_the_upstream(provider: Provider) -> None:
    cheat = provider.member("cheat")
    provider.client(cheat).chat.completions.create(model="echo", messages=ASKED)
    copy = provider.folder / "copy"
    shutil.copytree(provider.folder / "cheat", copy, ignore=shutil.ignore_patterns("message-ids*"))
    with closing(open_message_ids(f"sqlite:///{copy}/message-ids.db")) as ids:
        ids.introduce(cheat.commitment)
    before = len(provider.calls())
    copied = provider.stack.enter_context(Member.open(copy, QUIET))
    with pytest.raises(openai.RateLimitError):
        provider.client(copied).chat.completions.create(model="echo", messages=ASKED)
    assert len(provider.calls()) == before
