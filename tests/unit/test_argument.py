"""What a public function accepts where it is not simply a field element."""

from __future__ import annotations

import pytest

from rln import argument, scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0, 11, -1, 1 << 5000])
def test_whole_refuses_what_is_no_number_of_the_range(value: object) -> None:
    with pytest.raises(ParameterError, match="^limit: expected"):
        argument.whole(value, "limit", 1, 10)  # type: ignore[arg-type]


def test_whole_accepts_both_ends() -> None:
    assert [argument.whole(v, "limit", 1, 10) for v in (1, 10)] == [1, 10]


def test_nonzero() -> None:
    assert argument.nonzero(scalar.ORDER - 1, "x") == scalar.ORDER - 1
    with pytest.raises(ParameterError, match="^x: expected a field element other than 0, got 0"):
        argument.nonzero(0, "x")
    for value in (scalar.ORDER, -1, True, 1.0):
        with pytest.raises(FieldRangeError, match="^x: "):
            argument.nonzero(value, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [bytearray(2), memoryview(b"ab"), "ab", None, [1, 2]])
def test_bytes_that_could_change_are_refused(data: object) -> None:
    with pytest.raises(EncodingError, match="^signal: expected bytes, got "):
        argument.plain_bytes(data, "signal")  # type: ignore[arg-type]


def test_fixed_bytes() -> None:
    assert argument.fixed_bytes(b"ab", 2, "tag") == b"ab"
    with pytest.raises(EncodingError, match="^tag: expected 2 bytes, got 3"):
        argument.fixed_bytes(b"abc", 2, "tag")
