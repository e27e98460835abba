"""Threats A3, A5 to A8, A14, A16: the rules of the protocol itself."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.base.scalar import ORDER
from rln.circuit import explain, failures
from rln.errors import FieldRangeError, ParameterError, Reason, RecoveryError, StoreUnavailable
from rln.group.events import Change, Event, Events, Step
from rln.ports import MemberRegistry
from rln.protocol.membership import PackedMembers, rate_commitment
from rln.protocol.statement import Statement
from rln.stores import open_members
from rln.stores.memory import MemoryMessageIds
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS
from tests.threats.full_world import FullWorld
from tests.unit.circuit import evaluator
from tests.unit.circuit.test_relation import bits_can_be_chosen
from tests.unit.cli.terminal import run, run_json

scalars = st.one_of(
    st.sampled_from([0, 1, 2, ORDER - 1, ORDER - 2, (ORDER - 1) // 2, 2**64 - 1, 2**128, 2**253]),
    st.integers(0, ORDER - 1),
)
nonzero = scalars.filter(bool)


def on_line(first: rln.Share, second: rln.Share) -> tuple[int, int]:
    """Compute secret and slope in plain integers, with the formulas of the row."""
    inverse = pow(second.x - first.x, -1, ORDER)
    secret = (first.y * second.x - second.y * first.x) * inverse % ORDER
    return secret, (first.y - second.y) * pow(first.x - second.x, -1, ORDER) % ORDER


# ---- A3 ---------------------------------------------------------------------------------------------


@given(nonzero, nonzero, nonzero, scalars, st.integers(0, 65535))
def test_a3_two_shares_of_a_slot_recover_the_secret(
    secret: int, x1: int, x2: int, external: int, message_id: int
) -> None:
    identity = rln.Identity.from_secret(secret)
    first, second = (identity.share(x, external, message_id) for x in (x1, x2))
    if x1 == x2:
        with pytest.raises(RecoveryError, match="same x"):
            rln.recover_secret(first, second)
        return
    assert on_line(first, second)[0] == secret
    assert rln.poseidon_hash([on_line(first, second)[1]]) == first.nullifier == second.nullifier
    assert rln.recover_secret(first, second).reveal() == rln.recover_secret(second, first).reveal() == secret


@given(nonzero, nonzero, nonzero, nonzero)
def test_a3_a_line_that_does_not_match_the_nullifier_is_refused(
    secret: int, x1: int, x2: int, shift: int
) -> None:
    identity = rln.Identity.from_secret(secret)
    first, second = identity.share(x1, 5, 0), identity.share(x2, 5, 0)
    moved = rln.Share(second.x, (second.y + shift) % ORDER, second.nullifier)
    with pytest.raises(RecoveryError):
        rln.recover_secret(first, moved)


def test_a3_a_second_message_on_one_id_is_not_served_and_gets_the_sender_slashed(
    full_world: FullWorld,
) -> None:
    mallory, bob = full_world.join(limit=1), full_world.join()
    verifier = full_world.verifier(was_member=full_world.group.was_member)
    first, second = (full_world.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    assert verifier.submit(first, b"one") == rln.Valid()
    verdict = verifier.submit(second, b"two")
    assert isinstance(verdict, rln.RateLimitViolation)
    assert verdict.identity_secret.reveal() == mallory.secret().reveal()
    assert len(full_world.log) == 1
    full_world.group.slash(verdict.identity_secret)
    assert not full_world.group.is_member(mallory.commitment)
    assert rln.MerkleTree.from_state(full_world.group.picture().tree).get(0) == 0
    assert full_world.group.is_member(bob.commitment)


def test_a3_a_recovered_secret_that_was_never_registered_is_an_alarm(full_world: FullWorld) -> None:
    mallory = full_world.join(limit=1)
    verifier = full_world.verifier(was_member=lambda commitment: False)
    first, second = (full_world.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    assert verifier.submit(first, b"one") == rln.Valid()
    with pytest.raises(rln.IntegrityAlarm, match="never registered"):
        verifier.submit(second, b"two")


# ---- A5 ---------------------------------------------------------------------------------------------


@given(nonzero, nonzero, nonzero, nonzero, scalars)
def test_a5_shares_of_two_honest_members_recover_nothing(
    secret1: int, secret2: int, x1: int, x2: int, external: int
) -> None:
    if secret1 == secret2:
        return
    first = rln.Identity.from_secret(secret1).share(x1, external, 0)
    second = rln.Identity.from_secret(secret2).share(x2, external, 0)
    assert first.nullifier != second.nullifier
    with pytest.raises(RecoveryError, match="different nullifiers|same x"):
        rln.recover_secret(first, second)
    # A false nullifier is found too, because the line does not match it.
    with pytest.raises(RecoveryError):
        rln.recover_secret(first, rln.Share(second.x, second.y, first.nullifier))


# ---- A6 ---------------------------------------------------------------------------------------------

LIMIT = 100
BAD_IDS = [LIMIT, LIMIT + 1, ORDER - 1, 65536, 65535, -1 % ORDER - 65535]


def inputs_with(full_world: FullWorld, message_id: int) -> tuple[rln.Identity, dict[str, tuple[int, ...]]]:
    """Make an honest statement, then change its message id after all checks in Python."""
    member = full_world.join(limit=LIMIT)
    path = full_world.group.proof(0)
    statement = Statement.spend(full_world.key.parameters, LIMIT, (LIMIT - 1,), path, 7, 8)
    return member, {**statement.inputs(), "messageId": (message_id,)}


@pytest.mark.parametrize("message_id", BAD_IDS)
def test_a6_an_id_at_the_limit_has_no_satisfying_witness(full_world: FullWorld, message_id: int) -> None:
    circuit = rln.circuit.rln()
    member, inputs = inputs_with(full_world, message_id)
    with pytest.raises(ParameterError, match="^messageId: expected 0 to 99"):
        Statement.spend(full_world.key.parameters, LIMIT, (message_id,), full_world.group.proof(0), 7, 8)
    given_inputs = {name: list(values) for name, values in inputs.items()}
    given_inputs["identitySecret"] = [member.secret().reveal()]
    witness = evaluator.evaluate(evaluator.load(circuit.graph), given_inputs)
    broken = {circuit.labels[index] for index in failures(circuit.r1cs, witness)}
    assert broken
    assert broken <= {"messageId", "limit"}
    # No choice of the bits satisfies the constraints, so no witness with this id exists.
    assert not all(bits_can_be_chosen(circuit, witness, label) for label in ("messageId", "limit"))
    with closing(full_world.key.witness(inputs, member)) as forced:
        values = full_world.key.public_values(forced)
        assert not full_world.key.verifying_key.verify(values, full_world.key.prove(forced))


def test_a6_the_last_id_below_the_limit_is_provable(full_world: FullWorld) -> None:
    circuit = rln.circuit.rln()
    member, inputs = inputs_with(full_world, LIMIT - 1)
    with closing(full_world.key.witness(inputs, member)) as witness:
        data = witness.read(0, witness.size)
        wires = [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]
        assert explain(circuit, wires) is None
        values = full_world.key.public_values(witness)
        assert full_world.key.verifying_key.verify(values, full_world.key.prove(witness))


@pytest.mark.parametrize("message_id", BAD_IDS[:4])
def test_a6_the_prover_refuses_before_it_proves(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch, message_id: int
) -> None:
    class LyingMessageIds(MemoryMessageIds):
        def reserve(self, *_: object, **__: object) -> range:
            return range(message_id, message_id + 1)

    prover = full_world.prover(full_world.join(limit=LIMIT), ids=LyingMessageIds())
    monkeypatch.setattr(rln.ProvingKey, "witness", forbidden)
    monkeypatch.setattr(rln.ProvingKey, "prove", forbidden)
    with pytest.raises(StoreUnavailable, match=f"^ids: expected ids from 0 to {LIMIT - 1}"):
        prover.prove(b"x")


def forbidden(*_: object, **__: object) -> None:
    raise AssertionError("the secret was touched")


# ---- A7 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit", [0, 65537, 70000, 2**17, ORDER - 1, ORDER, -1, True, False, 1.0, "1", None, b"\x01"]
)
def test_a7_a_limit_outside_1_to_65536_is_refused(full_world: FullWorld, limit: object) -> None:
    member = full_world.join()
    root = full_world.group.root
    with pytest.raises(ParameterError):
        full_world.group.register(12345, limit)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        full_world.group.register_many([(54321, 1), (12345, limit)])  # type: ignore[list-item]
    assert (full_world.group.root, len(full_world.group)) == (root, 1)
    path = full_world.group.proof(0)
    with pytest.raises(ParameterError, match="^userMessageLimit: expected"):
        Statement.spend(full_world.key.parameters, limit, (0,), path, 7, 8)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        rln.Prover(
            member,
            rln.Membership(0, limit, member.commitment),  # type: ignore[arg-type]
            full_world.key,
            ids=MemoryMessageIds(),
            clock=full_world.clock,
        )


@pytest.mark.parametrize("limit", [1, 65536])
def test_a7_both_ends_of_the_range_are_limits(full_world: FullWorld, limit: int) -> None:
    member = full_world.join(limit)
    path = full_world.group.proof(0)
    statement = Statement.spend(full_world.key.parameters, limit, (limit - 1,), path, 7, 8)
    with closing(full_world.key.witness(statement.inputs(), member)) as witness:
        assert full_world.key.verifying_key.verify(
            full_world.key.public_values(witness), full_world.key.prove(witness)
        )


@given(st.one_of(st.integers(), st.integers(-3, 70000), st.floats(), st.booleans()))
@settings(max_examples=200)
def test_a7_the_registry_accepts_only_whole_numbers_of_its_range(limit: object) -> None:
    group = rln.Group(4, 16)
    good = type(limit) is int and 1 <= limit <= 65536
    if good:
        assert group.register(99, limit).limit == limit  # type: ignore[arg-type]
    else:
        with pytest.raises(ParameterError):
            group.register(99, limit)  # type: ignore[arg-type]
    assert len(group) == good


# ---- A8 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stub", [0, ORDER, 2 * ORDER])
def test_a8_a_hash_of_zero_stops_the_prover_before_the_secret(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch, stub: int
) -> None:
    ids = MemoryMessageIds()
    member = full_world.join(limit=1)
    prover = full_world.prover(member, ids=ids)
    with monkeypatch.context() as patch:
        patch.setattr("rln.protocol.signal.hash_to_field", lambda _: stub)
        for method in ("witness", "prove"):
            patch.setattr(rln.ProvingKey, method, forbidden)
        patch.setattr(rln.Identity, "share", forbidden)
        with pytest.raises(ParameterError if stub == 0 else FieldRangeError):
            prover.prove(b"x")
    prover.prove(b"no id was burnt")


@pytest.mark.parametrize("stub", [0, ORDER])
def test_a8_a_hash_of_zero_is_refused_by_the_verifier(
    full_world: FullWorld, monkeypatch: pytest.MonkeyPatch, stub: int
) -> None:
    proof = full_world.prover(full_world.join()).prove(b"x")
    verifier = full_world.verifier()
    monkeypatch.setattr("rln.protocol.signal.hash_to_field", lambda _: stub)
    verdict = verifier.submit(proof, b"x")
    assert isinstance(verdict, rln.Invalid)
    assert verdict.reason in (Reason.WRONG_SIGNAL, Reason.MALFORMED)
    assert verifier.submit_many([(proof, b"x")]) == [verdict]
    assert len(full_world.log) == 0


def test_a8_no_object_with_x_zero_can_be_made(sample_proof: rln.RlnProof) -> None:
    fields = [
        getattr(sample_proof, name) for name in ("proof", "y", "root", "nullifier", "x", "external_nullifier")
    ]
    identity = rln.Identity.from_secret(5)
    for x, kind in ((0, ParameterError), (ORDER, FieldRangeError), (2 * ORDER, FieldRangeError)):
        with pytest.raises(kind):
            rln.RlnProof(*fields[:4], x, fields[5])
        with pytest.raises(kind):
            rln.Share(x, 1, 1)
        with pytest.raises(kind):
            identity.share(x, 1, 1)
        message = bytearray(sample_proof.encode())
        message[192:224] = x.to_bytes(32, "little")
        with pytest.raises(kind):
            rln.RlnProof.decode(bytes(message))


# ---- A14 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("commitment", [0, ORDER, ORDER + 1, 2**256 - 1, -1, True, 1.0, None])
def test_a14_a_commitment_that_is_zero_or_not_canonical_is_refused(
    full_world: FullWorld, commitment: object
) -> None:
    for attempt in (
        lambda: full_world.group.register(commitment, 1),  # type: ignore[arg-type]
        lambda: full_world.group.register_many([(5, 1), (commitment, 1)]),  # type: ignore[list-item]
        lambda: rln.Membership(0, 1, commitment),  # type: ignore[arg-type]
    ):
        with pytest.raises((ParameterError, FieldRangeError), match="commitment"):
            attempt()
    assert len(full_world.group) == 0


def test_a14_an_alias_of_a_registered_commitment_is_refused(full_world: FullWorld) -> None:
    member = full_world.join()
    with pytest.raises(FieldRangeError):
        full_world.group.register(member.commitment + ORDER, 1)
    with pytest.raises(rln.AlreadyAMember):
        full_world.group.register(member.commitment, 1)


def test_a14_nothing_proves_membership_of_the_empty_leaf(full_world: FullWorld) -> None:
    """A prover refuses the path of an empty leaf, and a proof with that path has another root."""
    member, stranger = full_world.join(), rln.Identity.generate()
    empty = rln.MerkleTree.from_state(full_world.group.picture().tree).proof(1)
    assert empty.leaf == 0
    with pytest.raises(ParameterError, match="path"):
        rln.Prover(
            stranger,
            rln.Membership(1, 1, stranger.commitment),
            full_world.key,
            ids=MemoryMessageIds(),
            clock=full_world.clock,
            path=empty,
        )
    with pytest.raises(rln.NotAMember):
        full_world.group.proof(1)
    statement = Statement.spend(full_world.key.parameters, 1, (0,), empty, 7, 8)
    for identity in (member, stranger):
        with closing(full_world.key.witness(statement.inputs(), identity)) as witness:
            assert full_world.key.public_values(witness)[1] not in full_world.group.roots
    with pytest.raises(ParameterError):
        rln.Identity.from_secret(0)


# ---- A16 --------------------------------------------------------------------------------------------

PUBLIC = rln.poseidon_hash([0])


def step_of_the_public_commitment(registry: MemberRegistry) -> tuple[Step, list[Events]]:
    """Return the step and the page that register the secret 0, as a program writes it that checks nothing."""
    tree, head = rln.MerkleTree(registry.depth), registry.head()
    tree.append(rln.poseidon_hash([PUBLIC, 1]))
    page = Events.of([Event(1, Change.REGISTERED, 0, PUBLIC, 1)])
    return Step(head.number + 1, tree.root, 1, 1, 1), [page]


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_a16_the_commitment_of_the_secret_0_registers_nowhere(scheme: str, tmp_path: Path) -> None:
    """Neither the group nor the registry below it takes it, alone or among others."""
    uri = "memory://" if scheme == "memory" else f"sqlite:///{tmp_path}/members.db"
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        for register in (
            lambda: group.register(PUBLIC, 1),
            lambda: group.register_many([(5, 1), (PUBLIC, 2), (6, 1)]),
        ):
            with pytest.raises(ParameterError, match="^commitment: expected one whose secret"):
                register()
        with pytest.raises(ParameterError, match="the secret 0"), registry.change() as change:
            change.append(*step_of_the_public_commitment(registry))
        assert len(group) == registry.head().number == 0
        assert not group.was_member(PUBLIC)


def test_a16_a_group_does_not_follow_a_registry_that_holds_the_secret_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has written it to the database."""
    with closing(open_members(f"sqlite:///{tmp_path}/members.db", DEPTH, LIMIT_BITS)) as registry:
        with monkeypatch.context() as unchecked:
            unchecked.setattr(PackedMembers, "__post_init__", lambda self: None)
            with registry.change() as change:
                change.append(*step_of_the_public_commitment(registry))
        with pytest.raises(rln.IntegrityAlarm, match="do not fit the tree") as caught:
            rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        assert "the secret 0" in str(caught.value.__cause__)


@pytest.mark.parametrize("limit", [1, 7, 1 << LIMIT_BITS])
def test_a16_a_mirror_takes_no_bulletin_with_the_secret_0(limit: int) -> None:
    """A bulletin has only leaves, so the mirror knows the leaves of all limits."""
    registrar, mirror = Registrar(), rln.Mirror(DEPTH, LIMIT_BITS)
    mirror.apply(registrar.change([rate_commitment(5, 1)]))
    before = mirror.root
    bulletin = registrar.change([rate_commitment(6, 1), rln.poseidon_hash([PUBLIC, limit])])
    with pytest.raises(rln.GroupRefused, match="the secret 0"):
        mirror.apply(bulletin)
    assert (mirror.root, mirror.step, len(mirror)) == (before, 1, 1)


def test_a16_no_command_registers_the_secret_0(tmp_path: Path) -> None:
    uri, file = f"sqlite:///{tmp_path}/members.db", tmp_path / "members.csv"
    run("group", "create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    file.write_text(f"5,1\n{PUBLIC},1\n")
    for members in (("--commitment", PUBLIC, "--limit", 1), ("--file", file)):
        said = run_json("group", "register", uri, *members, status=2)
        assert "the secret 0" in said["message"]
    assert run_json("group", "list", uri)["members"] == []


def test_a16_the_secret_0_makes_no_identity_and_no_membership_but_can_be_slashed() -> None:
    first, second = rln.Share(1, 7, rln.poseidon_hash([7])), rln.Share(2, 14, rln.poseidon_hash([7]))
    secret = rln.recover_secret(first, second)
    assert (secret.reveal(), secret.commitment) == (0, PUBLIC)
    for make in (
        lambda: rln.Identity.from_secret(0),
        secret.identity,
        lambda: rln.Membership(0, 1, PUBLIC),
        lambda: rate_commitment(PUBLIC, 1),
    ):
        with pytest.raises(ParameterError):
            make()
    group = rln.Group(DEPTH, LIMIT_BITS)
    for known in (0, secret):
        with pytest.raises(rln.NotAMember, match="never registered"):
            group.slash(known)


def test_a16_a_registered_secret_0_is_slashed_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can only be in a group that was made without this check."""
    group = rln.Group(DEPTH, LIMIT_BITS)
    with monkeypatch.context() as unchecked:
        unchecked.setattr(PackedMembers, "__post_init__", lambda self: None)
        unchecked.setattr("rln.protocol.membership.check_commitment", lambda value: value)
        group.register(PUBLIC, 1)
        (ended,) = group.slash(0)
        assert ended.commitment == PUBLIC
    assert not group.is_member(PUBLIC)
    assert rln.MerkleTree.from_state(group.picture().tree).get(0) == 0


@given(nonzero, nonzero, nonzero, nonzero, scalars)
def test_a16_shares_without_nullifiers_recover_no_secret_of_nobody(
    secret1: int, secret2: int, x1: int, x2: int, external: int
) -> None:
    members = [rln.Identity.from_secret(secret) for secret in (secret1, secret2)]
    pair = [(one.share(x, external, 0), x) for one, x in zip(members, (x1, x2), strict=True)]
    first, second = (rln.Share(x, share.y) for share, x in pair)
    with pytest.raises(RecoveryError):
        rln.recover_secret(first, second)
    if x1 == x2 or secret1 == secret2:
        return
    for member in members:
        with pytest.raises(RecoveryError, match="expected commitment"):
            rln.recover_secret(first, second, member.commitment)
    found = rln.recover_unverified(first, second)
    assert not isinstance(found, (rln.IdentitySecret, rln.Identity))
    assert found.commitment not in {member.commitment for member in members}
    with pytest.raises(AttributeError):
        found.reveal()  # type: ignore[attr-defined]
    with pytest.raises(rln.InputError):
        rln.Group(DEPTH, LIMIT_BITS).slash(found)  # type: ignore[arg-type]


@given(nonzero, nonzero, nonzero, scalars)
def test_a16_shares_without_nullifiers_recover_the_secret_of_a_known_member(
    secret: int, x1: int, x2: int, external: int
) -> None:
    if x1 == x2:
        return
    member = rln.Identity.from_secret(secret)
    first, second = (rln.Share(x, member.share(x, external, 0).y) for x in (x1, x2))
    assert rln.recover_secret(first, second, member.commitment).reveal() == secret
    assert rln.recover_unverified(first, second).confirm(member.commitment).reveal() == secret


def test_a16_the_command_says_that_a_secret_is_unverified_and_writes_none(tmp_path: Path) -> None:
    """The shares of two members: they are on some line, and its secret is nobody's."""
    one, other = (rln.Identity.from_secret(secret) for secret in (11, 22))
    shares = [
        part for x, who in ((5, one), (6, other)) for part in ("--share", f"{x},{who.share(x, 77, 3).y}")
    ]
    said = run_json("recover", *shares)
    assert said["verified"] is False
    assert int(said["commitment"]) not in (one.commitment, other.commitment)
    assert run("recover", *shares).startswith("unverified commitment 0x")
    out = tmp_path / "secret.json"
    assert "--nullifier or --commitment" in run("recover", *shares, "--out", out, status=2)
    for expected in (
        ("--commitment", one.commitment),
        ("--commitment", other.commitment),
        ("--nullifier", one.share(5, 77, 3).nullifier),
    ):
        assert run_json("recover", *shares, *expected, "--out", out, status=1)["error"] == "RecoveryError"
    assert not out.exists()
