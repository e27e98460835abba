"""Bulletins of a registry: they give its roots and paths, and are the same for every member."""

import random

import pytest

from rln.errors import ParameterError
from rln.group.events import Change, Event
from rln.group.memory_registry import MemoryRegistry
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import rate_commitment
from rln.sync.export import bulletin_since
from rln.sync.mirror import Mirror
from rln.sync.signing import RegistrarKey, open_bulletin
from tests.support.effort import effort
from tests.support.small_world import LIMIT_BITS
from tests.support.step_events import append_step


class Office:
    """A registry with a tree beside it, whose steps are made here event by event."""

    def __init__(self, depth):
        self.registry = MemoryRegistry(depth, LIMIT_BITS)
        self.tree = MerkleTree(depth)
        self.stands = {}
        self.left = []
        self.roots = [self.tree.root]

    def step(self, join=0, leave=(), slash=()):
        """Some join, others leave; those to be slashed stand, or have left."""
        head = self.registry.head()
        what = [(Change.REMOVED, i) for i in leave] + [(Change.SLASHED, i) for i in slash]
        what += [(Change.REGISTERED, head.next_index + i) for i in range(join)]
        events = [
            Event(head.events + 1 + n, change, index, 1000 + index, 1 + index % 5)
            for n, (change, index) in enumerate(what)
        ]
        leaves = [rate_commitment(e.commitment, e.limit) for e in events if e.change is Change.REGISTERED]
        self.tree.override_range(head.next_index, leaves, [*leave, *slash])
        with self.registry.change() as change:
            for index in slash:
                change.note_slashing(1000 + index, head.at, head.at + 1)
            append_step(change, head.number + 1, self.tree.root, head.at + 1000, events)
        self.stands |= {head.next_index + i: None for i in range(join)}
        for index in (*leave, *slash):
            self.stands.pop(index, None)
        self.left += leave
        self.roots.append(self.tree.root)


@pytest.mark.parametrize("seed", range(effort(8, 300)))
def test_bulletins_of_a_registry_give_its_roots(seed):
    """However the steps are cut into bulletins, every mirror computes the registry's roots and paths."""
    dice = random.Random(seed)
    office = Office(6)
    office.step(join=dice.randint(1, 9))
    for _ in range(25):
        stands = list(office.stands)
        leave = dice.sample(stands, dice.randint(0, min(2, len(stands))))
        rest = [i for i in stands if i not in leave] + [i for i in office.left if i not in leave]
        slash = dice.sample(rest, dice.randint(0, min(1, len(rest))))
        office.left = [i for i in office.left if i not in slash]
        office.step(min(dice.randint(0, 3), 64 - office.registry.head().next_index), leave, slash)
    last = office.registry.head().number
    for cuts in ([], sorted(dice.sample(range(1, last), 6)), range(1, last)):
        mirror = Mirror(6, LIMIT_BITS, min_members=1)
        for until in (*cuts, last):
            mirror.apply(bulletin_since(office.registry, mirror.step, until, threads=1))
            assert (mirror.step, mirror.root) == (until, office.roots[until])
        assert len(mirror) == len(office.stands)
        for index in office.stands:
            assert mirror.proof(index) == office.tree.proof(index)


def test_bulletins_say_how_far_they_are():
    office = Office(6)
    office.step(join=40)
    for _ in range(5):
        office.step(join=1)
    parts = []
    bulletin = bulletin_since(office.registry, progress=parts.append)
    assert parts == [n / 6 for n in range(1, 7)]
    assert (bulletin.after, bulletin.last, bulletin.start, bulletin.count) == (0, 6, 0, 45)
    assert bulletin.at == office.registry.head().at
    rest = bulletin_since(office.registry, 4)
    assert (rest.start, rest.count, rest.before, rest.root) == (43, 2, office.roots[4], office.roots[6])


def test_there_are_no_bulletins_about_nothing():
    office = Office(3)
    with pytest.raises(ParameterError, match="register a member first"):
        bulletin_since(office.registry)
    office.step(join=1)
    for arguments, words in (((1,), "after: expected 0 to 0, got 1"), ((0, 2), "until: expected 1 to 1")):
        with pytest.raises(ParameterError, match=words):
            bulletin_since(office.registry, *arguments)


def test_p2_every_member_gets_the_same_bytes(tmp_path):
    """Threats P2: what a member fetches does not depend on which member asks."""
    key = RegistrarKey.new(tmp_path / "registrar.pem")
    office = Office(6)
    office.step(join=40)
    asked = {key.sign(bulletin_since(office.registry)) for _ in ("alice", "bob")}
    assert len(asked) == 1
    mirrors = [Mirror(6, LIMIT_BITS) for _ in ("alice", "bob")]
    for mirror in mirrors:
        mirror.apply(open_bulletin(next(iter(asked)), key.public_key))
    assert [mirror.proof(i) == office.tree.proof(i) for i, mirror in enumerate(mirrors)] == [True, True]
    # no commitment or limit is in it: leaves alone
    (data,) = asked
    assert all((1000 + i).to_bytes(32, "little") not in data for i in range(40))
