"""The membership tree: fixed depth, Poseidon nodes, empty leaves 0. Source: zerokit-spec 8."""

from collections.abc import Sequence

from .field import Refused
from .poseidon import poseidon


def root_of(leaf: int, siblings: Sequence[int], bits: Sequence[int]) -> int:
    """Hash from a leaf up to the root. Bit 0 means that the current node is the left child."""
    if len(siblings) != len(bits):
        raise Refused("length")
    for sibling, bit in zip(siblings, bits, strict=True):
        if bit not in (0, 1):
            raise Refused("parameter")
        leaf = poseidon([sibling, leaf] if bit else [leaf, sibling])
    return leaf


def zero_hashes(depth: int) -> list[int]:
    """Return the roots of empty trees of depth 0 to `depth`."""
    zeros = [0]
    for _ in range(depth):
        zeros.append(poseidon([zeros[-1], zeros[-1]]))
    return zeros


def tree_root(depth: int, leaves: Sequence[int]) -> int:
    """Return the root over leaves at index 0, 1, 2, ..."""
    if not 1 <= depth <= 32:
        raise Refused("parameter")
    if len(leaves) > 2**depth:
        raise Refused("full")
    level = list(leaves)
    for zero in zero_hashes(depth)[:-1]:
        if len(level) % 2:
            level.append(zero)
        level = [poseidon(level[i : i + 2]) for i in range(0, len(level), 2)] or []
    return level[0] if level else zero_hashes(depth)[-1]
