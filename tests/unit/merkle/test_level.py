"""One level of a tree: pages that exist only where something was written."""

from __future__ import annotations

import pytest

from rln.merkle.level import NODE_BYTES, Level

EMPTY = b"e" * NODE_BYTES


def nodes(first: int, count: int) -> bytes:
    return b"".join(number.to_bytes(NODE_BYTES, "little") for number in range(first, first + count))


@pytest.mark.parametrize("size", [1, 2, 127, 128, 129, 1024])
def test_an_unwritten_level_reads_as_empty(size: int) -> None:
    assert Level(size, EMPTY).read(0, size) == EMPTY * size
    assert Level(size, EMPTY).read(size, size) == b""


@pytest.mark.parametrize(("start", "count"), [(0, 1), (127, 2), (128, 128), (5, 500), (1023, 1), (0, 1024)])
def test_what_is_written_across_pages_is_read_back(start: int, count: int) -> None:
    level = Level(1024, EMPTY)
    level.reserve(start, start + count)
    level.write(start, nodes(7, count))
    assert level.read(0, 1024) == EMPTY * start + nodes(7, count) + EMPTY * (1024 - start - count)


def test_reserving_keeps_what_is_there() -> None:
    level = Level(1024, EMPTY)
    level.reserve(0, 1)
    level.write(0, nodes(1, 1))
    level.reserve(0, 1024)
    assert level.read(0, 3) == nodes(1, 1) + EMPTY * 2


def test_one_node_and_a_range_read_the_same() -> None:
    level = Level(1024, EMPTY)
    level.reserve(100, 400)
    level.write(100, nodes(1, 300))
    assert [level.node(i) for i in (99, 100, 128, 399, 400)] == [
        level.read(i, i + 1) for i in (99, 100, 128, 399, 400)
    ]


def test_a_whole_page_is_kept_as_it_was_given_and_copied_before_a_part_of_it_changes() -> None:
    level, given = Level(1024, EMPTY), nodes(1, 256)
    level.reserve(0, 256)
    level.write(0, given)
    level.reserve(130, 131)
    level.write(130, nodes(7, 1))
    assert given == nodes(1, 256)
    assert level.read(0, 256) == nodes(1, 130) + nodes(7, 1) + nodes(132, 125)


def test_what_was_only_reserved_reads_as_empty() -> None:
    level = Level(1024, EMPTY)
    level.reserve(0, 1000)
    assert level.read(0, 1024) == EMPTY * 1024
    level.reserve(5, 6)
    level.write(5, nodes(1, 1))
    assert level.read(0, 130) == EMPTY * 5 + nodes(1, 1) + EMPTY * 124
