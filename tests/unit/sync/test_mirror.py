"""Mirrors: a bulletin is applied if its leaves give its root; otherwise the mirror does not change."""

from dataclasses import replace

import pytest

import rln
from rln.errors import GroupRefused, NotAMember, ParameterError
from rln.protocol.membership import rate_commitment
from rln.sync.mirror import MIN_MEMBERS, Mirror
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS, World


def state(mirror):
    return (mirror.step, mirror.at, mirror.root, len(mirror))


def test_a_mirror_follows():
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    assert state(mirror) == (0, 0, registrar.tree.root, 0)
    mirror.apply(registrar.change([11, 12, 13]))
    assert state(mirror) == (1, 1_700_000_000_001, registrar.tree.root, 3)
    mirror.apply(registrar.change([14], [1]))
    mirror.apply(registrar.change())  # a step that changes no leaf
    mirror.apply(registrar.change([15, 0, 16], [0, 3]))
    assert state(mirror) == (4, 1_700_000_000_004, registrar.tree.root, 3)
    for index in (2, 4, 6):
        assert mirror.proof(index) == registrar.tree.proof(index)
    for index in (0, 1, 3, 5, 7):
        with pytest.raises(NotAMember, match=f"index {index}"):
            mirror.proof(index)
    with pytest.raises(ParameterError):
        mirror.proof(8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root": 5}, "do not lead to the root"),
        ({"gone": ()}, "do not lead to the root"),
        ({"before": 5}, "shows different groups to different people"),
        ({"after": 0}, "expected one that continues from step 2, got one from 0"),
        ({"after": 1}, "expected one that continues from step 2, got one from 1"),
        ({"after": 3, "last": 9}, "expected one that continues from step 2, got one from 3"),
        ({"after": 0, "last": 1}, "ends at step 1, and the mirror is already at step 2"),
        ({"after": 1, "last": 2}, "ends at step 2, and the mirror is already at step 2"),
        ({"depth": 4}, "expected a group of depth 3 and limit_bits 4, got 4 and 4"),
        ({"limit_bits": 5}, "expected a group of depth 3 and limit_bits 4, got 3 and 5"),
        ({"start": 5}, "expected new leaves from index 4, got 5"),
        ({"start": 3}, "expected new leaves from index 4, got 3"),
        ({"gone": (2,)}, "expected a member at index 2, which it removes, got none"),
        ({"leaves": b"\xff" * 32}, "bulletin: "),
        ({"leaves": (16).to_bytes(32, "little")}, "do not lead to the root"),
        ({"leaves": bytes(32)}, "do not lead to the root"),
    ],
)
def test_what_does_not_hold_changes_nothing(changes, words):
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    mirror.apply(registrar.change([11, 12, 13, 14]))
    mirror.apply(registrar.change([], [2]))
    before = state(mirror)
    right = registrar.change([15], [0])
    with pytest.raises(GroupRefused, match=words):
        mirror.apply(replace(right, **changes))
    assert state(mirror) == before
    mirror.apply(right)
    assert mirror.root == registrar.tree.root


def test_no_path_in_a_group_that_is_too_small_to_hide_in():
    registrar, mirror = Registrar(6), Mirror(6, LIMIT_BITS)
    mirror.apply(registrar.change(range(1, MIN_MEMBERS)))
    with pytest.raises(GroupRefused, match="expected at least 32 members to hide among, got 31"):
        mirror.proof(0)
    mirror.apply(registrar.change([99]))
    assert mirror.proof(0).root == registrar.tree.root
    mirror.apply(registrar.change([98, 97], [0, 1, 2]))
    with pytest.raises(GroupRefused, match="got 31"):
        mirror.proof(4)


def test_a_member_finds_himself_and_proves():
    world = World()
    alice, bob = rln.Identity.generate(), rln.Identity.generate()
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=2)
    for identity in (bob, alice):
        world.group.register(identity.commitment, 2)
    mirror.apply(registrar.change([rate_commitment(bob.commitment, 2), rate_commitment(alice.commitment, 2)]))
    assert mirror.root == world.group.root
    membership = mirror.membership(alice.commitment, 2)
    assert membership.index == 1
    with pytest.raises(NotAMember, match="no leaf of it with the limit"):
        mirror.membership(alice.commitment, 3)
    with pytest.raises(ParameterError, match="limit"):
        mirror.membership(alice.commitment, 17)
    for path in (None, mirror.proof):
        prover = rln.Prover(
            alice, membership, world.key, ids=rln.stores.open_message_ids("memory://"), clock=world.clock,
            path=path,
        )  # fmt: skip
        prover.prove(b"hello")
    proof = prover.prove(b"hi")
    assert world.verifier().submit(proof, b"hi") == rln.Valid()


def test_a_mirror_hands_itself_on():
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS)
    other = Mirror(DEPTH, LIMIT_BITS, min_members=1)
    with pytest.raises(ParameterError, match="got an empty one"):
        mirror.whole()
    for bulletin in (registrar.change([11, 12]), registrar.change([13, 0], [0]), registrar.change([14])):
        mirror.apply(bulletin)
    other.apply(mirror.whole())
    assert state(other) == state(mirror)
    assert other.proof(2) == registrar.tree.proof(2)
    later = registrar.change([15], [2])
    for each in (mirror, other):
        each.apply(later)
        assert each.root == registrar.tree.root


def test_a_leaf_is_found_at_its_own_place():
    """Bytes that only look like it, across two leaves, are passed over."""
    commitment, limit = 5, 2
    leaf = rate_commitment(commitment, limit).to_bytes(32, "little")
    cut = next(i for i in range(1, 32) if leaf[i - 1] < 0x30)  # so that both parts are field elements
    halves = [int.from_bytes(part, "little") for part in (bytes(32 - cut) + leaf[:cut], leaf[cut:])]
    for leaves, expected in (([1, *halves], None), ([int.from_bytes(leaf, "little"), *halves], 0)):
        mirror = Mirror(DEPTH, LIMIT_BITS)
        mirror.apply(Registrar().change(leaves))
        if expected is None:
            with pytest.raises(NotAMember):
                mirror.membership(commitment, limit)
        else:
            assert mirror.membership(commitment, limit).index == expected


def test_arguments():
    for arguments in ({"depth": 0}, {"limit_bits": 17}, {"min_members": 0}, {"min_members": 1.5}):
        with pytest.raises(ParameterError):
            Mirror(**arguments)
    with pytest.raises(ParameterError, match="bulletin: expected Bulletin, got bytes"):
        Mirror().apply(b"")
    assert "step 0" in repr(Mirror(3, 4))
