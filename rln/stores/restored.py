"""Restored registries: what is refused, and how the slashings that a backup lacks come back."""

from __future__ import annotations

from collections.abc import Iterable

from rln.errors import StoreUnavailable
from rln.group.ports import RegistryChange


def restored_registry(store: str, why: str) -> StoreUnavailable:
    """Return the error about a registry that may lack slashings.

    Args:
        store: name of the registry.
        why: what shows it.
    """
    return StoreUnavailable(
        f"{store}: the registry was restored or copied ({why}), so members who were slashed since may be "
        "missing among its slashings; run `rln group restored`, and say which members were slashed"
    )


def note_again(change: RegistryChange, slashed: Iterable[tuple[int, int, int]]) -> int:
    """Note the slashings that a registry lacks, and return their number.

    Args:
        change: change of the registry.
        slashed: commitment, time of the slashing, and time by which the leaf must be removed, in unix
            milliseconds.

    Raises:
        ParameterError, FieldRangeError: a commitment or a time outside its range.
        StoreUnavailable: not noted.
    """
    noted = 0
    for commitment, at, due in slashed:
        if change.slashing(commitment) is None:
            change.note_slashing(commitment, at, due)
            noted += 1
    return noted
