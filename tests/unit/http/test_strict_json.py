"""Strict JSON: what has two meanings is refused; what has one is written in one form."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.errors import EncodingError, ParameterError
from rln.http.strict_json import MAX_DEPTH, read, write

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64) + 1, (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_is_written_reads_as_the_same_value(value: object) -> None:
    data = write(value)
    assert data.isascii()
    assert read(data, "body") == value
    for other in (json.dumps(value, indent=2).encode(), json.dumps(value, ensure_ascii=False).encode()):
        assert read(other, "body") == value
        assert write(read(other, "body")) == data


@given(
    st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u0dD8 10eE.-+tnN\t\n', max_size=40).map(str.encode)
)
def test_any_bytes_are_one_value_or_refused(data: bytes) -> None:
    with suppress(EncodingError):
        value = read(data, "body")
        assert read(write(value), "body") == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON at line 1 column 1"),
        (b"{} {}", "not JSON"),
        (b"{}x", "not JSON"),
        (b"{} // a comment", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"{a:1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":+1}', "not JSON"),
        (b'{"a":.5}', "not JSON"),
        (b'{"a":0x5}', "not JSON"),
        (b'{"a":1_0}', "not JSON"),
        ('{"a":٥}'.encode(), "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b'{"a":"\\x41"}', "not JSON"),
        (b'{"a":"', "not JSON"),
        ("\u00a0{}".encode(), "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        (b'{"a":"\xc0\xaf"}', "UTF-8"),
        (b'{"max_tokens":1,"max_tokens":2}', "'max_tokens' twice"),
        (b'{"max_tokens":1,"max\\u005ftokens":2}', "'max_tokens' twice"),
        (b'{"x":[{"a":null,"b":1,"a":null}]}', "'a' twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":Infinity}', "NaN"),
        (b'{"a":-Infinity}', "NaN"),
        (b'{"a":1e999}', "finite"),
        (b'{"a":-1e999}', "finite"),
        (b'{"a":0.%b}' % (b"0" * 70), "finite numbers of at most 64"),
        (b'{"a":%d}' % (1 << 64), "below 2^64"),
        (b'{"a":-%d}' % (1 << 64), "below 2^64"),
        (b'{"a":1%b}' % (b"0" * 10000), "below 2^64"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\\uDFFF\\uD800"}', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "64 levels"),
        (b'{"a":' * 100_000, "64 levels"),
        (b'["' + b'\\"[' * 100 + b'",' + b"[" * MAX_DEPTH, "64 levels"),
    ],
)
def test_what_has_no_single_meaning_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(EncodingError) as caught:
        read(data, "body")
    assert why in str(caught.value)
    assert len(str(caught.value)) < 160


def test_brackets_in_texts_are_no_depth() -> None:
    deep = b"[" * (MAX_DEPTH - 1) + b'"' + b"[{\\\\" * 100 + b'\\""' + b"]" * (MAX_DEPTH - 1)
    assert write(read(deep, "body")) == deep
    assert read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "body")


def test_escapes_are_characters() -> None:
    assert read(b'{"m\\u0061x":"\\ud83d\\ude00"}', "body") == {"max": "\U0001f600"}
    assert write({"a": "\U0001f600é"}) == b'{"a":"\\ud83d\\ude00\\u00e9"}'


def test_names_keep_their_order() -> None:
    assert write(read(b'{"b": 1, "a": [1.50, -0]}', "body")) == b'{"b":1,"a":[1.5,0]}'


def test_hostile_bodies_cost_one_pass() -> None:
    """Each would take minutes with a search that starts again at every quote or name."""
    size = 1 << 20
    for data in (
        b'"' + b'\\"' * (size // 2),
        b'["' + b"\\" * size,
        b'{"' + b'":"' * (size // 3),
        b"{" + b",".join(b'"%d":1' % one for one in range(100_000)) + b',"99999":1}',
    ):
        with pytest.raises(EncodingError):
            read(data, "body")


def test_errors_repeat_no_value() -> None:
    for data in (b'{"a":"secret" "b"}', b'{"secret":1', b'"secret', b'{"a":"secret","a":"secret"}'):
        with pytest.raises(EncodingError) as caught:
            read(data, "body")
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_what_json_has_not_is_not_written() -> None:
    for value in (object(), {1j: 2}, float("nan"), b"x", {"a": {3}}):
        with pytest.raises(ParameterError, match="^value: expected what JSON has"):
            write(value)
