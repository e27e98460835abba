"""ConnectToken: made once, read by its owner alone, and compared as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rln.client.member_directory import MemberDirectory
from rln.errors import InputError, ParameterError, StoreUnavailable
from rln.services.connect_token import TOKEN_FILE, ConnectToken


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    MemberDirectory(tmp_path / "member").create()
    return tmp_path / "member"


def test_it_is_made_once_for_its_owner_alone(directory: Path) -> None:
    before = os.umask(0)
    try:
        made = ConnectToken.of(directory)
    finally:
        os.umask(before)
    path = ConnectToken.path_of(directory)
    assert path == directory / TOKEN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = path.read_bytes().strip()
    assert len(shown) == 43
    assert ConnectToken.of(directory).is_shown(shown) and made.is_shown(shown)
    assert path.read_bytes().strip() == shown


def test_nothing_but_the_whole_token_is_shown(directory: Path) -> None:
    made = ConnectToken.of(directory)
    shown = (directory / TOKEN_FILE).read_bytes().strip()
    for other in (b"", shown[:-1], shown + b"A", shown + b"\n", shown.swapcase(), b"\xff" * 43):
        assert not made.is_shown(other)
    with pytest.raises(InputError):
        made.is_shown(shown.decode())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short", b"A" * 44, b"=" * 43, b"A" * 42 + b"\n\n", b"A" * 42 + b"B"]
)
def test_a_file_with_something_else_is_refused_with_the_remedy(directory: Path, content: bytes) -> None:
    path = directory / TOKEN_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ParameterError, match="delete the file"):
        ConnectToken.of(directory)


def test_a_file_that_cannot_be_used_is_named(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing"):
        ConnectToken.of(tmp_path / "missing")
    (directory / TOKEN_FILE).mkdir(0o700)
    with pytest.raises(StoreUnavailable, match=TOKEN_FILE):
        ConnectToken.of(directory)


def test_a_link_that_leads_nowhere_is_not_followed(directory: Path, tmp_path: Path) -> None:
    (directory / TOKEN_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match=TOKEN_FILE):
        ConnectToken.of(directory)
    assert not (tmp_path / "elsewhere").exists()
