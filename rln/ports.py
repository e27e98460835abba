"""Ports: what prover and verifier need of the world, and nothing about how it is done.

Adapters live in `rln.stores`. Every one of them must pass the contract suites in `tests/stores/`. All fail
closed: a store that cannot tell raises `StoreUnavailable`, and then nothing was accepted and no id given out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

from rln.errors import ParameterError, StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof
from rln.protocol.share import Share
from rln.step import Head, Slashing, Stay, Step, Tail
from rln.verdict import Verdict


@runtime_checkable
class Clock(Protocol):
    """Says which epoch it is: `rln.protocol.epoch.EpochClock`, or a fixed one in tests."""

    def now(self) -> float:
        """Return unix time in seconds."""

    def current(self) -> Epoch:
        """Return the epoch that it is now: the one to prove for."""

    def acceptable(self) -> tuple[Epoch, ...]:
        """Return the epochs that a message may come from now, oldest first."""

    def find(self, external_nullifier: int) -> Epoch | None:
        """Return the acceptable epoch with this external nullifier, or None."""

    def horizon(self) -> int:
        """Return the unix time such that epochs ending by then may be forgotten."""

    @property
    def skew(self) -> float:
        """Seconds by which clocks may differ."""

    @property
    def retention(self) -> int:
        """Seconds that a share must be remembered from the moment in which it was accepted."""

    def opened(self, epoch: Epoch) -> float:
        """Return the unix time from which on messages for the epoch are acceptable."""


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


@runtime_checkable
class MessageIdAllocator(Protocol):
    """Gives out message ids, each one once. An id that was given out is burnt, whatever happens next.

    It also remembers what each id went with, so that no id ever goes with a second message, and a message can
    be sent again byte for byte.
    """

    def introduce(self, commitment: int) -> None:
        """Say that an identity is new: it has sent nothing before, here or elsewhere.

        A durable allocator that meets an identity for the first time cannot know what was spent before its
        memory began, and gives out no id of that epoch, unless it was told so. Twice is fine.

        Raises:
            StoreUnavailable: not remembered.
        """

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next ids of a member for one message, durably before it returns.

        Ids are counted by member and external nullifier, that is by the absolute epoch which the proof is
        for.

        Args:
            commitment: identity commitment of the member.
            epoch: the epoch of the proof.
            limit: the member's user message limit, 1 or more.
            count: ids for this message, 1 for a single-id proof.
            x: hash of the message that the ids are for; None where it is not known yet, and `keep` says it.

        Returns:
            `count` consecutive ids below the limit, never given out before.

        Raises:
            RateLimitReached: fewer than `count` ids are left in the epoch; none was reserved.
            ParameterError: limit or count outside its range, or x is 0.
            StoreUnavailable: the allocator is unsure: the clock has gone back behind what it remembers, or
                its memory may have been copied or restored.
        """

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Remember the message that goes out with reserved ids, durably before it returns.

        Args:
            commitment, epoch, ids: of a reservation.
            x: hash of the message, the one given to `reserve` if one was.
            message: the encoded proof.

        Raises:
            StoreUnavailable: not remembered; or the ids were not reserved here, or go with another x: then
                the message must not leave.
        """

    def recall(self, commitment: int, epoch: Epoch, x: int) -> bytes | None:
        """Return the newest message that was kept for this x in this epoch, or None.

        Raises:
            StoreUnavailable: the allocator cannot tell.
        """

    def close(self) -> None:
        """Give up files; a second time does nothing."""


@runtime_checkable
class RegistryReader(Protocol):
    """What can be asked of a member registry. Each answer is of one moment."""

    @property
    def depth(self) -> int:
        """Levels of the membership tree, 1 to 32."""

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""

    def head(self) -> Head:
        """Return how the registry stands after its newest step.

        Raises:
            StoreUnavailable: here and below, it cannot be asked.
        """

    def steps_after(self, number: int, most: int = 4096) -> list[Step]:
        """Return the steps that follow a step, oldest first; to be asked again until none comes.

        Args:
            number: of a step, 0 or more; -1 asks for step 0, too.
            most: steps at once; fewer come where they have many events.
        """

    def step_at(self, at: int) -> int:
        """Return the number of the newest step made at this unix time in milliseconds or before, or 0."""

    def tail(self, after: int) -> Tail:
        """Return the roots of the steps that follow a step, and what was slashed in them or is to be."""

    def stays(self, commitment: int) -> list[Stay]:
        """Return the registrations of a commitment, oldest first."""

    def stay_at(self, index: int) -> Stay | None:
        """Return the registration that got an index, or None where there was none."""

    def slashing(self, commitment: int) -> Slashing | None:
        """Return how a commitment was slashed, or None."""


@runtime_checkable
class RegistryChange(RegistryReader, Protocol):
    """An exclusive change of a registry: nobody else changes it, in no process, until it has ended."""

    def append(self, step: Step) -> None:
        """Append the next step with its events; a slashed event ends what `note` began.

        Raises:
            AlreadyAMember: a commitment that registers stands in the registry, or was slashed.
            TreeFull: the tree has fewer leaves.
            ParameterError: the step does not fit: its number, its time, or one of its events.
            StoreUnavailable: not written.
        """

    def note(self, commitment: int, noted: int, due: int) -> None:
        """Note that a commitment is slashed, for good; the step that takes out its leaf follows by `due`.

        Args:
            commitment: identity commitment.
            noted, due: unix time in milliseconds.

        Raises:
            ParameterError: it was never registered, or is slashed already.
            StoreUnavailable: not written.
        """


@runtime_checkable
class MemberRegistry(RegistryReader, Protocol):
    """The source of truth about members: an append-only sequence of steps, and who stands where after them.

    It belongs to one depth and one bound of limits. It hashes nothing: roots are what `rln.Group` computed
    within a change, and every reader can compute them again.
    """

    def change(self) -> AbstractContextManager[RegistryChange]:
        """Begin an exclusive change: all of it is written, durably, at the end of the block, or nothing is.

        An exception inside the block takes everything back.

        Raises:
            StoreUnavailable: somebody else's change takes too long, or writing failed; after a failure at the
                end of the block the change may have happened or not.
        """

    def member(self, commitment: int) -> Stay | None:
        """Return the registration of a commitment that stands now and is not slashed, or None."""
        stays = self.stays(commitment)
        if not stays or stays[-1].left is not None or self.is_slashed(commitment):
            return None
        return stays[-1]

    def was_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered, or was once."""
        return bool(self.stays(commitment))

    def is_slashed(self, commitment: int) -> bool:
        """Tell whether a commitment was slashed; that is for good."""
        return self.slashing(commitment) is not None

    def count(self) -> int:
        """Return how many members there are; who is slashed does not count from that moment on."""

    def close(self) -> None:
        """Give up connections and files; a second time does nothing."""
