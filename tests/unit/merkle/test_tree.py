"""The tree against zerokit's roots and zerokit 3.0.0's behaviour."""

from __future__ import annotations

import threading
import tracemalloc

import pytest

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, NativeError, ParameterError, TreeFull
from rln.lowlevel import hashes
from rln.merkle.proof import MerkleProof
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import poseidon_hash

ZEROS = {
    1: 0x2098F5FB9E239EAB3CEAC3F27B81E481DC3124D55FFED523A839EE8446B64864,
    2: 0x1069673DCDB12263DF301A6FF584A7EC261A44CB9DC68DF067A4774460B1F1E1,
    10: 0x1B7201DA72494F1E28717AD1A52EB469F95892F957713533DE6175E5DA190AF2,
    16: 0x2A7C7C9B6CE5880B9F6F228D72BF6A575A526F29C66ECCEEF8B753D38BBA7323,
    20: 0x2134E76AC5D21AAB186C2BE1DD8F84EE880A1E46EAF712F9D371B6DF22191F3E,
    32: 0x2F68A1C58E257E42A17A6C61DFF5551ED560B9922AB119D5AC8E184C9734EAD9,
}
COUNTED = {
    (1, 10): 0x010859EBAB455B4FE07B22EFECF1EA30195D7056D131668BD609FDE0E45AFA0D,
    (1, 20): 0x137270F386421F156B0A67BB3725D7C08E192ED6213A988BF721EC1CD5AC0916,
    (2, 10): 0x02B85B06E471C60F9A78DC7642C141F9CC422102FBC99D406BDADF64C4C91672,
    (2, 20): 0x2DAE86B9E0E230EE07430D74419D9C099900884ADF419CFA28B6385347347976,
    (3, 10): 0x07B248024E18C30F6C8A6C63DAD3748D72CD13D1197BFD79A1323216D6AC6E99,
    (3, 20): 0x2483316ECE47E1B749C99D144D80BD18122EAE426205D8319BDDD189DDD999D0,
    (8, 10): 0x0F138019EE4842C8CF122010FEA0105572824FD6075B67B5D2478F5AC57739B9,
    (8, 20): 0x0CD26CE14330FC03D3B51D6F8D5A2EDBA2A4CC574D67D8DF7D02565848FBA59A,
}


def rebuilt(depth: int, leaves: dict[int, int]) -> int:
    """Return the root over sparse leaves, the slow way."""
    row, zero = dict(leaves), 0
    for _ in range(depth):
        row = {
            i: poseidon_hash([row.get(2 * i, zero), row.get(2 * i + 1, zero)]) for i in {k >> 1 for k in row}
        }
        zero = poseidon_hash([zero, zero])
    return row.get(0, zero)


@pytest.mark.parametrize(("depth", "root"), ZEROS.items())
def test_empty_roots(depth: int, root: int) -> None:
    assert MerkleTree(depth).root == root


@pytest.mark.parametrize(("size", "root"), COUNTED.items())
def test_counted_leaves(size: tuple[int, int], root: int) -> None:
    count, depth = size
    together, one_by_one = MerkleTree(depth), MerkleTree(depth)
    assert together.extend(range(1, count + 1)) == 0
    assert [one_by_one.append(leaf) for leaf in range(1, count + 1)] == list(range(count))
    assert together.root == one_by_one.root == root


def test_zerokits_merkle_proof_example() -> None:
    leaf = 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA
    tree = MerkleTree(20)
    tree.set(3, leaf)
    limbs = (4939322235247991215, 5110804094006647505, 4427606543677101242, 910933464535675827)
    assert tree.root == sum(limb << 64 * i for i, limb in enumerate(limbs))
    proof = tree.proof(3)
    zeros = [0]
    for _ in range(19):
        zeros.append(poseidon_hash([zeros[-1]] * 2))
    assert proof == MerkleProof(leaf, 3, tuple(zeros))
    assert proof.bits == (1, 1, *([0] * 18))
    assert proof.root == tree.root


def test_an_empty_tree_of_depth_32_costs_nothing() -> None:
    tracemalloc.start()
    try:
        tree = MerkleTree(32)
        tree.set(2**32 - 1, 5)
        assert tree.get(2**32 - 1) == 5
        assert tree.proof(2**32 - 1).root == tree.root
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    assert tree.next_index == tree.capacity == 2**32


@pytest.mark.parametrize("depth", [0, 33, 64, -1, True, 20.0, None])
def test_depth_is_1_to_32(depth: object) -> None:
    with pytest.raises(ParameterError, match="^depth: "):
        MerkleTree(depth)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 8, 2**40, True, 1.0])
def test_unknown_indices(index: object) -> None:
    tree = MerkleTree(3)
    calls = [
        lambda: tree.get(index),
        lambda: tree.set(index, 1),
        lambda: tree.delete(index),
        lambda: tree.proof(index),
        lambda: tree.subtree_root(0, index),
        lambda: tree.override_range(0, [], [index]),
        lambda: tree.override_range(0, [1], [index]),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="^index: expected"):
            call()
    assert tree.root == MerkleTree(3).root
    assert tree.next_index == 0


@pytest.mark.parametrize("leaf", [scalar.ORDER, -1, True, 1.0, None])
def test_leaves_are_field_elements_and_a_bad_one_changes_nothing(leaf: object) -> None:
    tree = MerkleTree(3)
    tree.extend([1, 2])
    before = tree.root
    for call in (
        lambda: tree.set(0, leaf),
        lambda: tree.append(leaf),
        lambda: tree.extend([3, leaf]),
        lambda: tree.set_range(0, [9, leaf]),
        lambda: tree.override_range(0, [9, leaf], [1]),
        lambda: tree.verify(leaf, tree.proof(0)),
    ):
        with pytest.raises(FieldRangeError, match="^leaf: "):
            call()
    assert (tree.root, tree.next_index) == (before, 2)


def test_packed_leaves_are_checked_too() -> None:
    tree = MerkleTree(3)
    with pytest.raises(FieldRangeError):
        tree.plan_extend(bytes(32) + b"\xff" * 32)
    assert tree.root == MerkleTree(3).root
    with pytest.raises(EncodingError, match="^leaves: "):
        tree.plan_extend(bytes(33))


@pytest.mark.parametrize("before", [0, 1, 128, 131])
@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 700])
def test_packed_leaves_are_the_same_leaves(before: int, count: int) -> None:
    """On a border of pages and beside it, for one leaf and for many."""
    trees = MerkleTree(10), MerkleTree(10, threads=1)
    leaves = [scalar.ORDER - 1 - i for i in range(count)]
    for tree in trees:
        tree.extend(range(before))
    assert trees[0].extend(leaves) == trees[1].extend_packed(scalar.encode_many(leaves)) == before
    assert trees[0].root == trees[1].root == rebuilt(10, dict(enumerate([*range(before), *leaves])))
    assert [trees[1].get(before + i) for i in range(count)] == leaves
    for tree in trees:
        tree.override_range(before, [5, 6], [0, before + 2])
    assert trees[0].root == trees[1].root


def test_the_caller_keeps_his_packed_leaves() -> None:
    tree, packed = MerkleTree(9), bytes(range(1, 32)) + bytes(1)
    given = packed * 512
    tree.extend_packed(given)
    for index in (0, 127, 128, 300, 511):
        tree.set(index, 1)
    assert given == packed * 512
    leaves = dict.fromkeys(range(512), int.from_bytes(packed, "little"))
    assert tree.root == rebuilt(9, leaves | dict.fromkeys((0, 127, 128, 300, 511), 1))


def test_set_range() -> None:
    tree = MerkleTree(3)
    tree.set_range(2, [7, 8])
    assert [tree.get(i) for i in range(8)] == [0, 0, 7, 8, 0, 0, 0, 0]
    assert tree.next_index == 4
    assert tree.root == rebuilt(3, {2: 7, 3: 8})
    tree.set_range(0, [1])
    assert tree.next_index == 4


def test_an_empty_range_changes_nothing() -> None:
    tree = MerkleTree(3)
    tree.set_range(5, [])
    tree.set_range(8, [])
    tree.extend([])
    tree.override_range(3, [], [])
    assert (tree.next_index, tree.root) == (0, MerkleTree(3).root)
    with pytest.raises(ParameterError, match="^start: "):
        tree.set_range(9, [])


def test_a_range_that_does_not_fit_changes_nothing() -> None:
    tree = MerkleTree(2)
    for start, leaves in ((0, [1] * 5), (3, [1, 2]), (4, [1])):
        with pytest.raises(ParameterError, match="^leaves: expected at most"):
            tree.set_range(start, leaves)
    assert (tree.next_index, tree.root) == (0, MerkleTree(2).root)


def test_a_full_tree() -> None:
    tree = MerkleTree(2)
    tree.extend([1, 2, 3])
    before = tree.root
    with pytest.raises(TreeFull, match="expected at most 1 more leaves, got 2"):
        tree.extend([4, 5])
    assert (tree.root, tree.next_index) == (before, 3)
    assert tree.append(4) == 3
    with pytest.raises(TreeFull):
        tree.append(5)
    tree.delete(0)
    with pytest.raises(TreeFull):
        tree.append(5)


def test_delete_keeps_the_index() -> None:
    tree = MerkleTree(3)
    tree.extend([1, 2, 3])
    tree.delete(2)
    assert (tree.get(2), tree.next_index) == (0, 3)
    assert tree.append(4) == 3
    assert tree.root == rebuilt(3, {0: 1, 1: 2, 3: 4})
    tree.delete(6)
    assert (tree.next_index, tree.root) == (4, rebuilt(3, {0: 1, 1: 2, 3: 4}))


def test_subtree_roots() -> None:
    tree = MerkleTree(3)
    tree.extend(range(1, 9))
    assert tree.subtree_root(0, 5) == tree.root
    assert tree.subtree_root(3, 5) == 6
    assert tree.subtree_root(2, 5) == tree.subtree_root(2, 4) == poseidon_hash([5, 6])
    assert poseidon_hash([tree.subtree_root(1, 0), tree.subtree_root(1, 4)]) == tree.root
    for level in (-1, 4, True):
        with pytest.raises(ParameterError, match="^level: "):
            tree.subtree_root(level, 0)


def test_empty_indices() -> None:
    tree = MerkleTree(4)
    assert tree.empty_indices() == []
    tree.set(3, 9)
    assert tree.empty_indices() == [0, 1, 2]
    tree.set(1, 0)
    assert tree.empty_indices() == [0, 2]
    tree.delete(1)
    tree.delete(3)
    assert tree.empty_indices() == [0, 1, 2, 3]
    tree.set_range(0, [0, 5, 0])
    assert tree.empty_indices() == [3]
    tree.set(0, 7)
    tree.override_range(3, [1], [0, 2, 3])
    assert tree.empty_indices() == [0, 2]


def test_override_range_writes_at_its_start_and_deletes_what_is_listed() -> None:
    tree = MerkleTree(4)
    tree.extend(range(1, 9))
    tree.override_range(5, [50, 60, 70, 80], [1, 3, 6, 3, 15])
    leaves = {0: 1, 2: 3, 4: 5, 5: 50, 6: 60, 7: 70, 8: 80}
    assert [tree.get(i) for i in range(16)] == [leaves.get(i, 0) for i in range(16)]
    assert tree.root == rebuilt(4, leaves)
    assert tree.next_index == 9


def test_override_range_with_deletions_only_clears_nothing_between_them() -> None:
    tree = MerkleTree(4)
    tree.extend(range(1, 9))
    tree.override_range(0, [], [1, 6])
    assert [tree.get(i) for i in range(8)] == [1, 0, 3, 4, 5, 6, 0, 8]
    assert tree.next_index == 8


def test_proofs_verify_and_bind_leaf_path_and_tree() -> None:
    tree = MerkleTree(3)
    tree.extend([5, 5, 7])
    for index in range(8):
        proof = tree.proof(index)
        assert proof.leaf == tree.get(index)
        assert tree.verify(proof.leaf, proof)
        assert not tree.verify(proof.leaf + 1, proof)
        assert not tree.verify(proof.leaf, MerkleProof(proof.leaf, index, (1, *proof.siblings[1:])))
    assert not tree.verify(7, MerkleProof(7, 3, tree.proof(2).siblings))
    assert tree.proof(0) != tree.proof(1)
    with pytest.raises(ParameterError, match="^proof: expected a path of 3 nodes, got 4"):
        tree.verify(5, MerkleProof(5, 0, (1, 2, 3, 4)))
    old = tree.proof(0)
    tree.append(9)
    assert not tree.verify(5, old)


def test_metadata() -> None:
    tree = MerkleTree(3)
    assert tree.metadata == b""
    tree.metadata = b"block 7"
    assert tree.metadata == b"block 7"
    with pytest.raises(EncodingError, match="^metadata: "):
        tree.metadata = bytearray(3)  # type: ignore[assignment]


def test_a_failing_hash_leaves_the_tree_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MerkleTree(6)
    tree.extend(range(1, 20))
    before = [tree.subtree_root(level, index) for level in range(7) for index in range(64)]
    hash_into, calls = hashes.poseidon_into, []

    def failing(out: bytearray, packed: bytes, arity: int, threads: int | None = 1) -> None:
        calls.append(1)
        if len(calls) % 4 == 0:
            raise NativeError("out of memory")
        hash_into(out, packed, arity, threads)

    def failing_path(leaf: bytes, siblings: bytes, bits: bytes) -> bytes:
        raise NativeError("out of memory")

    monkeypatch.setattr(hashes, "poseidon_into", failing)
    monkeypatch.setattr(hashes, "merkle_path", failing_path)
    with pytest.raises(NativeError):
        tree.extend([7] * 20)
    with pytest.raises(NativeError):
        tree.override_range(0, [1, 2], [9])
    with pytest.raises(NativeError):
        tree.set(3, 7)
    monkeypatch.undo()
    assert before == [tree.subtree_root(level, index) for level in range(7) for index in range(64)]
    assert tree.next_index == 19


def test_batches_across_pages_equal_single_steps() -> None:
    many, threaded, single = MerkleTree(12), MerkleTree(12, threads=2), MerkleTree(12)
    for tree in (many, threaded):
        tree.extend(range(1, 101))
        tree.extend(range(101, 701))
    for leaf in range(1, 701):
        single.append(leaf)
    assert many.root == threaded.root == single.root
    many.override_range(0, [], range(0, 700, 2))
    for index in range(0, 700, 2):
        single.delete(index)
    assert many.root == single.root
    assert many.proof(433) == single.proof(433)


def test_readers_see_whole_states_only() -> None:
    tree = MerkleTree(8)
    roots, wrong, done = {tree.root}, [], threading.Event()

    def read() -> None:
        while not done.is_set():
            proof = tree.proof(5)
            if proof.root not in roots:
                wrong.append(proof)

    # every root of the coming states is known beforehand, from a twin
    twin = MerkleTree(8)
    for step in range(40):
        twin.set_range(0, [step + 1] * 20)
        roots.add(twin.root)
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(40):
        tree.set_range(0, [step + 1] * 20)
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert tree.root == twin.root
