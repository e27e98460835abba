"""The file of a mirror: a saved mirror can be loaded, and a changed file is refused."""

import stat

import pytest

from rln.errors import InputError, ParameterError
from rln.sync.mirror import Mirror
from rln.sync.mirror_file import load_mirror, save_mirror
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS


@pytest.fixture
def kept(tmp_path):
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    mirror.apply(registrar.change([11, 12, 13]))
    mirror.apply(registrar.change([14], [1]))
    save_mirror(tmp_path / "group.mirror", mirror)
    return tmp_path / "group.mirror", mirror, registrar


def test_a_mirror_comes_back_and_goes_on(kept):
    path, mirror, registrar = kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load_mirror(path, min_members=1)
    assert (again.step, again.at, again.root, len(again)) == (2, mirror.at, mirror.root, 3)
    again.apply(registrar.change([15]))
    assert again.root == registrar.tree.root
    save_mirror(path, again)
    assert load_mirror(path).step == 3


def test_no_changed_byte_gives_another_tree(kept):
    """A file is refused, or, where the byte is one of its time or step alone, has the same root."""
    path, mirror, _ = kept
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        try:
            changed = load_mirror(path)
        except InputError:
            continue
        assert (changed.root, len(changed), changed.depth) == (mirror.root, 3, DEPTH)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="bulletin: expected"):
            load_mirror(path)


def test_an_empty_mirror_is_not_kept(tmp_path):
    with pytest.raises(ParameterError, match="got an empty one"):
        save_mirror(tmp_path / "group.mirror", Mirror(DEPTH, LIMIT_BITS))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        load_mirror(tmp_path / "group.mirror")
