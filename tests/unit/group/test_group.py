"""The group: who may register, what removal and slashing do, and which roots are acceptable."""

from __future__ import annotations

import inspect
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.base import scalar
from rln.errors import (
    AlreadyAMember,
    FieldRangeError,
    NativeError,
    NotAMember,
    ParameterError,
    StoreUnavailable,
    TreeFull,
)
from rln.group.group import Group
from rln.group.window_size import WindowSize
from rln.lowlevel import hashes
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership, rate_commitment


def identity(number: int) -> Identity:
    return Identity.from_secret(1000 + number)


def group_of(count: int, **options: object) -> Group:
    group = Group(depth=6, **options)  # type: ignore[arg-type]
    for number in range(count):
        group.register(identity(number).commitment, 10)
    return group


def test_registering_computes_the_leaf() -> None:
    group = Group(depth=20)
    group.register_many([(c, 1) for c in (11, 12, 13)])
    member = group.register(0x051C31DE3BFF7E52DC7B2EB34FC96813BACF38BDE92D27FE326CE5D8296322A7, 100)
    assert member == Membership(3, 100, member.commitment)
    proof = group.proof(3)
    assert proof.leaf == member.rate_commitment
    assert proof.leaf == 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA
    assert proof.root == group.root == group.roots.current
    assert group.is_member(member.commitment)
    assert group.membership(member.commitment) == group.member_at(3) == member
    assert len(group) == 4


def test_nobody_can_supply_a_leaf() -> None:
    for method in (Group.register, Group.register_many, Group.__init__):
        assert not {"leaf", "rate_commitment"} & set(inspect.signature(method).parameters)


@pytest.mark.parametrize("limit", [0, 2**16 + 1, 70_000, scalar.ORDER - 1, -1, True, 1.0, "1", None])
def test_limits_out_of_range_are_refused(limit: object) -> None:
    group = group_of(1)
    before = group.root
    with pytest.raises(ParameterError, match="^limit: expected"):
        group.register(7, limit)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^limit: expected"):
        group.register_many([(7, 1), (8, limit)])  # type: ignore[list-item]
    assert (len(group), group.root, len(group.roots)) == (1, before, 2)


def test_limits_at_both_ends_are_accepted() -> None:
    group = Group(depth=4)
    assert [group.register(7, 1).limit, group.register(8, 2**16).limit] == [1, 2**16]
    narrow = Group(depth=4, limit_bits=4)
    assert narrow.max_limit == 16
    with pytest.raises(ParameterError, match="^limit: expected 1 to 16, got 17"):
        narrow.register(7, 17)


@pytest.mark.parametrize(
    ("commitment", "kind"),
    [(0, ParameterError)] + [(c, FieldRangeError) for c in (scalar.ORDER, scalar.ORDER + 7, -1, True, 7.0)],
)
def test_a_commitment_is_canonical_and_not_zero(commitment: int, kind: type[Exception]) -> None:
    group = group_of(1)
    before = group.root
    with pytest.raises(kind, match="^commitment: "):
        group.register(commitment, 1)
    with pytest.raises(kind, match="^commitment: "):
        group.register_many([(5, 1), (commitment, 1)])
    assert (len(group), group.root) == (1, before)
    assert not group.is_member(5)


@pytest.mark.parametrize("limit", [10, 100])
def test_the_same_commitment_twice_is_refused(limit: int) -> None:
    group = group_of(2)
    before = group.root
    with pytest.raises(AlreadyAMember, match="registered already"):
        group.register(identity(1).commitment, limit)
    with pytest.raises(AlreadyAMember, match="registered already"):
        group.register_many([(5, 1), (6, 1), (5, 2)])
    assert (len(group), group.root, group.is_member(5)) == (2, before, False)


def test_a_full_group_takes_nobody() -> None:
    group = Group(depth=2)
    group.register_many([(c, 1) for c in (1, 2, 3)])
    before = group.root
    with pytest.raises(TreeFull, match="expected at most 1 more members, got 2"):
        group.register_many([(4, 1), (5, 1)])
    group.register(4, 1)
    with pytest.raises(TreeFull):
        group.register(5, 1)
    group.remove(0)
    with pytest.raises(TreeFull):
        group.register(5, 1)
    assert before in group.roots
    assert len(group) == 3


def test_unknown_indices() -> None:
    group = group_of(2)
    group.remove(0)
    for index in (0, 2, 63):
        for call in (group.proof, group.remove, group.member_at):
            with pytest.raises(NotAMember, match=f"^index {index}: "):
                call(index)
    for index in (-1, 64, True, 1.0):
        for call in (group.proof, group.remove, group.member_at):
            with pytest.raises(ParameterError, match="^index: "):
                call(index)  # type: ignore[arg-type]
    with pytest.raises(NotAMember, match="^commitment: not registered"):
        group.membership(5)


def test_removed_members_may_come_back_at_another_index() -> None:
    group = group_of(2)
    commitment = identity(0).commitment
    with_both = group.root
    assert group.remove(0) == Membership(0, 10, commitment)
    assert not group.is_member(commitment)
    assert with_both in group.roots
    assert group.register(commitment, 5) == Membership(2, 5, commitment)
    with pytest.raises(NotAMember):
        group.member_at(0)


def test_a_group_remembers_who_was_a_member() -> None:
    group = group_of(3)
    group.remove(0)
    group.slash(identity(1))
    commitments = [identity(number).commitment for number in range(4)]
    assert [group.was_member(commitment) for commitment in commitments] == [True, True, True, False]
    assert [group.is_member(commitment) for commitment in commitments] == [False, False, True, False]
    for ask in (group.was_member, group.is_member):
        with pytest.raises(FieldRangeError, match="^commitment: "):
            ask(scalar.ORDER)


def test_slashing_retires_exactly_the_roots_that_contain_the_leaf() -> None:
    group = Group(depth=6)
    roots = [group.root]
    for number in range(5):
        group.register(identity(number).commitment, 10)
        roots.append(group.root)
    removed = group.slash(identity(2).secret())
    assert removed == (Membership(2, 10, identity(2).commitment),)
    assert [root in group.roots for root in roots] == [True, True, True, False, False, False]
    assert list(group.roots) == [group.root, roots[2], roots[1], roots[0]]
    assert not group.is_member(identity(2).commitment)
    with pytest.raises(NotAMember):
        group.proof(2)
    expected = MerkleTree(6)
    for number in range(5):
        expected.append(0 if number == 2 else rate_commitment(identity(number).commitment, 10))
    assert group.root == expected.root


def test_slashing_a_member_who_has_left_retires_the_roots_that_still_contain_him() -> None:
    group = Group(depth=6)
    empty = group.root
    group.register(identity(0).commitment, 10)
    alone = group.root
    group.register(identity(1).commitment, 10)
    both = group.root
    group.remove(0)
    gone = group.root
    group.register(identity(2).commitment, 10)
    assert group.slash(identity(0)) == ()
    assert [root in group.roots for root in (empty, alone, both, gone)] == [True, False, False, True]
    with pytest.raises(AlreadyAMember, match="slashed"):
        group.register(identity(0).commitment, 10)


def test_slashing_retires_both_stays_of_a_member() -> None:
    group = Group(depth=6)
    commitment, roots = identity(0).commitment, [group.root]
    for step in (
        lambda: group.register(commitment, 1),
        lambda: group.remove(0),
        lambda: group.register(commitment, 100),
        lambda: group.register(5, 1),
    ):
        step()
        roots.append(group.root)
    assert group.slash(identity(0)) == (Membership(1, 100, commitment),)
    assert [root in group.roots for root in roots] == [True, False, True, False, False]


@pytest.mark.parametrize("form", ["identity", "secret", "number"])
def test_slashing_twice_happens_once_and_is_for_good(form: str) -> None:
    group = group_of(3, window=WindowSize(count=4))
    spammer = identity(1)
    forms = {"identity": spammer, "secret": spammer.secret(), "number": 1001}
    assert [member.index for member in group.slash(forms[form])] == [1]  # type: ignore[arg-type]
    root, roots = group.root, list(group.roots)
    assert group.slash(forms[form]) == ()  # type: ignore[arg-type]
    assert (group.root, list(group.roots)) == (root, roots)
    with pytest.raises(AlreadyAMember, match="^commitment: slashed, its secret is public"):
        group.register(spammer.commitment, 10)
    assert len(group) == 2


def test_slashing_somebody_who_never_joined() -> None:
    group = group_of(1)
    before = list(group.roots)
    with pytest.raises(NotAMember, match="never registered") as caught:
        group.slash(identity(7))
    assert "1007" not in str(caught.value)
    for number in (scalar.ORDER, True, -1):
        with pytest.raises(FieldRangeError, match="^secret: "):
            group.slash(number)
    assert list(group.roots) == before


def test_a_batch_is_one_step_of_the_window() -> None:
    group = Group(depth=8, window=WindowSize(count=2))
    before = group.root
    group.register_many([(c, 1) for c in range(1, 101)])
    assert list(group.roots) == [group.root, before]
    assert group.register_many([]) == []
    assert list(group.roots) == [group.root, before]


def test_a_batch_equals_single_steps() -> None:
    single, batch = Group(depth=9), Group(depth=9, threads=2)
    pairs = [(poseidon_hash([n]), n % 7 + 1) for n in range(1, 301)]
    members = batch.register_many(pairs)
    assert members == [single.register(*pair) for pair in pairs]
    assert batch.root == single.root


def test_a_window_in_time() -> None:
    now = [0.0]
    group = Group(depth=6, window=WindowSize(seconds=30, now=lambda: now[0]))
    before = group.root
    group.register(5, 1)
    now[0] = 30.0
    assert before in group.roots
    now[0] = 31.0
    assert before not in group.roots
    assert group.root in group.roots


def test_a_failing_clock_leaves_the_group_as_it_was() -> None:
    broken = [False]

    def now() -> float:
        if broken[0]:
            raise StoreUnavailable("clock: unsure")
        return 1.0

    group = group_of(3, window=WindowSize(seconds=30, now=now))
    before = (group.root, len(group), list(group.roots), group.proof(1))
    broken[0] = True
    for change in (
        lambda: group.register(5, 1),
        lambda: group.remove(1),
        lambda: group.slash(identity(1)),
        lambda: group.root in group.roots,
    ):
        with pytest.raises(StoreUnavailable):
            change()
    broken[0] = False
    assert (group.root, len(group), list(group.roots), group.proof(1)) == before
    assert group.slash(identity(1)) == (Membership(1, 10, identity(1).commitment),)


def test_a_failing_hash_leaves_the_group_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    group = group_of(3)
    before = (group.root, len(group), list(group.roots), group.proof(1))
    calls: list[int] = []
    hash_into, path = hashes.poseidon_into, hashes.merkle_path

    def failing(out: bytearray, packed: bytes, arity: int, threads: int | None = 1) -> None:
        calls.append(1)
        if len(calls) == 4:
            raise NativeError("out of memory")
        hash_into(out, packed, arity, threads)

    def failing_path(leaf: bytes, siblings: bytes, bits: bytes) -> bytes:
        raise NativeError("out of memory")

    for change in (
        lambda: group.register(5, 1),
        lambda: group.remove(1),
        lambda: group.slash(identity(1)),
        lambda: group.register_many([(5, 1), (6, 1)]),
    ):
        calls.clear()
        monkeypatch.setattr(hashes, "poseidon_into", failing)
        monkeypatch.setattr(hashes, "merkle_path", failing_path)
        with pytest.raises(NativeError):
            change()
        monkeypatch.setattr(hashes, "poseidon_into", hash_into)
        monkeypatch.setattr(hashes, "merkle_path", path)
        assert (group.root, len(group), list(group.roots), group.proof(1)) == before
        assert not group.is_member(5)
    assert group.register(5, 1).index == 3


@given(st.lists(st.sampled_from(["join", "join", "leave", "slash"]), min_size=5, max_size=14), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_window_holds_exactly_the_roots_without_a_slashed_leaf(steps: list[str], random: object) -> None:
    group = Group(depth=5, window=WindowSize(count=100))
    snapshots: list[tuple[int, frozenset[int]]] = [(group.root, frozenset())]
    live: list[int] = []
    joined: list[int] = []
    slashed: set[int] = set()
    for number, step in enumerate(steps):
        if step == "join" and number < 30:
            group.register(identity(number).commitment, 3)
            live.append(number)
            joined.append(number)
        elif step == "leave" and live:
            chosen = random.choice(live)  # type: ignore[attr-defined]
            live.remove(chosen)
            group.remove(group.membership(identity(chosen).commitment).index)
        elif step == "slash" and joined:
            chosen = random.choice(joined)  # type: ignore[attr-defined]
            group.slash(identity(chosen))
            slashed.add(chosen)
            if chosen in live:
                live.remove(chosen)
        snapshots.append((group.root, frozenset(live)))
    acceptable = {root for root, members in snapshots if not members & slashed}
    assert set(group.roots) == acceptable
    assert group.root in group.roots
    assert len(group) == len(live)


def test_proofs_taken_while_others_join_and_leave_are_whole() -> None:
    group = Group(depth=8, window=WindowSize(count=10_000))
    mine = group.register(identity(0).commitment, 10)
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            proof = group.proof(mine.index)
            if proof.leaf != mine.rate_commitment or proof.root not in group.roots:
                wrong.append(proof)
            if group.root not in group.roots:
                wrong.append("root")

    def write(first: int) -> None:
        for number in range(first, first + 12):
            member = group.register(identity(number).commitment, 5)
            if number % 2:
                group.remove(member.index)

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(first,)) for first in (100, 200, 300)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong
    assert len(group) == 1 + 3 * 6
    registrations = [group.registry.registration_at(index) for index in range(38)]
    standing = [
        registration.index
        for registration in registrations
        if registration is not None and registration.removed_in is None
    ]
    assert [group.member_at(index).index for index in standing] == standing
    assert len(standing) == len(group)


def test_two_threads_slash_one_member_once() -> None:
    group = group_of(5)
    removed: list[Membership] = []
    threads = [threading.Thread(target=lambda: removed.extend(group.slash(identity(3)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [member.index for member in removed] == [3]


def test_a_group_whose_registry_was_handed_out_follows_what_others_do() -> None:
    group = group_of(2)
    other = Group(depth=6, registry=group.registry)
    assert other.root == group.root
    other.register(5, 5)
    assert group.root == other.root
    assert len(group.roots) == 4
    assert group.proof(2) == other.proof(2)
