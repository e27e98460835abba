"""A provider on this machine for the tests of the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.client.settings import MemberSettings
from tests.support.http_provider import HttpProvider

QUIET = MemberSettings(background=False, threads=1)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[HttpProvider]:
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


@pytest.fixture
def quiet() -> MemberSettings:
    return QUIET
