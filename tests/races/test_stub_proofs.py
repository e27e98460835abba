"""A stub key accepts and refuses what the pairing equation would accept and refuse."""

import pytest

import rln
from rln.errors import KeyFileError, Reason
from rln.stores.memory import MemoryNullifierLog
from tests.races.stub_proofs import StubKey, members

KEY, SEVERAL = StubKey(), StubKey(slots=3)
CLOCK = rln.EpochClock("stub.example", 3600, past_gap=1)  # an hour may end while these run
EPOCH = CLOCK.current()


def verifier(key: StubKey) -> rln.Verifier:
    return rln.Verifier(key, roots=[17], log=MemoryNullifierLog(), clock=CLOCK)


@pytest.mark.parametrize(("key", "ids"), [(KEY, (0,)), (SEVERAL, (0, 2))])
def test_proofs_and_other_proofs_of_the_same_statement_are_accepted(
    key: StubKey, ids: tuple[int, ...]
) -> None:
    proof = members([3])[0].message(key, EPOCH, ids, b"a")
    other = key.another_proof(proof, 5)
    assert other.proof != proof.proof and other.public_inputs == proof.public_inputs
    assert key.verify_many([proof, other]) == [None, None]
    service = verifier(key)
    assert [service.submit(other, b"a"), service.submit(proof, b"a")] == [rln.Valid(), rln.Duplicate()]


@pytest.mark.parametrize("bit", range(0, 1024, 7))
def test_a_changed_bit_of_the_proof_is_refused(bit: int) -> None:
    proof = members([3])[0].message(KEY, EPOCH, (0,), b"a", salt=9)
    data = bytearray(proof.proof)
    data[bit // 8] ^= 1 << bit % 8
    assert not KEY.verify(proof.public_inputs, bytes(data))


@pytest.mark.parametrize("place", range(5))
def test_a_changed_public_value_is_refused(place: int) -> None:
    proof = members([3])[0].message(KEY, EPOCH, (0,), b"a")
    values = list(proof.public_inputs)
    values[place] += 1
    assert not KEY.verify(values, proof.proof)
    assert not StubKey(secret=b"another").verify(proof.public_inputs, proof.proof)


def test_two_messages_on_one_id_give_the_known_secret() -> None:
    member, service = members([3])[0], verifier(KEY)
    service.submit(member.message(KEY, EPOCH, (1,), b"a"), b"a")
    verdict = service.submit(member.message(KEY, EPOCH, (1,), b"b"), b"b")
    assert isinstance(verdict, rln.RateLimitViolation)
    assert verdict.identity_secret.reveal() == member.secret


def test_a_forged_proof_has_the_reason_of_a_forged_proof() -> None:
    member = members([3])[0]
    values = member.values(EPOCH, (3,), b"a")
    forged = rln.RlnProof(StubKey(secret=b"x").prove(values), *values)
    assert verifier(KEY).submit(forged, b"a") == rln.Invalid(Reason.BAD_PROOF)


def test_a_key_for_another_relation_is_refused() -> None:
    with pytest.raises(KeyFileError):
        KEY.check_rln(12)
