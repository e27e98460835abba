"""Request head: what is judged before the body is read, taken from an ASGI scope.

Servers differ in what they pass on: absolute targets, two Host fields, methods in lower case, trailers that
are appended to the list of headers while the body is read. So the headers are copied first, everything that
two programs may read differently is refused, and the application gets the copy.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final

from rln.errors import EncodingError, InputError
from rln.http.credential import SCHEME
from rln.http.policy import Policy
from rln.http.signal import check_field, request_signal
from rln.http.target import check_method, request_target
from rln.verifying.source_limit import Source

Scope = MutableMapping[str, Any]
Header = tuple[bytes, bytes]

_SCHEME: Final = f"{SCHEME} ".encode()
_DIGEST: Final = re.compile(rb"sha-256=:[A-Za-z0-9+/]{43}=:\Z")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}\Z")
_ALWAYS_SINGLE: Final = (
    b"host",
    b"authorization",
    b"content-type",
    b"content-encoding",
    b"content-digest",
    b"content-length",
    b"transfer-encoding",
)
_LONGEST_SOURCE: Final = 256
_NETWORK_BITS: Final = 64


@dataclass(slots=True)
class RequestHead:
    """The head of one request, in the form that client and provider agree on.

    Attributes:
        headers: a copy.
        method: letters A to Z.
        path: as sent.
        target: path and query.
        authority: the one that the credential must be for.
        credential: value of `Authorization`, or None if there is none of this scheme.
        content_type, content_encoding: or empty.
        content_digest: or None.
        content_length: or None.
        bound: the values of the policy's bound fields.
        source: address of the other end of the connection; for IPv6, its network.
    """

    headers: tuple[Header, ...]
    method: bytes
    path: bytes
    target: bytes
    authority: bytes
    credential: bytes | None
    content_type: bytes
    content_encoding: bytes
    content_digest: bytes | None
    content_length: int | None
    bound: tuple[bytes, ...]
    source: Source

    @property
    def query(self) -> bytes:
        """What stands behind the question mark; empty if there is none."""
        return self.target[len(self.path) + 1 :]

    def signal(self, body_digest: bytes, nonce: bytes) -> bytes:
        """Return the signal of the request. Its parts were checked when the head was read."""
        return request_signal(
            self.authority,
            self.method,
            self.target,
            self.content_type,
            self.content_encoding,
            body_digest,
            nonce,
            self.bound,
        )


class HeadReader:
    """Reads the heads of requests to one listener. Immutable, and safe to use from several threads.

    Args:
        policy: of the provider.
        authority: the authority of this listener; None: the entry of the policy that equals Host.
    """

    __slots__ = ("_authorities", "_authority", "_bound", "_single")

    def __init__(self, policy: Policy, authority: bytes | None) -> None:
        self._authority = authority
        self._authorities = frozenset(one.encode() for one in policy.authorities)
        self._bound = tuple(name.encode() for name in policy.bound_fields)
        self._single = frozenset((*_ALWAYS_SINGLE, *self._bound))

    def read(self, scope: Scope) -> RequestHead:
        """Read a head.

        Raises:
            InputError: it is malformed, or two programs may read it differently.
        """
        headers = tuple([(name, value) for name, value in scope["headers"]])
        method = check_method(scope["method"].encode("ascii", "replace"))
        path = raw_path(scope)
        target = request_target(path, scope["query_string"])
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            lower = name.lower()
            if lower in self._single:
                if lower in found:
                    raise EncodingError(f"{lower.decode()}: expected one such field, got two")
                found[lower] = value
        get = found.get
        host = get(b"host")
        if host is None:
            raise EncodingError("host: expected one such field, got none")
        authority = self._authority
        if authority is None:
            authority = host.lower()
            if authority not in self._authorities:
                raise EncodingError(
                    "host: expected one of the policy's authorities, got a name that is none of them"
                )
        credential = get(b"authorization")
        if credential is not None and not credential.startswith(_SCHEME):
            credential = None
        digest = get(b"content-digest")
        if digest is not None and not _DIGEST.match(digest):
            raise EncodingError("content-digest: expected sha-256=:…: alone")
        length = get(b"content-length")
        if length is not None and not _LENGTH.match(length):
            raise EncodingError("content-length: expected decimal digits")
        coding = get(b"transfer-encoding")
        if coding is not None and (length is not None or coding.lower() != b"chunked"):
            # An application that passes such fields on would let another server read the body differently.
            raise EncodingError("transfer-encoding: expected chunked alone, without a content-length")
        content_type = check_field(get(b"content-type", b""), "content-type")
        content_encoding = check_field(get(b"content-encoding", b""), "content-encoding")
        bound = tuple([check_field(get(name, b""), "bound field") for name in self._bound])
        return RequestHead(
            headers,
            method,
            path,
            target,
            authority,
            credential,
            content_type,
            content_encoding,
            digest,
            None if length is None else int(length),
            bound,
            source_of(scope),
        )


def raw_path(scope: Scope) -> bytes:
    """Return the path as it was sent.

    Raises:
        InputError: the server does not tell it, or the application would be asked for another path.
    """
    path = scope.get("raw_path")
    if type(path) is not bytes:
        raise InputError("raw_path: expected bytes, got none: use a server that passes on the path as sent")
    # A path without percent-encoding, the only form that is accepted, decodes to itself.
    routed = scope["path"]
    encoded = routed.encode("utf-8", "replace")
    if path != encoded and path != scope.get("root_path", "").encode("utf-8", "replace") + encoded:
        raise EncodingError("path: expected the same path as sent and decoded, got two different ones")
    return path


def source_of(scope: Scope) -> Source:
    """Return the address of the other end of the connection; None if the server does not tell it.

    For IPv6 it is the network of the first 64 bits, because one sender has all addresses in it.
    """
    client = scope.get("client")
    if not client:
        return None
    address = str(client[0])[:_LONGEST_SOURCE]
    return _network(address) if ":" in address else address


def _network(address: str) -> str:
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), _NETWORK_BITS), strict=False))
