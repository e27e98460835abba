"""Signals, and the external nullifiers of epochs: what goes into the hashes of a message.

Source: rln/protocol/signal.py; RFC 9110 for the names of the parts of a request.
"""

import hashlib
import string
from collections.abc import Sequence

from .field import Refused
from .keccak import hash_to_field
from .poseidon import poseidon

UPPER, LOWER, DIGITS = (
    set(part.encode()) for part in (string.ascii_uppercase, string.ascii_lowercase, string.digits)
)
PATH = UPPER | LOWER | DIGITS | set(b"-._~!$&'()*+,;=:@/")
"""Unreserved characters, sub-delims, colon, at sign and slash: RFC 3986, without percent-encoding."""
VISIBLE = set(range(0x21, 0x7F))


def prefixed(data: bytes) -> bytes:
    """Return the length as u64 little-endian, then the data."""
    return len(data).to_bytes(8, "little") + data


def join(domain: bytes, parts: Sequence[bytes]) -> bytes:
    """Join parts so that no two lists give the same bytes."""
    return prefixed(domain) + len(parts).to_bytes(8, "little") + b"".join(map(prefixed, parts))


def external_nullifier(index: int, identifier: bytes) -> int:
    """Return the external nullifier of one epoch of an rln identifier."""
    return poseidon([hash_to_field(index.to_bytes(32, "little")), hash_to_field(identifier)])


def application_identifier(application: bytes, period: int) -> bytes:
    """Return the rln identifier of the requests to an application."""
    return b"".join(map(prefixed, (b"rln", application, period.to_bytes(8, "little"))))


def target(path: bytes, query: bytes) -> bytes:
    """Return the target of a request."""
    if not path.startswith(b"/") or not set(path) <= PATH or b"//" in path or b"/." in path:
        raise Refused("form")
    if not set(query) <= VISIBLE - set(b"#"):
        raise Refused("form")
    whole = path + b"?" + query if query else path
    if len(whole) > 8192:
        raise Refused("form")
    return whole


def domain_name(name: bytes) -> bool:
    """Return whether a name has labels of letters, digits and inner hyphens, 253 characters at most."""
    labels = name.split(b".")
    good = LOWER | DIGITS | set(b"-")
    return len(name) <= 253 and all(
        1 <= len(label) <= 63
        and set(label) <= good
        and not label.startswith(b"-")
        and not label.endswith(b"-")
        for label in labels
    )


def application(name: bytes) -> bytes:
    """Return a name if it is that of an application."""
    labels = name.split(b".")
    if not domain_name(name) or len(labels) < 2 or set(labels[-1]) <= DIGITS:
        raise Refused("parameter")
    return name


def authority(value: bytes) -> bytes:
    """Return an authority if it is a host, or a host and a port."""
    if value.startswith(b"[::1]"):
        host, rest = b"", value[5:]
    else:
        host, colon, port = value.partition(b":")
        rest = colon + port
        if not domain_name(host):
            raise Refused("form")
    if rest:
        digits = rest[1:]
        if rest[:1] != b":" or not digits or not set(digits) <= DIGITS or digits.startswith(b"0"):
            raise Refused("form")
        if len(digits) > 5 or int(digits) > 65535:
            raise Refused("form")
    return value


def field_value(value: bytes) -> bytes:
    """Return the value of a field if it is visible ASCII, without white space at its ends."""
    inner = VISIBLE | set(b"\t ")
    if value and (not set(value) <= inner or value[0] not in VISIBLE or value[-1] not in VISIBLE):
        raise Refused("form")
    return value


def request(parts: Sequence[bytes], body: bytes, nonce: bytes, bound: Sequence[bytes]) -> bytes:
    """Return the signal of a request.

    Args:
        parts: authority, method, target, Content-Type, Content-Encoding.
        body: as sent.
        nonce: 16 bytes.
        bound: the values of the bound fields.
    """
    host, method, where, *rest = parts
    authority(host)
    if not 1 <= len(method) <= 32 or not set(method) <= UPPER:
        raise Refused("form")
    path, mark, query = where.partition(b"?")
    if (mark and not query) or target(path, query) != where:
        raise Refused("form")
    for value in (*rest, *bound):
        field_value(value)
    if len(nonce) != 16:
        raise Refused("length")
    return join(b"rln http request", [*parts, hashlib.sha256(body).digest(), nonce, *bound])
