"""Hashing many inputs at once gives the same hashes as one by one, for any batch size and threads."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.lowlevel import hashes
from rln.protocol.hashing import poseidon_hash
from tests.support.field_elements import SCALARS, packed, unpacked

arities = pytest.mark.parametrize("arity", range(1, 9))


@arities
@settings(max_examples=15)
@given(data=st.data())
def test_many_hashes_at_once_equal_one_at_a_time(arity: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(SCALARS, min_size=arity, max_size=arity), max_size=19))
    alone = [poseidon_hash(row) for row in rows]
    together = b"".join(map(packed, rows))
    for threads in (1, 2):
        assert unpacked(hashes.poseidon_many(together, arity, threads)) == alone


@pytest.mark.parametrize("arity", [1, 2, 8])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 64, 65, 257])
def test_batches_around_the_borders_of_lanes_and_shares(arity: int, count: int) -> None:
    together = packed([(i * i + 1) << 190 for i in range(arity * count)])
    size = 32 * arity
    alone = b"".join(
        hashes.poseidon_many(together[i : i + size], arity) for i in range(0, len(together), size)
    )
    for threads in (1, 2, 3):
        assert hashes.poseidon_many(together, arity, threads) == alone


@settings(max_examples=25)
@given(data=st.data(), arity=st.integers(1, 8))
def test_the_order_and_number_of_inputs_count(data: st.DataObject, arity: int) -> None:
    row = data.draw(st.lists(SCALARS, min_size=arity, max_size=arity))
    found = poseidon_hash(row)
    assert found == poseidon_hash(list(row))
    if arity < 8:
        assert poseidon_hash([*row, 0]) != found  # each width has its own parameters, so 0 is not padding
    if row != row[::-1]:
        assert poseidon_hash(row[::-1]) != found
