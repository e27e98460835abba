"""ProofBuilder: proofs and tokens for message ids that the caller has reserved."""

from contextlib import closing
from dataclasses import replace

import pytest

import rln
from rln.errors import KeyFileError, ParameterError
from rln.lowlevel.witness import Witness
from rln.protocol.statement import Statement
from rln.proving.proof_builder import ProofBuilder, SlotToken
from tests.support.small_world import World, small_key, small_multi_key


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def builder(world):
    member = world.join(8)
    membership = world.group.membership(member.commitment)
    with_path = ProofBuilder(member, membership, world.key, world.group.proof, True, 1)
    yield with_path
    with_path.close()


def test_a_token_and_a_full_proof_have_equal_public_values(world, builder):
    path, epoch = builder.path(), world.clock.current()
    whole = builder.prove((3,), path, 12345, epoch)
    token = builder.token(3, path, epoch)
    assert (token.message_id, token.path, token.root) == (3, path, world.group.root)
    assert token.external_nullifier == epoch.external_nullifier
    proof = builder.publish(token, 12345)
    assert proof.public_inputs == whole.public_inputs
    assert world.key.verifying_key.verify(proof.public_inputs, proof.proof)


def test_a_statement_is_proven_with_its_own_slots(world):
    """Even if it leaves the first slot unused; `prove` always uses the first slots."""
    world = World(small_multi_key())
    member = world.join(8)
    membership, path = world.group.membership(member.commitment), world.group.proof(0)
    spend = Statement.spend(world.key.parameters, 8, (4, 6), path, 12345, 678)
    statement = replace(spend, message_ids=(9, 4, 6), selector_used=(False, True, True))
    with closing(ProofBuilder(member, membership, world.key, None, True, 1)) as builder:
        for wanted in (spend, statement):
            proof = builder.prove_statement(wanted)
            assert proof.public_inputs == wanted.public_values(member)
            assert world.key.verifying_key.verify(proof.public_inputs, proof.proof)


def test_a_statement_about_another_member_is_refused(world, builder):
    def spend(limit: int, path: rln.MerkleProof) -> Statement:
        return Statement.spend(world.key.parameters, limit, (0,), path, 5, 6)

    path = builder.path()
    with pytest.raises(ParameterError, match="limit: expected 8, got 7"):
        builder.prove_statement(spend(7, path))
    for other in (replace(path, leaf=0), replace(path, index=1)):
        with pytest.raises(ParameterError, match="path: expected the path of the member's leaf"):
            builder.prove_statement(spend(8, other))
    assert builder.prove_statement(spend(8, path)).root == world.group.root


@pytest.mark.parametrize("x", [1, 2, rln.base.scalar.ORDER - 1, 1 << 200])
def test_a_token_is_for_any_x(world, builder, x):
    proof = builder.publish(builder.token(0, builder.path(), world.clock.current()), x)
    assert proof.x == x


def test_message_ids_above_the_limit_are_refused(world, builder):
    for message_id in (8, 9, 16):
        with pytest.raises(ParameterError, match="messageId"):
            builder.token(message_id, builder.path(), world.clock.current())
        with pytest.raises(ParameterError, match="messageId"):
            builder.prove((message_id,), builder.path(), 5, world.clock.current())


def test_a_graph_that_computes_something_else_gives_no_token(world, builder, monkeypatch):
    monkeypatch.setattr(Witness, "read", lambda *_: bytes(32))
    with pytest.raises(KeyFileError, match="graph"):
        builder.token(0, builder.path(), world.clock.current())


def test_a_token_reads_no_share(world, builder, monkeypatch):
    """Threats E9: the share at x = 1, part of a token, would reveal the secret with a published share."""

    def fail(*_: object) -> None:
        raise AssertionError

    read: list[int] = []
    honest = Witness.read

    def reading(self: Witness, start: int, count: int) -> bytes:
        read.extend(range(start, start + count))
        return honest(self, start, count)

    with monkeypatch.context() as patch:
        patch.setattr(rln.Identity, "share", fail)
        patch.setattr(Witness, "read", reading)
        token = builder.token(0, builder.path(), world.clock.current())
    assert read == [2], "the root; y is wire 1"
    assert builder.publish(token, 5).root == world.group.root


def test_a_proof_that_is_no_points_is_not_returned(world, builder, monkeypatch):
    token = builder.token(0, builder.path(), world.clock.current())
    monkeypatch.setattr(SlotToken, "publish", lambda *_: bytes([3]) + bytes(127))
    with pytest.raises(KeyFileError, match="not released"):
        builder.publish(token, 5)


def test_without_a_self_check_nothing_is_verified(world, monkeypatch):
    member = world.join(8)
    membership = world.group.membership(member.commitment)
    builder = ProofBuilder(member, membership, small_key(), world.group.proof(0), False, 1)
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: pytest.fail("verified"))
    epoch = world.clock.current()
    assert builder.prove((0,), builder.path(), 5, epoch).x == 5
    assert builder.publish(builder.token(1, builder.path(), epoch), 5).x == 5
    builder.close()


def test_a_closed_builder_keeps_nothing(world, builder):
    builder.prove((0,), builder.path(), 5, world.clock.current())
    path = builder.path()
    builder.close()
    builder.close()
    assert builder._prepared is None
    with pytest.raises(ParameterError, match="closed"):
        builder.path()
    builder._partial(path, builder._witness(builder._statement((0,), path, 1, 0)).thing, 1)
    assert builder._prepared is None, "not even what another thread computed meanwhile"
