"""The signal of a request: what it covers, and which parts it refuses."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import Any

import pytest

from rln.errors import EncodingError, ParameterError
from rln.http.signal import LABEL, RequestParts, check_authority, check_field
from tests.support.joined_signal import split_joined_signal

NONCE = bytes(range(16))
PARTS = RequestParts(
    b"api.example.com",
    b"POST",
    b"/v1/chat/completions?a=1",
    b"application/json",
    b"gzip",
    hashlib.sha256(b"body").digest(),
    (b"one", b""),
)


def test_a_signal_joins_all_parts_in_their_order() -> None:
    domain, parts = split_joined_signal(PARTS.signal(NONCE))
    assert domain == LABEL == "rln http request"
    assert parts == [
        PARTS.authority,
        PARTS.method,
        PARTS.target,
        PARTS.content_type,
        PARTS.content_encoding,
        PARTS.body_digest,
        NONCE,
        b"one",
        b"",
    ]


OTHER: dict[str, Any] = {
    "authority": b"example.com",
    "method": b"PUT",
    "target": b"/v1/chat/completions?a=2",
    "content_type": b"application/jsonl",
    "content_encoding": b"",
    "body_digest": hashlib.sha256(b"bodY").digest(),
    "bound": (b"one",),
}


def test_each_part_changes_the_signal() -> None:
    assert set(OTHER) == {field.name for field in fields(RequestParts)}
    signals = {replace(PARTS, **{name: value}).signal(NONCE) for name, value in OTHER.items()}
    signals |= {PARTS.signal(NONCE), PARTS.signal(bytes(16))}
    assert len(signals) == len(OTHER) + 2


def test_bytes_do_not_move_between_parts() -> None:
    moved = replace(PARTS, content_type=b"application/jsong", content_encoding=b"zip")
    assert moved.signal(NONCE) != PARTS.signal(NONCE)
    assert replace(PARTS, bound=(b"on", b"e")).signal(NONCE) != replace(PARTS, bound=(b"one",)).signal(NONCE)


@pytest.mark.parametrize("nonce", [b"", NONCE[:15], NONCE + b"\0", bytearray(NONCE), NONCE.hex()])
def test_a_nonce_has_16_bytes(nonce: Any) -> None:
    with pytest.raises(EncodingError, match="^nonce: expected"):
        PARTS.signal(nonce)


@pytest.mark.parametrize("bound", [[b"one"], None, b"one"])
def test_bound_fields_are_a_tuple(bound: Any) -> None:
    with pytest.raises(ParameterError, match="^bound: expected a tuple"):
        replace(PARTS, bound=bound)


@pytest.mark.parametrize(
    "authority",
    [
        b"a",
        b"api.example.com",
        b"api.example.com:1",
        b"localhost:65535",
        b"127.0.0.1:8000",
        b"[::1]",
        b"[::1]:80",
        b"a." * 126 + b"b",
        b"a." * 126 + b"b:65535",
        b"a" * 63,
        b"xn--bcher-kva.example",
    ],
)
def test_authorities(authority: bytes) -> None:
    assert check_authority(authority) == authority


@pytest.mark.parametrize(
    "authority",
    [
        b"",
        b".",
        b"a.",
        b".a",
        b"a..b",
        b"-a",
        b"a-",
        b"a_b",
        b"A.example",
        b"a.example ",
        b"a.example\n",
        b"me@a.example",
        b"a.example/",
        b"a.example?x",
        b"a.example#x",
        b"a.example\\x",
        b"https://a.example",
        b"a.example:",
        b"a.example:0",
        b"a.example:080",
        b"a.example:65536",
        b"a.example:100000",
        b"a.example:8x",
        b"a.example:80:80",
        b"[::1",
        b"::1",
        b"[::2]",
        b"[::1]x",
        b"[::1]:",
        b"[0:0:0:0:0:0:0:1]",
        b"[::ffff:127.0.0.1]",
        "é.example".encode(),
        "ｅxample.com".encode(),
        "example。com".encode(),
        b"a\x00.example",
        b"a" * 64,
        b"a." * 126 + b"bc",
        b"a." * 127 + b":1",
        b"a." * 100000,
    ],
)
def test_other_authorities_are_refused(authority: bytes) -> None:
    with pytest.raises(EncodingError, match="^authority: expected a host in lower case"):
        check_authority(authority)


@pytest.mark.parametrize("value", [b"", b"a", b"a b", b"a\tb", b"text/plain; charset=utf-8", b"x" * 100_000])
def test_values_of_fields(value: bytes) -> None:
    assert check_field(value, "field") == value


@pytest.mark.parametrize(
    "value",
    [
        b" ",
        b"\t",
        b" a",
        b"a ",
        b"a\t",
        b"a\n",
        b"a\r\n b",
        b"a\x00b",
        b"\x7f",
        "é".encode(),
        b"\xa0",
        b"a" + b" " * 100000,
        b" " * 100000,
    ],
)
def test_other_values_of_fields_are_refused(value: bytes) -> None:
    with pytest.raises(EncodingError, match="^field: expected visible ASCII without white space at its ends"):
        check_field(value, "field")
