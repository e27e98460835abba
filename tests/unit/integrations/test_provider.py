"""Provider: what one process of a provider opens, and refuses to open."""

import pytest

from rln.errors import ParameterError, StoreUnavailable
from rln.integrations.provider import Provider
from rln.stores import open_members
from tests.support.http_world import DEPTH, LIMIT_BITS, HttpWorld


@pytest.fixture
def world(tmp_path):
    made = HttpWorld(tmp_path, members=2)
    yield made
    made.close()


def change(world: HttpWorld, old: str, new: str) -> None:
    settings = world.directory / "rln.toml"
    settings.write_text(settings.read_text().replace(old, new))


def test_a_registry_that_does_not_exist_is_not_made(world):
    """With a wrong path, the service started with an empty group, and told every member to prove again."""
    change(world, "members.db", "member.db")
    with pytest.raises(StoreUnavailable, match=r"member\.db"):
        Provider.open(world.directory / "rln.toml")
    assert not (world.directory / "member.db").exists()


def test_the_registry_of_another_provider_is_refused(world):
    open_members(f"sqlite:///{world.directory}/other.db", DEPTH + 1, LIMIT_BITS).close()
    change(world, "members.db", "other.db")
    with pytest.raises(ParameterError, match=f"members: expected depth {DEPTH} and"):
        Provider.open(world.directory / "rln.toml")
