"""Row E12: no message, chain of exceptions, log line or JSON shows the password of a malformed URI."""

import io
import itertools
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from rln.errors import InputError, StoreUnavailable
from rln.protocol.epoch import EpochClock
from rln.stores import accept_restored_members, open_existing_members, open_log, open_members
from rln.stores.groups import open_group
from rln.stores.redis.log import open_redis_log
from rln.stores.uri import StoreUri
from tests.support.hostile_uris import MARKS, PATTERNS, SERVERS, WORDS
from tests.threats.test_command_line import run

CLOCK = EpochClock("example.com", 60)
LOGS = tuple(name for name in SERVERS if name != "postgresql")
DIGITS = ("8317", "5290")
"""A password of digits passes for a port or a number."""

WELL_FORMED = ("{s}://user:{p}127.0.0.1:1/0", "{s}://user:{p}")
"""With the mark @, the second word is the name of a host, which messages repeat: nothing tells that it is
none. With digits, the whole is a host, a port and a database.
"""

OPENERS: dict[str, Callable[[str], Any]] = {
    "open_log": lambda uri: open_log(uri, CLOCK),
    "open_redis_log": lambda uri: open_redis_log(StoreUri.parse(uri, LOGS), CLOCK, read_only=True),
    "open_members": lambda uri: open_members(uri, 3),
    "open_existing_members": open_existing_members,
    "open_group": lambda uri: open_group(uri, 3),
    "accept_restored_members": lambda uri: accept_restored_members(uri, [5], 0),
}


def uris(pattern: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield malformed URIs of a pattern, and what none of their messages may contain."""
    for scheme, mark in itertools.product(("postgresql", "redis", "redis+sentinel", "redis+cluster"), MARKS):
        if mark != "@" or pattern not in WELL_FORMED:
            yield pattern.format(s=scheme, p=mark.join(WORDS)), WORDS
    for scheme, mark in itertools.product(SERVERS, "/?:@#"):
        if pattern not in WELL_FORMED:
            yield pattern.format(s=scheme, p=mark.join(DIGITS)), DIGITS
    for scheme in SERVERS:
        yield pattern.format(s=scheme, p=quote("@".join(WORDS), safe="")), (*WORDS, quote(WORDS[0] + "@"))


def everything_told(error: BaseException) -> str:
    """Return what `logging.exception` prints, and the whole chain, also what is not printed of it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("told")
    logger.addHandler(handler)
    logger.error("failed", exc_info=error)
    # Lines of code are no data; those of this file contain no password either.
    text = stream.getvalue()
    seen: list[BaseException] = []
    behind: list[BaseException | None] = [error]
    while behind:
        link = behind.pop()
        if link is not None and link not in seen:
            seen.append(link)
            text += f"{link!r} {link} {link.args!r}\n"
            behind += [link.__cause__, link.__context__]
    return text


@pytest.mark.parametrize("pattern", PATTERNS)
def test_e12_no_error_of_a_store_shows_the_password_of_a_malformed_uri(pattern: str) -> None:
    for number, (uri, secrets) in enumerate(uris(pattern)):
        name = list(OPENERS)[number % len(OPENERS)]
        chosen = {name, "open_members" if uri.lstrip().startswith("postgres") else "open_log"}
        for opener in chosen:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                with pytest.raises((InputError, StoreUnavailable)) as caught:
                    OPENERS[opener](uri)
            told = everything_told(caught.value) + "".join(str(warning.message) for warning in warned)
            assert not [secret for secret in secrets if secret in told], f"{opener} {uri!r}: {told}"


COMMANDS = (
    ("group", "list"),
    ("group", "create"),
    ("group", "root"),
    ("group", "copy", "sqlite:///a.db"),
    ("group", "follow", "--into"),
    ("group", "register", "memory://", "--limit"),
    ("log", "stats", "--application", "example.com", "--period", "60"),
    ("log", "create", "--period", "60", "--application"),
    ("keys", "check"),
    ("keys", "export", "a", "--out", "b", "--to"),
    ("poseidon",),
    ("verify", "--proof=a", "--public=b", "--vk"),
    (),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_e12_no_command_shows_the_password_of_a_uri_that_it_is_given(
    arguments: tuple[str, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it expects something else than a URI."""
    monkeypatch.chdir(tmp_path)
    for pattern in PATTERNS:
        if pattern.startswith("{p}") or "//" not in pattern:
            continue
        for scheme, mark, as_json in (("postgresql", "@", True), ("redis", "/", False)):
            if mark == "@" and pattern in WELL_FORMED:
                continue
            uri = pattern.format(s=scheme, p=mark.join(WORDS))
            line = (*arguments, uri, *(["--json"] if as_json and arguments else []))
            status, out, err = run(*line)
            assert status in (2, 3), line
            assert not [word for word in WORDS if word in out + err], (line, out, err)
            assert re.search(r"\w", out + err)


def test_e12_a_store_shows_no_password_in_its_repr() -> None:
    parts = StoreUri.parse("postgresql://u:hunter@h/d?password=sesame", ("postgresql",))
    assert not any(word in f"{parts!r} {parts}" for word in WORDS)
