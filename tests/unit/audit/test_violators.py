"""Violators across nodes: only verified messages convict, and each overspent message id is found once."""

from dataclasses import replace

import pytest

import rln
from rln.audit.violators import Violators
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import PERIOD, World, small_multi_key


@pytest.fixture(scope="module")
def scene():
    """Messages that two nodes accepted, and who overspent with them."""
    world = World()
    alice, mallory, eve = world.join(2), world.join(1), world.join(2)

    def prove(identity, signal, ids=None):
        return world.prover(identity, ids or MemoryMessageIds()).prove(signal)

    ids = MemoryMessageIds()
    honest = [prove(alice, b"a1", ids), prove(alice, b"a2", ids)]
    bad = [prove(mallory, b"m1"), prove(mallory, b"m2")]
    many = [prove(eve, b"e1"), prove(eve, b"e2"), prove(eve, b"e3")]
    world.time += PERIOD
    later = [prove(mallory, b"m3"), prove(mallory, b"m4")]
    return world, honest, bad, many, later, (alice, mallory, eve)


def find(messages, world):
    violators = Violators(lambda: messages, world.key.verifying_key)
    return [found.commitment for found in violators.find()], violators


def test_each_overspent_id_is_found_once(scene):
    world, honest, bad, many, later, (_, mallory, eve) = scene
    one, other = [honest[0], bad[0], many[0], later[0]], [honest[1], honest[0], many[1], bad[1]]
    found, violators = find([*one, *other, many[2], later[1], bad[0], bad[1]], world)
    assert found == [eve.commitment, mallory.commitment, mallory.commitment]
    assert (violators.messages, violators.refused) == (12, 0)
    for messages in (one, other, honest * 3, [], [bad[0], later[0]]):
        assert find(messages, world)[0] == []


def test_evidence_stands_alone(scene):
    world, _, bad, *_, (_, mallory, _) = scene
    (violation,) = Violators(lambda: bad, world.key.verifying_key).find()
    again = rln.Evidence.decode(violation.evidence.encode())
    assert again.check(world.key.verifying_key).commitment == mallory.commitment
    assert (again.first, again.second) == tuple(bad)


def test_forged_records_frame_nobody(scene):
    """Threats A4: the nullifier of an honest message with another x, and no proof for it."""
    world, honest, bad, *_, (_, mallory, _) = scene
    forged = [
        replace(honest[0], x=honest[0].x + 1),
        replace(honest[0], x=honest[0].x + 2, y=5),
        replace(honest[0], x=bad[0].x, proof=bad[0].proof),
        replace(honest[0], x=7, proof=honest[0].proof[:32] + honest[1].proof[32:]),
        replace(honest[0], x=8, proof=bytes([1]) + honest[0].proof[1:]),
    ]
    found, violators = find([*forged, *honest, *forged], world)
    assert (found, violators.refused) == ([], 10)
    # and they hide no member who exceeded the limit
    hiding = [replace(bad[0], x=9), replace(bad[0], x=10), replace(bad[1], y=bad[1].y ^ 1)]
    found, violators = find([*hiding, bad[0], *hiding, bad[1], *hiding], world)
    assert found == [mallory.commitment]
    assert violators.refused == 6


def test_a_message_of_another_circuit_convicts_nobody(scene):
    world, _, bad, *_ = scene
    several = World(small_multi_key())
    member = several.join(3)
    wide = [several.prover(member, MemoryMessageIds()).prove_multi(s, 2) for s in (b"one", b"two")]
    found, violators = find([*wide, *bad], world)
    assert len(found) == 1
    assert violators.refused == 2
    found, _ = find([*wide, *bad], several)
    assert found == [member.commitment, member.commitment]  # two message ids, both spent twice


def test_the_order_of_files_does_not_matter(scene):
    world, honest, bad, many, later, _ = scene
    messages = [*honest, *bad, *many, *later]
    assert sorted(find(messages, world)[0]) == sorted(find(messages[::-1], world)[0])
