"""x of a signal, and the injective joining of parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError
from rln.protocol import signal
from tests.support.joined_signal import split_joined_signal

calls = st.tuples(
    st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=4),
    st.lists(st.binary(max_size=10), max_size=4),
)


def test_x_is_the_hash_of_the_signal() -> None:
    assert (
        signal.hash_signal(b"hey hey") == 0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03
    )


def test_x_of_zero_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "hash_to_field", lambda _: 0)
    with pytest.raises(ParameterError, match="^x: "):
        signal.hash_signal(b"unlucky")


def test_x_that_is_not_canonical_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "hash_to_field", lambda _: scalar.ORDER)
    with pytest.raises(FieldRangeError, match="^x: "):
        signal.hash_signal(b"unlucky")


@pytest.mark.parametrize("data", [bytearray(b"a"), "a", None])
def test_a_signal_is_bytes(data: object) -> None:
    with pytest.raises(EncodingError, match="^signal: expected bytes"):
        signal.hash_signal(data)  # type: ignore[arg-type]


def test_layout_of_a_joined_signal() -> None:
    assert signal.join_signal("chat", [b"ab", b""]) == (
        b"\x04" + bytes(7) + b"chat" + b"\x02" + bytes(7) + b"\x02" + bytes(7) + b"ab" + bytes(8)
    )


@given(calls)
def test_a_joined_signal_can_be_read_back(call: tuple[str, list[bytes]]) -> None:
    assert split_joined_signal(signal.join_signal(*call)) == call


@given(calls, calls)
def test_different_parts_never_give_the_same_signal(
    one: tuple[str, list[bytes]], other: tuple[str, list[bytes]]
) -> None:
    assert (signal.join_signal(*one) == signal.join_signal(*other)) == (one == other)


def test_moving_a_boundary_changes_the_signal() -> None:
    assert signal.join_signal("d", [b"ab", b"c"]) != signal.join_signal("d", [b"a", b"bc"])


def test_bad_parts_are_refused() -> None:
    for parts in (b"ab", "ab", bytearray(b"ab")):
        with pytest.raises(EncodingError, match="^parts: expected a sequence of bytes"):
            signal.join_signal("d", parts)  # type: ignore[arg-type]
    with pytest.raises(EncodingError, match=r"^parts\[1\]: expected bytes"):
        signal.join_signal("d", [b"a", "b"])  # type: ignore[list-item]
    for domain in ("", "ä", b"d"):
        with pytest.raises(ParameterError, match="^domain: "):
            signal.join_signal(domain, [])  # type: ignore[arg-type]


@given(calls)
def test_a_joined_signal_has_the_format(call: tuple[str, list[bytes]]) -> None:
    joined = signal.join_signal(*call)
    assert signal.check_signal(joined, "joined") == signal.check_signal(joined, "bytes") == joined


@given(calls, st.integers(0, 100), st.integers(0, 255))
def test_other_bytes_have_it_only_if_the_inverse_reads_them(
    call: tuple[str, list[bytes]], at: int, byte: int
) -> None:
    joined = bytearray(signal.join_signal(*call))
    joined[at % len(joined)] = byte
    for data in (bytes(joined), bytes(joined[: at % len(joined)]), bytes([*joined, byte])):
        try:
            read = signal.join_signal(*split_joined_signal(data)) == data
        except (AssertionError, UnicodeDecodeError, ParameterError, MemoryError):
            read = False
        if read:
            signal.check_signal(data, "joined")
        else:
            with pytest.raises(EncodingError, match="^signal: expected one that join_signal made"):
                signal.check_signal(data, "joined")


def test_a_signal_format_that_does_not_exist_is_refused() -> None:
    for name in ("waku", "", None, 1):
        with pytest.raises(ParameterError, match="^signal_format: expected one of bytes, joined"):
            signal.check_signal(b"", name)  # type: ignore[arg-type]


def test_a_false_count_of_parts_costs_nothing() -> None:
    joined = signal.join_signal("a", [])
    with pytest.raises(EncodingError):
        signal.check_signal(joined[:9] + b"\xff" * 8, "joined")
