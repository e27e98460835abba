"""OpenFile: what another program does to the file is noticed, and what it does elsewhere is not."""

import os
from pathlib import Path

import pytest

from rln.audit.open_file import OpenFile

HEADER = b"the first line\n"


@pytest.fixture
def file(tmp_path: Path) -> OpenFile:
    made = OpenFile(tmp_path / "file", HEADER)
    assert made.append(b"one") == 3
    return made


def test_a_file_that_nobody_touches_has_no_fault(file):
    for data in (b"two", b"", b"three"):
        assert file.append(data) == len(data)
        assert file.fault() is None
    assert file.path.read_bytes() == HEADER + b"onetwothree"
    file.path.with_name("other").write_bytes(b"other")
    os.link(file.path, file.path.with_name("of a backup"))
    file.path.chmod(0o640)
    assert file.fault() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "it was renamed, moved or deleted"),
        (lambda path: os.truncate(path, 10), "expected 18 bytes, got 10"),
        (lambda path: path.open("ab").write(b"more") and None, "expected 18 bytes, got 22"),
        (lambda path: path.open("r+b").write(b"T"), "its first line was overwritten"),
        (lambda path: path.chmod(0o200), "this user may not read it any more"),
        (lambda path: os.replace(path.with_name("copy"), path), "something else is in its place"),
    ],
)
def test_each_change_has_a_name(file, change, words):
    file.path.with_name("copy").write_bytes(file.path.read_bytes())
    change(file.path)
    assert file.fault() == words


def test_a_path_that_cannot_be_followed_is_a_fault(file):
    path, file.path = file.path, file.path / "below"
    assert file.fault() == "Not a directory"
    file.path = path
    assert file.fault() is None


def test_a_closed_copy_of_the_descriptor_changes_nothing(file):
    child = os.fork()
    if child == 0:
        file.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert file.append(b"two") == 3
    assert file.fault() is None


def test_no_file_is_replaced_by_a_new_one_that_cannot_be_made(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        OpenFile(tmp_path / "missing" / "file", HEADER)
