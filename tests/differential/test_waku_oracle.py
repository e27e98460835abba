"""Waku messages: the library and the oracle, written from the specifications, agree about any bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError, PointError
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.wire import LaxEncoding
from tests.support.effort import effort
from tests.unit.waku.wires import WIRES
from vectors.oracle import waku as oracle
from vectors.oracle.field import Refused

KINDS: dict[type[InputError], str] = {
    EncodingError: "length",
    LaxEncoding: "lax",
    FieldRangeError: "range",
    PointError: "point",
    ParameterError: "parameter",
}
EXTRA = [bytes.fromhex(text) for text in ("0a00", "1800", "5002", "7805", "f80101", "9a06016b", "7b7c")]


def changed(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Return bytes after changes: a byte replaced, removed or added, the end cut off, a part repeated."""
    for kind, place, value in changes:
        at = place % (len(data) + 1)
        match kind:
            case "replace":
                data = data[:at] + bytes([value]) + data[at + 1 :]
            case "remove":
                data = data[:at] + data[at + 1 :]
            case "add":
                data = data[:at] + bytes([value]) + data[at:]
            case "cut":
                data = data[:at]
            case "repeat":
                data += data[at : at + value % 24]
            case _:
                data += EXTRA[value % len(EXTRA)]
    return data


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "remove", "add", "cut", "repeat", "extra"]),
        st.integers(0, 400) | st.integers(0, 60),
        st.integers(0, 255),
    ),
    max_size=3,
)


def of_library(read: Any, data: bytes) -> Any:
    """Return what the library reads, or the word of its refusal."""
    try:
        return read(data)
    except InputError as error:
        return KINDS[type(error)]


def of_oracle(read: Any, data: bytes) -> Any:
    """Return what the oracle reads, or the word of its refusal."""
    try:
        return read(data)
    except Refused as refusal:
        return str(refusal)


@given(CHANGES)
@settings(max_examples=effort(200, 100_000))
def test_messages(changes: list[tuple[str, int, int]]) -> None:
    data = changed(WIRES["message"], changes)
    ours, theirs = of_library(WakuMessage.decode, data), of_oracle(oracle.read_message, data)
    if not isinstance(ours, WakuMessage):
        assert ours == theirs
        return
    topic = ours.content_topic.encode()
    assert {name: getattr(ours, name) for name in theirs} | {"content_topic": topic} == theirs
    assert ours.encode() == oracle.write_message(theirs)
    assert ours.hash("/waku/2/rs/1/4") == oracle.message_hash(theirs, b"/waku/2/rs/1/4")


@given(CHANGES)
@settings(max_examples=effort(200, 100_000))
def test_proofs(changes: list[tuple[str, int, int]]) -> None:
    data = changed(WIRES["proof"], changes)
    ours, theirs = of_library(RateLimitProof.decode, data), of_oracle(oracle.read_proof, data)
    if isinstance(ours, RateLimitProof):
        assert {name: getattr(ours, name) for name in theirs} == theirs
    else:
        assert ours == theirs
