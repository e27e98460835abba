"""Provider: what one process of a provider opens, and refuses to open."""

from dataclasses import replace

import pytest

from rln.errors import EncodingError, GroupRefused, ParameterError, StoreUnavailable
from rln.http.price_list import PriceList
from rln.http.route import Route
from rln.integrations.provider import Provider
from rln.stores import open_members
from rln.sync.signing import RegistrarKey
from tests.support.http_world import APPLICATION, DEPTH, LIMIT_BITS, HttpWorld
from tests.support.price_routes import CHAT, FLAT
from tests.support.provider_objects import provider_of


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


# ---- prices


@pytest.fixture(scope="module")
def seller(tmp_path_factory):
    made = HttpWorld(tmp_path_factory.mktemp("seller"), members=2, slots=4, routes=(CHAT, FLAT))
    yield made
    made.close()


def test_the_price_list_is_read_with_the_settings(seller):
    provider = Provider.open(seller.directory / "rln.toml")
    assert provider.prices == seller.prices
    assert provider.signed_prices == (seller.directory / "prices.json").read_bytes()
    provider.close()


def signed(world: HttpWorld, *routes: Route, application: str = APPLICATION) -> bytes:
    return PriceList(application, 2, routes).sign(world.registrar_key)


def test_prices_that_members_do_not_know_or_cannot_pay_are_refused(seller, world, tmp_path):
    """One member would pay one unit, and another one would be told that the price is none of the list."""
    with pytest.raises(ParameterError, match=r"the policy names, http://127\.0\.0\.1/rln/prices, got none"):
        provider_of(seller, prices=None)
    with pytest.raises(ParameterError, match="the policy names no price list"):
        provider_of(world, prices=signed(world, FLAT))
    with pytest.raises(ParameterError, match="those of api.localhost, got those of other.localhost"):
        provider_of(seller, prices=signed(seller, FLAT, application="other.localhost"))
    with pytest.raises(GroupRefused):
        provider_of(seller, prices=PriceList(APPLICATION, 2, (FLAT,)).sign(RegistrarKey.new(tmp_path / "k")))
    costly = replace(CHAT, models=(("small", 3),))
    with pytest.raises(ParameterError, match="POST /v1/chat.* costs 5 units at least.* has 4 at most"):
        provider_of(seller, prices=signed(seller, costly))
    with pytest.raises(ParameterError, match="exempt: /v1/models has a price"):
        provider_of(seller, exempt=("/v1/models",))
    with pytest.raises(EncodingError, match="price"):
        provider_of(seller, prices=b"{}")
