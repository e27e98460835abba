"""Threats C4: everything that json.loads accepts and a canonical document must not contain."""

import json

import pytest

from rln.base import canonical_json
from rln.errors import EncodingError

REFUSED = [
    (b'{"a":1,"a":1}', "twice"),
    (b'{"a":{"b":1,"b":2}}', "twice"),
    (b"1.0", "fraction"),
    (b"1e3", "fraction"),
    (b"-0", "canonical integer"),
    (b"NaN", "NaN"),
    (b"Infinity", "NaN"),
    (b"-Infinity", "NaN"),
    (b"01", "not JSON"),
    (b"+1", "not JSON"),
    (b"1_0", "not JSON"),
    (b"0x1", "not JSON"),
    (b"1" * 17, "canonical integer"),
    (b"1" * 5000, "canonical integer"),
    ("１".encode(), "not JSON"),
    (b'"\\u0031"', "backslash"),
    (b'"\\ud800"', "backslash"),
    (b"\xff\xfe1\x00", "not UTF-8"),
    (b"\xef\xbb\xbf1", "not JSON"),
    ("1".encode("utf-16-le"), "not JSON"),
    (b"1 2", "not JSON"),
    (b"", "not JSON"),
    (b"[1,]", "not JSON"),
    (b"'a'", "not JSON"),
    (b'"a\nb"', "not JSON"),
    (b"[" * 9 + b"]" * 9, "nesting"),
    (b"[" * 100_000, "nesting"),
    (b'{"a":' * 100_000, "nesting"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED, ids=range(len(REFUSED)))
def test_only_strict_documents_are_read(data, words):
    with pytest.raises(EncodingError, match=words):
        canonical_json.read(data, "doc")


def test_size_is_bounded_before_anything_else():
    assert canonical_json.read(b" " * 9 + b"1", "doc", size=10) == 1
    with pytest.raises(EncodingError, match="at most 9 bytes, got 10"):
        canonical_json.read(b" " * 9 + b"1", "doc", size=9)


def test_only_bytes_are_read():
    for value in ("1", bytearray(b"1"), memoryview(b"1"), None):
        with pytest.raises(EncodingError, match="expected bytes"):
            canonical_json.read(value, "doc")


def test_brackets_in_strings_are_no_nesting():
    assert canonical_json.read(b'"' + b"[" * 50 + b'"', "doc") == "[" * 50


@pytest.mark.parametrize("value", [0, -1, 7, True, None, "x", [], {}, {"a": [1, {"b": "c"}]}])
def test_written_documents_read_back(value):
    assert canonical_json.read(canonical_json.write(value), "doc") == value
    assert canonical_json.read(canonical_json.pretty(value), "doc") == value
    assert json.loads(canonical_json.write(value)) == value


def test_writing_is_canonical():
    assert (
        canonical_json.write({"b": 1, "a": [1, 2]})
        == canonical_json.write({"a": [1, 2], "b": 1})
        == b'{"a":[1,2],"b":1}'
    )


def test_fields_are_exact():
    assert canonical_json.fields({"a": 1}, "doc", ("a",), ("b",)) == {"a": 1}
    for value, words in (
        ({}, "a is missing"),
        ({"a": 1, "c": 2}, "unknown name 'c'"),
        ([], "an object, got array"),
    ):
        with pytest.raises(EncodingError, match=words):
            canonical_json.fields(value, "doc", ("a",), ("b",))


def test_items_text_integer_say_what_came():
    with pytest.raises(EncodingError, match="expected 2 items, got 1"):
        canonical_json.items([1], "doc", 2)
    with pytest.raises(EncodingError, match="an array, got null"):
        canonical_json.items(None, "doc")
    with pytest.raises(EncodingError, match="a string, got number"):
        canonical_json.text(1, "doc")
    for value in (True, "1", None):
        with pytest.raises(EncodingError, match="expected a number"):
            canonical_json.integer(value, "doc", 0, 9)
    with pytest.raises(EncodingError, match=r"0 \.\. 9, got 10"):
        canonical_json.integer(10, "doc", 0, 9)


def test_messages_do_not_repeat_the_document():
    secret = "123456789012345678901234567890"
    for data in (f'{{"identitySecret": {secret}}}', f'{{"identitySecret": "{secret}"', f'["{secret}",]'):
        with pytest.raises(EncodingError) as caught:
            canonical_json.read(data.encode(), "doc")
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None or caught.value.__suppress_context__
