"""Roots in a text file: what is read, what is refused, and what stays when it cannot be read."""

from pathlib import Path

import pytest

import rln
from rln.errors import StoreUnavailable
from rln.services.roots_file import MOST_ROOTS, RootsFile


def line(root: int) -> str:
    return f"0x{root:064x}\n"


def test_the_roots_of_a_file_are_acceptable_and_a_refresh_reads_it_again(tmp_path: Path) -> None:
    path = tmp_path / "roots.txt"
    path.write_text(line(5) + line(6).upper().replace("0X", "0x") + line(5))
    roots = RootsFile(path)
    assert list(roots) == [5, 6]
    assert (len(roots), bool(roots), 5 in roots, 7 in roots, "5" in roots) == (2, True, True, False, False)
    path.write_text(line(7).replace("\n", "\r\n"))
    assert 7 not in roots
    roots.refresh()
    assert list(roots) == [7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected at least one, got none"),
        (b"5\n", "expected 0x and 64 hexadecimal digits on line 1"),
        ((line(5) + "\n" + line(6)).encode(), "on line 2"),
        (line(0).encode(), "root: expected"),
        (b"0x" + b"f" * 64, "expected"),
        (b"\xff" * 66, "on line 1"),
        ((line(5) * (MOST_ROOTS + 1)).encode(), "at most 1024 roots, got more"),
        (b"\0" * (1 << 20), "at most 1024 roots, got more"),
    ],
)
def test_other_content_is_refused_and_the_roots_stay(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "roots.txt"
    path.write_text(line(5))
    roots = RootsFile(path)
    path.write_bytes(content)
    for read in (roots.refresh, lambda: RootsFile(path)):
        with pytest.raises(rln.errors.InputError, match=message) as caught:
            read()
        assert str(path) in str(caught.value)
    assert list(roots) == [5]


def test_a_file_that_cannot_be_read_is_unavailable_and_the_roots_stay(tmp_path: Path) -> None:
    path = tmp_path / "roots.txt"
    path.write_text(line(5))
    roots = RootsFile(path)
    path.unlink()
    with pytest.raises(StoreUnavailable, match="the roots cannot be read: No such file"):
        roots.refresh()
    assert list(roots) == [5]
