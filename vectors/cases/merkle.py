"""merkle.json: roots over leaves from index 0, and roots over one path."""

from collections.abc import Sequence

from oracle.field import P, R, decode, encode
from oracle.merkle import root_of, tree_root, zero_hashes

from . import form


def _tree(
    identifier: str, why: str, depth: int, leaves: Sequence[bytes], flags: Sequence[str] = ()
) -> form.Case:
    def answer() -> str:
        return encode(tree_root(depth, [decode(leaf) for leaf in leaves])).hex()

    given = {"depth": depth, "leaves": [leaf.hex() for leaf in leaves]}
    return form.case(identifier, why, given, answer, flags)


def _path(
    identifier: str,
    why: str,
    leaf: bytes,
    siblings: Sequence[bytes],
    bits: Sequence[int],
    flags: Sequence[str] = (),
) -> form.Case:
    def answer() -> str:
        return encode(root_of(decode(leaf), [decode(value) for value in siblings], bits)).hex()

    given = {"leaf": leaf.hex(), "siblings": [value.hex() for value in siblings], "bits": bits}
    return form.case(identifier, why, given, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    cases: list[form.Case] = []
    for depth in (1, 2, 3, 10, 16, 20, 32):
        cases.append(_tree(f"empty-{depth}", "the chain of zero hashes", depth, []))
    for depth in (3, 10, 20):
        for count in (1, 2, 3, 5, 8):
            leaves = [encode(i + 1) for i in range(count)]
            cases.append(_tree(f"count-{depth}-{count}", "leaves 1 .. n from index 0", depth, leaves))
    cases.append(_tree("pairs", "zerokit's eight leaves 0 .. 7", 3, [encode(i) for i in range(8)]))
    for depth in (1, 2, 3):
        leaves = [encode(i + 1) for i in range(2**depth + 1)]
        cases.append(_tree(f"too-many-{depth}", "one leaf more than fits", depth, leaves, ["full"]))
    for depth in (0, 33, 64):
        cases.append(_tree(f"depth-{depth}", "depths are 1 to 32", depth, [], ["parameter"]))
    for i, value in enumerate((R, R + 1, P, 2**256 - 1)):
        cases.append(_tree(f"leaf-range-{i}", "a leaf that is not canonical", 3, [encode(value)], ["range"]))
    zeros = [encode(value) for value in zero_hashes(20)[:-1]]
    leaf = encode(0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA)
    for index in (0, 1, 3, 2**20 - 1, 0b10101):
        bits = [index >> level & 1 for level in range(20)]
        cases.append(_path(f"path-{index}", "index 3 is zerokit's test_merkle_proof", leaf, zeros, bits))
    bits = [1, 1, *[0] * 18]
    for count in (0, 1, 19, 21):
        path = (zeros + zeros)[:count]
        cases.append(
            _path(f"path-length-{count}", "siblings and bits differ in number", leaf, path, bits, ["length"])
        )
    for value in (2, 3, 128, 255):
        for level in (0, 7, 19):
            wrong = [*bits[:level], value, *bits[level + 1 :]]
            why = "a direction is 0 or 1"
            cases.append(_path(f"path-bit-{value}-{level}", why, leaf, zeros, wrong, ["parameter"]))
    for level in (0, 9, 19):
        path = [*zeros[:level], encode(R), *zeros[level + 1 :]]
        cases.append(
            _path(f"path-range-{level}", "a sibling that is not canonical", leaf, path, bits, ["range"])
        )
    cases.append(_path("path-leaf-range", "a leaf that is not canonical", encode(R), zeros, bits, ["range"]))
    return form.document(
        "computed by vectors/oracle/merkle.py; path-3 equals rln/tests/protocol.rs of vacp2p/zerokit e077b5b",
        "hex of 32 bytes, little-endian; bits: 0 when the node is the left child, the leaf's level first",
        cases,
    )
