"""Waku messages and protobuf, the reader of most implementations: the same values where both accept.

Also, what we call malformed, protobuf refuses: only then may a relay lower the score of the peer who sent it.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from rln.errors import EncodingError, InputError
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.wire import LaxEncoding
from tests.conftest import lacking
from tests.differential.test_waku_oracle import EXTRA
from tests.support.effort import effort
from tests.unit.waku.wires import WIRES

MESSAGE = (
    (1, "payload", "BYTES", False),
    (2, "content_topic", "STRING", False),
    (3, "version", "UINT32", True),
    (10, "timestamp", "SINT64", True),
    (11, "meta", "BYTES", True),
    (21, "proof", "BYTES", True),
    (31, "ephemeral", "BOOL", True),
)
PROOF = tuple(
    (number, name, "BYTES", True)
    for number, name in enumerate(("proof", "root", "epoch", "x", "y", "nullifier", "rln_identifier"), 1)
)
"""Number, name and type of each field, and whether it may be absent."""


def message_class(name: str, fields: tuple[tuple[int, str, str, bool], ...]) -> Any:
    """Return protobuf's class of a message, made without its compiler."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        lacking("protobuf", "protobuf is not installed")
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", syntax="proto3")
    message = file.message_type.add(name=name)
    for number, field_name, kind, optional in fields:
        field = message.field.add(
            number=number, name=field_name, type=getattr(kinds, f"TYPE_{kind}"), label=kinds.LABEL_OPTIONAL
        )
        if optional:
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field_name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return bytes after one to three changes."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(7):
            case 0 | 1 | 2 if at < len(changed):
                changed[at] = draw.randrange(256)
            case 3:
                del changed[at:]
            case 4:
                changed[at:at] = bytes([draw.randrange(256)])
            case 5:
                start = draw.randrange(50)
                changed += changed[start : start + draw.randrange(1, 20)]
            case _:
                changed += draw.choice(EXTRA)
    return bytes(changed)


def values(message: Any, fields: tuple[tuple[int, str, str, bool], ...]) -> dict[str, Any]:
    """Return the values of a message of protobuf, None for what is absent."""
    return {
        name: getattr(message, name) if not optional or message.HasField(name) else None
        for _, name, _, optional in fields
    }


def of_proof(proof: RateLimitProof) -> dict[str, Any]:
    """Return the values of a proof as the bytes that stand for them."""
    numbers = {name: getattr(proof, name) for name in ("root", "epoch", "x", "y", "nullifier")}
    return {
        "proof": proof.proof,
        **{name: number.to_bytes(32, "little") for name, number in numbers.items()},
        "rln_identifier": proof.rln_identifier,
    }


def of_message(message: WakuMessage) -> dict[str, Any]:
    """Return the values of a message."""
    return {name: getattr(message, name) for _, name, _, _ in MESSAGE}


@pytest.mark.parametrize(
    ("noun", "decode", "shown", "fields"),
    [
        ("message", WakuMessage.decode, of_message, MESSAGE),
        ("proof", RateLimitProof.decode, of_proof, PROOF),
    ],
)
def test_mutations(noun: str, decode: Any, shown: Any, fields: Any) -> None:
    protobuf, draw = message_class(noun, fields), random.Random(7)
    whole = protobuf.FromString(WIRES[noun])
    assert whole.SerializeToString(deterministic=True) == decode(WIRES[noun]).encode()
    both = refused = 0
    for _ in range(effort(5_000, 100_000)):
        data = mutated(WIRES[noun], draw)
        try:
            theirs = values(protobuf.FromString(data), fields)
        except Exception:  # noqa: BLE001 - its class of error has no name that all versions share
            theirs = None
        try:
            ours = decode(data)
        except EncodingError as error:
            if not isinstance(error, LaxEncoding):
                assert theirs is None, f"malformed for us alone: {data.hex()}"
                refused += 1
            continue
        except InputError:
            continue
        assert theirs is not None, f"accepted by us alone: {data.hex()}"
        assert shown(ours) == theirs, data.hex()
        both += 1
    assert both > 100 and refused > 100
