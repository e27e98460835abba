"""URIs: which store they name, and which parts are never repeated."""

from itertools import product
from pathlib import Path

import pytest

from rln.errors import InputError, ParameterError, StoreUnavailable
from rln.protocol.epoch import EpochClock
from rln.stores import LOGS, MEMBERS, open_log, open_members
from rln.stores.uri import StoreUri, file_uri

SECRETS = ("hunter", "sesame")


@pytest.mark.parametrize(
    ("text", "scheme", "location", "options"),
    [
        ("memory://", "memory", "", {}),
        ("redis://u:p@host:1/0?min_replicas=1", "redis", "u:p@host:1/0", {"min_replicas": "1"}),
        ("valkeys://host", "rediss", "host", {}),
        ("valkey+cluster://a:1,b:2", "redis+cluster", "a:1,b:2", {}),
    ],
)
def test_the_parts_of_a_uri(text: str, scheme: str, location: str, options: dict[str, str]) -> None:
    found = StoreUri.parse(text, LOGS)
    assert (found.scheme, found.location, found.options) == (scheme, location, options)


def test_paths_are_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert StoreUri.parse("sqlite:///a/b.db", LOGS).path == Path("a/b.db")
    assert StoreUri.parse("sqlite:////a/b%20c.db", LOGS).path == Path("/a/b c.db")
    for wrong in ("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/a.db", "sqlite://[x/a.db"):
        with pytest.raises(ParameterError, match="expected sqlite:///path"):
            StoreUri.parse(wrong, LOGS).path  # noqa: B018


@pytest.mark.parametrize("text", ["", "redis", "redis:/host", "ftp://host", "://", None, 7])
def test_other_schemes_are_refused(text: object) -> None:
    with pytest.raises(ParameterError, match="^store: expected"):
        StoreUri.parse(text, LOGS)  # type: ignore[arg-type]


def test_options_stand_once_and_are_known() -> None:
    with pytest.raises(ParameterError, match="each option once"):
        StoreUri.parse("redis://host?a=1&a=2", LOGS)
    with pytest.raises(ParameterError, match="unknown option after .; known options: none"):
        StoreUri.parse("memory://?a=1", LOGS).refuse_options()
    with pytest.raises(ParameterError, match="unknown option after .; known options: a, b"):
        StoreUri.parse("memory://?c=1", LOGS).refuse_options(("a", "b"))


def told(error: BaseException | None) -> str:
    """All messages of an error that a traceback would show."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(texts)


@pytest.mark.parametrize("mark", "?/#@&:=%[] ")
@pytest.mark.parametrize("scheme", [*LOGS[1:], "postgresql"])
def test_no_part_of_a_uri_with_a_password_is_repeated(scheme: str, mark: str) -> None:
    """Threats E8: a password that was not quoted may fall into any part of a URI."""
    password = mark.join(SECRETS)
    clock = EpochClock("example.com", 60)
    openers = (lambda uri: open_log(uri, clock), lambda uri: open_members(uri, 3))
    shapes = ("{s}://user:{p}@127.0.0.1:1/0", "{s}:/user:{p}@host", "{p}@host:1", "{s}://h:1/d?password={p}")
    for shape, opened in product(shapes, openers):
        with pytest.raises((InputError, StoreUnavailable)) as caught:
            opened(shape.format(s=scheme, p=password))
        assert not any(part in told(caught.value) for part in SECRETS), shape


def test_a_uri_in_its_parts_shows_neither_place_nor_options() -> None:
    parts = StoreUri.parse("postgresql://u:hunter@h/d?password=sesame", MEMBERS)
    assert not any(part in repr(parts) for part in SECRETS)


@pytest.mark.parametrize("name", ["a b", "100%", "a?b", "a#b", "%41", "é"])
def test_a_file_with_any_name_has_a_uri(tmp_path: Path, name: str) -> None:
    """A member's directory with a question mark in its name could not be opened."""
    (tmp_path / name).mkdir()
    path = tmp_path / name / "members.db"
    assert StoreUri.parse(file_uri(path), MEMBERS).path == path
    open_members(file_uri(path), 3).close()
    assert path.exists()
