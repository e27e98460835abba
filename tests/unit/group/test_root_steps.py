"""Roots by step and by root agree with a plain list of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize

CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 5)),
        st.tuples(st.just("retire"), st.integers(0, 20)),
        st.tuples(st.just("tick"), st.integers(1, 4)),
    ),
    max_size=40,
)


@given(CHANGES, st.integers(1, 6), st.integers(1, 9))
def test_a_history_agrees_with_a_list_of_its_roots(
    changes: list[tuple[str, int]], count: int, seconds: int
) -> None:
    now = [1000.0]
    history = RootHistory([9], WindowSize(count=count, seconds=seconds, now=lambda: now[0]))
    plain = [[9, 0.0, False]]  # root, when it was replaced, whether it is retired
    for change, number in changes:
        if change == "push":
            history.push(number)
            plain[-1][1] = now[0]
            plain.append([number, 0.0, False])
        elif change == "retire":
            history.retire([range(number, number + 3)])
            for entry in plain[number : number + 3]:
                entry[2] = True
        else:
            now[0] += number
        young = [
            root
            for step, (root, replaced, retired) in enumerate(plain)
            if not retired
            and step > len(plain) - 1 - count
            and (step == len(plain) - 1 or now[0] - replaced <= seconds)
        ]
        if not young:
            with pytest.raises(StoreUnavailable, match="retired or replaced"):
                history.acceptable()
            with pytest.raises(StoreUnavailable, match="retired or replaced"):
                history.accepts(9)
            continue
        assert history.acceptable() == list(dict.fromkeys(reversed(young)))
        assert history.window.current == young[-1]
        assert [root for root in range(1, 10) if root in history.window] == sorted(set(young))


def test_an_announced_root_is_acceptable_when_it_is_confirmed() -> None:
    history = RootHistory([1], WindowSize(count=2))
    history.announce([(1, 2, 0.0), (2, 3, 0.0)])
    assert (history.step, history.known) == (0, 2)
    with pytest.raises(StoreUnavailable):  # with two newer roots, the first has left the window
        list(history.window)
    history.confirm(1, 2)
    assert list(history.window) == [2]
    history.confirm(2, 3)
    assert list(history.window) == [3, 2]
    history.announce([(2, 3, 0.0)])
    assert history.known == 2
    for call in (lambda: history.announce([(2, 4, 0.0)]), lambda: history.confirm(2, 4)):
        with pytest.raises(IntegrityAlarm, match="step 2 was read with two different roots"):
            call()


def test_a_retired_range_without_an_end_does_not_retire_later_roots() -> None:
    history = RootHistory([1, 2], WindowSize(count=9))
    history.retire([range(1, 1 << 63)])
    assert list(history.window) == [1]
    history.push(3)
    assert list(history.window) == [3, 1]


def test_old_roots_are_forgotten() -> None:
    now = [0.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    for root in range(2, 1000):
        now[0] += 1
        history.push(root, [range(root - 3, root - 2)])
    steps = history._steps
    assert len(steps._roots) == len(steps._begun) == len(steps._steps) < 16
    assert len(steps._retired.ranges()) < 16
