"""Places for a nullifier log, by name: each gives the URI of a fresh, empty one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Request = pytest.FixtureRequest


def memory(request: Request, folder: Path) -> str:
    return "memory://"


def sqlite(request: Request, folder: Path) -> str:
    return f"sqlite:///{folder.absolute()}/log.db"


LOGS: dict[str, Callable[[Request, Path], str]] = {"memory": memory, "sqlite": sqlite}
"""All of them."""

SHARED = {name: place for name, place in LOGS.items() if name != "memory"}
"""Those that several processes can use at once."""
