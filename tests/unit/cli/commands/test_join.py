"""`rln join`: a member's directory from a URL and an API key, which no argument and no file holds."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.sync.signing import RegistrarKey
from tests.support.http_provider import API_KEY, HttpProvider
from tests.unit.cli.terminal import run, run_json


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpProvider]:
    monkeypatch.delenv("RLN_API_KEY", raising=False)
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


def test_a_key_from_the_environment_joins(
    provider: HttpProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLN_API_KEY", API_KEY)
    public = provider.world.policy.registrar_key.hex()
    directory = tmp_path / "member"
    found = run_json("join", provider.url, directory, "--tier", "pro", "--registrar-key", public)
    assert found == {
        "application": "api.localhost",
        "directory": str(directory),
        "units in an epoch": 100,
        "registrar's key": public,
        "admitted": False,
        "members in the group": found["members in the group"],
    }
    assert [one["state"] for one in provider.registrations] == ["pending"]
    kept = b"".join(path.read_bytes() for path in directory.iterdir())
    assert API_KEY.encode() not in kept
    provider.admit()
    with Member.open(directory, MemberSettings(background=False)) as member:
        member.follow()
        assert member.is_admitted


def test_a_key_from_a_file_or_from_standard_input_joins_and_a_repetition_goes_on(
    provider: HttpProvider, tmp_path: Path
) -> None:
    (tmp_path / "key.txt").write_text(f"{API_KEY}\n")
    arguments = ("join", provider.url, tmp_path / "member", "--tier", "basic")
    assert run_json(*arguments, "--api-key-file", tmp_path / "key.txt")["units in an epoch"] == 2
    assert run_json(*arguments, stdin=f"{API_KEY}\n".encode())["units in an epoch"] == 2
    assert len(provider.registrations) == 1


def test_the_environment_is_not_asked_if_a_file_is_named(
    provider: HttpProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLN_API_KEY", "key-of-somebody-else")
    (tmp_path / "key.txt").write_text(API_KEY)
    run("join", provider.url, tmp_path / "m", "--tier", "pro", "--api-key-file", tmp_path / "key.txt")


def test_it_waits_until_the_member_is_admitted(provider: HttpProvider, tmp_path: Path) -> None:
    def admit() -> None:
        while not provider.registrations:
            time.sleep(0.05)
        provider.admit()

    admitting = threading.Thread(target=admit)
    admitting.start()
    arguments = ("join", provider.url, tmp_path / "member", "--tier", "pro", "--min-members", 1)
    found = run_json(*arguments, "--wait", 90, stdin=API_KEY.encode())
    admitting.join()
    assert found["admitted"] is True


def test_it_waits_until_the_group_is_large_enough(provider: HttpProvider, tmp_path: Path) -> None:
    """It ended once the member was admitted, and the first request was refused."""

    def admit() -> None:
        while not provider.registrations:
            time.sleep(0.05)
        provider.admit()

    admitting = threading.Thread(target=admit)
    admitting.start()
    arguments = ("join", provider.url, tmp_path / "member", "--tier", "pro", "--min-members", 200)
    found = run_json(*arguments, "--wait", 12, stdin=API_KEY.encode(), status=1)
    admitting.join()
    assert "group: admitted, but after 12.0 seconds it has" in found["message"]
    assert "this one waits for 200 to hide among" in found["message"]


def test_who_is_not_admitted_in_time_is_told_so(provider: HttpProvider, tmp_path: Path) -> None:
    arguments = ("join", provider.url, tmp_path / "member", "--tier", "pro", "--wait", "0.2")
    assert "not admitted within" in run_json(*arguments, stdin=API_KEY.encode(), status=1)["message"]


@pytest.mark.parametrize(
    ("stdin", "status", "words"),
    [
        (b"", 2, "got none; give it with RLN_API_KEY or --api-key-file"),
        (b"\n", 2, "got none; give it with RLN_API_KEY or --api-key-file"),
        (b"\xff\xfe", 2, "expected an API key, up to 512 visible ASCII characters, got something else"),
        (b"x" * 600, 2, "expected an API key"),
        (b"two words", 2, "api_key"),
        (b"hunter2-is-unknown", 1, "does not know this API key"),
    ],
)
def test_a_wrong_key_is_refused_and_not_repeated(
    provider: HttpProvider, tmp_path: Path, stdin: bytes, status: int, words: str
) -> None:
    found = run_json("join", provider.url, tmp_path / "m", "--tier", "pro", stdin=stdin, status=status)
    assert words in found["message"]
    assert "hunter2" not in found["message"] and "two words" not in found["message"]


def test_another_registrar_than_the_one_that_was_named_is_refused(
    provider: HttpProvider, tmp_path: Path
) -> None:
    other = RegistrarKey.new(tmp_path / "other.pem").public_key.hex()
    arguments = ("join", provider.url, tmp_path / "m", "--tier", "pro", "--registrar-key", other)
    run_json(*arguments, stdin=API_KEY.encode(), status=1)
    assert provider.registrations == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--wait", "0"), "--wait"),
        (("--registrar-key", "12"), "64 hexadecimal digits"),
        (("--min-members", "0"), "min_members"),
        (("--proxy", "http://user:word@127.0.0.1:1"), "expected http://host:port"),
        ((), "expected one of basic, pro"),
    ],
)
def test_an_option_out_of_its_range_is_refused(
    provider: HttpProvider, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    found = run_json("join", provider.url, tmp_path / "m", *options, stdin=API_KEY.encode(), status=2)
    assert words in found["message"]
    assert "word@" not in found["message"]
