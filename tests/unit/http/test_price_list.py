"""Price lists: what they hold, how they are signed, and which one may take another's place."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from rln.base import canonical_json
from rln.errors import EncodingError, GroupRefused, InputError, ParameterError
from rln.http.policy import open_policy
from rln.http.price_list import MAX_PRICES_BYTES, PRICES, PriceList, open_prices
from rln.http.route import FLAT, Route
from rln.sync.signing import RegistrarKey

APPLICATION = "api.example.com"
METERED: dict[str, Any] = {
    "models": (("small", 1), ("meta/large:70b", 4)),
    "prompt_bytes": 2048,
    "output_tokens": 64,
    "default_tokens": 256,
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> RegistrarKey:
    return RegistrarKey.new(tmp_path_factory.mktemp("key") / "registrar.pem")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> RegistrarKey:
    return RegistrarKey.new(tmp_path_factory.mktemp("other") / "registrar.pem")


@pytest.fixture
def prices() -> PriceList:
    return PriceList(
        APPLICATION,
        3,
        (
            Route("POST", "/v1/chat/completions", "openai-chat", **METERED),
            Route("POST", "/v1/messages", "anthropic-messages", **METERED, image_units=2),
            Route("POST", "/v1/embeddings", "openai-embeddings", models=(("e", 0),), prompt_bytes=512),
            Route("GET", "/v1/models", FLAT, units=1),
        ),
    )


def signed_by(key: RegistrarKey, content: object) -> bytes:
    signature = key.sign_statement("rln prices", canonical_json.write(content))
    return canonical_json.write({"prices": content, "signature": signature.hex()})


def test_a_list_is_read_back(prices: PriceList, key: RegistrarKey) -> None:
    data = prices.sign(key)
    assert open_prices(data, key.public_key) == prices
    assert open_prices(data, key.public_key).encode() == prices.encode()
    assert signed_by(key, json.loads(prices.encode())) == data


def test_routes_are_found_by_method_and_path_as_they_were_sent(prices: PriceList) -> None:
    assert prices.route(b"GET", b"/v1/models") == prices.routes[3]
    for method, path in (
        (b"POST", b"/v1/models"),
        (b"HEAD", b"/v1/models"),
        (b"get", b"/v1/models"),
        (b"GET", b"/v1/models/"),
        (b"GET", b"/V1/models"),
        (b"GET", b"//v1/models"),
        (b"GET", b"/v1/%6dodels"),
        (b"GET", b"/v1/models?x"),
        (b"GET", b"/v1/models/x"),
        (b"GET", b"/v1/model"),
        (b"GET", b""),
        (b"GET", b"/v1/models\n"),
    ):
        assert prices.route(method, path) is None


def test_another_key_or_another_kind_of_document_is_refused(
    prices: PriceList, key: RegistrarKey, other_key: RegistrarKey
) -> None:
    data = prices.sign(key)
    with pytest.raises(GroupRefused, match="rln prices: not signed by the key that was pinned"):
        open_prices(data, other_key.public_key)
    with pytest.raises(GroupRefused):
        open_prices(data.replace(b'"small":1', b'"small":0'), key.public_key)
    content = json.loads(prices.encode())
    for label in ("rln policy", "rln price", "rln pricess"):
        signature = key.sign_statement(label, prices.encode()).hex()
        with pytest.raises(GroupRefused):
            open_prices(canonical_json.write({"prices": content, "signature": signature}), key.public_key)
    with pytest.raises(EncodingError, match="policy: expected a signed policy, got a signed price list"):
        open_policy(data)
    with pytest.raises(EncodingError, match="prices: expected a signed price list, got a signed policy"):
        open_prices(b'{"policy":{"authorities":[]},"signature":""}', key.public_key)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("form",), 2),
        (("form",), True),
        (("version",), 0),
        (("version",), 1 << 53),
        (("version",), "3"),
        (("application",), "localhost"),
        (("application",), 5),
        (("routes",), []),
        (("routes",), {}),
        (("routes",), [5]),
        (("routes", 0, "adapter"), "openai"),
        (("routes", 0, "adapter"), None),
        (("routes", 0, "adapter"), ["flat"]),
        (("routes", 0, "models"), []),
        (("routes", 0, "models"), {}),
        (("routes", 0, "models"), {"small": "1"}),
        (("routes", 0, "models"), {"small": True}),
        (("routes", 0, "prompt_bytes"), None),
        (("routes", 0, "prompt_bytes"), "2048"),
        (("routes", 0, "output_field"), None),
        (("routes", 0, "output_field"), "n_predict"),
        (("routes", 0, "units"), None),
        (("routes", 0, "more"), None),
        (("routes", 1, "output_field"), "max_tokens"),
        (("routes", 2, "output_tokens"), None),
        (("routes", 3, "units"), None),
        (("routes", 3, "path"), "/v1/chat/completions?"),
        (("routes", 3, "path"), 5),
        (("routes", 3, "method"), "get"),
        (("more",), None),
    ],
)
def test_what_the_registrar_signs_is_read_strictly(
    prices: PriceList, key: RegistrarKey, path: tuple[Any, ...], value: object
) -> None:
    content = place = json.loads(prices.encode())
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InputError):
        open_prices(signed_by(key, content), key.public_key)


def test_whatever_opens_has_one_form(prices: PriceList, key: RegistrarKey) -> None:
    """A signed value that reads as another one would give two documents of one list."""
    values: list[object] = [
        True,
        False,
        None,
        0,
        1,
        2,
        64,
        256,
        "",
        "1",
        "GET",
        "flat",
        [],
        {},
        {"a": 1},
        [["a", 1]],
    ]
    plain = json.loads(prices.encode())
    opened = 0
    for number, route in enumerate(plain["routes"]):
        for name in (*route, "output_field", "units"):
            for value in (*values, ...):
                content = json.loads(prices.encode())
                content["routes"][number][name] = value
                if value is ...:
                    del content["routes"][number][name]
                with suppress(InputError):
                    found = open_prices(signed_by(key, content), key.public_key)
                    assert found.encode() == canonical_json.write(content)
                    opened += 1
    assert opened > 20


def test_other_bytes_of_the_same_document_are_refused(prices: PriceList, key: RegistrarKey) -> None:
    data = prices.sign(key)
    document = json.loads(data)
    for other in (
        json.dumps(document).encode(),
        data + b"\n",
        b"\xef\xbb\xbf" + data,
        data.replace(b"small", b"sm\\u0061ll"),
        canonical_json.write({**document, "signature": document["signature"].upper()}),
        canonical_json.write({**document, "more": 1}),
    ):
        with pytest.raises(EncodingError):
            open_prices(other, key.public_key)


def test_a_list_has_a_largest_size(key: RegistrarKey) -> None:
    models = tuple((f"{place:0128}", 1) for place in range(64))
    routes = tuple(
        Route("POST", f"/v{place}/chat", "openai-chat", **{**METERED, "models": models})
        for place in range(64)
    )
    with pytest.raises(ParameterError, match=f"prices: expected at most {MAX_PRICES_BYTES} bytes"):
        PriceList(APPLICATION, 1, routes).sign(key)
    assert PriceList(APPLICATION, 1, routes[:7]).sign(key)
    with pytest.raises(EncodingError, match=f"prices: expected at most {MAX_PRICES_BYTES} bytes"):
        open_prices(b"{" * (MAX_PRICES_BYTES + 1), key.public_key)


def test_a_list_that_cannot_be_meant_is_refused(prices: PriceList) -> None:
    for changed, why in (
        ({"routes": ()}, "number of routes: expected 1 to 64, got 0"),
        ({"routes": prices.routes * 2}, "expected POST /v1/chat/completions once, got it twice"),
        ({"routes": list(prices.routes)}, "routes: expected a tuple"),
        ({"routes": (5,)}, "route: expected Route, got int"),
        ({"version": 0}, "version: expected 1 to"),
        ({"application": "example"}, "application: expected a domain name"),
    ):
        with pytest.raises(ParameterError, match=why):
            replace(prices, **changed)


def test_the_next_list(prices: PriceList) -> None:
    fewer = prices.routes[:1]
    prices.check_next(prices)
    prices.check_next(replace(prices, version=4, routes=fewer))
    with pytest.raises(GroupRefused, match="expected version 3 or higher, got 2: an older price list"):
        prices.check_next(replace(prices, version=2))
    with pytest.raises(GroupRefused, match="two price lists have version 3"):
        prices.check_next(replace(prices, routes=fewer))
    with pytest.raises(GroupRefused, match="another application"):
        prices.check_next(replace(prices, version=4, application=f"eu.{APPLICATION}"))


def test_the_list_is_below_the_paths_that_no_route_has() -> None:
    with pytest.raises(ParameterError, match="^path: "):
        Route("GET", PRICES, FLAT, units=1)
