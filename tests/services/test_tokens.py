"""A busy group over several epochs: members with tokens, new members, a slashing, an async relay."""

import asyncio
import threading
import time

import pytest

import rln
from rln.errors import RateLimitReached, Reason
from rln.proving import token_queue as tokens
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import PERIOD, World

EPOCHS, LIMIT, SENDERS = 4, 6, 3
PATIENCE = 60  # seconds


@pytest.fixture(autouse=True)
def _poll_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "POLL", 0.01)


def until_ready(prover: rln.Prover, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while prover.tokens_ready < count:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_members_with_tokens_over_several_epochs():
    """Members use their whole limit in each epoch, from two threads, while new members change the root."""
    world = World(window=rln.WindowSize(count=64))
    members = [world.join(LIMIT) for _ in range(SENDERS)]
    provers = [world.prover(member, tokens=4) for member in members]
    verifier = world.verifier(was_member=world.group.was_member)
    for epoch in range(EPOCHS):
        sent: list[tuple[rln.RlnProof, bytes]] = []
        refused: list[int] = []

        def send(number: int, epoch: int = epoch, sent=sent, refused=refused) -> None:
            for n in range(LIMIT):
                signal = bytes([epoch, number, n])
                try:
                    sent.append((provers[number % SENDERS].prove(signal), signal))
                except RateLimitReached:
                    refused.append(number)

        senders = [threading.Thread(target=send, args=(number,)) for number in range(2 * SENDERS)]
        for sender in senders:
            sender.start()
        if epoch < 3:
            world.join()
        for sender in senders:
            sender.join()
        assert len(sent) == LIMIT * SENDERS
        assert len(refused) == LIMIT * SENDERS
        assert verifier.submit_many(sent) == [rln.Valid()] * len(sent)
        world.time += PERIOD
        until_ready(provers[0], 4)
    for prover in provers:
        prover.close()


def test_the_tokens_of_a_slashed_member_are_useless():
    world = World()
    alice, mallory = world.join(4), world.join(4)
    honest, cheat = world.prover(alice, tokens=2), world.prover(mallory, tokens=2)
    verifier = world.verifier(was_member=world.group.was_member)
    until_ready(cheat, 2)
    again = world.prover(mallory, MemoryMessageIds(), path=world.group.proof(1))
    assert verifier.submit(cheat.prove(b"a"), b"a") == rln.Valid()
    verdict = verifier.submit(again.prove(b"b"), b"b")
    assert isinstance(verdict, rln.RateLimitViolation)
    world.group.slash(verdict.identity_secret)
    with pytest.raises(rln.NotAMember):
        cheat.prove(b"c")
    assert verifier.submit(again.prove(b"d"), b"d").reason is Reason.UNKNOWN_ROOT
    for n in range(4):
        assert verifier.submit(honest.prove(bytes([n])), bytes([n])) == rln.Valid()
    honest.close()
    cheat.close()


def test_an_async_relay_serves_members_with_tokens():
    world = World()
    members = [world.join(LIMIT) for _ in range(SENDERS)]
    provers = [world.prover(member, tokens=3) for member in members]
    verifier = world.verifier(was_member=world.group.was_member)

    async def send(async_verifier: rln.AsyncVerifier, number: int) -> list[rln.Verdict]:
        verdicts = []
        for n in range(LIMIT):
            signal = bytes([number, n])
            proof = await asyncio.to_thread(provers[number].prove, signal)
            first, copy = await asyncio.gather(
                async_verifier.submit(proof, signal), async_verifier.submit(proof, signal)
            )
            assert copy == rln.Duplicate()
            verdicts.append(first)
        return verdicts

    async def relay() -> None:
        async with rln.AsyncVerifier(verifier, queue=4 * SENDERS, batch=4) as async_verifier:
            answers = await asyncio.gather(*(send(async_verifier, number) for number in range(SENDERS)))
        assert answers == [[rln.Valid()] * LIMIT] * SENDERS

    asyncio.run(relay())
    assert len(world.log) == LIMIT * SENDERS
    for prover in provers:
        prover.close()
