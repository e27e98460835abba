"""Two nodes with separate logs: their audit files reveal a member who uses the whole limit at each node."""

import pytest

import rln
from rln.audit.audited_epoch import audited_epochs
from rln.audit.files import AuditFiles
from rln.audit.violators import Violators
from rln.errors import GroupRefused, Reason
from rln.stores import open_log, open_members
from rln.stores.memory import MemoryMessageIds
from rln.sync.bulletin_folder import BulletinFolder
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey
from tests.support.small_world import DEPTH, LIMIT_BITS, World


class Node:
    """A verifier with a log and an audit trail in files, which reads the registrar's group."""

    def __init__(self, world, group, folder):
        self.audit = AuditFiles(folder / "audit", world.key.verifying_key)
        self.log = open_log(f"sqlite:///{folder}/log.db", world.clock, new=True)
        self.verifier = rln.Verifier(
            world.key.verifying_key, roots=group.roots, log=self.log, clock=world.clock, audit=self.audit,
            was_member=group.was_member,
        )  # fmt: skip

    def close(self):
        self.log.close()
        self.audit.close()


@pytest.fixture
def setting(tmp_path):
    """A registrar that publishes bulletins, two nodes, and a member's mirror that follows the bulletins."""
    world = World()
    registry = open_members(f"sqlite:///{tmp_path}/members.db", DEPTH, LIMIT_BITS)
    group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: world.time)
    for name in ("one", "two", "board"):
        (tmp_path / name).mkdir()
    nodes = [Node(world, group, tmp_path / name) for name in ("one", "two")]
    key = RegistrarKey.new(tmp_path / "registrar.pem")
    mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=2)
    board = BulletinFolder(tmp_path / "board", mirror, key.public_key)

    def publish():
        bulletin = bulletin_since(registry, mirror.step, threads=1)
        (tmp_path / "board" / f"{bulletin.last}.bulletin").write_bytes(key.sign(bulletin))
        assert len(board.apply_new()) == 1
        assert (mirror.step, mirror.root) == (registry.head().number, group.root)

    yield world, group, nodes, mirror, publish, tmp_path
    for node in nodes:
        node.close()
    registry.close()


def test_a_violator_at_two_nodes_is_found_and_slashed(setting):
    world, group, nodes, mirror, publish, folder = setting
    alice, mallory, bob = (rln.Identity.generate() for _ in range(3))
    group.register_many([(alice.commitment, 2), (mallory.commitment, 1), (bob.commitment, 1)])
    publish()

    def prover(identity, limit, path=None):
        """Make a prover whose path comes from the mirror; no request to the registrar is needed."""
        member = mirror.membership(identity.commitment, limit)
        return rln.Prover(identity, member, world.key, ids=MemoryMessageIds(), clock=world.clock, path=path)

    honest = prover(alice, 2)
    for number, node in enumerate(nodes):
        spam, hello = b"spam %d" % number, b"hello %d" % number
        assert node.verifier.submit(prover(mallory, 1).prove(spam), spam) == rln.Valid()
        assert node.verifier.submit(honest.prove(hello), hello) == rln.Valid()

    def messages():
        for name in ("one", "two"):
            for file in audited_epochs(folder / name / "audit"):
                yield from file.messages()

    found = list(Violators(messages, world.key.verifying_key).find())
    assert [violation.commitment for violation in found] == [mallory.commitment]
    old = mirror.proof(1)
    late = prover(mallory, 1, lambda _: old).prove(b"again")
    group.slash(found[0].evidence.check(world.key.verifying_key))
    publish()

    with pytest.raises(rln.NotAMember):
        prover(mallory, 1)
    for node in nodes:
        assert node.verifier.submit(late, b"again").reason is Reason.UNKNOWN_ROOT
    assert nodes[0].verifier.submit(prover(bob, 1).prove(b"hi"), b"hi") == rln.Valid()

    group.remove(2)
    publish()
    with pytest.raises(GroupRefused, match="expected at least 2 members to hide among, got 1"):
        prover(alice, 2).prove(b"alone")
