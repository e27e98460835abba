"""The user's cache: only the user's own files are read, and no failure is an error."""

import fcntl
import mmap
import os
import stat
import threading
from pathlib import Path

import pytest

from rln.keys import table_cache

DATA = bytes(range(256)) * 32


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory, which does not exist yet."""
    directory = tmp_path / "deep" / "cache"
    monkeypatch.setenv("RLN_CACHE_DIR", str(directory))
    return directory


def content(name: str = "a.kind", size: int = len(DATA)) -> bytes | None:
    found = table_cache.read(name, size)
    return None if found is None else bytes(found)


def test_what_is_written_is_found_again(place: Path) -> None:
    assert content() is None
    assert table_cache.write("a.kind", [DATA[:100], memoryview(DATA)[100:]])
    assert content() == DATA
    assert os.listdir(place) == ["a.kind"]
    assert stat.S_IMODE((place / "a.kind").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert table_cache.write("a.kind", [DATA[::-1]])
    assert content() == DATA[::-1]


def test_modes_do_not_depend_on_the_umask(place: Path) -> None:
    before = os.umask(0)
    try:
        assert table_cache.write("a.kind", [DATA])
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "a.kind").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_mapping_cannot_be_written_and_outlives_its_name(place: Path) -> None:
    table_cache.write("a.kind", [DATA])
    found = table_cache.read("a.kind", len(DATA))
    assert isinstance(found, mmap.mmap)
    with pytest.raises(TypeError):
        found[0] = 1
    table_cache.write("a.kind", [DATA[::-1]])
    (place / "a.kind").unlink()
    assert bytes(found) == DATA


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/somebody")
    for chosen, base, expected in (
        ("/srv/chosen", "/var/base", "/srv/chosen"),
        (None, "/var/base", "/var/base/rln"),
        (None, "", "/srv/somebody/.cache/rln"),
        (None, "relative", "/srv/somebody/.cache/rln"),
        (None, None, "/srv/somebody/.cache/rln"),
        ("", "/var/base", None),
        ("relative", "/var/base", None),
    ):
        for name, value in (("RLN_CACHE_DIR", chosen), ("XDG_CACHE_HOME", base)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        assert table_cache.directory() == (None if expected is None else Path(expected))


@pytest.mark.parametrize("value", ["", "relative/cache", "/proc/nowhere/cache", "/dev/null"])
def test_without_a_usable_directory_nothing_is_kept(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLN_CACHE_DIR", value)
    assert not table_cache.write("a.kind", [DATA])
    assert content() is None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o720, 0o702])
def test_a_directory_that_others_may_write_to_is_not_used(place: Path, mode: int) -> None:
    table_cache.write("a.kind", [DATA])
    place.chmod(mode)
    assert content() is None
    assert not table_cache.write("b.kind", [DATA])
    place.chmod(0o755)
    assert content() == DATA


def test_a_link_to_a_directory_is_not_used(place: Path) -> None:
    real = place.with_name("real")
    real.mkdir(parents=True, mode=0o700)
    place.symlink_to(real)
    assert not table_cache.write("a.kind", [DATA])
    (real / "a.kind").write_bytes(DATA)
    (real / "a.kind").chmod(0o600)
    assert content() is None


def another_user(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, 12345)


def test_another_users_directory_is_not_used(place: Path) -> None:
    table_cache.write("a.kind", [DATA])
    another_user(place)
    assert content() is None
    assert not table_cache.write("a.kind", [DATA])


def test_another_users_file_is_not_used_and_replaced(place: Path) -> None:
    table_cache.write("a.kind", [DATA])
    another_user(place / "a.kind")
    assert content() is None
    assert table_cache.write("a.kind", [DATA])
    assert content() == DATA


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606, 0o700, 0o400])
def test_a_file_of_another_mode_is_not_used(place: Path, mode: int) -> None:
    table_cache.write("a.kind", [DATA])
    (place / "a.kind").chmod(mode)
    assert content() is None


def test_links_are_not_followed_and_not_written_through(place: Path) -> None:
    table_cache.write("other", [DATA])
    for make in (os.symlink, os.link):
        make(place / "other", place / "a.kind")
        assert content() is None, "a symbolic link, or a file with a second name"
        assert table_cache.write("a.kind", [DATA[::-1]])
        assert content() == DATA[::-1]
        assert content("other") == DATA
        (place / "a.kind").unlink()


def test_what_is_no_regular_file_is_not_used(place: Path) -> None:
    table_cache.write("other", [DATA])
    os.mkfifo(place / "pipe", 0o600)
    (place / "folder").mkdir()
    assert content("pipe") is None
    assert content("folder") is None
    assert not table_cache.write("folder", [DATA])
    assert sorted(os.listdir(place)) == ["folder", "other", "pipe"]


@pytest.mark.parametrize("size", [0, 1, len(DATA) - 1, len(DATA) + 1])
def test_a_file_of_another_length_is_not_used(place: Path, size: int) -> None:
    table_cache.write("a.kind", [DATA])
    assert content(size=size) is None


@pytest.mark.parametrize("at", ["fsync", "rename", "write", "flock"])
def test_a_write_that_fails_leaves_what_was_there(
    place: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_cache.write("a.kind", [DATA])

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl if at == "flock" else os, at, fail)
        assert not table_cache.write("a.kind", [DATA[::-1]])
    assert content() == DATA
    assert os.listdir(place) == ["a.kind"]


def test_what_a_dead_writer_left_is_removed_and_a_living_ones_is_not(place: Path) -> None:
    table_cache.write("a.kind", [DATA])
    dead, living = place / ".a.kind.00.new", place / ".a.kind.11.new"
    dead.write_bytes(DATA)
    with living.open("wb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        table_cache.write("b.kind", [DATA])
        assert sorted(os.listdir(place)) == [".a.kind.11.new", "a.kind", "b.kind"]
    table_cache.write("b.kind", [DATA])
    assert sorted(os.listdir(place)) == ["a.kind", "b.kind"]


def test_the_files_that_were_used_last_stay(place: Path) -> None:
    names = [f"{n}.kind" for n in range(table_cache.KEEP)]
    for n, name in enumerate(["x.other", *names]):
        table_cache.write(name, [DATA])
        os.utime(place / name, (n, n))
    held = table_cache.read(names[1], len(DATA))
    table_cache.read(names[0], len(DATA))
    table_cache.write("new.kind", [DATA])
    assert sorted(os.listdir(place)) == sorted({"x.other", "new.kind", *names} - {names[2]})
    for n, name in enumerate((names[0], names[1])):
        os.utime(place / name, (n, n))
    table_cache.write("newer.kind", [DATA])
    table_cache.write("newest.kind", [DATA])
    assert names[1] not in os.listdir(place)
    assert held is not None and bytes(held) == DATA


def test_two_writers_at_once_both_end_well(place: Path) -> None:
    versions = [bytes([n]) * len(DATA) for n in range(8)]
    done: list[bool] = []
    workers = [
        threading.Thread(target=lambda data=data: done.append(table_cache.write("a.kind", [data])))
        for data in versions
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(done) == 8 and any(done)
    assert content() in versions
    assert os.listdir(place) == ["a.kind"]
