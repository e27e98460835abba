"""MemberDirectory: the files of a member, and the one lock."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rln.client.member_directory import MemberDirectory, MemberRecord
from rln.errors import InputError, ParameterError, StoreUnavailable

RECORD = MemberRecord("pro", 100, 32, "0" * 64)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    files = MemberDirectory(tmp_path / "m")
    files.create()
    files.create()
    files.write_record(RECORD)
    assert files.read_record() == RECORD
    assert files.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("data", [b"", b"{}", RECORD.encode()[:-1], RECORD.encode().replace(b"100", b"0")])
def test_a_damaged_record_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "member.json").write_bytes(data)
    with pytest.raises(InputError):
        MemberDirectory(tmp_path).read_record()


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    files = MemberDirectory(tmp_path / "m")
    with pytest.raises(StoreUnavailable):
        files.create()
    with pytest.raises(ParameterError, match="join first"):
        files.read_record()
    with pytest.raises(StoreUnavailable), files.locked():
        pass


def test_two_processes_take_turns(tmp_path: Path) -> None:
    files = MemberDirectory(tmp_path)
    read, write = os.pipe()
    with files.locked():
        child = os.fork()
        if child == 0:
            try:
                with MemberDirectory(tmp_path).locked():
                    os.write(write, b"2")
            finally:
                os._exit(0)
        time.sleep(0.2)
        os.write(write, b"1")
    os.waitpid(child, 0)
    assert os.read(read, 2) == b"12"
    os.close(read)
    os.close(write)
