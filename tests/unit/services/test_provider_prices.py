"""Provider prices: from a file for people to the signed price list, and its place in the policy."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.errors import EncodingError, GroupRefused, InputError, ParameterError
from rln.http.policy import Policy, Tier, open_policy
from rln.http.price_list import open_prices
from rln.http.route import FLAT, Route
from rln.services.provider_directory import create_provider
from rln.services.provider_prices import publish_prices, read_routes
from rln.sync.signing import RegistrarKey
from tests.support.small_world import PERIOD, small_key

CHAT = """\
[[route]]
method = "POST"
path = "/v1/chat/completions"
adapter = "openai-chat"
models = { smollm2 = 1 }
prompt_bytes = 2048
output_tokens = 64
default_tokens = 256
"""
FLAT_ROUTE = (Route("GET", "/v1/models", FLAT, units=1),)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of a provider whose credentials have one unit, as far as prices need it."""
    made = tmp_path / "provider"
    made.mkdir()
    key = RegistrarKey.new(made / "registrar.pem")
    params = rln.Params.of(
        small_key(),
        "api.localhost",
        PERIOD,
        window_count=5,
        registrar_key=key.public_key,
        signal_format="joined",
    )
    policy = Policy(4, params, ("127.0.0.1:8000", "api.localhost"), (Tier("pro", 2),))
    (made / "policy.json").write_bytes(policy.sign(key))
    return made


def test_a_file_has_what_a_price_list_has(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(CHAT + '\n[[route]]\nmethod = "GET"\npath = "/v1/models"\nadapter = "flat"\nunits = 1\n')
    assert read_routes(file) == (
        Route(
            "POST",
            "/v1/chat/completions",
            "openai-chat",
            models=(("smollm2", 1),),
            prompt_bytes=2048,
            output_tokens=64,
            default_tokens=256,
            output_field="max_tokens",
        ),
        *FLAT_ROUTE,
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", r"expected tables \[\[route\]\], one for each method and path, got none"),
        ("route = 5", r"expected tables \[\[route\]\]"),
        ("route = []", r"expected tables \[\[route\]\]"),
        ("route = [5]", "route 1: expected a table"),
        ("[route]\nmethod = 'GET'", r"expected tables \[\[route\]\]"),
        ("routes = []", "and nothing else, got 'routes'"),
        ("[[route]]\nadapter = 'x'", "route 1: adapter: expected one of flat, openai-chat"),
        ("[[route]]\nadaptor = 'flat'", "route 1: adapter is missing; expected one of flat, openai-chat"),
        ("[[route]]\nadapter = 'flat'\nunits = 1\nmethod = 'GET'", "route 1: path is missing"),
        (CHAT.replace("64", "0"), "route 1: output_tokens: expected 1 to"),
        (CHAT.replace("64", "64.0"), "route 1: output_tokens: expected int, got float"),
        (
            CHAT.replace("smollm2 = 1", "smollm2 = true"),
            "route 1: base units of smollm2: expected int, got bool",
        ),
        (CHAT.replace("{ smollm2 = 1 }", '["smollm2"]'), "route 1: models: expected Mapping, got list"),
        (CHAT + "units = 5\n", "route 1: expected some of method, path, adapter, models, .*, got 'units'"),
        (CHAT + CHAT.replace("POST", "post"), "route 2: method: expected 1 to 32 letters"),
        ("[[route]", "expected TOML"),
    ],
)
def test_the_file_is_read_strictly(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises((EncodingError, ParameterError), match=why):
        read_routes(tmp_path / "prices.toml")


def test_the_first_list_gets_a_place_in_the_policy(directory: Path) -> None:
    before = open_policy((directory / "policy.json").read_bytes())
    made = publish_prices(directory, FLAT_ROUTE)
    policy = open_policy((directory / "policy.json").read_bytes(), before.registrar_key)
    assert made.is_new_list
    assert made.is_new_policy
    assert policy == made.policy == replace(before, version=5, prices="http://127.0.0.1:8000/rln/prices")
    before.check_next(policy)
    prices = open_prices((directory / "prices.json").read_bytes(), before.registrar_key)
    assert (prices, prices.version, prices.application) == (made.prices, 1, "api.localhost")
    assert stat.S_IMODE((directory / "prices.json").stat().st_mode) == 0o644


def test_each_change_raises_the_version_of_the_list_alone(directory: Path) -> None:
    first = publish_prices(directory, FLAT_ROUTE)
    data = (directory / "prices.json").read_bytes()
    again = publish_prices(directory, FLAT_ROUTE)
    assert not again.is_new_list
    assert not again.is_new_policy
    assert (again.prices, again.policy) == (first.prices, first.policy)
    assert (directory / "prices.json").read_bytes() == data
    second = publish_prices(directory, (*FLAT_ROUTE, Route("GET", "/v1/x", FLAT, units=1)))
    assert (second.prices.version, second.policy.version, second.is_new_policy) == (2, 5, False)
    first.prices.check_next(second.prices)


def test_a_policy_that_was_not_written_is_written_by_the_next_run(directory: Path) -> None:
    before = (directory / "policy.json").read_bytes()
    publish_prices(directory, FLAT_ROUTE)
    (directory / "policy.json").write_bytes(before)
    again = publish_prices(directory, FLAT_ROUTE)
    assert (again.is_new_list, again.is_new_policy, again.policy.version) == (False, True, 5)


def test_a_list_that_is_lost_starts_no_second_line_of_versions(directory: Path) -> None:
    publish_prices(directory, FLAT_ROUTE)
    policy = (directory / "policy.json").read_bytes()
    (directory / "prices.json").unlink()
    with pytest.raises(
        ParameterError, match="members refuse a list of a lower version; put the last one back"
    ):
        publish_prices(directory, FLAT_ROUTE)
    assert (directory / "policy.json").read_bytes() == policy
    assert not (directory / "prices.json").exists()


def test_a_list_of_another_key_is_not_continued(directory: Path, tmp_path: Path) -> None:
    made = publish_prices(directory, FLAT_ROUTE)
    other = RegistrarKey.new(tmp_path / "other.pem")
    (directory / "prices.json").write_bytes(made.prices.sign(other))
    with pytest.raises(GroupRefused):
        publish_prices(directory, FLAT_ROUTE)


def test_a_limit_for_whoever_names_none_costs_no_more_than_a_credential_has(tmp_path: Path) -> None:
    """Most clients name no limit: each request of theirs would be refused."""
    create_provider(
        tmp_path / "p",
        "api.localhost",
        period=60,
        tiers=[Tier("pro", 10)],
        depth=4,
        limit_bits=5,
        max_units=3,
    )
    (tmp_path / "prices.toml").write_text(CHAT)
    with pytest.raises(
        ParameterError, match="names no limit costs 6 units, .* has 3 at most; lower default_to"
    ):
        publish_prices(tmp_path / "p", read_routes(tmp_path / "prices.toml"))


def test_a_price_that_no_credential_pays_is_refused_before_anything_is_written(directory: Path) -> None:
    policy = (directory / "policy.json").read_bytes()
    for routes in (
        (Route("GET", "/v1/models", FLAT, units=2),),
        (
            Route(
                "POST",
                "/x",
                "openai-chat",
                models=(("a", 0),),
                prompt_bytes=1,
                output_tokens=1,
                default_tokens=1,
            ),
        ),
    ):
        with pytest.raises(
            ParameterError, match="costs 2 units at least, and a credential of this provider has 1"
        ):
            publish_prices(directory, routes)
    with pytest.raises(InputError):
        publish_prices(directory, ())
    assert not (directory / "prices.json").exists()
    assert (directory / "policy.json").read_bytes() == policy
