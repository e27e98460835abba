"""RootSource: the roots that proofs may have, and the one check of everything that gives roots.

A verifier that is given no usable roots refuses every message, or accepts messages of nobody's tree. So a
source is checked where it comes in: a group's window, the roots of a registry, a source of the caller's own,
or a plain collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from rln.base.arguments import iterable, nonzero
from rln.base.injected import implements
from rln.errors import ParameterError


@runtime_checkable
class RootSource(Protocol):
    """The roots that proofs may have. There is always at least one."""

    def __contains__(self, root: object) -> bool:
        """Return whether the root is acceptable now."""

    def __iter__(self) -> Iterator[int]:
        """Iterate over the roots that are acceptable at one moment, newest first."""

    def __len__(self) -> int:
        """Return the number of acceptable roots, at least 1."""


class FixedRoots:
    """A `RootSource` that never changes. Any number of threads may use it, and forked children do.

    Args:
        roots: at least one.

    Raises:
        ParameterError: text, bytes or a mapping, no root, or the root 0.
        FieldRangeError: a root is not a field element.
    """

    __slots__ = ("_roots",)

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = dict.fromkeys(checked_roots(roots))

    def __contains__(self, root: object) -> bool:
        return type(root) is int and root in self._roots

    def __iter__(self) -> Iterator[int]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)

    def __repr__(self) -> str:
        return f"FixedRoots({len(self)} roots)"


def root_source(roots: RootSource | Iterable[int]) -> RootSource:
    """Return a source of roots that a verifier can use.

    A `list`, `tuple`, `set` or `frozenset` is copied, and later changes of it have no effect. Any other
    object must have the methods of `RootSource`, and is asked again for each message.

    Args:
        roots: a source or a collection.

    Raises:
        ParameterError: neither, for example an iterator, which has its roots only once; or there is no root
            now, or the root 0, which no tree of hashes has.
        FieldRangeError: a root is not a field element.
        StoreUnavailable: as the source raises it.
    """
    if type(roots) in (list, tuple, set, frozenset):
        return FixedRoots(roots)
    iterable(roots, "roots")
    implements(roots, RootSource, "roots")
    checked_roots(roots)
    assert isinstance(roots, RootSource)
    return roots


def checked_roots(roots: Iterable[int]) -> list[int]:
    """Return roots that a tree can have, at least one.

    Raises:
        ParameterError: text, bytes or a mapping, no root, or the root 0, which no tree of hashes has.
        FieldRangeError: a root is not a field element.
    """
    checked = [nonzero(root, "root") for root in iterable(roots, "roots")]
    if not checked:
        raise ParameterError("roots: expected at least one, got none; no message would be acceptable")
    return checked
