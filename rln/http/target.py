"""Target: the method and the path of a request, in the one form that client and provider agree on.

Servers, proxies and client libraries rewrite targets in different ways: they decode `%2e`, join slashes,
resolve `..`. What two programs may read differently is refused, so a proof for one path cannot be used for
another.
"""

from __future__ import annotations

import re
from typing import Final

from rln.base.arguments import plain_bytes
from rln.errors import EncodingError

MAX_TARGET: Final = 1 << 13
"""Bytes of the longest target."""

_METHOD: Final = re.compile(rb"[A-Z]{1,32}\Z")
_PATH: Final = re.compile(rb"/[!$&'()*+,\-./0-9:;=@A-Z_a-z~]*\Z")
"""What RFC 3986 allows in a path, without percent-encoding."""
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x7e]*\Z")
"""Visible ASCII without `#`."""


def request_target(path: bytes, query: bytes = b"") -> bytes:
    """Return the target of a request: the path, and `?` with the query if there is one.

    An empty query counts as none, because every server drops a `?` at the end.

    Args:
        path: as it was sent, not decoded.
        query: as it was sent, without the `?`.

    Raises:
        EncodingError: the path does not begin with `/`, or has `//`, `/.`, a percent sign or a character that
            no path has; the query has a space, `#` or a byte beyond ASCII; or the target is too long.
    """
    plain_bytes(path, "path")
    plain_bytes(query, "query")
    if not _PATH.match(path) or b"//" in path or b"/." in path:
        raise EncodingError(
            "target: expected a path of plain characters that begins with one slash, without //, /. and "
            f"percent-encoding, got {path[:80]!r}"
        )
    if not _QUERY.match(query):
        raise EncodingError("target: expected a query of visible ASCII without #, got other bytes")
    target = path + b"?" + query if query else path
    if len(target) > MAX_TARGET:
        raise EncodingError(f"target: expected at most {MAX_TARGET} bytes, got {len(target)}")
    return target


def check_target(target: bytes) -> bytes:
    """Return a target if it has the form that `request_target` gives.

    Raises:
        EncodingError: another form, also a `?` at the end.
    """
    path, _, query = plain_bytes(target, "target").partition(b"?")
    if request_target(path, query) != target:
        raise EncodingError("target: expected no question mark without a query, got one at the end")
    return target


def check_method(method: bytes) -> bytes:
    """Return a method if it is 1 to 32 letters A to Z.

    Raises:
        EncodingError: anything else; some servers hand on `PoSt` as it is.
    """
    if not _METHOD.match(plain_bytes(method, "method")):
        raise EncodingError(f"method: expected 1 to 32 letters A to Z, got {method[:40]!r}")
    return method
