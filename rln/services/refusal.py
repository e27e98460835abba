"""Refusal: what a registrar refuses, as one of the problems that its answers state."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import instance, real
from rln.errors import RlnError, StoreUnavailable
from rln.http.problem import UNAVAILABLE, Problem, problem_of_error

UNAUTHORIZED: Final = Problem("unauthorized", 401, "A valid API key is needed.")
TIER_NOT_ALLOWED: Final = Problem("tier-not-allowed", 403, "The account may not have this tier.")
NONCE_NOT_OPEN: Final = Problem("nonce-not-open", 403, "The nonce is not open for this account and tier.")
NO_REPLACEMENT: Final = Problem("no-replacement", 403, "The account gets no further membership.")
NOT_ALLOWED: Final = Problem("method-not-allowed", 405, "The resource has no such method.")
CONFLICT: Final = Problem("conflict", 409, "This commitment cannot be registered.")
TOO_MANY_ATTEMPTS: Final = Problem("too-many-attempts", 429, "Too many attempts at a time.")
TOO_MANY_REPLACEMENTS: Final = Problem("too-many-replacements", 429, "Too many replacements.")


class Refused(RlnError):
    """A request that the registrar refuses; it names no account.

    Args:
        problem: of the answer.
        retry_after: seconds after which the same request may succeed; None: not known, or never.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        instance(problem, Problem, "problem")
        super().__init__(problem.title)
        self.problem = problem
        self.retry_after = retry_after if retry_after is None else real(retry_after, "retry_after")


def refusal_of(error: Exception) -> Refused:
    """Return the refusal that an answer states after an error; what is not expected is `INTERNAL`."""
    instance(error, Exception, "error")
    if isinstance(error, Refused):
        return error
    if isinstance(error, StoreUnavailable):
        return Refused(UNAVAILABLE, 1.0 if error.retry_after is None else error.retry_after)
    return Refused(problem_of_error(error))
