"""Ports: the protocols that a store of members implements for a group.

The adapters are in `rln.stores`. Each must pass the contract suites in `tests/stores/`. All fail closed: a
registry that cannot answer for certain raises `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from rln.group.events import PAGE_EVENTS, PAGE_STEPS, Events, Head, Registration, RootChanges, Slashing, Step


@runtime_checkable
class RegistryReader(Protocol):
    """What a member registry can be asked. Each answer is from one moment."""

    @property
    def depth(self) -> int:
        """Levels of the membership tree, 1 to 32."""

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""

    def head(self) -> Head:
        """Return the state of the registry after its newest step.

        Raises:
            StoreUnavailable: here and below, the registry cannot be read.
        """

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step, oldest first; call it again until it returns none.

        Args:
            number: number of a step, 0 or more; -1 returns step 0, too.
            most: the highest number of steps, of which at most PAGE_STEPS are returned.
        """

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event, whatever their step; call it again until it returns none.

        Args:
            number: number of an event, 0 or more.
            most: the highest number of events, of which at most PAGE_EVENTS are returned.
        """

    def step_at(self, at: int) -> int:
        """Return the number of the newest step up to this unix time in milliseconds, or 0."""

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots of the steps that follow a step, the slashings in them, and the pending ones."""

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment, oldest first."""

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration that got an index, or None if the index is unused."""

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment, or None."""

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here.

        Their registrations were lost when the registry was restored from a backup.
        """


@runtime_checkable
class RegistryChange(RegistryReader, Protocol):
    """An exclusive change of a registry: no other thread or process changes the registry until it ends."""

    def append(self, step: Step, pages: Iterable[Events]) -> None:
        """Append the next step with its events; a SLASHED event completes a noted slashing.

        Each page is written before the next one is asked for. After an exception, end the change: some of the
        pages may be written.

        Args:
            step: the next step.
            pages: its events in order, at most PAGE_EVENTS in a page; removals come before registrations.

        Raises:
            AlreadyAMember: a commitment to register is registered already, or was slashed.
            TreeFull: the tree has too few indices.
            ParameterError: the number, the time or an event of the step does not fit the registry.
            StoreUnavailable: the step was not written.
        """

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
        """Note that a commitment is slashed, for good; a step removes its leaf by `due`.

        A commitment that was never registered here has no leaf. Then only its registration is refused.

        Args:
            commitment: identity commitment.
            noted, due: unix time in milliseconds.

        Raises:
            ParameterError: the commitment is slashed already.
            StoreUnavailable: the slashing was not noted.
        """


@runtime_checkable
class MemberRegistry(RegistryReader, Protocol):
    """The source of truth about members: an append-only sequence of steps, and the members that result.

    A registry has one depth and one bound of limits. It hashes nothing: `rln.Group` computes the roots
    within a change, and every reader can compute them again.
    """

    def change(self) -> AbstractContextManager[RegistryChange]:
        """Begin an exclusive change: the end of the block writes all of it durably, or nothing.

        An exception inside the block undoes the change.

        Raises:
            StoreUnavailable: another change takes too long, or writing failed; after a failure at the end of
                the block the change may have happened or not.
        """

    def member(self, commitment: int) -> Registration | None:
        """Return the registration of a commitment that is registered now and not slashed, or None."""
        registrations = self.registrations(commitment)
        if not registrations or registrations[-1].removed_in is not None or self.is_slashed(commitment):
            return None
        return registrations[-1]

    def was_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered now, or was before."""
        return bool(self.registrations(commitment))

    def is_slashed(self, commitment: int) -> bool:
        """Tell whether a commitment was slashed; a slashing is for good."""
        return self.slashing(commitment) is not None

    def count(self) -> int:
        """Return the number of members; a slashed member stops counting when the slashing is noted."""

    def close(self) -> None:
        """Close connections and files; a second call does nothing."""
