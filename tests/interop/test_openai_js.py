"""The openai package of npm, unmodified, through `rln connect`: answers, streams, retries and the budget."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.peers import HERE
from tests.support.connect_server import ConnectServer, spend_all
from tests.support.http_provider import HttpProvider

ASK = """
import OpenAI from "openai";
const client = new OpenAI();
const ask = (more = {}) => client.chat.completions.create(
  { model: "m", messages: [{ role: "user", content: "hi" }], ...more });
const said = [];
try { %s } catch (error) {
  said.push(error.constructor.name, error.status ?? null, error.code ?? null, error.message);
}
console.log(JSON.stringify(said));
"""
ANSWER = "said.push((await ask()).choices[0].message.content);"
STREAM = "for await (const one of await ask({ stream: true })) said.push(one.choices[0].delta.content);"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpProvider, ConnectServer]]:
    folder = tmp_path_factory.mktemp("js")
    (folder / "provider").mkdir()
    with HttpProvider(folder / "provider") as provider:
        with ConnectServer(provider.member_directory(folder / "member"), folder / "log") as server:
            yield provider, server


@pytest.fixture
def provider(made: tuple[HttpProvider, ConnectServer]) -> HttpProvider:
    for kept in (made[0].seen, made[0].script, made[0].shares):
        kept.clear()
    return made[0]


@pytest.fixture
def server(made: tuple[HttpProvider, ConnectServer]) -> ConnectServer:
    return made[1]


def run(node: Path, server: ConnectServer, program: str) -> Any:
    """Run a program with the variables that `rln connect` prints, and return what it says."""
    exports = "".join(line for line in server.said if line.startswith("export "))
    variables = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = ["sh", "-c", f'{exports}exec "$0" --input-type=module -e "$1"', str(node), ASK % program]
    done = subprocess.run(command, cwd=HERE, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_gets_an_answer_and_a_stream(node: Path, provider: HttpProvider, server: ConnectServer) -> None:
    assert run(node, server, ANSWER + STREAM) == ["hi", "h", "i"]
    assert [one.verdict for one in provider.seen] == ["Valid", "Valid"]
    assert {one.field("user-agent") for one in provider.seen} == {"rln-client"}
    sent = {name.lower() for one in provider.seen for name, _ in one.fields}
    assert not {name for name in sent if name.startswith(("x-", "openai", "sec-", "cookie"))}


@pytest.mark.parametrize(
    ("script", "credentials"),
    [(("unavailable", "overloaded"), 1), (("drop",), 1), (("drop-after",), 2), (("502-spent",), 2)],
    ids=str,
)
def test_its_retries_spend_each_id_on_one_x(
    node: Path, provider: HttpProvider, server: ConnectServer, script: tuple[str, ...], credentials: int
) -> None:
    provider.script.extend(script)
    assert run(node, server, ANSWER) == ["hi"]
    assert len({value[:80] for value in provider.credentials}) == credentials
    assert all(len(found) == 1 for found in provider.shares.values())


def test_it_shows_the_words_of_a_refusal(node: Path, provider: HttpProvider, server: ConnectServer) -> None:
    provider.script.append("malformed")
    kind, status, code, words = run(node, server, ANSWER)
    assert (kind, status, code) == ("BadRequestError", 400, "malformed")
    assert words.startswith("400 ") and "(no body)" not in words


def test_a_stream_that_breaks_off_is_an_error(
    node: Path, provider: HttpProvider, server: ConnectServer
) -> None:
    provider.script.append("break")
    first, kind, *_ = run(node, server, STREAM)
    assert first == "h"
    assert kind.endswith("Error")


def test_the_end_of_the_budget_is_an_error_with_words(
    node: Path, provider: HttpProvider, server: ConnectServer
) -> None:
    """The last test: nothing is left after it."""
    spend_all(server.directory)
    kind, status, code, words = run(node, server, ANSWER)
    assert (kind, status, code) == ("RateLimitError", 429, "rate-limit-reached")
    assert "wait for the next epoch" in words
    assert provider.seen == []
