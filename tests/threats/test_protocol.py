"""Threats A: what the protocol means."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.base.scalar import ORDER
from rln.circuit import explain, failures
from rln.errors import FieldRangeError, ParameterError, Reason, RecoveryError
from rln.protocol.statement import Statement
from rln.stores.memory import MemoryMessageIds
from tests.threats.full_world import Stage
from tests.unit.circuit import evaluator
from tests.unit.circuit.test_relation import bits_can_be_chosen

scalars = st.one_of(
    st.sampled_from([0, 1, 2, ORDER - 1, ORDER - 2, (ORDER - 1) // 2, 2**64 - 1, 2**128, 2**253]),
    st.integers(0, ORDER - 1),
)
nonzero = scalars.filter(bool)


def on_line(first: rln.Share, second: rln.Share) -> tuple[int, int]:
    """Secret and slope in plain integers, by the formulas of the row."""
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
def test_a3_a_line_that_is_not_the_nullifiers_is_refused(secret: int, x1: int, x2: int, shift: int) -> None:
    identity = rln.Identity.from_secret(secret)
    first, second = identity.share(x1, 5, 0), identity.share(x2, 5, 0)
    moved = rln.Share(second.x, (second.y + shift) % ORDER, second.nullifier)
    with pytest.raises(RecoveryError):
        rln.recover_secret(first, moved)


def test_a3_a_second_message_on_one_slot_is_not_served_and_costs_every_leaf(stage: Stage) -> None:
    mallory, bob = stage.join(limit=1), stage.join()
    verifier = stage.verifier(was_member=stage.group.was_member)
    first, second = (stage.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    assert verifier.submit(first, b"one") == rln.Valid()
    verdict = verifier.submit(second, b"two")
    assert isinstance(verdict, rln.RateLimitViolation)
    assert verdict.identity_secret.reveal() == mallory.secret().reveal()
    assert len(stage.log) == 1
    stage.group.slash(verdict.identity_secret)
    assert not stage.group.is_member(mallory.commitment)
    assert rln.MerkleTree.from_state(stage.group.picture().tree).get(0) == 0
    assert stage.group.is_member(bob.commitment)


def test_a3_a_recovered_secret_of_nobody_is_an_alarm(stage: Stage) -> None:
    mallory = stage.join(limit=1)
    verifier = stage.verifier(was_member=lambda commitment: False)
    first, second = (stage.prover(mallory).prove(signal) for signal in (b"one", b"two"))
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
    # and when somebody lies about the nullifier, the line gives him away
    with pytest.raises(RecoveryError):
        rln.recover_secret(first, rln.Share(second.x, second.y, first.nullifier))


# ---- A6 ---------------------------------------------------------------------------------------------

LIMIT = 100
BAD_IDS = [LIMIT, LIMIT + 1, ORDER - 1, 65536, 65535, -1 % ORDER - 65535]


def inputs_with(stage: Stage, message_id: int) -> tuple[rln.Identity, dict[str, tuple[int, ...]]]:
    """An honest statement, then its message id changed behind the back of every check in Python."""
    member = stage.join(limit=LIMIT)
    path = stage.group.proof(0)
    statement = Statement.spend(stage.key.parameters, LIMIT, (LIMIT - 1,), path, 7, 8)
    return member, {**statement.inputs(), "messageId": (message_id,)}


@pytest.mark.parametrize("message_id", BAD_IDS)
def test_a6_an_id_at_the_limit_has_no_satisfying_witness(stage: Stage, message_id: int) -> None:
    circuit = rln.circuit.rln()
    member, inputs = inputs_with(stage, message_id)
    with pytest.raises(ParameterError, match="^messageId: expected 0 to 99"):
        Statement.spend(stage.key.parameters, LIMIT, (message_id,), stage.group.proof(0), 7, 8)
    given_inputs = {name: list(values) for name, values in inputs.items()}
    given_inputs["identitySecret"] = [member.secret().reveal()]
    witness = evaluator.evaluate(evaluator.load(circuit.graph), given_inputs)
    broken = {circuit.labels[index] for index in failures(circuit.r1cs, witness)}
    assert broken
    assert broken <= {"messageId", "limit"}
    # no choice of the bits saves it, so this is about every witness with this id, not about the honest one
    assert not all(bits_can_be_chosen(circuit, witness, label) for label in ("messageId", "limit"))
    with closing(stage.key.witness(inputs, member)) as forced:
        values = stage.key.public_values(forced)
        assert not stage.key.verifying_key.verify(values, stage.key.prove(forced))


def test_a6_the_last_id_below_the_limit_is_provable(stage: Stage) -> None:
    circuit = rln.circuit.rln()
    member, inputs = inputs_with(stage, LIMIT - 1)
    with closing(stage.key.witness(inputs, member)) as witness:
        data = witness.read(0, witness.size)
        wires = [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]
        assert explain(circuit, wires) is None
        values = stage.key.public_values(witness)
        assert stage.key.verifying_key.verify(values, stage.key.prove(witness))


@pytest.mark.parametrize("message_id", BAD_IDS[:4])
def test_a6_the_prover_refuses_before_it_proves(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, message_id: int
) -> None:
    class Liar(MemoryMessageIds):
        def reserve(self, *_: object, **__: object) -> tuple[int, ...]:  # type: ignore[override]
            return (message_id,)

    prover = stage.prover(stage.join(limit=LIMIT), ids=Liar())
    monkeypatch.setattr(rln.ProvingKey, "witness", forbidden)
    monkeypatch.setattr(rln.ProvingKey, "prove", forbidden)
    with pytest.raises((ParameterError, FieldRangeError), match="messageId"):
        prover.prove(b"x")


def forbidden(*_: object, **__: object) -> None:
    raise AssertionError("the secret was touched")


# ---- A7 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit", [0, 65537, 70000, 2**17, ORDER - 1, ORDER, -1, True, False, 1.0, "1", None, b"\x01"]
)
def test_a7_a_limit_outside_1_to_65536_is_refused(stage: Stage, limit: object) -> None:
    member = stage.join()
    root = stage.group.root
    with pytest.raises(ParameterError):
        stage.group.register(12345, limit)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        stage.group.register_many([(54321, 1), (12345, limit)])  # type: ignore[list-item]
    assert (stage.group.root, len(stage.group)) == (root, 1)
    path = stage.group.proof(0)
    with pytest.raises(ParameterError, match="^userMessageLimit: expected"):
        Statement.spend(stage.key.parameters, limit, (0,), path, 7, 8)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        rln.Prover(
            member,
            rln.Membership(0, limit, member.commitment),  # type: ignore[arg-type]
            stage.key,
            ids=MemoryMessageIds(),
            clock=stage.clock,
        )


@pytest.mark.parametrize("limit", [1, 65536])
def test_a7_both_ends_of_the_range_are_limits(stage: Stage, limit: int) -> None:
    member = stage.join(limit)
    path = stage.group.proof(0)
    statement = Statement.spend(stage.key.parameters, limit, (limit - 1,), path, 7, 8)
    with closing(stage.key.witness(statement.inputs(), member)) as witness:
        assert stage.key.verifying_key.verify(stage.key.public_values(witness), stage.key.prove(witness))


@given(st.one_of(st.integers(), st.integers(-3, 70000), st.floats(), st.booleans()))
@settings(max_examples=200)
def test_a7_the_registry_takes_whole_numbers_of_its_range_alone(limit: object) -> None:
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
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stub: int
) -> None:
    ids = MemoryMessageIds()
    member = stage.join(limit=1)
    prover = stage.prover(member, ids=ids)
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
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stub: int
) -> None:
    proof = stage.prover(stage.join()).prove(b"x")
    verifier = stage.verifier()
    monkeypatch.setattr("rln.protocol.signal.hash_to_field", lambda _: stub)
    verdict = verifier.submit(proof, b"x")
    assert isinstance(verdict, rln.Invalid)
    assert verdict.reason in (Reason.WRONG_SIGNAL, Reason.MALFORMED)
    assert verifier.submit_many([(proof, b"x")]) == [verdict]
    assert len(stage.log) == 0


def test_a8_no_value_with_x_zero_exists(told: rln.RlnProof) -> None:
    fields = [getattr(told, name) for name in ("proof", "y", "root", "nullifier", "x", "external_nullifier")]
    identity = rln.Identity.from_secret(5)
    for x, kind in ((0, ParameterError), (ORDER, FieldRangeError), (2 * ORDER, FieldRangeError)):
        with pytest.raises(kind):
            rln.RlnProof(*fields[:4], x, fields[5])
        with pytest.raises(kind):
            rln.Share(x, 1, 1)
        with pytest.raises(kind):
            identity.share(x, 1, 1)
        message = bytearray(told.encode())
        message[192:224] = x.to_bytes(32, "little")
        with pytest.raises(kind):
            rln.RlnProof.decode(bytes(message))


# ---- A14 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("commitment", [0, ORDER, ORDER + 1, 2**256 - 1, -1, True, 1.0, None])
def test_a14_a_commitment_that_is_zero_or_not_canonical_is_refused(stage: Stage, commitment: object) -> None:
    for attempt in (
        lambda: stage.group.register(commitment, 1),  # type: ignore[arg-type]
        lambda: stage.group.register_many([(5, 1), (commitment, 1)]),  # type: ignore[list-item]
        lambda: rln.Membership(0, 1, commitment),  # type: ignore[arg-type]
    ):
        with pytest.raises((ParameterError, FieldRangeError), match="commitment"):
            attempt()
    assert len(stage.group) == 0


def test_a14_an_alias_of_a_registered_commitment_is_refused(stage: Stage) -> None:
    member = stage.join()
    with pytest.raises(FieldRangeError):
        stage.group.register(member.commitment + ORDER, 1)
    with pytest.raises(rln.AlreadyAMember):
        stage.group.register(member.commitment, 1)


def test_a14_nobody_opens_the_empty_leaf(stage: Stage) -> None:
    """The path of an empty leaf is no member's path, and a proof from it has another root."""
    member, stranger = stage.join(), rln.Identity.generate()
    empty = rln.MerkleTree.from_state(stage.group.picture().tree).proof(1)
    assert empty.leaf == 0
    with pytest.raises(ParameterError, match="path"):
        rln.Prover(
            stranger,
            rln.Membership(1, 1, stranger.commitment),
            stage.key,
            ids=MemoryMessageIds(),
            clock=stage.clock,
            path=empty,
        )
    with pytest.raises(rln.NotAMember):
        stage.group.proof(1)
    statement = Statement.spend(stage.key.parameters, 1, (0,), empty, 7, 8)
    for who in (member, stranger):
        with closing(stage.key.witness(statement.inputs(), who)) as witness:
            assert stage.key.public_values(witness)[1] not in stage.group.roots
    with pytest.raises(ParameterError):
        rln.Identity.from_secret(0)
