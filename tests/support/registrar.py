"""A registrar for the tests of mirrors and bulletins."""

from collections.abc import Sequence

from rln.merkle.tree import MerkleTree
from rln.sync.bulletin import Bulletin
from tests.support.small_world import DEPTH, LIMIT_BITS


class Registrar:
    """Publishes a bulletin for each change of its own tree."""

    def __init__(self, depth: int = DEPTH) -> None:
        self.tree = MerkleTree(depth)
        self.step = 0

    def change(self, leaves: Sequence[int] = (), gone: Sequence[int] = ()) -> Bulletin:
        """Append leaves, clear the leaves at the indices in `gone`, and return the bulletin of that step."""
        before, start = self.tree.root, self.tree.next_index
        packed = b"".join(leaf.to_bytes(32, "little") for leaf in leaves)
        self.tree.override_range(start, leaves, gone)
        self.step += 1
        return Bulletin(
            depth=self.tree.depth,
            limit_bits=LIMIT_BITS,
            after=self.step - 1,
            last=self.step,
            before=before,
            root=self.tree.root,
            at=1_700_000_000_000 + self.step,
            start=start,
            leaves=packed,
            gone=tuple(gone),
        )
