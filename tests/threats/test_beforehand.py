"""Threats A8, D6, D9, D10, D11, E8, E9 for proofs that are prepared beforehand and verified in batches."""

import asyncio
import copy
import dataclasses
import hashlib
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import rln
from rln.errors import EntropyError, InputError, KeyFileError, ParameterError, Reason
from rln.lowlevel import entropy, groth16
from rln.proving.proof_builder import SlotToken
from tests.support.process_memory import PausedProcess, find_in_memory
from tests.threats.full_world import FullWorld, R, plus, times, word

PATIENCE = 120  # seconds


def ready(prover: rln.Prover, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while prover.tokens_ready != count:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def prover(full_world: FullWorld) -> Iterator[rln.Prover]:
    """A prover with two tokens ready."""
    with full_world.prover(full_world.join(limit=8), tokens=2) as made:
        ready(made, 2)
        yield made


def token_of(prover: rln.Prover, full_world: FullWorld) -> SlotToken:
    taken = prover._queue.take(full_world.clock.current(), full_world.group.proof(0))  # type: ignore[union-attr]
    assert isinstance(taken, SlotToken)
    return taken


def test_a8_a_token_gives_no_share_at_zero(prover: rln.Prover, full_world: FullWorld) -> None:
    token = token_of(prover, full_world)
    with pytest.raises(ParameterError):
        token.publish(0)
    with pytest.raises(ParameterError):
        token.publish(1)


# ---- D6: tables in a file --------------------------------------------------------------------------


@pytest.fixture
def tables(key: rln.ProvingKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the tables of the key."""
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path))
    path = tmp_path / "key"
    key.save(path)
    loaded = rln.ProvingKey.load(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert loaded.build_tables()
    path.unlink()
    (file,) = tmp_path.iterdir()
    return file


def test_d6_tables_that_were_changed_are_not_used(key: rln.ProvingKey, tables: Path) -> None:
    """A proof with other points could reveal too much, and without a self-check it would be sent."""
    honest = tables.read_bytes()
    for place in (0, 7, 40, 127, 128, 128 + 64, 5000, len(honest) // 2, len(honest) - 1):
        tables.write_bytes(honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :])
        assert rln.ProvingKey.decode(key.encode(), check=False).tables() is None
    for target in (tables.with_name("target"),):
        tables.rename(target)
        target.write_bytes(honest)
        tables.symlink_to(target)
        assert rln.ProvingKey.decode(key.encode(), check=False).tables() is None
        tables.unlink()
        target.rename(tables)
    assert rln.ProvingKey.decode(key.encode(), check=False).tables() is not None
    tables.chmod(0o640)
    assert rln.ProvingKey.decode(key.encode(), check=False).tables() is None


# ---- D9: blinding ----------------------------------------------------------------------------------


def test_d9_no_two_proofs_share_a_point(prover: rln.Prover, full_world: FullWorld) -> None:
    """This holds for one witness too: proven from a token, from a prepared proof, and whole."""
    proofs = [prover.prove(bytes([n])).proof for n in range(6)]
    builder = prover._builder
    path, epoch = full_world.group.proof(0), full_world.clock.current()
    proofs += [builder.prove((7,), path, 5, epoch).proof for _ in range(3)]
    for _ in range(3):
        proofs.append(builder.publish(builder.token(7, path, epoch), 5).proof)
    points = [proof[start:end] for proof in proofs for start, end in ((0, 32), (32, 96), (96, 128))]
    assert len(set(points)) == len(points)


def test_d9_no_token_without_random_numbers(
    prover: rln.Prover, full_world: FullWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, epoch = full_world.group.proof(0), full_world.clock.current()
    monkeypatch.setattr(entropy, "fill", lambda out: None)
    with pytest.raises(EntropyError):
        prover._builder.token(7, path, epoch)


def test_d9_a_forked_child_has_none_of_its_parents_tokens(prover: rln.Prover, full_world: FullWorld) -> None:
    """They are not in its memory either: two messages from one token reveal its blinding, and the secret."""
    tokens = list(prover._queue._slots.values())  # type: ignore[union-attr]
    member = prover._builder._identity
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert prover.tokens_ready == 0
            for token in tokens:
                assert isinstance(token, SlotToken)
                share = member.share(5, token.external_nullifier, token.message_id)
                values = (share.y, token.root, share.nullifier or 0, 5, token.external_nullifier)
                with suppress(InputError):  # the child finds zeros, which are not a proof
                    assert not full_world.key.verifying_key.verify(values, token.publish(5))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    proof = prover.prove(b"x")
    assert full_world.verifier().submit(proof, b"x") == rln.Valid()


def test_d9_a_proof_from_a_token_is_verified_before_it_is_returned(
    prover: rln.Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SlotToken.publish

    def damaged(token: SlotToken, x: int) -> bytes:
        points = groth16.decompress(honest(token, x))
        return groth16.compress(points[:192] + times(points[192:], 2))

    monkeypatch.setattr(SlotToken, "publish", damaged)
    with pytest.raises(KeyFileError, match="not released"):
        prover.prove(b"x")


# ---- D10, D11: asyncio -----------------------------------------------------------------------------


def verdicts_of(verifier: rln.Verifier, messages: list[tuple[rln.RlnProof, bytes]]) -> list[object]:
    async def submit_all() -> list[object]:
        async with rln.AsyncVerifier(verifier, window=0.05) as async_verifier:
            calls = [async_verifier.submit(*message) for message in messages]
            return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(submit_all())


def test_d10_tasks_whose_proofs_cancel_are_both_refused(full_world: FullWorld) -> None:
    prover = full_world.prover(full_world.join())
    shift = times(word(1) + word(2), 987654321)
    forged = []
    for number, move in enumerate((shift, times(shift, R - 1))):
        proof = prover.prove(bytes([number]))
        points = groth16.decompress(proof.proof)
        data = groth16.compress(points[:192] + plus(points[192:], move))
        forged.append((dataclasses.replace(proof, proof=data), bytes([number])))
    answers = verdicts_of(full_world.verifier(), forged)
    assert [getattr(answer, "reason", None) for answer in answers] == [Reason.BAD_PROOF] * 2
    assert len(full_world.log) == 0


@pytest.mark.parametrize("bad", [0, 3, 6])
def test_d11_one_bad_proof_among_tasks_changes_no_other_verdict(full_world: FullWorld, bad: int) -> None:
    prover = full_world.prover(full_world.join(limit=7))
    messages = [(prover.prove(bytes([n])), bytes([n])) for n in range(7)]
    damaged = dataclasses.replace(messages[bad][0], proof=messages[bad - 1][0].proof)
    messages[bad] = (damaged, messages[bad][1])
    answers = verdicts_of(full_world.verifier(), messages)
    assert isinstance(answers.pop(bad), rln.Invalid)
    assert answers == [rln.Valid()] * 6


# ---- E8, E9 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", [copy.copy, copy.deepcopy, pickle.dumps])
def test_e8_provers_and_tokens_are_neither_copied_nor_serialised(
    prover: rln.Prover, full_world: FullWorld, attempt: Callable[[object], object]
) -> None:
    token = token_of(prover, full_world)
    for thing in (prover, token, token._token, prover._builder._prepared.partial):  # type: ignore[union-attr]
        with pytest.raises(TypeError, match="copied or pickled"):
            attempt(thing)


MEMBER = """
import sys, rln
from tests.support.small_world import World
world = World()
identity = rln.Identity.from_seed(b"beforehand")
world.group.register(identity.commitment, 8)
prover = world.prover(identity, tokens=2)
for n in range(3):
    signal = bytes([n])
    assert world.verifier().submit(prover.prove(signal), signal) == rln.Valid()
while prover.tokens_ready < 2:
    pass
print("ready alive", flush=True)
sys.stdin.readline()
prover.close()
identity.close()
print("ready closed", flush=True)
sys.stdin.readline()
"""


def test_e9_a_closed_prover_leaves_no_secret_in_memory() -> None:
    """The prover object still exists, as it does in programs."""
    secret = rln.Identity.from_seed(b"beforehand").secret().reveal()
    needles = {"plain": word(secret), "Montgomery": word(secret * 2**256 % R)}
    needles["Montgomery + r"] = word(secret * 2**256 % R + R)
    child = PausedProcess(MEMBER)
    with child as pid:
        assert find_in_memory(pid, needles), "the search must find what is there"
        assert child.resume() == "ready closed"
        assert find_in_memory(pid, needles) == set()
