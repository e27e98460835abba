"""Without a home directory, no store and no cache makes a directory named ~ where the program runs."""

import os
import pwd
from pathlib import Path

import pytest

import rln
from rln.keys import table_cache
from rln.stores import open_message_ids


def no_user(_: int) -> None:
    raise KeyError("getpwuid(): uid not found")


@pytest.fixture(params=["", "relative", "~", None], ids=str)
def homeless(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory of a user without a home directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "RLN_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    if request.param is not None:
        monkeypatch.setenv("HOME", request.param)
    monkeypatch.setattr(pwd, "getpwuid", no_user)
    return tmp_path


def test_message_ids_are_refused(homeless: Path) -> None:
    with pytest.raises(
        rln.ParameterError, match="^message ids: expected a home directory, got none; set HOME"
    ):
        open_message_ids()
    assert os.listdir(homeless) == []


def test_the_cache_of_tables_is_not_used(homeless: Path) -> None:
    assert table_cache.directory() is None
    assert not table_cache.write("x.tables", [b"x"])
    assert os.listdir(homeless) == []


def test_the_directories_of_xdg_are_enough(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(homeless / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(homeless / "cache"))
    open_message_ids().close()
    assert (homeless / "state" / "rln" / "message-ids.db").exists()
    assert table_cache.directory() == homeless / "cache" / "rln"
