"""The one check of sources of roots."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

import pytest

from rln.errors import FieldRangeError, ParameterError
from rln.group.root_source import FixedRoots, RootSource, checked_roots, root_source
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize


@pytest.mark.parametrize("make", [list, tuple, set, frozenset])
def test_a_plain_collection_becomes_a_fixed_source(make: Any) -> None:
    made = root_source(make([5, 6, 5]))
    assert isinstance(made, FixedRoots) and isinstance(made, RootSource)
    assert (sorted(made), len(made), 5 in made, 7 in made) == ([5, 6], 2, True, False)
    assert True not in FixedRoots([1]) and "5" not in made


def test_a_live_source_stays_the_same_object() -> None:
    window = RootHistory([5], WindowSize(count=2)).window
    for source in (window, deque([5]), type("Roots", (list,), {})([5]), array("Q", [5])):
        assert root_source(source) is source


@pytest.mark.parametrize("roots", [None, 5, "56", b"56", bytearray(2), memoryview(b"56"), {5: 6}, iter([5])])
def test_what_is_no_source_is_refused(roots: Any) -> None:
    with pytest.raises(ParameterError, match="^roots: expected"):
        root_source(roots)


def test_roots_are_field_elements_other_than_0() -> None:
    for roots in ([0], deque([5, 0])):
        with pytest.raises(ParameterError, match="^root: expected a field element other than 0, got 0$"):
            root_source(roots)
    for root in (True, "5", -1, 1 << 254, 10**5000, None):
        with pytest.raises(FieldRangeError, match="^root: expected an int"):
            checked_roots([root])  # type: ignore[list-item]
