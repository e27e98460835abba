"""CallBench: what the tables of public calls build their arguments from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import rln
from rln.group.events import Change, Event, Registration, Slashing
from rln.group.memory_registry import MemoryRegistry
from rln.lowlevel.witness import Witness
from rln.merkle.tree import MerkleTree
from rln.ports import MemberRegistry
from rln.protocol.proof_record import encode as encode_record
from rln.protocol.statement import Statement
from rln.stores import open_members
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key, small_multi_key
from tests.support.step_events import append_step

Call = tuple[Callable[..., Any], dict[str, Any]]
"""A bound function and valid arguments by name."""

URI = "memory://"


@cache
def messages() -> tuple[World, rln.Identity, tuple[rln.RlnProof, rln.RlnProof]]:
    """Return a world whose member has proved b"one" and b"two" with one message id."""
    world = World()
    member = world.join()
    first, second = (world.prover(member).prove(signal) for signal in (b"one", b"two"))
    return world, member, (first, second)


@cache
def key_files() -> tuple[bytes, bytes, bytes]:
    """Return the small key as our file, as an `.arkzkey` and as a `.zkey`."""
    key = small_key()
    return key.encode(), key.to_arkzkey(), key.to_zkey()


class CallBench:
    """Builds objects for one test, and closes them afterwards.

    Args:
        folder: an empty directory.
        stack: closes what was opened.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self._names = itertools.count()
        self.world, self.member, (self.first, self.second) = messages()
        self.key = small_key()
        self.verifying_key = self.key.verifying_key
        self.epoch = self.world.clock.current()
        self.claim = (self.epoch, self.first.shares)

    def path(self, ending: str = "db") -> Path:
        """Return the path of a file that does not exist yet."""
        return self.folder / f"{next(self._names)}.{ending}"

    def file(self, content: bytes) -> Path:
        """Return the path of a new file."""
        path = self.path("bin")
        path.write_bytes(content)
        return path

    def verifier(self) -> rln.Verifier:
        """Return a verifier with a new log."""
        return self.world.verifier(log=MemoryNullifierLog(), threads=1)

    def prover(self, key: rln.ProvingKey | None = None) -> rln.Prover:
        """Return a prover with new message ids."""
        membership = self.world.group.membership(self.member.commitment)
        made = rln.Prover(
            self.member,
            membership,
            key or self.key,
            ids=MemoryMessageIds(),
            clock=self.world.clock,
            threads=1,
        )
        return self.stack.enter_context(made)

    def proved(self) -> rln.Prover:
        """Return a prover that has proved b"text"."""
        prover = self.prover()
        prover.prove(b"text")
        return prover

    def multi_prover(self) -> rln.Prover:
        """Return a prover for several message ids."""
        return self.prover(small_multi_key())

    def group(self) -> rln.Group:
        """Return a group with three members, of commitments 101, 102 and 103."""
        group = rln.Group(DEPTH, LIMIT_BITS, rln.WindowSize(count=16))
        group.register_many([(commitment, 2) for commitment in (101, 102, 103)])
        return group

    def registry(self) -> MemoryRegistry:
        """Return an empty registry in memory."""
        return MemoryRegistry(DEPTH, LIMIT_BITS)

    def stored_registry(self) -> MemberRegistry:
        """Return an empty registry in a file."""
        made = open_members(f"sqlite:///{self.path()}", DEPTH, LIMIT_BITS)
        self.stack.callback(made.close)
        return made

    def filled(self, registry: MemberRegistry) -> MemberRegistry:
        """Return the registry after two registrations."""
        tree = MerkleTree(DEPTH)
        for number, commitment in ((1, 101), (2, 102)):
            tree.append(rln.poseidon_hash([commitment, 2]))
            event = Event(number, Change.REGISTERED, number - 1, commitment, 2)
            with registry.change() as change:
                append_step(change, number, tree.root, 1000 * number, [event])
        return registry

    def changing(self, registry: MemberRegistry) -> Any:
        """Return an open change of a registry, which is undone at the end."""

        class Undo(Exception):
            pass

        def undo(manager: Any) -> None:
            try:
                manager.__exit__(Undo, Undo(), None)
            except Undo:
                pass

        manager = registry.change()
        change = manager.__enter__()
        self.stack.callback(undo, manager)
        return change

    def registration(self) -> Registration:
        """Return a registration."""
        return Registration(0, 101, 2, 1)

    def slashing(self) -> Slashing:
        """Return a slashing."""
        return Slashing(101, 1000, 2000, None, (self.registration(),))

    def statement(self) -> Statement:
        """Return a statement about the member."""
        path = self.world.group.proof(0)
        return Statement.spend(self.key.parameters, 2, (0,), path, 5, 7)

    def witness(self) -> Witness:
        """Return a witness of the member."""
        return self.key.witness(self.statement().inputs(), self.member)

    def record(self) -> bytes:
        """Return the record of the first message."""
        return encode_record(self.first)

    def bulletins(self, count: int = 1) -> Iterator[rln.Bulletin]:
        """Yield bulletins of a registrar, each with one new leaf."""
        registrar = Registrar()
        for number in range(count):
            yield registrar.change([7 + number])

    def mirror(self, members: Sequence[int] = (7, 8)) -> rln.Mirror:
        """Return a mirror with a bulletin."""
        mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
        leaves = [rln.poseidon_hash([commitment, 2]) for commitment in members]
        mirror.apply(Registrar().change(leaves))
        return mirror
