"""Whole stories of one epoch: register, prove, verify, overspend, recover, slash, refuse the old root."""

import pytest

import rln
from rln.errors import RateLimitReached, Reason
from tests.support.small_world import PERIOD, World, small_multi_key


def test_from_registration_to_slashing():
    world = World()
    alice, mallory, bob = world.join(), world.join(limit=1), world.join()
    verifier = world.verifier(was_member=world.group.was_member)

    honest = world.prover(alice)
    hello = honest.prove(b"hello")
    assert verifier.submit(hello, b"hello") == rln.Valid()
    assert verifier.submit(hello, b"hello") == rln.Duplicate()
    assert verifier.submit(hello, b"hullo").reason is Reason.WRONG_SIGNAL

    prover = world.prover(mallory)
    assert verifier.submit(prover.prove(b"buy"), b"buy") == rln.Valid()
    with pytest.raises(RateLimitReached):
        prover.prove(b"buy now")
    overspent = world.prover(mallory).prove(b"buy now")
    verdict = verifier.submit(overspent, b"buy now")
    assert isinstance(verdict, rln.RateLimitViolation)
    assert verdict.identity_secret.commitment == mallory.commitment
    assert verdict.identity_secret.reveal() == mallory.secret().reveal()

    before = world.prover(mallory, path=world.group.proof(1))
    removed = world.group.slash(verdict.identity_secret)
    assert [member.commitment for member in removed] == [mallory.commitment]
    assert verifier.submit(before.prove(b"again"), b"again").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(rln.AlreadyAMember):
        world.group.register(mallory.commitment, 1)

    # The other members continue with the new root, and the next epoch starts at id 0.
    assert verifier.submit(world.prover(bob).prove(b"hi"), b"hi") == rln.Valid()
    assert verifier.submit(honest.prove(b"two"), b"two") == rln.Valid()
    with pytest.raises(RateLimitReached):
        honest.prove(b"three")
    world.time += PERIOD
    assert verifier.submit(honest.prove(b"three"), b"three") == rln.Valid()
    assert verifier.submit(hello, b"hello").reason is Reason.WRONG_EPOCH


def test_multi_and_single_proofs_slash_each_other():
    """A member who proves for both kinds of circuit has one set of message ids."""
    single, multi = World(), World(small_multi_key())
    mallory = single.join(limit=4)
    multi.group.register(mallory.commitment, 4)
    batch = multi.prover(mallory).prove_multi(b"three at once", 3)
    assert multi.verifier().submit(batch, b"three at once") == rln.Valid()
    one = single.prover(mallory).prove(b"one more")
    assert single.verifier().submit(one, b"one more") == rln.Valid()
    assert rln.recover_secret(batch, one).commitment == mallory.commitment


def test_multi_message_ids_in_one_log():
    world = World(small_multi_key())
    member = world.join(limit=4)
    verifier = world.verifier()
    prover = world.prover(member)
    first = prover.prove_multi(b"costs three", 3)
    assert [share.x for share in first.shares] == [rln.hash_signal(b"costs three")] * 3
    assert verifier.submit(first, b"costs three") == rln.Valid()
    assert verifier.submit(first, b"costs three") == rln.Duplicate()
    with pytest.raises(RateLimitReached):
        prover.prove_multi(b"costs two", 2)
    assert verifier.submit(prover.prove_multi(b"costs one", 1), b"costs one") == rln.Valid()
    cheating = world.prover(member).prove_multi(b"again from zero", 1)
    verdict = verifier.submit(cheating, b"again from zero")
    assert isinstance(verdict, rln.RateLimitViolation)
    assert verdict.identity_secret.commitment == member.commitment
