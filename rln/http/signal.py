"""Signal of a request: everything in a request that its proof is bound to.

    join_signal("rln http request", [authority, method, target, Content-Type, Content-Encoding,
                                     SHA-256 of the body, nonce, bound field 1, bound field 2, ...])

A field that is absent counts as empty. The body is hashed as it is sent, never decompressed.

The nonce is random and is stored nowhere. Without it, x would be a hash of the prompt, and everybody who sees
an audit file or published evidence could confirm a guess. It also makes two equal requests different
messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import fixed_bytes, plain_bytes, text
from rln.errors import EncodingError, ParameterError
from rln.http.target import check_method, check_target
from rln.protocol.signal import join_signal

LABEL: Final = "rln http request"
NONCE_BYTES: Final = 16
DIGEST_BYTES: Final = 32

_NAME: Final = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AUTHORITY: Final = re.compile(rb"(%b(?:\.%b)*|\[::1\])(?::([1-9][0-9]{0,4}))?\Z" % (_NAME, _NAME))
_MAX_HOST: Final = 253
_MAX_PORT: Final = (1 << 16) - 1
_FIELD: Final = re.compile(rb"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?\Z")
"""A value of visible ASCII, without white space at its ends."""


@dataclass(frozen=True, slots=True)
class RequestParts:
    """The parts of a request that its signal covers.

    Args:
        authority: host, or host and port, an entry of the policy's `authorities`, in lower case.
        method: such as `POST`.
        target: as `rln.http.target.request_target` gives it.
        content_type: value of the field, or empty.
        content_encoding: value of the field, or empty.
        body_digest: SHA-256 of the body as sent, 32 bytes; for no body, the hash of the empty string.
        bound: the values of the policy's `bound_fields`, in its order; empty where a field is absent.

    Raises:
        EncodingError: a part has another form.
    """

    authority: bytes
    method: bytes
    target: bytes
    content_type: bytes
    content_encoding: bytes
    body_digest: bytes
    bound: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        check_authority(self.authority)
        check_method(self.method)
        check_target(self.target)
        check_field(self.content_type, "content-type")
        check_field(self.content_encoding, "content-encoding")
        fixed_bytes(self.body_digest, DIGEST_BYTES, "body digest")
        if type(self.bound) is not tuple:
            raise ParameterError(f"bound: expected a tuple of bytes, got {type(self.bound).__name__}")
        for place, value in enumerate(self.bound):
            check_field(value, f"bound[{place}]")

    def signal(self, nonce: bytes) -> bytes:
        """Return the signal of the request.

        Args:
            nonce: 16 random bytes, drawn for this request.

        Raises:
            EncodingError: the nonce is not 16 bytes.
        """
        fixed_bytes(nonce, NONCE_BYTES, "nonce")
        return request_signal(
            self.authority,
            self.method,
            self.target,
            self.content_type,
            self.content_encoding,
            self.body_digest,
            nonce,
            self.bound,
        )


def request_signal(
    authority: bytes,
    method: bytes,
    target: bytes,
    content_type: bytes,
    content_encoding: bytes,
    body_digest: bytes,
    nonce: bytes,
    bound: tuple[bytes, ...],
) -> bytes:
    """Return the signal of a request whose parts were checked one by one; otherwise use `RequestParts`.

    Raises:
        EncodingError: a part is not `bytes`.
        ParameterError: `bound` is not a tuple.
    """
    if type(bound) is not tuple:
        raise ParameterError(f"bound: expected a tuple of bytes, got {type(bound).__name__}")
    return join_signal(
        LABEL,
        [authority, method, target, content_type, content_encoding, body_digest, nonce, *bound],
    )


def check_authority(authority: bytes) -> bytes:
    """Return an authority if it is a host in lower case, with or without a port.

    A host is labels of 1 to 63 letters, digits and inner hyphens, or `[::1]`.

    Raises:
        EncodingError: anything else, for example a user name before the host, or a dot at its end.
    """
    is_short = len(plain_bytes(authority, "authority")) <= _MAX_HOST + len(":65535")
    found = _AUTHORITY.match(authority) if is_short else None
    if found is None or len(found[1]) > _MAX_HOST or int(found[2] or b"1") > _MAX_PORT:
        raise EncodingError(
            f"authority: expected a host in lower case, with or without a port, got {authority[:80]!r}"
        )
    return authority


def check_field(value: bytes, name: str) -> bytes:
    """Return the value of a field if it is visible ASCII without white space at its ends.

    Raises:
        EncodingError: anything else.
    """
    if not _FIELD.match(plain_bytes(value, text(name, "name"))):
        raise EncodingError(
            f"{name}: expected visible ASCII without white space at its ends, got other bytes"
        )
    return value
