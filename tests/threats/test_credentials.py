"""Threats B9, B10, B11, P5, P6 and P7: what a credential is good for, and what it and its refusal tell."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Iterator

import pytest

import rln
from rln.errors import InputError, ParameterError, Reason, RecoveryError
from rln.http import problem
from rln.http.challenge import Challenge
from rln.http.credential import Credential, decode_base64url, encode_base64url, key_id
from rln.http.policy import Policy, Tier, belongs_to, open_policy
from rln.http.problem import problem_of_error, problem_of_verdict
from rln.http.registration import RegistrationParts, prove_registration
from rln.http.signal import RequestParts
from rln.stores.memory import MemoryMessageIds
from rln.sync.signing import RegistrarKey
from tests.support.effort import effort
from tests.support.small_world import PERIOD, World, small_key

NONCE = bytes(range(16))
APPLICATION = "story.example"


def parts(authority: bytes = APPLICATION.encode(), body: bytes = b"{}") -> RequestParts:
    digest = hashlib.sha256(body).digest()
    return RequestParts(authority, b"POST", b"/v1/chat/completions", b"application/json", b"", digest)


def credential(world: World, member: rln.Identity, signal: bytes, **more: object) -> Credential:
    """Return the credential of a member, as one reads it at the other end."""
    proof = world.prover(member, **more).prove(signal)
    made = Credential(key_id(world.key.verifying_key.digest), NONCE, proof)
    return Credential.decode(made.encode().encode(), None)


@pytest.fixture
def world() -> World:
    return World()


# ---- B9 --------------------------------------------------------------------------------------------


def test_b9_a_credential_for_one_authority_is_none_for_another(world: World) -> None:
    """Also within one application: the authority is a part of the signal, whatever the request says."""
    here, there = parts().signal(NONCE), parts(b"eu.story.example").signal(NONCE)
    sent = credential(world, world.join(), here)
    verifier = world.verifier(threads=1)
    verdict = verifier.submit(sent.proof, there)
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_SIGNAL
    assert verifier.submit(sent.proof, here) == rln.Valid()


def test_b9_a_credential_for_another_provider_says_nothing_there(world: World) -> None:
    """One identity at two providers, although it should be at one: their shares lie on two lines."""
    member = world.join()
    elsewhere = rln.EpochClock("other.example", PERIOD, skew=5, now=lambda: world.time)
    here = credential(world, member, parts().signal(NONCE))
    there = credential(world, member, parts(b"other.example").signal(NONCE), clock=elsewhere)
    verdict = world.verifier(clock=elsewhere, threads=1).submit(here.proof, parts().signal(NONCE))
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
    assert problem_of_verdict(verdict) == problem.WRONG_EPOCH
    with pytest.raises(RecoveryError, match="different nullifiers"):
        rln.recover_secret(here.proof, there.proof)


# ---- B10 -------------------------------------------------------------------------------------------


def test_b10_one_identity_at_two_authorities_of_an_application_has_one_counter(world: World) -> None:
    """The authority is no part of the external nullifier, so the ids of both are counted together."""
    member, ids = world.join(2), MemoryMessageIds()
    one = credential(world, member, parts().signal(NONCE), ids=ids)
    two = credential(world, member, parts(b"eu.story.example").signal(NONCE), ids=ids)
    assert one.proof.external_nullifier == two.proof.external_nullifier
    assert one.proof.shares[0].nullifier != two.proof.shares[0].nullifier
    with pytest.raises(rln.RateLimitReached):
        credential(world, member, parts(b"us.story.example").signal(NONCE), ids=ids)


# ---- B11 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registrar_key(tmp_path_factory: pytest.TempPathFactory) -> RegistrarKey:
    return RegistrarKey.new(tmp_path_factory.mktemp("key") / "registrar.pem")


def params(key: RegistrarKey, application: str) -> rln.Params:
    return rln.Params.of(
        small_key(),
        application,
        PERIOD,
        window_seconds=60,
        registrar_key=key.public_key,
        signal_format="joined",
    )


def test_b11_no_application_is_assumed() -> None:
    """Two providers that keep a default would share all external nullifiers."""
    for function, name in (
        (rln.Params.of, "application"),
        (rln.Params, "application"),
        (rln.EpochClock, "application"),
        (RegistrationParts, "application"),
        (prove_registration, "application"),
        (Challenge, "realm"),
    ):
        assert inspect.signature(function).parameters[name].default is inspect.Parameter.empty


@pytest.mark.parametrize(
    "application",
    ["", "app", "default", "localhost", "rln", "Example.com", "10.0.0.1", "example.com.", "é.com"],
)
def test_b11_an_application_is_a_domain_name(registrar_key: RegistrarKey, application: str) -> None:
    with pytest.raises(ParameterError, match="^application: expected a domain name"):
        params(registrar_key, application)
    with pytest.raises(ParameterError, match="^application: expected a domain name"):
        RegistrationParts(application, "acct_5", "basic", NONCE, NONCE, 7)
    with pytest.raises(ParameterError, match="^application: expected a domain name"):
        Challenge(application, bytes(32), 1)


@pytest.mark.parametrize(
    "authority",
    ["evil.example", "evilstory.example", "story.example.evil.example", "localhost", "127.0.0.1", "[::1]:80"],
)
def test_b11_a_provider_cannot_take_the_name_of_another(registrar_key: RegistrarKey, authority: str) -> None:
    """With the victim's application, it would get a second message for the ids that members spend there."""
    assert not belongs_to(authority, APPLICATION)
    with pytest.raises(ParameterError, match="^authorities: expected story.example or a name below it"):
        Policy(1, params(registrar_key, APPLICATION), (authority,), (Tier("basic", 2),))
    honest = Policy(1, params(registrar_key, APPLICATION), (APPLICATION,), (Tier("basic", 2),))
    content = json.loads(honest.encode())
    content["authorities"] = [authority]
    signed = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    signature = registrar_key.sign_statement("rln policy", signed).hex()
    document = b'{"policy":%b,"signature":"%b"}' % (signed, signature.encode())
    with pytest.raises(ParameterError, match="^authorities: "):
        open_policy(document, registrar_key.public_key)


# ---- P5 --------------------------------------------------------------------------------------------


def test_p5_no_two_credentials_of_a_member_share_a_point(world: World) -> None:
    """The part of a proof that is the same for all requests is computed once, and blinded for each."""
    member = world.join(16)
    seen: set[bytes] = set()
    count = effort(16, 320)
    for epoch in range(count // 16):
        world.time += PERIOD if epoch else 0
        with world.prover(member, tokens=4) as prover:
            for _ in range(16):
                proof = prover.prove(parts().signal(NONCE)).proof
                seen |= {proof[:32], proof[32:96], proof[96:]}
    assert len(seen) == 3 * (count // 16 * 16)


# ---- P6 --------------------------------------------------------------------------------------------


def test_p6_a_credential_does_not_show_the_limit_of_its_member(world: World) -> None:
    """The limit is private in the circuit: the public values are those of any member."""
    members = {limit: world.join(limit) for limit in (1, 16)}
    sent = {limit: credential(world, member, parts().signal(NONCE)) for limit, member in members.items()}
    assert len({len(one.encode()) for one in sent.values()}) == 1
    common = {
        (one.key_id, one.nonce, one.proof.root, one.proof.x, one.proof.external_nullifier)
        for one in sent.values()
    }
    assert len(common) == 1
    names = [field.name for field in dataclasses.fields(Credential)]
    assert names == ["key_id", "nonce", "proof"]


# ---- P7 --------------------------------------------------------------------------------------------


def test_p7_a_stranger_and_a_slashed_member_get_the_same_answer(world: World) -> None:
    """Membership is tested by a proof and by nothing else, so no answer says who is or was a member."""
    member, elsewhere = world.join(), World()
    signal = parts().signal(NONCE)
    sent = [
        credential(elsewhere, elsewhere.join(), signal).proof,
        credential(world, member, signal).proof,
    ]
    world.group.slash(member)
    answers = set()
    for proof in sent:
        verdict = world.verifier(threads=1).submit(proof, signal)
        assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.UNKNOWN_ROOT
        found = problem_of_verdict(verdict)
        assert found is not None
        answers.add(found.document(APPLICATION))
    assert len(answers) == 1


def mutations(sent: Credential) -> Iterator[bytes]:
    """Yield malformed values that hold the numbers of a credential."""
    token = decode_base64url(sent.encode().removeprefix("RLN ").encode(), "token")
    for end in range(22 + 31, len(token), 32):  # the highest byte of each number and coordinate
        for byte in range(0x40, 0x100, 7):
            yield f"RLN {encode_base64url(token[:end] + bytes([byte]) + token[end + 1 :])}".encode()
    yield from (sent.encode().encode() + b"A", sent.encode().encode()[:-2], sent.encode().encode() + b" ")


def refusal(value: bytes) -> InputError | None:
    try:
        Credential.decode(value, None)
    except InputError as error:
        return error
    return None


def test_p7_refusals_repeat_nothing_of_a_credential(world: World) -> None:
    """Messages of errors reach logs, and answers reach proxies: neither may link a request to a member."""
    sent = credential(world, world.join(), parts().signal(NONCE))
    share = sent.proof.shares[0]
    numbers = (share.x, share.y, share.nullifier or 0, sent.proof.root)
    private = [str(number) for number in numbers] + [f"{number:x}" for number in numbers]
    private += [NONCE.hex(), sent.encode()[10:40]]
    refusals = [error for error in map(refusal, mutations(sent)) if error is not None]
    assert len(refusals) > 50
    for error in refusals:
        assert not [text for text in private if text in f"{error} {error.__cause__}"]
        assert problem_of_error(error) == problem.MALFORMED


def test_p7_every_answer_of_a_kind_is_the_same_bytes(world: World) -> None:
    """The detail of a verdict is for the log: no part of it is in the document."""
    for reason in Reason:
        found = {
            problem_of_verdict(rln.Invalid(reason, detail)).document(APPLICATION)  # type: ignore[union-attr]
            for detail in ("", "root 5 of the member 7", "commitment 12345")
        }
        assert len(found) == 1
        assert b"5" not in found.pop().replace(b"story.example", b"").replace(b"40", b"")
