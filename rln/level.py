"""Level: one level of a tree, in packed pages; a page that was never written takes no memory."""

from __future__ import annotations

from typing import Final

from rln import scalar

NODE_BYTES: Final = scalar.SIZE
_PAGE: Final = 128
"""Nodes a page: few enough that a lonely leaf is cheap, enough that a million leaves are few objects."""


class Level:
    """The nodes of one level.

    Args:
        size: number of nodes the level may have.
        empty: 32 bytes, what a node is that was never written.
    """

    __slots__ = ("_empty", "_page", "_pages")

    def __init__(self, size: int, empty: bytes) -> None:
        self._empty = empty
        self._page = min(size, _PAGE)
        self._pages: dict[int, bytearray] = {}

    def read(self, start: int, stop: int) -> bytes:
        """Return the nodes start .. stop, packed."""
        parts = []
        while start < stop:
            number, first = divmod(start, self._page)
            count = min(self._page - first, stop - start)
            page = self._pages.get(number)
            parts.append(
                self._empty * count
                if page is None
                else bytes(page[first * NODE_BYTES : (first + count) * NODE_BYTES])
            )
            start += count
        return b"".join(parts)

    def reserve(self, start: int, stop: int) -> None:
        """Make the pages of start .. stop, so that writing to them cannot fail."""
        for number in range(start // self._page, (stop - 1) // self._page + 1):
            if number not in self._pages:
                self._pages[number] = bytearray(self._empty * self._page)

    def write(self, start: int, nodes: bytes) -> None:
        """Write packed nodes from start on, into pages that were reserved."""
        done, stop = 0, start + len(nodes) // NODE_BYTES
        while start < stop:
            number, first = divmod(start, self._page)
            count = min(self._page - first, stop - start)
            self._pages[number][first * NODE_BYTES : (first + count) * NODE_BYTES] = nodes[
                done : done + count * NODE_BYTES
            ]
            done += count * NODE_BYTES
            start += count
