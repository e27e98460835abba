"""A valid call of every public function and class that makes a value: identities, proofs, keys, trees."""

from __future__ import annotations

import hashlib
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rln
from rln.circuit import Matrix, R1cs, explain, failures, rln_multi, undetermined
from rln.circuit import rln as rln_circuit
from rln.formats.keystore import Keystore, KeystoreEntry, Pbkdf2
from rln.group.events import Change, Event, Events, Head, Registration, RootChanges, Slashing, Step
from rln.ports import KeptMessage
from rln.protocol.epoch import Epoch
from rln.protocol.waku_membership import WakuMembership
from rln.stores.memory import MemoryMark
from tests.support.call_bench import Call, CallBench, key_files
from tests.support.small_world import DEPTH, LIMIT_BITS, PERIOD

Table = dict[str, Callable[[CallBench], Call]]

SMALL = 97
"""The modulus of a small field."""


def _matrix() -> Matrix:
    return Matrix.from_rows([{1: 2, 2: 1}, {0: 1}])


def _r1cs() -> R1cs:
    one = Matrix.from_rows([{1: 1}])
    return R1cs(one, one, one, 3, 1, 1, 0)


def _circuit_fields() -> dict[str, object]:
    made = rln_circuit(DEPTH, LIMIT_BITS)
    names = (
        "name",
        "depth",
        "limit_bits",
        "max_out",
        "r1cs",
        "graph",
        "public_names",
        "inputs",
        "labels",
        "digest",
    )
    return {name: getattr(made, name) for name in names}


def _witness_values() -> list[int]:
    return [1] * 3


def _events() -> Events:
    return Events.of([Event(1, Change.REGISTERED, 0, 101, 2), Event(2, Change.REGISTERED, 1, 102, 2)])


def _event_fields() -> dict[str, object]:
    events = _events()
    return {name: getattr(events, name) for name in ("first", "changes", "indices", "commitments", "limits")}


def _tree() -> rln.MerkleTree:
    tree = rln.MerkleTree(DEPTH, threads=1)
    tree.extend([5, 6, 7])
    return tree


def _extended_circuit_witness() -> list[int]:
    return [1] + [0] * (rln_circuit(DEPTH, LIMIT_BITS).wires - 1)


def _bulletin_fields(bench: CallBench) -> dict[str, object]:
    (made,) = bench.bulletins()
    names = ("depth", "limit_bits", "after", "last", "before", "root", "at", "start", "leaves", "gone")
    return {name: getattr(made, name) for name in names} | {"gone": ()}


def _secret(bench: CallBench) -> rln.UnverifiedSecret:
    return rln.recover_unverified(*bench.first.shares, *bench.second.shares)


def _multi_fields(bench: CallBench) -> dict[str, Any]:
    first = bench.first
    return {
        "proof": first.proof,
        "ys": (first.y, 0),
        "root": first.root,
        "nullifiers": (first.nullifier, 0),
        "x": first.x,
        "external_nullifier": first.external_nullifier,
        "selector_used": (True, False),
    }


_ENTRY = KeystoreEntry(Pbkdf2(b"salt", 1), bytes(16), b"text", bytes(32))


def _keystore() -> Keystore:
    return Keystore({"ab" * 32: _ENTRY})


def _waku_membership() -> WakuMembership:
    return WakuMembership(rln.Identity.from_extended(5, 6), "59144", "0x00", 1, 3)


def _params(bench: CallBench) -> rln.Params:
    return rln.Params.of(bench.key, "story.example", PERIOD, window_count=5, skew=5)


def _params_fields(bench: CallBench) -> dict[str, object]:
    made = _params(bench)
    return {name: getattr(made, name) for name in type(made).__dataclass_fields__} | {
        "window_seconds": 60,
        "registrar_key": "0" * 63 + "1",
    }


def _saved(bench: CallBench) -> Path:
    path = bench.path()
    rln.Identity.generate().save(path)
    return path


def _evidence(bench: CallBench) -> rln.Evidence:
    return rln.Evidence(bench.first, bench.second, bench.verifying_key.digest)


def _plan(bench: CallBench) -> Call:
    tree = _tree()
    plans = tree.plan_extend(bytes(32))
    return lambda plan: tree.apply(plan), {"plan": plans}


def _never(_: float) -> None:
    """Take a part of the progress."""


VALUES: Table = {
    # ---- circuits
    "rln.circuit.Circuit": lambda _: (rln.circuit.Circuit, _circuit_fields()),
    "rln.circuit.Matrix": lambda _: (
        Matrix,
        {"row_starts": array("I", [0, 1]), "columns": array("I", [1]), "coefficients": bytes(32), "size": 32},
    ),
    "rln.circuit.Matrix.from_rows": lambda _: (Matrix.from_rows, {"rows": [{1: 5}, {}], "size": 32}),
    "rln.circuit.Matrix.row": lambda _: (_matrix().row, {"index": 1}),
    "rln.circuit.Matrix.encode_row": lambda _: (_matrix().encode_row, {"index": 1}),
    "rln.circuit.R1cs": lambda _: (
        R1cs,
        {
            **dict.fromkeys("abc", Matrix.from_rows([{1: 1}], 8)),
            "wires": 3,
            "outputs": 1,
            "public_inputs": 1,
            "private_inputs": 0,
            "modulus": SMALL,
        },
    ),
    "rln.circuit.R1cs.decode": lambda _: (
        R1cs.decode,
        {"data": _r1cs().encode(), "modulus": rln.base.scalar.ORDER},
    ),
    "rln.circuit.explain": lambda _: (
        explain,
        {"circuit": rln_circuit(DEPTH, LIMIT_BITS), "witness": _extended_circuit_witness()},
    ),
    "rln.circuit.failures": lambda _: (failures, {"r1cs": _r1cs(), "witness": _witness_values()}),
    "rln.circuit.rln": lambda _: (rln_circuit, {"depth": DEPTH, "limit_bits": LIMIT_BITS}),
    "rln.circuit.rln_multi": lambda _: (
        rln_multi,
        {"depth": DEPTH, "limit_bits": LIMIT_BITS, "max_out": 3},
    ),
    "rln.circuit.undetermined": lambda _: (undetermined, {"r1cs": _r1cs(), "given": [1, 2]}),
    # ---- events
    "rln.group.events.Event": lambda _: (
        Event,
        {"number": 1, "change": Change.REGISTERED, "index": 0, "commitment": 101, "limit": 2},
    ),
    "rln.group.events.Events": lambda _: (Events, _event_fields()),
    "rln.group.events.Events.of": lambda _: (Events.of, {"events": list(_events())}),
    "rln.group.events.Events.part": lambda _: (_events().part, {"start": 0, "stop": 1}),
    "rln.group.events.Events.positions": lambda _: (_events().positions, {"change": Change.REMOVED}),
    "rln.group.events.Events.commitment": lambda _: (_events().commitment, {"position": 1}),
    "rln.group.events.Head": lambda _: (
        Head,
        {"number": 1, "root": 5, "at": 0, "events": 1, "next_index": 1, "members": 1, "slashed_at": 0},
    ),
    "rln.group.events.Registration": lambda _: (
        Registration,
        {"index": 0, "commitment": 101, "limit": 2, "registered_in": 1, "removed_in": 2},
    ),
    "rln.group.events.RootChanges": lambda bench: (
        RootChanges,
        {"roots": ((1, 5, 0),), "slashings": (bench.slashing(),)},
    ),
    "rln.group.events.Slashing": lambda bench: (
        Slashing,
        {"commitment": 101, "noted": 1, "due": 2, "step": 3, "registrations": (bench.registration(),)},
    ),
    "rln.group.events.Slashing.is_due": lambda bench: (bench.slashing().is_due, {"now": 5}),
    "rln.group.events.Slashing.settled": lambda bench: (bench.slashing().settled, {"step": 5}),
    "rln.group.events.Step": lambda _: (
        Step,
        {"number": 1, "root": 5, "at": 0, "first": 1, "count": 1},
    ),
    # ---- keys
    "rln.keys.proving_key.ProvingKey.build_tables": lambda bench: (
        bench.key.build_tables,
        {"threads": 1, "progress": _never},
    ),
    "rln.keys.proving_key.ProvingKey.check": lambda bench: (bench.key.check, {"threads": 1}),
    "rln.keys.proving_key.ProvingKey.decode": lambda _: (
        rln.ProvingKey.decode,
        {
            "data": key_files()[0],
            "r1cs": rln_circuit(DEPTH, LIMIT_BITS).r1cs.encode(),
            "check": False,
            "threads": 1,
        },
    ),
    "rln.keys.proving_key.ProvingKey.from_arkzkey": lambda bench: (
        rln.ProvingKey.from_arkzkey,
        {
            "data": key_files()[1],
            "graph": bench.key.graph_data,
            "name": "a key",
            "r1cs": rln_circuit(DEPTH, LIMIT_BITS).r1cs.encode(),
            "limit_bits": LIMIT_BITS,
            "threads": 1,
        },
    ),
    "rln.keys.proving_key.ProvingKey.from_zkey": lambda bench: (
        rln.ProvingKey.from_zkey,
        {
            "data": key_files()[2],
            "graph": bench.key.graph_data,
            "name": "a key",
            "r1cs": rln_circuit(DEPTH, LIMIT_BITS).r1cs.encode(),
            "limit_bits": LIMIT_BITS,
            "threads": 1,
        },
    ),
    "rln.keys.proving_key.ProvingKey.load": lambda bench: (
        rln.ProvingKey.load,
        {
            "path": bench.file(key_files()[2]),
            "graph": bench.file(bench.key.graph_data),
            "r1cs": bench.file(rln_circuit(DEPTH, LIMIT_BITS).r1cs.encode()),
            "sha256": hashlib.sha256(key_files()[2]).hexdigest(),
            "limit_bits": LIMIT_BITS,
            "name": "a key",
            "threads": 1,
        },
    ),
    "rln.keys.proving_key.ProvingKey.partial": lambda bench: (
        bench.key.partial,
        {
            "witness": bench.witness(),
            "tables": None,
            "threads": 1,
            "data": bench.key.partial(bench.witness(), None).encode(1),
        },
    ),
    "rln.keys.proving_key.ProvingKey.prove": lambda bench: (
        bench.key.prove,
        {"witness": bench.witness(), "threads": 1},
    ),
    "rln.keys.proving_key.ProvingKey.public_values": lambda bench: (
        bench.key.public_values,
        {"witness": bench.witness()},
    ),
    "rln.keys.proving_key.ProvingKey.save": lambda bench: (bench.key.save, {"path": bench.path("key")}),
    "rln.keys.proving_key.ProvingKey.witness": lambda bench: (
        bench.key.witness,
        {"inputs": bench.statement().inputs(), "identity": bench.member},
    ),
    "rln.keys.setup.setup": lambda _: (
        rln.setup,
        {"circuit": rln_circuit(1, 1), "threads": 1, "progress": _never},
    ),
    "rln.keys.verifying_key.VerifyingKey.builtin": lambda _: (
        rln.VerifyingKey.builtin,
        {"name": "zerokit-20"},
    ),
    "rln.keys.verifying_key.VerifyingKey.check_rln": lambda bench: (
        bench.verifying_key.check_rln,
        {"public_inputs": 5},
    ),
    "rln.keys.verifying_key.VerifyingKey.decode": lambda bench: (
        rln.VerifyingKey.decode,
        {"data": bench.verifying_key.encode(), "compressed": True},
    ),
    "rln.keys.verifying_key.VerifyingKey.encode": lambda bench: (
        bench.verifying_key.encode,
        {"compressed": True},
    ),
    "rln.keys.verifying_key.VerifyingKey.from_json": lambda bench: (
        rln.VerifyingKey.from_json,
        {"data": bench.verifying_key.to_json()},
    ),
    "rln.keys.verifying_key.VerifyingKey.from_proving_key": lambda _: (
        rln.VerifyingKey.from_proving_key,
        {"data": key_files()[1], "layout": "ark"},
    ),
    "rln.keys.verifying_key.VerifyingKey.verify": lambda bench: (
        bench.verifying_key.verify,
        {"public_values": list(bench.first.public_inputs), "proof": bench.first.proof},
    ),
    "rln.keys.verifying_key.VerifyingKey.verify_many": lambda bench: (
        bench.verifying_key.verify_many,
        {"proofs": [bench.first, bench.second], "threads": 1},
    ),
    # ---- trees
    "rln.merkle.proof.MerkleProof": lambda _: (
        rln.MerkleProof,
        {"leaf": 5, "index": 1, "siblings": (5, 6)},
    ),
    "rln.merkle.proof.MerkleProof.from_path": lambda _: (
        rln.MerkleProof.from_path,
        {"leaf": 5, "siblings": [5, 6], "bits": [0, 1]},
    ),
    "rln.merkle.proof.MerkleProof.root_of": lambda _: (_tree().proof(1).root_of, {"leaf": 5}),
    "rln.merkle.tree.MerkleTree": lambda _: (rln.MerkleTree, {"depth": DEPTH, "threads": 1}),
    "rln.merkle.tree.MerkleTree.append": lambda _: (_tree().append, {"leaf": 5}),
    "rln.merkle.tree.MerkleTree.apply": _plan,
    "rln.merkle.tree.MerkleTree.delete": lambda _: (_tree().delete, {"index": 1}),
    "rln.merkle.tree.MerkleTree.extend": lambda _: (_tree().extend, {"leaves": [5, 6]}),
    "rln.merkle.tree.MerkleTree.extend_packed": lambda _: (_tree().extend_packed, {"packed": bytes(32)}),
    "rln.merkle.tree.MerkleTree.from_state": lambda _: (
        rln.MerkleTree.from_state,
        {"state": _tree().state(), "threads": 1},
    ),
    "rln.merkle.tree.MerkleTree.get": lambda _: (_tree().get, {"index": 1}),
    "rln.merkle.tree.MerkleTree.override_range": lambda _: (
        _tree().override_range,
        {"start": 0, "leaves": [5, 6], "deleted": [2]},
    ),
    "rln.merkle.tree.MerkleTree.plan": lambda _: (
        _tree().plan,
        {"start": 0, "packed": bytes(32), "deleted": [2]},
    ),
    "rln.merkle.tree.MerkleTree.plan_extend": lambda _: (_tree().plan_extend, {"packed": bytes(32)}),
    "rln.merkle.tree.MerkleTree.proof": lambda _: (_tree().proof, {"index": 1}),
    "rln.merkle.tree.MerkleTree.set": lambda _: (_tree().set, {"index": 1, "leaf": 5}),
    "rln.merkle.tree.MerkleTree.set_range": lambda _: (_tree().set_range, {"start": 0, "leaves": [5, 6]}),
    "rln.merkle.tree.MerkleTree.subtree_root": lambda _: (_tree().subtree_root, {"level": 1, "index": 1}),
    "rln.merkle.tree.MerkleTree.verify": lambda _: (_tree().verify, {"leaf": 6, "proof": _tree().proof(1)}),
    # ---- parameters
    "rln.params.Params": lambda bench: (rln.Params, _params_fields(bench)),
    "rln.params.Params.check_key": lambda bench: (_params(bench).check_key, {"key": bench.key}),
    "rln.params.Params.decode": lambda bench: (
        rln.Params.decode,
        {"data": _params(bench).encode(), "digest": _params(bench).digest},
    ),
    "rln.params.Params.of": lambda bench: (
        rln.Params.of,
        {
            "key": bench.key,
            "application": "story.example",
            "period": 60,
            "window_count": 5,
            "window_seconds": 60,
            "registrar_key": bytes(31) + b"\1",
            "skew": 5,
            "signal_format": "joined",
        },
    ),
    "rln.params.Params.key_differences": lambda bench: (_params(bench).key_differences, {"key": bench.key}),
    "rln.params.Params.verifying_key_differences": lambda bench: (
        _params(bench).verifying_key_differences,
        {"key": bench.verifying_key},
    ),
    "rln.params.Params.clock": lambda bench: (
        _params(bench).clock,
        {"mark": MemoryMark(), "now": lambda: 1.7e9},
    ),
    "rln.params.Params.window": lambda bench: (_params(bench).window, {"now": lambda: 1.7e9}),
    "rln.params.Params.signal": lambda bench: (_params(bench).signal, {"parts": [b"text"]}),
    "rln.params.Params.check_signal": lambda bench: (_params(bench).check_signal, {"signal": b"text"}),
    "rln.params.Params.check_clock": lambda bench: (_params(bench).check_clock, {"clock": bench.world.clock}),
    "rln.params.Params.check_verifier": lambda bench: (
        _params(bench).check_verifier,
        {"verifying_key": bench.verifying_key, "clock": bench.world.clock},
    ),
    # ---- the protocol
    "rln.protocol.epoch.Epoch": lambda bench: (
        Epoch,
        {
            "index": 5,
            "period": 60,
            "identifier": b"id",
            "external_nullifier": bench.epoch.external_nullifier,
        },
    ),
    "rln.protocol.epoch.Epoch.of": lambda _: (Epoch.of, {"index": 5, "period": 60, "identifier": b"id"}),
    "rln.protocol.epoch.EpochClock": lambda _: (
        rln.EpochClock,
        {
            "application": "story.example",
            "period": 60,
            "skew": 5.0,
            "past_gap": 1,
            "future_gap": 1,
            "mark": MemoryMark(),
            "now": time.time,
        },
    ),
    "rln.protocol.epoch.EpochClock.epoch": lambda bench: (bench.world.clock.epoch, {"index": 5}),
    "rln.protocol.epoch.EpochClock.find": lambda bench: (
        bench.world.clock.find,
        {"external_nullifier": bench.epoch.external_nullifier},
    ),
    "rln.protocol.epoch.EpochClock.opened": lambda bench: (bench.world.clock.opened, {"epoch": bench.epoch}),
    "rln.protocol.epoch.EpochClock.waku": lambda _: (
        rln.EpochClock.waku,
        {
            "identifier": bytes(32),
            "period": 60,
            "skew": 5.0,
            "past_gap": 1,
            "future_gap": 1,
            "mark": MemoryMark(),
            "now": time.time,
        },
    ),
    "rln.protocol.hashing.hash_to_field": lambda _: (rln.hash_to_field, {"message": b"text"}),
    "rln.protocol.hashing.poseidon_hash": lambda _: (rln.poseidon_hash, {"inputs": [5, 6]}),
    "rln.protocol.identity.Identity.load": lambda bench: (rln.Identity.load, {"path": _saved(bench)}),
    "rln.protocol.identity.Identity.save": lambda bench: (
        rln.Identity.generate().save,
        {"path": bench.path()},
    ),
    "rln.protocol.identity.Identity.from_extended": lambda _: (
        rln.Identity.from_extended,
        {"trapdoor": 5, "nullifier": 6},
    ),
    "rln.protocol.identity.Identity.from_secret": lambda _: (rln.Identity.from_secret, {"secret": 5}),
    "rln.protocol.identity.Identity.from_seed": lambda _: (
        rln.Identity.from_seed,
        {"seed": bytes(16), "extended": True},
    ),
    "rln.protocol.identity.Identity.share": lambda bench: (
        bench.member.share,
        {"x": 5, "external_nullifier": 6, "message_id": 0},
    ),
    "rln.protocol.identity.UnverifiedSecret.confirm": lambda bench: (
        _secret(bench).confirm,
        {"commitment": bench.member.commitment},
    ),
    "rln.protocol.membership.Membership": lambda bench: (
        rln.Membership,
        {"index": 0, "limit": 2, "commitment": 101, "paths": bench.world.group.proof},
    ),
    "rln.protocol.proof.MultiRlnProof": lambda bench: (rln.MultiRlnProof, _multi_fields(bench)),
    "rln.protocol.proof.MultiRlnProof.decode": lambda bench: (
        rln.MultiRlnProof.decode,
        {"data": rln.MultiRlnProof(**_multi_fields(bench)).encode("zerokit-3"), "codec": "zerokit-3"},
    ),
    "rln.protocol.proof.MultiRlnProof.encode": lambda bench: (
        rln.MultiRlnProof(**_multi_fields(bench)).encode,
        {"codec": "zerokit-3"},
    ),
    "rln.ports.KeptMessage": lambda _: (
        KeptMessage,
        {"epoch_index": 5, "ids": range(1), "message": b"message"},
    ),
    "rln.protocol.proof.RlnProof": lambda bench: (
        rln.RlnProof,
        {
            "proof": bench.first.proof,
            "y": 5,
            "root": 6,
            "nullifier": 7,
            "x": 8,
            "external_nullifier": 9,
        },
    ),
    "rln.protocol.proof.RlnProof.decode": lambda bench: (
        rln.RlnProof.decode,
        {"data": bench.first.encode(), "codec": "zerokit-0.9"},
    ),
    "rln.protocol.proof.RlnProof.encode": lambda bench: (bench.first.encode, {"codec": "zerokit-0.9"}),
    "rln.protocol.recovery.recover_secret": lambda bench: (
        rln.recover_secret,
        {"first": bench.first, "second": bench.second, "commitment": bench.member.commitment},
    ),
    "rln.protocol.recovery.recover_unverified": lambda bench: (
        rln.recover_unverified,
        {"first": bench.first, "second": bench.second},
    ),
    "rln.protocol.share.Share": lambda _: (rln.Share, {"x": 5, "y": 6, "nullifier": 7}),
    "rln.protocol.signal.hash_signal": lambda _: (rln.hash_signal, {"signal": b"text"}),
    "rln.protocol.signal.join_signal": lambda _: (
        rln.join_signal,
        {"domain": "a chat", "parts": [b"text", b""]},
    ),
    # ---- keystores
    "rln.formats.keystore.Keystore": lambda _: (
        Keystore,
        {"entries": {"ab" * 32: _ENTRY}, "application": "a", "app_identifier": "b", "version": "1"},
    ),
    "rln.formats.keystore.Keystore.decode": lambda _: (Keystore.decode, {"data": _keystore().encode()}),
    "rln.formats.keystore.Keystore.entry": lambda _: (_keystore().entry, {"label": "ab" * 32}),
    "rln.formats.keystore.Keystore.with_entry": lambda _: (
        _keystore().with_entry,
        {"label": "cd" * 32, "entry": _ENTRY},
    ),
    "rln.formats.keystore.KeystoreEntry": lambda _: (
        KeystoreEntry,
        {"kdf": Pbkdf2(b"salt", 1), "iv": bytes(16), "ciphertext": b"text", "mac": bytes(32)},
    ),
    "rln.formats.keystore.KeystoreEntry.decrypt": lambda _: (
        KeystoreEntry.encrypt(b"text", "a password", 10_000).decrypt,
        {"password": "a password"},
    ),
    "rln.formats.keystore.KeystoreEntry.encrypt": lambda _: (
        KeystoreEntry.encrypt,
        {"plaintext": b"text", "password": "a password", "iterations": 10_000},
    ),
    "rln.protocol.waku_membership.WakuMembership": lambda _: (
        WakuMembership,
        {
            "identity": rln.Identity.from_extended(5, 6),
            "chain_id": "59144",
            "address": "0x00",
            "index": 1,
            "limit": 3,
        },
    ),
    "rln.protocol.waku_membership.WakuMembership.check_leaf": lambda _: (
        _waku_membership().check_leaf,
        {"leaf": _waku_membership().leaf},
    ),
    "rln.protocol.waku_membership.WakuMembership.decode": lambda _: (
        WakuMembership.decode,
        {"data": _waku_membership().encode()},
    ),
    "rln.protocol.waku_membership.WakuMembership.lock": lambda _: (
        _waku_membership().lock,
        {"password": "a password", "iterations": 10_000},
    ),
    "rln.protocol.waku_membership.WakuMembership.unlock": lambda _: (
        WakuMembership.unlock,
        {
            "keystore": Keystore().with_entry(*_waku_membership().lock("a password", 10_000)),
            "password": "a password",
            "label": _waku_membership().label,
        },
    ),
    # ---- bulletins
    "rln.sync.bulletin.Bulletin": lambda bench: (rln.Bulletin, _bulletin_fields(bench)),
    "rln.sync.bulletin.Bulletin.decode": lambda bench: (
        rln.Bulletin.decode,
        {"data": next(bench.bulletins()).encode()},
    ),
    "rln.sync.bulletin.Bulletin.most_bytes": lambda _: (rln.Bulletin.most_bytes, {"depth": 20}),
    # ---- verdicts
    "rln.verifying.evidence.Evidence": lambda bench: (
        rln.Evidence,
        {"first": bench.first, "second": bench.second, "verifying_key": bench.verifying_key.digest},
    ),
    "rln.verifying.evidence.Evidence.check": lambda bench: (
        _evidence(bench).check,
        {"verifying_key": bench.verifying_key},
    ),
    "rln.verifying.evidence.Evidence.decode": lambda bench: (
        rln.Evidence.decode,
        {"data": _evidence(bench).encode()},
    ),
    "rln.verifying.verdict.Invalid": lambda _: (
        rln.Invalid,
        {"reason": rln.Reason.BAD_PROOF, "detail": "why"},
    ),
    "rln.verifying.verdict.RateLimitViolation": lambda bench: (
        rln.RateLimitViolation,
        {"identity_secret": bench.member.secret(), "evidence": _evidence(bench)},
    ),
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
