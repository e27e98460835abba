"""The verifying key in a `.zkey`."""

import pytest

from rln.errors import EncodingError
from rln.formats import arkzkey, zkey
from rln.formats.points import encode_point
from tests.support.small_world import small_key, small_multi_key


@pytest.mark.parametrize("make", [small_key, small_multi_key])
def test_it_is_the_one_that_the_c_core_reads(make):
    key = make()
    wanted = key.verifying_key.encode(compressed=False)
    assert zkey.read_verifying_key(key.to_zkey()) == wanted
    assert arkzkey.read_verifying_key(key.to_arkzkey()) == wanted


def test_a_cut_file_is_refused():
    data = small_key().to_zkey()
    for end in (20, 100, 700):
        with pytest.raises(EncodingError, match="^zkey: "):
            zkey.read_verifying_key(data[:end])
    with pytest.raises(EncodingError, match="^arkzkey: expected IC points"):
        arkzkey.read_verifying_key(small_key().to_arkzkey()[:500])


def test_zero_is_infinity():
    assert encode_point((0, 0)) == bytes(63) + b"\x40"
    assert encode_point((0, 0, 0, 0)) == bytes(127) + b"\x40"
    assert encode_point((1, 2))[-1] == 0
