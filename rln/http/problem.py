"""Problem: the refusals of a provider, as a status and a document of RFC 9457.

The type of a problem is `https://<application>/rln/problems/<name>`. That of a rate limit violation is the
one that IANA has registered. No document says anything about a member, and none has the stored answer of an
earlier request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import flag, instance, text, whole
from rln.errors import (
    InputError,
    Overloaded,
    ProofRejected,
    Reason,
    StoreUnavailable,
)
from rln.protocol.epoch import check_application
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict

MEDIA_TYPE: Final = "application/problem+json"

_QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""Source: draft-ietf-httpapi-ratelimit-headers."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal.

    Attributes:
        name: last part of its type.
        status: of the answer.
        title: what is wrong, one sentence.
        retry: whether to send the same request again later; the value of `x-should-retry`.
        challenges: the answer has a challenge.

    Raises:
        ParameterError: a value of another type, or a status that is no refusal.
    """

    name: str
    status: int
    title: str
    retry: bool = False
    challenges: bool = False

    def __post_init__(self) -> None:
        text(self.name, "name")
        whole(self.status, "status", 400, 599)
        text(self.title, "title")
        flag(self.retry, "retry")
        flag(self.challenges, "challenges")

    def type_uri(self, application: str) -> str:
        """Return the type of the problem at a provider."""
        check_application(application)
        return (
            _QUOTA_EXCEEDED if self == QUOTA_EXCEEDED else f"https://{application}/rln/problems/{self.name}"
        )

    def document(self, application: str, detail: str | None = None) -> bytes:
        """Return the body of the answer.

        Args:
            application: of the provider.
            detail: what is wrong with this request, and what would be right; nothing about the member. None:
                there is nothing to say beside the title.
        """
        content = {"status": self.status, "title": self.title, "type": self.type_uri(application)}
        if detail is not None:
            content["detail"] = text(detail, "detail")
        return canonical_json.write(content)


CREDENTIAL_NEEDED: Final = Problem("credential-needed", 401, "A credential is needed.", challenges=True)
UNKNOWN_KEY: Final = Problem("unknown-key", 401, "The credential is for another key.", challenges=True)
WRONG_EPOCH: Final = Problem("wrong-epoch", 401, "The credential is for another epoch.", challenges=True)
UNKNOWN_ROOT: Final = Problem("unknown-root", 401, "The credential is for another group.", challenges=True)
UNITS_NEEDED: Final = Problem("units-needed", 401, "The request costs more units.", challenges=True)
MALFORMED: Final = Problem("malformed", 400, "The request or its credential is malformed.")
WRONG_SIGNAL: Final = Problem("wrong-signal", 403, "The credential is for another request.")
BAD_PROOF: Final = Problem("bad-proof", 403, "The proof does not verify.")
NOT_FOUND: Final = Problem("not-found", 404, "There is no such resource.")
TIMEOUT: Final = Problem("timeout", 408, "The body took too long.")
DUPLICATE: Final = Problem("duplicate", 409, "The credential was used before.")
CONTENT_TOO_LARGE: Final = Problem("content-too-large", 413, "The body is too large.")
QUOTA_EXCEEDED: Final = Problem("quota-exceeded", 429, "The limit was exceeded.")
INTERNAL: Final = Problem("internal", 500, "The service has a fault.")
BAD_GATEWAY: Final = Problem("upstream-failed", 502, "The service behind the gateway has failed.")
OVERLOADED: Final = Problem("overloaded", 503, "Too many requests are pending.", retry=True)
UNAVAILABLE: Final = Problem("unavailable", 503, "The service cannot check credentials now.", retry=True)
GATEWAY_TIMEOUT: Final = Problem("upstream-late", 504, "The service behind the gateway gives no answer.")

PROBLEMS: Final = (
    CREDENTIAL_NEEDED,
    UNKNOWN_KEY,
    WRONG_EPOCH,
    UNKNOWN_ROOT,
    UNITS_NEEDED,
    MALFORMED,
    WRONG_SIGNAL,
    BAD_PROOF,
    NOT_FOUND,
    TIMEOUT,
    DUPLICATE,
    CONTENT_TOO_LARGE,
    QUOTA_EXCEEDED,
    INTERNAL,
    BAD_GATEWAY,
    OVERLOADED,
    UNAVAILABLE,
    GATEWAY_TIMEOUT,
)
"""All problems, by status."""

_OF_REASON: Final = {
    Reason.MALFORMED: MALFORMED,
    Reason.WRONG_EPOCH: WRONG_EPOCH,
    Reason.UNKNOWN_ROOT: UNKNOWN_ROOT,
    Reason.WRONG_SIGNAL: WRONG_SIGNAL,
    Reason.BAD_PROOF: BAD_PROOF,
}


def problem_of_verdict(verdict: Verdict) -> Problem | None:
    """Return the problem of a verdict, or None for VALID.

    Raises:
        ParameterError: not a verdict.
    """
    if isinstance(verdict, Valid):
        return None
    if isinstance(verdict, Duplicate):
        return DUPLICATE
    if isinstance(verdict, RateLimitViolation):
        return QUOTA_EXCEEDED
    instance(verdict, Invalid, "verdict")
    return _OF_REASON[verdict.reason]


def problem_of_error(error: BaseException) -> Problem:
    """Return the problem of an exception that stopped a request; what is not expected is `INTERNAL`.

    Args:
        error: an `InputError` must come from reading the request. One that an argument of your own caused is
            a fault of the service: answer it as `INTERNAL`.
    """
    instance(error, BaseException, "error")
    if isinstance(error, ProofRejected):
        return _OF_REASON[error.reason]
    if isinstance(error, Overloaded):
        return OVERLOADED
    if isinstance(error, StoreUnavailable):
        return UNAVAILABLE
    return MALFORMED if isinstance(error, InputError) else INTERNAL
