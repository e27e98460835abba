"""Random bytes: the right number of bytes, and never the same bytes twice."""

import os

import pytest

from rln import errors
from rln.lowlevel import entropy


@pytest.mark.parametrize("n", [0, 1, 32, 255, 256, 257, 10_000])
def test_draws_so_many_bytes(n: int) -> None:
    assert len(entropy.draw(n)) == n


def test_draws_differ() -> None:
    assert len({entropy.draw(16) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("n", [-1, 2**30 + 1])
def test_refuses_a_length_outside_its_range(n: int) -> None:
    with pytest.raises(errors.ParameterError, match=rf"^n: expected 0 to 1073741824, got {n}$"):
        entropy.draw(n)


def test_parent_and_child_draw_differently() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, entropy.draw(32))
        os._exit(0)
    mine = entropy.draw(32)
    theirs = os.read(read, 32)
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)
    assert len(theirs) == 32
    assert theirs != mine
