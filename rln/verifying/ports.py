"""Ports: the protocols of what a verifier needs: nullifier log, audit trail, observer.

`rln.stores` contains the implementations. Each must pass the contract tests in `tests/stores/`. A store that
cannot answer raises `StoreUnavailable`, and then the message must not be served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from rln.base.arguments import sequence
from rln.errors import ParameterError, StoreError
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof
from rln.protocol.share import Share
from rln.verifying.verdict import Verdict

Claim = tuple[Epoch, Sequence[Share]]
"""The epoch of one verified message and its shares: one share for each message id, all nullifiers different.
The epoch is acceptable, and the proof has its external nullifier."""

Taken = tuple[Share, ...]
"""The shares that the log already held under the nullifiers of a claim. Empty: all shares of the claim were
new, and they are in the log now."""


@runtime_checkable
class NullifierLog(Protocol):
    """Remembers the shares of accepted messages by (external nullifier, nullifier), never by proof bytes.

    An implementation has the methods for many claims or keys, and inherits the methods for one.
    """

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> Sequence[Share | StoreError | None]:
        """Return the known share for each nullifier of an epoch, without writing.

        Where the log cannot answer, for example because it has forgotten the epoch, the result is the error.
        If what it holds is no share, this is an `IntegrityAlarm`.
        """

    def insert_or_get_many(self, claims: Sequence[Claim]) -> Sequence[Taken | StoreError]:
        """Insert the shares of each claim, or return the shares that its nullifiers have in the log already.

        The claims are handled in order, each in one atomic step. A claim is accepted if the log held none of
        its nullifiers. All of its shares are then in the log, as durably as the store promises. Otherwise the
        result is the shares that were in the log before, in the order of the claim. The other shares of such
        a claim may be in the log now: their message ids are spent too. Two claims on the same nullifiers, of
        this call or of different calls, never both get an empty result.

        Args:
            claims: any number. If two have the same nullifier, the second gets the share of the first.

        Returns:
            For each claim the shares that the log held, or the error that says why it is unsure. After an
            error the shares may be in the log, and the message must not be served.

        Raises:
            ParameterError: a claim has no shares, a share without a nullifier, or one nullifier twice.
        """

    def peek(self, epoch: Epoch, nullifier: int) -> Share | None:
        """Return the known share for one nullifier of an epoch; see `peek_many`.

        Raises:
            StoreUnavailable: the log cannot answer.
            IntegrityAlarm: what it holds is no share.
        """
        return _or_raise(self.peek_many([(epoch, nullifier)])[0])

    def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> Taken:
        """Insert the shares of one message, or return those in the log; see `insert_or_get_many`.

        Raises:
            StoreUnavailable: the log is unsure.
            IntegrityAlarm: what it holds is no share.
            ParameterError: as for `insert_or_get_many`.
        """
        return _or_raise(self.insert_or_get_many([(epoch, shares)])[0])

    def forget(self, before: int) -> None:
        """Drop every epoch that ended at unix time `before` or earlier.

        A log drops shares for no other reason, neither for its size nor for their age alone. It refuses
        dropped epochs with StoreUnavailable from then on, even if the clock goes back.

        Raises:
            ParameterError: `before` is not a whole number of seconds, 0 or more.
            StoreUnavailable: not everything is dropped; call again.
        """

    def close(self) -> None:
        """Close connections and files. A second call does nothing."""


def check_claim(shares: Sequence[Share]) -> dict[int, Share]:
    """Return the shares of a claim by nullifier, in order.

    Raises:
        ParameterError: no shares, a share without a nullifier, or two with the same nullifier.
    """
    found: dict[int, Share] = {}
    for share in shares if type(shares) is tuple else sequence(shares, "shares"):
        if type(share) is not Share:
            raise ParameterError(f"shares: expected Share, got {type(share).__name__}")
        if share.nullifier is None or share.nullifier in found:
            raise ParameterError("shares: expected a nullifier in each share, all different")
        found[share.nullifier] = share
    if not found:
        raise ParameterError("shares: expected at least one, got none")
    return found


_Found = TypeVar("_Found")


def _or_raise(found: _Found | StoreError) -> _Found:
    if isinstance(found, StoreError):
        raise found
    return found


@runtime_checkable
class AuditTrail(Protocol):
    """Keeps messages, so that you can see later why a member was slashed. It decides nothing.

    It holds no signals and no addresses. The nullifier log alone tells first and second messages apart.
    """

    def append_many(self, messages: Sequence[tuple[Epoch, AnyProof]]) -> None:
        """Keep verified messages, in order.

        Raises:
            StoreUnavailable: not kept, or unknown whether kept; none of the messages may be served.
        """

    def lookup(self, epoch: Epoch, nullifier: int) -> list[AnyProof]:
        """Return the kept messages with a nullifier of an epoch, in no particular order.

        Damaged ones are left out and reported by `damage`.

        Raises:
            StoreUnavailable: none can be read.
        """

    def damage(self) -> Sequence[Exception]:
        """Return what was found damaged or lost since the last call, for the operator; each is returned once.

        A trail that cannot find damage inherits this method.
        """
        return ()

    def forget(self, before: int) -> None:
        """Drop every epoch that ended at unix time `before` or earlier. Only the operator calls this.

        Raises:
            StoreUnavailable: not everything is dropped; call again.
        """


@runtime_checkable
class Observer(Protocol):
    """Receives calls about what a verifier does, on the verifier's thread. They do not name the source.

    It cannot change a verdict: its errors are ignored, and the first one goes to the logger `rln`. The
    verdict of a violation holds the member's identity secret, which an observer must not write down.
    """

    def moment(self) -> float:
        """Return the time in seconds on the observer's own clock. The verifier passes it back as `since`."""

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Note the outcome of a message: its verdict, or the error that the caller of the verifier gets."""

    def stored(self, failed: bool, since: float) -> None:
        """Note that the nullifier log has answered or failed."""

    def damaged(self, error: Exception) -> None:
        """Note that the audit trail has lost messages or fails, which changed no verdict: alert somebody.

        An observer that inherits this method leaves it to the logger `rln`.
        """

    def waiting(self, messages: int) -> None:
        """Note how many messages are pending in an `AsyncVerifier`: waiting or being judged."""
