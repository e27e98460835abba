"""`rln connect`: explains what it would serve, and refuses what it cannot."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.connect_server import ConnectServer
from tests.support.http_provider import HttpProvider
from tests.support.price_routes import ROUTES
from tests.unit.cli.terminal import run, run_json


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[HttpProvider]:
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


def test_check_explains_without_listening_asking_or_writing(provider: HttpProvider, tmp_path: Path) -> None:
    directory = provider.member_directory(tmp_path / "member")
    found = run_json("connect", directory, "--check", "--max-units", 2, "--on-lost", "raise")
    assert found == {
        "application": "api.localhost",
        "provider": provider.url,
        "endpoint": "http://127.0.0.1:4180",
        "token": str(directory / "connect-token"),
        "units in an epoch": 100,
        "sold": "each request for one unit",
        "units of one request": "at most 2",
        "if an answer is lost": "raise",
        "proxy": "none",
        "members in the group": 40,
        "members needed": 32,
        "admitted": True,
    }
    assert "application           api.localhost" in run("connect", directory, "--check")
    assert not (directory / "connect-token").exists()
    assert provider.seen == provider.published == []


def test_check_says_what_is_sold(tmp_path: Path) -> None:
    (tmp_path / "seller").mkdir()
    with HttpProvider(tmp_path / "seller", slots=4, routes=ROUTES) as seller:
        directory = seller.member_directory(tmp_path / "member")
        sold = run_json("connect", directory, "--check")["sold"]
        assert sold == (
            "POST /v1/chat/completions, GET /v1/models, POST /v1/audio/transcriptions, POST /v1/bulk "
            "(prices of version 1)"
        )
        (directory / "prices.json").unlink()
        assert "not known yet" in run_json("connect", directory, "--check")["sold"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--proxy", "socks5://127.0.0.1:1080"), "expected http://host:port"),
        (("--max-units", "17"), "max_units"),
        (("--on-lost", "never"), "again or raise"),
        (("--port", "65536"), "65535"),
    ],
)
def test_an_option_out_of_its_range_is_refused(
    provider: HttpProvider, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    directory = provider.member_directory(tmp_path / "member")
    assert words in run_json("connect", directory, *options, "--check", status=2)["message"]


def test_a_directory_without_a_member_is_refused(tmp_path: Path) -> None:
    assert "member" in run_json("connect", tmp_path, "--check", status=2)["message"]


def test_the_lines_to_copy_are_of_a_shell_also_for_an_odd_directory(
    provider: HttpProvider, tmp_path: Path
) -> None:
    directory = provider.member_directory(tmp_path / "it's a $(member)")
    with ConnectServer(directory, tmp_path / "log") as server:
        lines = [line.strip() for line in server.said]
    assert lines[0] == f"member of api.localhost at {server.url}"
    assert lines[1] == f"export OPENAI_BASE_URL={server.url}/v1"
    assert lines[2] == f'export OPENAI_API_KEY="$(cat {shlex.quote(str(directory / "connect-token"))})"'
    assert len(lines) == 5


def test_it_says_what_a_member_of_a_small_group_waits_for(provider: HttpProvider, tmp_path: Path) -> None:
    """It printed the lines for programs alone, and each request was refused."""
    directory = provider.member_directory(tmp_path / "member", min_members=50)
    with ConnectServer(directory, tmp_path / "log") as server:
        lines = [line.strip() for line in server.said]
    assert lines[1].startswith(
        "the group has 40 members, and this one waits for 50: until then, requests get"
    )
    assert lines[2] == "to accept fewer, stop, and repeat `rln join` with --min-members"
    assert lines[3] == f"export OPENAI_BASE_URL={server.url}/v1"
    assert (tmp_path / "log").read_text() == ""


def test_with_json_nothing_but_one_object_is_printed(provider: HttpProvider, tmp_path: Path) -> None:
    directory = provider.member_directory(tmp_path / "member")
    with ConnectServer(directory, tmp_path / "log", "--json") as server:
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert json.loads(server.process.stdout.read())["endpoint"] == server.url
