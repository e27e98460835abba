"""ConnectError: what went wrong on the way through the local endpoint, in the form that SDKs show.

SDKs for LLM APIs look for `error.message` in the body, for `Retry-After`, and for `x-should-retry`, which
says whether they send the same request again by themselves.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import flag, instance, plain_bytes, real, text, whole
from rln.client.answer import MAX_PROBLEM
from rln.errors import (
    AnswerLost,
    GroupRefused,
    InputError,
    NotAMember,
    PolicyChanged,
    ProviderUnavailable,
    RateLimitReached,
    RequestRefused,
    RlnError,
    StoreUnavailable,
)
from rln.integrations.answers import Answer

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
"""Names that the clients for OpenAI and Anthropic know; every other status is an `api_error`."""

_MEANINGS: Final[tuple[tuple[type[RlnError], int, str, bool], ...]] = (
    (RateLimitReached, 429, "rate-limit-reached", False),
    (NotAMember, 403, "not-a-member", False),
    (AnswerLost, 409, "answer-lost", False),
    (RequestRefused, 403, "request-refused", False),
    (PolicyChanged, 503, "policy-changed", False),
    (GroupRefused, 503, "group-refused", False),
    (StoreUnavailable, 503, "store-unavailable", True),
    (ProviderUnavailable, 502, "provider-unavailable", True),
    (InputError, 400, "invalid-request", False),
)
"""Error, status, code, and whether the same request may help; the first one that fits."""


@dataclass(frozen=True, slots=True)
class ConnectError:
    """An answer of the local endpoint itself.

    Attributes:
        status: of the answer, 400 to 599.
        code: short name of what is wrong.
        message: in words; it holds no part of a request and no secret.
        retry: whether an SDK should send the same request again.
        retry_after: seconds to wait before; None: not known.

    Raises:
        InputError: a value of another type, or outside its range.
    """

    status: int
    code: str
    message: str
    retry: bool = False
    retry_after: float | None = None

    def __post_init__(self) -> None:
        whole(self.status, "status", 400, 599)
        text(self.code, "code")
        text(self.message, "message")
        flag(self.retry, "retry")
        if self.retry_after is not None:
            real(self.retry_after, "retry_after")

    @classmethod
    def of(cls, error: RlnError) -> ConnectError:
        """Return what to answer when the member cannot send a request."""
        instance(error, RlnError, "error")
        wait = getattr(error, "retry_after", None)
        for kind, status, code, retry in _MEANINGS:
            if isinstance(error, kind):
                return cls(status, code, str(error), retry, wait)
        return cls(500, "internal", str(error))

    def answer(self) -> Answer:
        """Return the answer."""
        fields = [
            (b"content-type", b"application/json"),
            (b"x-should-retry", b"true" if self.retry else b"false"),
        ]
        if self.retry_after is not None:
            fields.append((b"retry-after", str(max(1, math.ceil(self.retry_after))).encode()))
        if self.status == 401:
            fields.append((b"www-authenticate", b"Bearer"))
        return _answer(self.status, fields, self._content({}))

    def _content(self, before: dict[str, object]) -> dict[str, object]:
        kind = _KINDS.get(self.status, "api_error")
        error = {"code": self.code, "message": self.message, "param": None, "type": kind}
        return {"type": "error", **before, "error": error}


def with_error(status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> Answer:
    """Return a problem document of the provider with its words also where SDKs look for them.

    Args:
        status: of the provider's answer.
        fields: of it, without its length.
        body: of it; what is no problem document is handed on as it is.
    """
    whole(status, "status", 100, 999)
    instance(fields, list, "fields")
    try:
        found = canonical_json.read(plain_bytes(body, "body"), "problem", MAX_PROBLEM)
    except InputError:  # a document of somebody else
        found = None
    if not isinstance(found, dict) or "error" in found or not 400 <= status <= 599:
        return Answer(status, (*fields, (b"content-length", str(len(body)).encode())), body)
    said = [found[name] for name in ("title", "detail") if isinstance(found.get(name), str)]
    named = found.get("type")
    code = named.replace("#", "/").rpartition("/")[2] if isinstance(named, str) else "problem"
    made = ConnectError(status, code, " ".join(said) or "the provider refuses")
    return _answer(status, fields, made._content(found))


def _answer(status: int, fields: list[tuple[bytes, bytes]], content: dict[str, object]) -> Answer:
    body = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
    return Answer(status, (*fields, (b"content-length", str(len(body)).encode())), body)
