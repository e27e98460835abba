"""Checks of arguments that are not field elements."""

from __future__ import annotations

import pytest

import rln
from rln.base import arguments, scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.support.small_world import World


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0, 11, -1, 1 << 5000])
def test_whole_refuses_what_is_no_number_of_the_range(value: object) -> None:
    with pytest.raises(ParameterError, match="^limit: expected"):
        arguments.whole(value, "limit", 1, 10)  # type: ignore[arg-type]


def test_whole_accepts_both_ends() -> None:
    assert [arguments.whole(v, "limit", 1, 10) for v in (1, 10)] == [1, 10]


def test_nonzero() -> None:
    assert arguments.nonzero(scalar.ORDER - 1, "x") == scalar.ORDER - 1
    with pytest.raises(ParameterError, match="^x: expected a field element other than 0, got 0"):
        arguments.nonzero(0, "x")
    for value in (scalar.ORDER, -1, True, 1.0):
        with pytest.raises(FieldRangeError, match="^x: "):
            arguments.nonzero(value, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [bytearray(2), memoryview(b"ab"), "ab", None, [1, 2]])
def test_bytes_that_could_change_are_refused(data: object) -> None:
    with pytest.raises(EncodingError, match="^signal: expected bytes, got "):
        arguments.plain_bytes(data, "signal")  # type: ignore[arg-type]


def test_fixed_bytes() -> None:
    assert arguments.fixed_bytes(b"ab", 2, "tag") == b"ab"
    with pytest.raises(EncodingError, match="^tag: expected 2 bytes, got 3"):
        arguments.fixed_bytes(b"abc", 2, "tag")


def test_parts_of_the_wrong_kind_are_named() -> None:
    """In particular the other key of the pair, which is easily mistaken for it."""
    world = World()
    group, key, roots, member = world.group, world.key, world.group.roots, rln.Identity.generate()
    other_half = key.verifying_key
    at = world.group.register(member.commitment, 1)
    rest = {"clock": world.clock, "ids": MemoryMessageIds()}
    log = MemoryNullifierLog()
    for words, make in {
        "verifying_key: expected VerifyingKey, got ProvingKey": lambda: rln.Verifier(
            key, roots=roots, log=log, clock=world.clock
        ),
        "key: expected ProvingKey, got VerifyingKey": lambda: rln.Prover(member, at, other_half, **rest),
        "membership: expected Membership, got int": lambda: rln.Prover(member, 0, key, **rest),
        "identity: expected Identity, got int": lambda: rln.Prover(member.commitment, at, key, **rest),
        "circuit: expected Circuit, got int": lambda: rln.setup(20),
        "ids: expected MessageIdAllocator, got NoneType, which has no `introduce`": lambda: rln.Prover(
            member, at, key, ids=None, clock=world.clock
        ),
        "clock: expected Clock, got float, which has no `now`": lambda: rln.Prover(
            member, at, key, ids=MemoryMessageIds(), clock=world.time
        ),
        "log: expected NullifierLog, got dict, which has no `peek_many`": lambda: rln.Verifier(
            other_half, roots=roots, log={}, clock=world.clock
        ),
    }.items():
        with pytest.raises(ParameterError, match=f"^{words}$"):
            make()
    shown = [group, rln.MerkleTree(3), rln.EpochClock("a.example", 60), log, world.verifier()]
    assert not [repr(one) for one in shown if " object at " in repr(one)]


@pytest.mark.parametrize("value", ["", "ab" * 31, "AB" * 32, "ab" * 32 + "\n", "gg" * 32, b"ab" * 32, None])
def test_digests_are_64_lower_case_hexadecimal_digits(value: object) -> None:
    assert arguments.check_digest("0f" * 32, "sha256") == "0f" * 32
    with pytest.raises(EncodingError, match="^sha256: expected 64 lower-case hexadecimal digits"):
        arguments.check_digest(value, "sha256")


def test_fixed_bytes_refuses_another_length() -> None:
    with pytest.raises(EncodingError, match=r"^root: expected 32 bytes, got 31$"):
        arguments.fixed_bytes(bytes(31), 32, "root")
    assert arguments.fixed_bytes(bytes(32), 32, "root") == bytes(32)


@pytest.mark.parametrize("value", [bytearray(32), memoryview(bytes(32)), "0" * 32, None, 7, [0] * 32])
def test_only_bytes_go_in(value: object) -> None:
    with pytest.raises(EncodingError, match=rf"^root: expected bytes, got {type(value).__name__}$"):
        arguments.fixed_bytes(value, 32, "root")  # type: ignore[arg-type]


def test_whole_names_the_range() -> None:
    assert arguments.whole(256, "threads", 1, 256) == 256
    with pytest.raises(ParameterError, match=r"^threads: expected 1 to 256, got 257$"):
        arguments.whole(257, "threads", 1, 256)
    with pytest.raises(ParameterError, match=r"^threads: expected int, got bool$"):
        arguments.whole(True, "threads", 1, 256)
