"""Challenge: how a refusal with status 401 says what credential is needed, in `WWW-Authenticate`.

    RLN realm="api.example.com", policy="<SHA-256 of the policy>", units="1"[, error="unknown-root"]

The digest is in base64url without padding. The parameters have this order and form, and no others. A proxy
may put challenges of other schemes into fields of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from rln.base.arguments import fixed_bytes, iterable, text, whole
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, ParameterError
from rln.http.credential import SCHEME, decode_base64url, encode_base64url
from rln.protocol.epoch import check_application

ERRORS: Final = ("unknown-key", "unknown-root", "wrong-epoch", "units-needed")
"""Why the credential that came is refused; without `error`, none came."""

DIGEST_BYTES: Final = 32

_FORM: Final = re.compile(
    rf'{SCHEME} realm="([a-z0-9.-]{{3,253}})", policy="([A-Za-z0-9_-]{{43}})", units="([1-9][0-9]?)"'
    r'(?:, error="([a-z-]{1,20})")?\Z'
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a request needs.

    Args:
        realm: the application, a domain name.
        policy: SHA-256 of the policy in force, 32 bytes.
        units: that the request costs, 1 to 16.
        error: one of `ERRORS`, or None.

    Raises:
        EncodingError: the digest is not 32 bytes.
        ParameterError: a value is outside its range.
    """

    realm: str
    policy: bytes
    units: int
    error: str | None = None

    def __post_init__(self) -> None:
        check_application(self.realm)
        fixed_bytes(self.policy, DIGEST_BYTES, "policy")
        whole(self.units, "units", 1, MAX_SLOTS)
        if self.error is not None and text(self.error, "error") not in ERRORS:
            raise ParameterError(f"error: expected one of {', '.join(ERRORS)}, got {self.error[:40]!r}")

    def encode(self) -> str:
        """Return the value of the field."""
        error = "" if self.error is None else f', error="{self.error}"'
        digest = encode_base64url(self.policy)
        return f'{SCHEME} realm="{self.realm}", policy="{digest}", units="{self.units}"{error}'

    @classmethod
    def decode(cls, value: str) -> Self:
        """Read the value of one field.

        Raises:
            EncodingError: another form.
            ParameterError: a value is outside its range.
        """
        found = _FORM.match(text(value, "challenge"))
        if found is None:
            raise EncodingError(
                f'challenge: expected {SCHEME} realm="…", policy="…", units="…" and perhaps error="…", '
                f"got {value[:80]!r}"
            )
        realm, policy, units, error = found.groups()
        return cls(realm, decode_base64url(policy.encode("ascii"), "policy"), int(units), error)

    @classmethod
    def find(cls, values: Iterable[str]) -> Self | None:
        """Return the challenge of this scheme among the values of all `WWW-Authenticate` fields, or None.

        Raises:
            EncodingError: there are two, or it has another form.
            ParameterError: a value is outside its range.
        """
        own = [value for value in iterable(values, "values") if text(value, "value").startswith(f"{SCHEME} ")]
        if len(own) > 1:
            raise EncodingError(f"challenge: expected one, got {len(own)}")
        return cls.decode(own[0]) if own else None
