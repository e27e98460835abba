"""zerokit's own witness graphs, and the hash of the witness for zerokit's golden input."""

import hashlib
import time
from pathlib import Path

import pytest

from rln.lowlevel import hashes, identity
from rln.lowlevel.witness import Graph, Witness

GOLDEN = "4f14062029a53b06a0be656e82cea5024493a3a9cdc9e5fdcfe4f4ddd237ab25"
SHAPES = [
    # directory, depth, message ids; nodes, wires, slots (zerokit-spec 5.3)
    ("tree_depth_20", 20, 1, 23414, 5844, 46),
    ("tree_depth_10", 10, 1, 13944, 3404, 26),
    ("tree_depth_20/multi_message_id/max_out_4", 20, 4, 29254, 7401, 53),
    ("tree_depth_10/multi_message_id/max_out_4", 10, 4, 19784, 4961, 33),
]


def word(value: int) -> bytes:
    return value.to_bytes(32, "little")


def empty_path(depth: int) -> bytes:
    """Return the roots of empty trees of height 0 .. depth - 1, which are the path of the only leaf."""
    siblings = [bytes(32)]
    while len(siblings) < depth:
        siblings.append(hashes.poseidon([siblings[-1], siblings[-1]]))
    return b"".join(siblings)


def external_nullifier() -> bytes:
    return hashes.poseidon([hashes.hash_to_field(text) for text in (b"test-epoch", b"test-rln-identifier")])


def fill_slots(graph: Graph, given: dict[str, bytes]) -> bytes:
    """Put every named input into its slots; every name of the graph must be given."""
    slots = bytearray(32 * graph.input_size)
    assert given.keys() == graph.inputs.keys()
    for name, value in given.items():
        offset, length = graph.inputs[name]
        assert len(value) == 32 * length, name
        slots[32 * offset : 32 * (offset + length)] = value
    return bytes(slots)


def golden_inputs(depth: int) -> dict[str, bytes]:
    return {
        "identitySecret": hashes.hash_to_field(b"test-merkle-proof"),
        "userMessageLimit": word(100),
        "messageId": word(1),
        "pathElements": empty_path(depth),
        "identityPathIndex": word(1) + word(1) + bytes(32 * (depth - 2)),
        "x": hashes.hash_to_field(b"hey hey"),
        "externalNullifier": external_nullifier(),
    }


@pytest.mark.parametrize(("directory", "depth", "ids", "nodes", "wires", "slots"), SHAPES)
def test_a_shipped_graph_loads_with_its_shape(
    zerokit_dir: Path, directory: str, depth: int, ids: int, nodes: int, wires: int, slots: int
) -> None:
    graph = Graph.load((zerokit_dir / directory / "graph.bin").read_bytes())
    assert (graph.node_count, graph.witness_size, graph.input_size) == (nodes, wires, slots)
    assert graph.inputs["pathElements"][1] == graph.inputs["identityPathIndex"][1] == depth
    assert graph.inputs["messageId"][1] == ids


def test_the_golden_witness_has_its_hash(zerokit_dir: Path) -> None:
    graph = Graph.load((zerokit_dir / "tree_depth_20" / "graph.bin").read_bytes())
    given = golden_inputs(20)
    witness = Witness(graph, fill_slots(graph, given))
    assert hashlib.sha256(witness.read(0, witness.size)).hexdigest() == GOLDEN

    alice = identity.from_secret(given["identitySecret"])
    slot = graph.inputs["identitySecret"][0]
    hidden = Witness(graph, fill_slots(graph, given | {"identitySecret": bytes(32)}), alice, slot)
    assert hidden.read(0, hidden.size) == witness.read(0, witness.size)


def test_the_public_wires_are_what_the_relation_says(zerokit_dir: Path) -> None:
    """Wires 1..5: y, root, nullifier, x, external nullifier (zerokit-spec 4.1)."""
    for directory, depth in (("tree_depth_20", 20), ("tree_depth_10", 10)):
        graph = Graph.load((zerokit_dir / directory / "graph.bin").read_bytes())
        given = golden_inputs(depth)
        witness = Witness(graph, fill_slots(graph, given))
        alice = identity.from_secret(given["identitySecret"])
        y, nullifier = identity.share(alice, given["x"], given["externalNullifier"], given["messageId"])
        leaf = hashes.poseidon([identity.commitment(alice), given["userMessageLimit"]])
        root = hashes.merkle_root(leaf, given["pathElements"], bytes([1, 1] + [0] * (depth - 2)))
        assert witness.read(1, 5) == y + root + nullifier + given["x"] + given["externalNullifier"]


def test_the_multi_graph_answers_only_for_selected_ids(zerokit_dir: Path) -> None:
    graph = Graph.load((zerokit_dir / "tree_depth_20/multi_message_id/max_out_4" / "graph.bin").read_bytes())
    given = golden_inputs(20) | {
        "messageId": b"".join(map(word, (1, 2, 3, 4))),
        "selectorUsed": b"".join(map(word, (1, 0, 1, 0))),
    }
    witness = Witness(graph, fill_slots(graph, given))
    alice = identity.from_secret(given["identitySecret"])
    nothing = (bytes(32), bytes(32))
    shares = [
        identity.share(alice, given["x"], given["externalNullifier"], word(message_id)) if used else nothing
        for used, message_id in ((True, 1), (False, 2), (True, 3), (False, 4))
    ]
    leaf = hashes.poseidon([identity.commitment(alice), given["userMessageLimit"]])
    root = hashes.merkle_root(leaf, given["pathElements"], bytes([1, 1] + [0] * 18))
    public = [y for y, _ in shares] + [root] + [nullifier for _, nullifier in shares]
    public += [given["x"], given["externalNullifier"], given["selectorUsed"]]
    assert witness.read(1, 15) == b"".join(public)


def test_the_depth_20_graph_takes_about_a_millisecond(zerokit_dir: Path) -> None:
    graph = Graph.load((zerokit_dir / "tree_depth_20" / "graph.bin").read_bytes())
    inputs = fill_slots(graph, golden_inputs(20))
    best = 1.0
    for _ in range(20):
        start = time.process_time()
        Witness(graph, inputs)
        best = min(best, time.process_time() - start)
    assert best < 0.01
