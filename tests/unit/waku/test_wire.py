"""Wire: numbers, signed numbers, and a reader that ends for every input."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import EncodingError
from rln.waku import wire


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, (1 << 32) - 1, 1 << 63, (1 << 64) - 1])
def test_a_number_is_read_as_it_was_written(value: int) -> None:
    assert wire.read_fields(wire.number_field(5, value), "a") == [(5, wire.VARINT, value)]


@pytest.mark.parametrize("value", [0, 1, -1, 5, -(1 << 63), (1 << 63) - 1])
def test_a_signed_number_goes_both_ways(value: int) -> None:
    assert wire.unzigzag(wire.zigzag(value)) == value
    assert 0 <= wire.zigzag(value) < 1 << 64


@given(st.binary(max_size=40))
@settings(max_examples=200)
def test_any_bytes_are_fields_or_refused(data: bytes) -> None:
    found = []
    with contextlib.suppress(EncodingError):  # of any of its kinds, and nothing else
        found += wire.read_fields(data, "a")
    assert all(0 < number < 1 << 29 and kind in (0, 1, 2, 5) for number, kind, _ in found)
