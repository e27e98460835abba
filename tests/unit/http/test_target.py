"""Targets: the one form of a path and a query that client and provider agree on."""

from __future__ import annotations

import pytest

from rln.errors import EncodingError
from rln.http.target import MAX_TARGET, check_method, check_target, request_target


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        (b"/", b"", b"/"),
        (b"/v1/chat/completions", b"", b"/v1/chat/completions"),
        (b"/v1/", b"", b"/v1/"),
        (b"/a.b/c..d/e.", b"", b"/a.b/c..d/e."),
        (b"/v1", b"a=1&b=%2e%2e/", b"/v1?a=1&b=%2e%2e/"),
        (b"/v1", b"?", b"/v1??"),
    ],
)
def test_a_target_is_the_path_and_the_query_as_sent(path: bytes, query: bytes, target: bytes) -> None:
    assert request_target(path, query) == target
    assert check_target(target) == target


@pytest.mark.parametrize(
    "path",
    [b"", b"v1", b"*", b"http://a.example/", b"//a.example/", b"/a//b", b"/.", b"/..", b"/a/.b", b"/a/../b"]
    + [b"/" + bytes([byte]) for byte in (*range(0x21), *b'"#%<>?[\\]^`{|}', *range(0x7F, 0x100))],
)
def test_a_path_that_programs_read_in_two_ways_is_refused(path: bytes) -> None:
    with pytest.raises(EncodingError, match="^target: expected a path of plain characters"):
        request_target(path)


@pytest.mark.parametrize("byte", [*range(0x21), 0x23, *range(0x7F, 0x100)])
def test_a_query_of_other_bytes_is_refused(byte: int) -> None:
    with pytest.raises(EncodingError, match="^target: expected a query of visible ASCII"):
        request_target(b"/", b"a" + bytes([byte]))


def test_an_empty_query_has_one_form() -> None:
    assert request_target(b"/v1", b"") == b"/v1"
    with pytest.raises(EncodingError, match="no question mark without a query"):
        check_target(b"/v1?")


def test_no_two_pairs_give_one_target() -> None:
    """A path has no question mark, so the first one of a target ends its path."""
    assert request_target(b"/a", b"b?c") == b"/a?b?c"
    with pytest.raises(EncodingError):
        request_target(b"/a?b", b"c")


def test_the_longest_target() -> None:
    path = b"/" + b"a" * (MAX_TARGET - 1)
    assert request_target(path) == path
    for long_path, query in ((path + b"a", b""), (path[:-1], b"b"), (path * 1000, b"")):
        with pytest.raises(EncodingError, match=f"expected at most {MAX_TARGET} bytes"):
            request_target(long_path, query)


@pytest.mark.parametrize(
    "method", [b"", b"post", b"PoSt", b"POST ", b"POST\n", b"P\xc3\x96ST", b"A" * 33, b"M-SEARCH"]
)
def test_a_method_is_1_to_32_capitals(method: bytes) -> None:
    assert check_method(b"A" * 32) == b"A" * 32
    with pytest.raises(EncodingError, match="^method: expected 1 to 32 letters A to Z"):
        check_method(method)
