"""Ports: what a group needs from the store of its members, and nothing about how it is done.

Adapters live in `rln.stores`. Every one of them must pass the contract suites in `tests/stores/`. All fail
closed: a registry that cannot tell raises `StoreUnavailable`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from rln.group.events import Head, Registration, RootChanges, Slashing, Step


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

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots of the steps that follow a step, and what was slashed in them or is to be."""

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment, oldest first."""

    def registration_at(self, index: int) -> Registration | None:
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

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
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

    def member(self, commitment: int) -> Registration | None:
        """Return the registration of a commitment that stands now and is not slashed, or None."""
        registrations = self.registrations(commitment)
        if not registrations or registrations[-1].removed_in is not None or self.is_slashed(commitment):
            return None
        return registrations[-1]

    def was_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered, or was once."""
        return bool(self.registrations(commitment))

    def is_slashed(self, commitment: int) -> bool:
        """Tell whether a commitment was slashed; that is for good."""
        return self.slashing(commitment) is not None

    def count(self) -> int:
        """Return how many members there are; who is slashed does not count from that moment on."""

    def close(self) -> None:
        """Give up connections and files; a second time does nothing."""
