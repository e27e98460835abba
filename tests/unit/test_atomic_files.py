"""A file is there completely or not at all."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rln import atomic_files
from rln.atomic_files import check_writable, write_file, write_new_file


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_whole_with_its_mode(tmp_path, mode):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(0o666)
    write_file(path, b"after", mode)
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["a"]


def test_what_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"after")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_replaces_nothing(tmp_path, monkeypatch, links):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(atomic_files.os, "link", no_links)
    path = tmp_path / "a"
    write_file(path, b"first", 0o600, new=True)
    with pytest.raises(FileExistsError):
        write_file(path, b"second", new=True)
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_only_a_regular_file_is_replaced(tmp_path):
    """Not a device either: an administrator's `--out /dev/null` must not replace the device."""
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_bytes(b"before")
    link.symlink_to(target)
    os.mkfifo(pipe)
    for path in (link, pipe):
        for refuse in (check_writable, lambda path: write_file(path, b"after")):
            with pytest.raises(FileExistsError, match="expected a regular file or none"):
                refuse(path)
    assert target.read_bytes() == b"before"
    assert link.is_symlink()
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".", IsADirectoryError),
        ("..", IsADirectoryError),
        ("none/a", FileNotFoundError),
        ("file/a", NotADirectoryError),
    ],
)
def test_no_place_for_a_file(tmp_path, name, kind):
    (tmp_path / "file").write_bytes(b"")
    for refuse in (check_writable, lambda path: write_file(path, b"after")):
        with pytest.raises(kind):
            refuse(tmp_path / name)


@contextmanager
def somebody() -> Iterator[None]:
    """Root may do everything, so root becomes another user for a while."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.setresuid(1, 1, 0)
    except OSError:
        pytest.skip("this system knows no other user than root")
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_closed_folder():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with somebody():
            for refuse in (check_writable, lambda path: write_file(path, b"after")):
                with pytest.raises(PermissionError, match="Permission denied"):
                    refuse(folder / "a")
        assert os.listdir(folder) == []
        folder.chmod(0o755)
        check_writable(folder / "a")


def test_a_secret_goes_into_a_new_file_or_nowhere(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    write_new_file(path, b"first")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"first", 0o600)
    with pytest.raises(FileExistsError):
        write_new_file(path, b"second")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "link", b"second")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_new_file(tmp_path / "other", b"second")
    assert sorted(os.listdir(tmp_path)) == ["link", "secret"]
    assert path.read_bytes() == b"first"


@pytest.mark.parametrize("write", [write_file, write_new_file])
def test_the_name_of_a_file_is_made_durable_after_its_content(tmp_path, monkeypatch, write):
    synced = []
    fsync = os.fsync

    def noted(descriptor):
        found = os.fstat(descriptor)
        synced.append((stat.S_ISDIR(found.st_mode), os.path.exists(tmp_path / "a")))
        fsync(descriptor)

    monkeypatch.setattr(atomic_files.os, "fsync", noted)
    write(tmp_path / "a", b"content")
    assert synced == [(False, write is write_new_file), (True, True)]


@pytest.mark.parametrize("write", [write_file, write_new_file])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, write):
    fsync = os.fsync

    def failing(number):
        def fail(descriptor):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            fsync(descriptor)

        return fail

    monkeypatch.setattr(atomic_files.os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "a", b"content")
    assert os.listdir(tmp_path) == (["a"] if write is write_file else [])
    monkeypatch.setattr(atomic_files.os, "fsync", failing(errno.EINVAL))
    write(tmp_path / "b", b"content")
    assert (tmp_path / "b").read_bytes() == b"content"
