"""An existing registry is opened without knowing its depth; a missing one is never created."""

from pathlib import Path

import pytest

from rln.errors import ParameterError, StoreUnavailable
from rln.stores import open_existing_members, open_members
from tests.stores.adapters import REGISTRIES

KEPT = [name for name in REGISTRIES if name != "memory"]


@pytest.fixture(params=KEPT)
def uri(request, tmp_path):
    return REGISTRIES[request.param](tmp_path)


def test_what_is_there_is_opened(uri):
    with pytest.raises(StoreUnavailable, match=r"^members: "):
        open_existing_members(uri)
    open_members(uri, 7, 5).close()
    found = open_existing_members(uri)
    assert (found.depth, found.limit_bits, found.head().number) == (7, 5, 0)
    found.close()
    with pytest.raises(ParameterError, match="expected a registry of depth 6 and limit_bits 5"):
        open_members(uri, 6, 5)


def test_files_that_hold_no_registry(tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/members.db"
    with pytest.raises(StoreUnavailable, match="No such file"):
        open_existing_members(uri)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "members.db").write_bytes(b"no database at all, whatever its name says" * 30)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_existing_members(uri)
    for wrong in ("memory://", "nowhere://x", "sqlite://host/path"):
        with pytest.raises(ParameterError, match="store: expected"):
            open_existing_members(wrong)
