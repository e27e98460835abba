"""Bulletins: each has one encoding; wrong lengths and numbers outside their range are refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.base.scalar import ORDER
from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError
from rln.sync.bulletin import _HEADER, FORMAT, MAGIC, MAX_BYTES, Bulletin

PLAIN = Bulletin(
    depth=3,
    limit_bits=4,
    after=2,
    last=5,
    before=7,
    root=8,
    at=1_700_000_000_000,
    start=3,
    leaves=b"".join(i.to_bytes(32, "little") for i in (9, 0, 10)),
    gone=(0, 2),
)


def header(**changes):
    """The bytes of PLAIN with some of the header's fields changed."""
    names = (
        "magic form depth limit_bits after last before root at start count gone"
    ).split()  # fmt: skip
    values = dict(zip(names, _HEADER.unpack_from(PLAIN.encode()), strict=True))
    return _HEADER.pack(*{**values, **changes}.values()) + PLAIN.encode()[_HEADER.size :]


def test_encode_and_decode():
    data = PLAIN.encode()
    assert Bulletin.decode(data) == PLAIN
    assert len(data) == _HEADER.size + 3 * 32 + 2 * 4
    assert PLAIN.count == 3
    assert header() == data
    empty = replace(PLAIN, leaves=b"", gone=())
    assert Bulletin.decode(empty.encode()) == empty


def test_every_other_length_is_refused():
    data = PLAIN.encode()
    for n in range(len(data)):
        with pytest.raises(EncodingError, match="bulletin: expected"):
            Bulletin.decode(data[:n])
    with pytest.raises(EncodingError, match="bulletin: expected"):
        Bulletin.decode(data + b"\0")
    with pytest.raises(EncodingError, match="expected bytes"):
        Bulletin.decode(bytearray(data))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"magic": b"rln-key\n"}, EncodingError, "got a key file of this library"),
        ({"form": FORMAT + 1}, EncodingError, "format: expected 1, got 2"),
        ({"count": 2**63}, EncodingError, "for 9223372036854775808 new"),
        ({"count": 2**64 - 1, "gone": 2**64 - 1}, EncodingError, "new and"),
        ({"gone": 3}, EncodingError, "3 removed leaves"),
        ({"depth": 0}, ParameterError, "depth: expected 1 to 32, got 0"),
        ({"depth": 2}, ParameterError, "number of leaves: expected 0 to 1, got 3"),
        ({"depth": 33}, ParameterError, "depth"),
        ({"limit_bits": 0}, ParameterError, "limit_bits"),
        ({"limit_bits": 17}, ParameterError, "limit_bits"),
        ({"after": 5}, ParameterError, "last: expected 6"),
        ({"last": 2}, ParameterError, "last: expected 3"),
        ({"last": 2**63}, ParameterError, "last"),
        ({"before": bytes(32)}, ParameterError, "before: expected a field element other than 0"),
        ({"root": bytes(32)}, ParameterError, "root: expected a field element other than 0"),
        ({"root": ORDER.to_bytes(32, "little")}, FieldRangeError, "root"),
        ({"before": b"\xff" * 32}, FieldRangeError, "before"),
        ({"at": 2**63}, ParameterError, "at"),
        ({"at": 253_402_300_800_000}, ParameterError, "at: expected 0 to 253402300799999"),
        ({"start": 6}, ParameterError, "number of leaves: expected 0 to 2, got 3"),
        ({"start": 9}, ParameterError, "start"),
        ({"start": 2}, ParameterError, "gone: expected 1 to 1, got 2"),
        ({"start": 0}, ParameterError, "gone"),
    ],
)
def test_headers_that_no_bulletin_has(changes, error, words):
    with pytest.raises(error, match=words):
        Bulletin.decode(header(**changes))


@pytest.mark.parametrize("gone", [(2, 0), (1, 1), (-1,), (3,), (True,), (0.0,)])
def test_indices_ascend_below_the_new_ones(gone):
    with pytest.raises(ParameterError, match="gone"):
        replace(PLAIN, gone=gone)


@pytest.mark.parametrize(
    "changes",
    [{"leaves": b"1"}, {"leaves": bytearray(32)}, {"gone": [0]}, {"depth": 3.0}, {"at": -1}, {"root": "8"}],
)
def test_values_of_other_kinds(changes):
    with pytest.raises(InputError):
        replace(PLAIN, **changes)


def test_a_bulletin_has_a_largest_size(monkeypatch):
    data = PLAIN.encode()
    monkeypatch.setattr("rln.sync.bulletin.MAX_BYTES", len(data) - 1)
    with pytest.raises(ParameterError, match="expected at most"):
        PLAIN.encode()
    with pytest.raises(EncodingError, match="expected"):
        Bulletin.decode(data)


@given(
    after=st.integers(0, 2**62),
    more=st.integers(1, 2**62 - 1),
    roots=st.tuples(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1)),
    at=st.integers(0, 253_402_300_799_999),
    leaves=st.lists(st.integers(0, ORDER - 1), max_size=5),
    gone=st.sets(st.integers(0, 10)),
)
def test_every_bulletin_is_read_as_it_was_written(after, more, roots, at, leaves, gone):
    bulletin = Bulletin(
        depth=4,
        limit_bits=16,
        after=after,
        last=after + more,
        before=roots[0],
        root=roots[1],
        at=at,
        start=11,
        leaves=b"".join(leaf.to_bytes(32, "little") for leaf in leaves),
        gone=tuple(sorted(gone)),
    )
    assert Bulletin.decode(bulletin.encode()) == bulletin


@given(place=st.integers(0, len(PLAIN.encode()) - 1), value=st.integers(0, 255))
def test_what_is_read_is_written_the_same(place, value):
    """No two encodings of one bulletin."""
    data = PLAIN.encode()
    changed = data[:place] + bytes([value]) + data[place + 1 :]
    try:
        read = Bulletin.decode(changed)
    except InputError:
        return
    assert read.encode() == changed


def test_the_largest_bulletin_about_a_tree():
    assert Bulletin.most_bytes(3) == _HEADER.size + 8 * 36
    assert Bulletin.most_bytes(32) == MAX_BYTES
    full = replace(PLAIN, start=8, leaves=b"", gone=tuple(range(8)))
    for bulletin in (full, replace(PLAIN, start=0, leaves=bytes(8 * 32), gone=())):
        assert len(bulletin.encode()) <= Bulletin.most_bytes(3)


def test_the_first_bytes_say_what_it_is():
    assert PLAIN.encode()[:9] == MAGIC + bytes([FORMAT])
