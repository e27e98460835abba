"""Evidence convicts the sender of both messages, and no other member."""

import dataclasses
import json

import pytest

import rln
from rln.base.scalar import ORDER
from rln.errors import EncodingError, InputError, InvalidProof, ParameterError, RecoveryError
from tests.support.small_world import World, small_multi_key


@pytest.fixture(scope="module")
def case() -> tuple[World, rln.Identity, rln.Evidence]:
    world = World()
    member = world.join()
    first, second = (world.prover(member).prove(signal) for signal in (b"a", b"b"))
    return world, member, rln.Evidence(first, second, world.key.verifying_key.digest)


def test_both_messages_give_the_secret(case):
    world, member, evidence = case
    assert evidence.check(world.key.verifying_key) == member.secret()
    turned = dataclasses.replace(evidence, first=evidence.second, second=evidence.first)
    assert turned.check(world.key.verifying_key) == member.secret()


def test_it_reads_what_it_writes_and_writes_it_in_one_way(case):
    _, member, evidence = case
    data = evidence.encode()
    assert rln.Evidence.decode(data) == evidence
    assert rln.Evidence.decode(data).encode() == data
    assert str(member.secret().reveal()) not in data.decode()


def test_messages_with_several_ids():
    world = World(small_multi_key())
    member = world.join(4)
    provers = [world.prover(member), world.prover(member)]
    first = provers[0].prove_multi(b"a", 3)
    provers[1].prove_multi(b"shifts the ids", 2)
    second = provers[1].prove_multi(b"b", 2)
    evidence = rln.Evidence(first, second, world.key.verifying_key.digest)
    assert evidence.check(world.key.verifying_key) == member.secret()
    assert rln.Evidence.decode(evidence.encode()) == evidence


def test_a_framed_member_is_not_convicted(case):
    """Threats A13: a share on another member's line that is made up, not proved."""
    world, _, evidence = case
    key = world.key.verifying_key
    for name in ("first", "second"):
        proof = getattr(evidence, name)
        for field in ("y", "nullifier", "x", "root", "external_nullifier"):
            changed = dataclasses.replace(proof, **{field: (getattr(proof, field) + 1) % ORDER})
            with pytest.raises(InvalidProof, match=f"{name} proof"):
                dataclasses.replace(evidence, **{name: changed}).check(key)


def test_two_messages_that_do_not_belong_together(case):
    world, member, evidence = case
    key = world.key.verifying_key
    other = world.prover(world.join()).prove(b"b")
    with pytest.raises(RecoveryError, match="two shares with the same nullifier"):
        dataclasses.replace(evidence, second=other).check(key)
    with pytest.raises(RecoveryError, match="same x"):
        dataclasses.replace(evidence, second=evidence.first).check(key)
    world.time += 60
    later = world.prover(member).prove(b"b")
    world.time -= 60
    with pytest.raises(RecoveryError, match="two epochs"):
        dataclasses.replace(evidence, second=later).check(key)


def test_another_verifying_key_is_refused(case):
    _, _, evidence = case
    with pytest.raises(ParameterError, match="verifying key: expected"):
        evidence.check(rln.VerifyingKey.builtin("zerokit-20"))
    with pytest.raises(ParameterError, match="verifying_key: expected VerifyingKey"):
        evidence.check(evidence.verifying_key)


def test_arguments_of_another_form(case):
    _, _, evidence = case
    for field, value in (
        ("first", None), ("second", evidence.second.encode()),
        ("verifying_key", "00"), ("verifying_key", evidence.verifying_key.upper()), ("verifying_key", None),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=field):
            dataclasses.replace(evidence, **{field: value})


def test_documents_of_another_form(case):
    _, _, evidence = case
    good = json.loads(evidence.encode())

    def changed(path: str, value: object) -> bytes:
        document = json.loads(evidence.encode())
        *way, last = path.split(".")
        part = document
        for name in way:
            part = part[name]
        part[last] = value
        return json.dumps(document).encode()

    public = good["first"]["public"]
    for data in (
        b"", b"{}", b"[]", b"\xff", b" " * (1 << 17), changed("more", 1), changed("first", []),
        changed("first.more", "1"), changed("first.proof", good["first"]["proof"].upper()),
        changed("first.proof", good["first"]["proof"][2:]), changed("first.public", public[:4]),
        changed("first.public", [int(public[0]), *public[1:]]), changed("first.public", [*public, "0", "0"]),
        changed("second.public", ["0" + public[0], *public[1:]]), changed("verifying_key", 5),
        changed("second", None),
    ):  # fmt: skip
        with pytest.raises(EncodingError):
            rln.Evidence.decode(data)
    for data in (
        changed("first.public", [str(ORDER), *public[1:]]), changed("first.public", [*public, "0"]),
        changed("verifying_key", "x"),
    ):  # fmt: skip
        with pytest.raises(InputError):
            rln.Evidence.decode(data)
