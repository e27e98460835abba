"""Level: one level of a tree in packed pages; an unwritten page takes no memory."""

from __future__ import annotations

from typing import Final

from rln.base import scalar

NODE_BYTES: Final = scalar.SIZE
_PAGE: Final = 128
"""Nodes in a page. A small page makes single leaves cheap; a large one means few objects for many leaves."""

Nodes = bytes | memoryview
"""Packed nodes. Do not use writable memory after `Level.write`: the level may keep a view of it."""


class Level:
    """The nodes of one level.

    A page is its own `bytearray`, or, if one write covered the whole page, a view of what was written: a
    large change is stored without a copy. A view of `bytes` becomes a `bytearray` before a part of it is
    overwritten.

    Args:
        size: the highest number of nodes.
        empty: the value of an unwritten node, 32 bytes.
    """

    __slots__ = ("_blank", "_empty", "_page", "_pages")

    def __init__(self, size: int, empty: bytes) -> None:
        self._empty = empty
        self._page = min(size, _PAGE)
        self._blank = memoryview(empty * self._page)
        self._pages: dict[int, bytearray | memoryview] = {}

    def node(self, position: int) -> bytes:
        """Return one node."""
        number, first = divmod(position, self._page)
        page = self._pages.get(number)
        return self._empty if page is None else bytes(page[first * NODE_BYTES : (first + 1) * NODE_BYTES])

    def read(self, start: int, stop: int) -> bytes:
        """Return the nodes start .. stop, packed."""
        parts: list[bytes | bytearray | memoryview] = []
        while start < stop:
            number, first = divmod(start, self._page)
            count = min(self._page - first, stop - start)
            page = self._pages.get(number)
            parts.append(
                self._empty * count
                if page is None
                else page[first * NODE_BYTES : (first + count) * NODE_BYTES]
            )
            start += count
        return b"".join(parts)

    def fill(self, nodes: Nodes) -> None:
        """Set the first nodes of the level to packed nodes; full pages become views of them."""
        view, bytes_of_page = memoryview(nodes), self._page * NODE_BYTES
        for number in range(-(-len(view) // bytes_of_page)):
            page = view[number * bytes_of_page : (number + 1) * bytes_of_page]
            if len(page) < bytes_of_page:
                page = memoryview(bytes(page) + bytes(self._blank[len(page) :]))
            self._pages[number] = page

    def reserve(self, start: int, stop: int) -> None:
        """Make room for the nodes start .. stop, so that `write` cannot fail."""
        for number in range(start // self._page, (stop - 1) // self._page + 1):
            page = self._pages.setdefault(number, self._blank)
            whole = start <= number * self._page and (number + 1) * self._page <= stop
            if not whole and isinstance(page, memoryview) and page.readonly:
                self._pages[number] = bytearray(page)

    def write(self, start: int, nodes: Nodes) -> None:
        """Write packed nodes from `start` on, where `reserve` has made room."""
        number, first = divmod(start, self._page)
        if first + len(nodes) // NODE_BYTES < self._page:
            self._pages[number][first * NODE_BYTES : first * NODE_BYTES + len(nodes)] = nodes
            return
        view = memoryview(nodes)
        done, stop = 0, start + len(nodes) // NODE_BYTES
        while start < stop:
            number, first = divmod(start, self._page)
            count = min(self._page - first, stop - start)
            part = view[done : done + count * NODE_BYTES]
            if count == self._page:
                self._pages[number] = part
            else:
                self._pages[number][first * NODE_BYTES : (first + count) * NODE_BYTES] = part
            done += count * NODE_BYTES
            start += count
