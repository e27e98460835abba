"""Fixtures for the tests of several commands."""

import pytest

from tests.unit.cli.bulletins import MANY, SIZE
from tests.unit.cli.terminal import run


@pytest.fixture
def office(tmp_path):
    """A registry with 35 members, a key, and a directory for bulletins."""
    uri = f"sqlite:///{tmp_path}/members.db"
    run("group", "create", uri, *SIZE)
    lines = "".join(f"{1000 + n},{1 + n % 5}\n" for n in range(MANY))
    (tmp_path / "many.csv").write_text(lines)
    run("group", "register", uri, "--file", tmp_path / "many.csv")
    public = run("group", "key", "--out", tmp_path / "registrar.pem").strip()
    (tmp_path / "board").mkdir()
    return uri, tmp_path, public
