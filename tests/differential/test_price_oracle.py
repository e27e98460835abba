"""Prices of bodies: the library and the oracle, written from docs/http.md, agree about any body."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import EncodingError, ParameterError
from rln.http.route import ADAPTERS, FLAT, Route
from tests.architecture.tree import ROOT
from tests.support.effort import effort
from vectors.oracle.field import Refused
from vectors.oracle.price import price

JSON = b"application/json"
BODIES: list[tuple[dict[str, Any], Any]] = [
    (case["input"]["route"], json.loads(bytes.fromhex(case["input"]["body"])))
    for case in json.loads((ROOT / "vectors" / "http-prices.json").read_text())["cases"]
    if case["result"] == "valid" and case["input"]["route"]["adapter"] != FLAT
]
"""Bodies of the vectors with their routes, which the tests change."""

NAMES = sorted(
    {
        name
        for _, body in BODIES
        for name in json.dumps(body).replace('\\"', "").split('"')
        if name.replace("_", "").isalnum() and len(name) < 24
    }
    | set(
        "n n_predict best_of user store thinking budget_tokens include truncation is_error citations".split()
    )
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.sampled_from([2**20, 2**20 + 1, 2**31, 2**63, -(2**63)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([*NAMES, "", "small", "data:image/png;base64,AAAA", "https://a.example", "#/x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """Draw a body of a vector that was changed in a few places."""
    route, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(body)))
        inside = body
        for step in path[:-1]:
            inside = inside[step]
        holder = inside[path[-1]] if path else body
        if isinstance(holder, dict) and draw(st.booleans()):
            holder[draw(st.sampled_from(NAMES))] = draw(VALUES)
        elif isinstance(holder, list) and draw(st.booleans()):
            holder.append(draw(VALUES))
        elif path:
            inside[path[-1]] = draw(VALUES)
    return route, body


def answers(route: dict[str, Any], body: bytes) -> tuple[object, object]:
    """Return what the library and the oracle say about a body."""
    try:
        found = Route.read(route).price(JSON, b"", b"", body)
        own: object = (found.units, found.output_tokens, found.model, found.body)
    except (EncodingError, ParameterError):
        own = "refused"
    try:
        other = price(route, JSON, b"", b"", body)
        forwarded = None if other["body"] is None else bytes.fromhex(other["body"])
        return own, (other["units"], other["output_tokens"], other["model"], forwarded)
    except Refused:
        return own, "refused"


@settings(max_examples=effort(600, 20_000))
@given(bodies())
def test_any_body_has_the_price_that_the_oracle_says(drawn: tuple[dict[str, Any], Any]) -> None:
    route, body = drawn
    own, other = answers(route, json.dumps(body).encode())
    assert own == other


def test_the_bodies_that_are_changed_have_a_price() -> None:
    assert {route["adapter"] for route, _ in BODIES} == set(ADAPTERS) - {FLAT}
    for route, body in BODIES:
        own, other = answers(route, json.dumps(body).encode())
        assert own == other != "refused"
