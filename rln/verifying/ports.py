"""Ports: what a verifier needs from outside, and nothing about how it is done.

Adapters live in `rln.stores`. Every one of them must pass the contract suites in `tests/stores/`. All fail
closed: a store that cannot tell raises `StoreUnavailable`, and then nothing was accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from rln.errors import ParameterError, StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof
from rln.protocol.share import Share
from rln.verifying.verdict import Verdict


@runtime_checkable
class RootSource(Protocol):
    """The roots that a proof may be for. Never empty: no roots would mean that nothing is acceptable."""

    def __contains__(self, root: object) -> bool:
        """Tell whether the root is acceptable now."""

    def __iter__(self) -> Iterator[int]:
        """Go through the acceptable roots, newest first, as they are at one moment."""

    def __len__(self) -> int:
        """Return how many there are, at least 1."""


Claim = tuple[Epoch, Sequence[Share]]
"""The shares of one verified message: one for each of its message ids, each with a nullifier of its own, and
the acceptable epoch whose external nullifier the proof has."""

Taken = tuple[Share, ...]
"""What was in the log before under the nullifiers of a claim; empty: all were new, and they are in it now."""


@runtime_checkable
class NullifierLog(Protocol):
    """Remembers the shares of accepted messages by (external nullifier, nullifier), never by proof bytes.

    An adapter gives the two methods that take many, and inherits those that take one.
    """

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        """Return for each nullifier of an epoch the share that is known; writes nothing.

        Where the log cannot tell, for example because it has forgotten the epoch, the error stands in the
        share's place.
        """

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        """For each message in order insert its shares, or find out which are taken: one atomic step each.

        A claim is accepted when nothing of it was taken: then all of its shares are in the log, durably as
        far as the store promises. Otherwise its result is the shares that were there before, in the order of
        the claim; shares of it that were new may have stayed in the log, so those ids are spent too.
        Messages on the same nullifiers, of this call or of others, never both have an empty result.

        Args:
            claims: any number; the second of two on one nullifier finds the first.

        Returns:
            For each claim what was taken, or the error that says why the log is unsure about it. After an
            error its shares may be in the log, and whoever sent the message must not be served.

        Raises:
            ParameterError: a claim without shares, or with one that has no nullifier or the same as another.
        """

    def peek(self, epoch: Epoch, nullifier: int) -> Share | None:
        """Do as `peek_many` for one.

        Raises:
            StoreUnavailable: the log cannot tell.
        """
        return _or_raise(self.peek_many([(epoch, nullifier)])[0])

    def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> Taken:
        """Do as `insert_or_get_many` for one message.

        Raises:
            StoreUnavailable: the log is unsure.
            ParameterError: as there.
        """
        return _or_raise(self.insert_or_get_many([(epoch, shares)])[0])

    def forget(self, before: int) -> None:
        """Drop every epoch that ended at unix time `before` or earlier.

        A log drops for no other reason: not for its size, not for its age alone. Afterwards these epochs are
        refused with StoreUnavailable, also when the clock has jumped back.

        Raises:
            ParameterError: not whole seconds, 0 or more.
            StoreUnavailable: not everything is dropped; to be asked again.
        """

    def close(self) -> None:
        """Give up connections and files; a second time does nothing."""


def check_claim(shares: Sequence[Share]) -> dict[int, Share]:
    """Return the shares of a claim by nullifier, in order.

    Raises:
        ParameterError: none, one without its nullifier, or two with the same.
    """
    found: dict[int, Share] = {}
    for share in shares:
        if share.nullifier is None or share.nullifier in found:
            raise ParameterError("shares: expected one nullifier each, all different")
        found[share.nullifier] = share
    if not found:
        raise ParameterError("shares: expected at least one, got none")
    return found


_Found = TypeVar("_Found")


def _or_raise(found: _Found | StoreUnavailable) -> _Found:
    if isinstance(found, StoreUnavailable):
        raise found
    return found


@runtime_checkable
class AuditTrail(Protocol):
    """Keeps messages for whoever wants to see later why a member was slashed; it decides nothing.

    No signals, no addresses. Nobody needs it to tell a first message from a second one.
    """

    def append_many(self, messages: Sequence[tuple[Epoch, AnyProof]]) -> None:
        """Keep verified messages, in order.

        Raises:
            StoreUnavailable: not kept, or nobody knows; none of them may be served.
        """

    def lookup(self, epoch: Epoch, nullifier: int) -> list[AnyProof]:
        """Return the messages that are kept under a nullifier of an epoch, in no particular order.

        Raises:
            StoreUnavailable: they cannot be read.
        """

    def forget(self, before: int) -> None:
        """Drop every epoch that ended at unix time `before` or earlier; the operator says when.

        Raises:
            StoreUnavailable: not everything is dropped; to be asked again.
        """


@runtime_checkable
class Observer(Protocol):
    """Is told what a verifier does, from whatever thread does it, and never from where a message came.

    It cannot change a verdict: what it raises is reported once to the logger `rln` and goes no further.
    A violation's verdict carries the secret of its member, which is nobody's to write down.
    """

    def moment(self) -> float:
        """Return seconds on a clock of the observer's own, which comes back as `since`."""

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Take note of what became of a message: its verdict, or the error that its sender's caller got."""

    def stored(self, failed: bool, since: float) -> None:
        """Take note that the nullifier log has answered, or failed to."""

    def waiting(self, messages: int) -> None:
        """Take note of how many messages wait for an `AsyncVerifier` or are judged by it."""
