"""Challenges: their form, and how one is found among those of other schemes."""

from __future__ import annotations

import base64
import urllib.request
from typing import Any

import pytest

from rln.errors import EncodingError, InputError, ParameterError
from rln.http import problem
from rln.http.challenge import ERRORS, Challenge

DIGEST = bytes(range(32))
PLAIN = Challenge("api.example.com", DIGEST, 3)


def test_the_value_of_the_field() -> None:
    text = base64.urlsafe_b64encode(DIGEST).decode().rstrip("=")
    start = f'RLN realm="api.example.com", policy="{text}", units="3"'
    assert PLAIN.encode() == start
    assert (
        Challenge("api.example.com", DIGEST, 3, "unknown-root").encode() == f'{start}, error="unknown-root"'
    )


@pytest.mark.parametrize("error", [None, *ERRORS])
def test_other_parsers_read_the_same(error: str | None) -> None:
    """The parser of Python's own library for the parameters of a challenge."""
    made = Challenge("api.example.com", DIGEST, 16, error)
    parameters = made.encode().removeprefix("RLN ")
    found = urllib.request.parse_keqv_list(urllib.request.parse_http_list(parameters))
    assert list(found) == ["realm", "policy", "units", "error"][: 3 + (error is not None)]
    assert (found["realm"], int(found["units"]), found.get("error")) == ("api.example.com", 16, error)
    assert base64.urlsafe_b64decode(found["policy"] + "=") == DIGEST
    assert Challenge.decode(made.encode()) == made


def test_the_errors_are_the_problems_with_a_challenge() -> None:
    named = {one.name for one in problem.PROBLEMS if one.challenges}
    assert named == {*ERRORS, "credential-needed"}
    assert {one.status for one in problem.PROBLEMS if one.challenges} == {401}
    assert {one.name for one in problem.PROBLEMS if one.status == 401} == named


@pytest.mark.parametrize(
    ("realm", "policy", "units", "error"),
    [
        ("Example.com", DIGEST, 1, None),
        ("localhost", DIGEST, 1, None),
        ("api.example.com", DIGEST[:31], 1, None),
        ("api.example.com", DIGEST, 0, None),
        ("api.example.com", DIGEST, 17, None),
        ("api.example.com", DIGEST, True, None),
        ("api.example.com", DIGEST, 1, "duplicate"),
        ("api.example.com", DIGEST, 1, ""),
        ("api.example.com", DIGEST, 1, 5),
    ],
)
def test_values_outside_their_range_are_refused(realm: Any, policy: Any, units: Any, error: Any) -> None:
    with pytest.raises(InputError):
        Challenge(realm, policy, units, error)


GOOD = PLAIN.encode()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "RLN",
        "RLN ",
        GOOD.lower(),
        GOOD + " ",
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD + ", ",
        GOOD + ', x="y"',
        GOOD.replace(", ", ","),
        GOOD.replace('"3"', "3"),
        GOOD.replace('"3"', '"03"'),
        GOOD.replace("=", " = "),
        GOOD.replace('"3"', '"٣"'),
        GOOD.replace("api", "ａpi"),
        GOOD.replace("api", 'a\\"'),
        GOOD + ', error="unknown-root", error="unknown-root"',
        GOOD + ', Basic realm="x"',
        GOOD * 10000,
    ],
)
def test_another_form_is_refused(bad: str) -> None:
    with pytest.raises(EncodingError, match="^challenge: expected RLN realm="):
        Challenge.decode(bad)


def test_numbers_and_names_outside_their_range_are_refused() -> None:
    for changed in (GOOD.replace('"3"', '"17"'), GOOD + ', error="none-known"', GOOD.replace("api.", "-.")):
        with pytest.raises(ParameterError):
            Challenge.decode(changed)
    with pytest.raises(EncodingError, match="^policy: expected canonical base64url"):
        Challenge.decode(GOOD.replace('Hh8"', 'Hh9"'))


def test_the_challenge_is_found_among_those_of_other_schemes() -> None:
    assert Challenge.find([]) is None
    assert Challenge.find(["Negotiate", 'Basic realm="x"', "RLN", 'rln realm="x"', "RLNX a"]) is None
    assert Challenge.find(["Negotiate", GOOD, 'Basic realm="x"']) == PLAIN
    assert Challenge.find(iter([GOOD])) == PLAIN
    with pytest.raises(EncodingError, match="^challenge: expected one, got 2"):
        Challenge.find([GOOD, GOOD])
    for joined in (GOOD + ', Basic realm="x"', GOOD + ", " + GOOD):
        with pytest.raises(EncodingError, match="^challenge: expected RLN realm="):
            Challenge.find([joined])
