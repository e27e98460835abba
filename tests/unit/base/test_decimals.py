"""Decimals: each number has one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.base import decimals
from rln.errors import EncodingError, ParameterError


@given(st.integers(0, 10**19 - 1))
def test_each_integer_has_its_text(value: int) -> None:
    assert decimals.whole(str(value), "n", 0, 10**19) == value == decimals.digits(str(value))


@given(st.text(alphabet="0123456789+-_. ٧²eE\n", max_size=5))
def test_a_text_is_read_only_if_it_is_what_str_gives(text: str) -> None:
    value = decimals.digits(text)
    assert value is None or str(value) == text
    if value is None:
        with pytest.raises(EncodingError, match="^n: expected decimal digits without sign"):
            decimals.whole(text, "n", 0, 10)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("0.5", 0.5), ("20.0", 20.0), ("20.123456789", 20.123456789)]
)
def test_seconds_may_have_a_fraction(text: str, value: float) -> None:
    assert decimals.seconds(text, "skew", 0, 100) == value


@pytest.mark.parametrize("text", ["nan", "inf", "1e3", "-1", "+1", "01", "1.", ".1", "1_0", "", 5, None])
def test_seconds_of_another_form_are_refused(text: object) -> None:
    with pytest.raises(EncodingError, match="^skew: expected decimal digits"):
        decimals.seconds(text, "skew", 0, 100)  # type: ignore[arg-type]


def test_bounds_are_included_and_messages_are_short() -> None:
    assert [decimals.whole(text, "n", 1, 3) for text in "13"] == [1, 3]
    for text in "04":
        with pytest.raises(ParameterError, match=f"^n: expected 1 to 3, got {text}$"):
            decimals.whole(text, "n", 1, 3)
    with pytest.raises(ParameterError, match="^n: expected 0 to 9, got a number of 5000 digits$"):
        decimals.whole("1" * 5000, "n", 0, 9)
    with pytest.raises(ParameterError, match="^s: expected 0.1 to 2, got 2.5$"):
        decimals.seconds("2.5", "s", 0.1, 2)
    for long, got in (("9" * 19, "9" * 19), ("1" + "0" * 400, "a number of 401 characters")):
        with pytest.raises(ParameterError, match=f"^s: expected 0.1 to 2, got {got}$"):
            decimals.seconds(long, "s", 0.1, 2)
    with pytest.raises(EncodingError) as caught:
        decimals.whole("x" * 5000, "n", 0, 1)
    assert len(str(caught.value)) < 200
