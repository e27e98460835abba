"""Identities: zerokit's values for a seed, and no output (repr, pickle, logs) that shows the secret."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable

import pytest

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError
from rln.lowlevel import entropy
from rln.lowlevel._call import ffi
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.identity import Identity, IdentitySecret
from rln.protocol.share import Share
from rln.verifying.verdict import RateLimitViolation

SECRET = 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9
EXTERNAL = 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3


def test_seeded_identity_of_zerokit() -> None:
    alice = Identity.from_seed(b"A seed phrase example")
    assert alice.secret().reveal() == 0x20DF38F3F00496F19FE7C6535492543B21798ED7CB91AEBE4AF8012DB884EDA3
    assert alice.commitment == 0x1223A78A5D66043A7F9863E14507DC80720A5602B2A894923E5B5147D5A9C325
    with pytest.raises(ParameterError):
        alice.secret().reveal_extended()


def test_seeded_identities_of_ten_bytes() -> None:
    seed = bytes(range(10))
    trapdoor = 0x0766CE6C7E7A01BDF5B3F257616F603918C30946FA23480F2859C597817E6716
    nullifier = 0x1F18714C7BC83B5BCA9E89D404CF6F2F585BC4C0F7ED8B53742B7E2B298F50B4
    simple, extended = Identity.from_seed(seed), Identity.from_seed(seed, extended=True)
    assert simple.secret().reveal() == trapdoor
    assert simple.commitment == 0x0BF16D2B5C0D6F9D9D561E05BFCA16A81B4B873BB063508FAE360D8C74CEF51F
    assert extended.secret().reveal_extended() == (trapdoor, nullifier)
    assert extended.secret().reveal() == 0x2ACA62AAA7ABAF3686FFF2CAF00F55AB9462DC12DB5B5D4BCF3994E671F8E521
    assert extended.commitment == 0x068B66AA0A8320D2E56842581553285393188714C48F9B17ACD198B4F1734C5C


def test_commitment_of_the_merkle_proof_example() -> None:
    alice = Identity.from_secret(hash_to_field(b"test-merkle-proof"))
    assert alice.commitment == 0x051C31DE3BFF7E52DC7B2EB34FC96813BACF38BDE92D27FE326CE5D8296322A7


def test_share_of_the_slashing_example() -> None:
    alice = Identity.from_secret(SECRET)
    x = hash_to_field(b"second signal")
    assert x == 0x1BFA61D9B1CBBB3BC852EEFC9D87EF4DE4716B11BCE1FFFD584E981D7E77BA53
    nullifier = 0x1AA541A7AA63C04B7A0318640813A54B8DC64650FEF5E307B8994E07628278CD
    assert alice.share(x, EXTERNAL, 1) == Share(
        x, 0x0101DEF5DCD120C56E39CDFB4973A5353935879C58F0F21FCDD3470B51DF636E, nullifier
    )
    assert alice.share(hash_to_field(b"hey hey"), EXTERNAL, 1) == Share(
        hash_to_field(b"hey hey"),
        0x0881C2B96E2D93DF44BF7DEB27CA794F9C11A28F5BF44FF9766104233904AF82,
        nullifier,
    )


def test_generated_identities_differ_and_keep_their_relations() -> None:
    simple, extended = Identity.generate(), Identity.generate_extended()
    assert simple != Identity.generate()
    assert simple.commitment == poseidon_hash([simple.secret().reveal()])
    assert extended.secret().reveal() == poseidon_hash(extended.secret().reveal_extended())


def test_generation_draws_from_the_one_door(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def fill(out: object) -> None:
        drawn.append(len(out))  # type: ignore[arg-type]
        ffi.memmove(out, bytes(range(drawn[-1])), drawn[-1])

    monkeypatch.setattr(entropy, "fill", fill)
    assert Identity.generate() == Identity.generate()
    Identity.generate_extended()
    assert drawn == [64, 64, 128]


@pytest.mark.parametrize("secret", [scalar.ORDER, -1, True, 1.0, "7", None, 1 << 256])
def test_a_secret_is_canonical(secret: object) -> None:
    with pytest.raises(FieldRangeError, match="^secret: ") as caught:
        Identity.from_secret(secret)  # type: ignore[arg-type]
    assert str(scalar.ORDER) not in str(caught.value)


def test_the_secret_zero_is_refused() -> None:
    with pytest.raises(ParameterError, match="^secret: "):
        Identity.from_secret(0)


@pytest.mark.parametrize("seed", [bytearray(4), "seed", None])
def test_a_seed_is_bytes(seed: object) -> None:
    with pytest.raises(EncodingError, match="^seed: expected bytes"):
        Identity.from_seed(seed)  # type: ignore[arg-type]


def test_share_at_zero_is_refused_before_the_secret_is_touched() -> None:
    alice = Identity.generate()
    alice.close()
    with pytest.raises(ParameterError, match="^Identity: used after it was closed"):
        alice.share(1, EXTERNAL, 0)
    with pytest.raises(ParameterError, match="^x: expected a field element other than 0"):
        Identity.generate().share(0, EXTERNAL, 0)


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("value", [scalar.ORDER, -1, True, 1.0])
def test_share_refuses_what_is_no_field_element(position: int, value: object) -> None:
    arguments: list[object] = [1, 2, 3]
    arguments[position] = value
    with pytest.raises(FieldRangeError, match="^(x|external_nullifier|message_id): "):
        Identity.generate().share(*arguments)  # type: ignore[arg-type]


def test_closing_wipes_and_forbids_use() -> None:
    with Identity.from_secret(SECRET) as alice:
        kept = alice.secret()
        assert alice.commitment == kept.commitment
    uses: list[Callable[[], object]] = [
        lambda: alice.commitment,
        lambda: alice.share(1, 2, 3),
        alice.secret,
        alice.__enter__,
        lambda: alice == Identity.generate(),
    ]
    for use in uses:
        with pytest.raises(ParameterError, match="^Identity: used after it was closed"):
            use()
    alice.close()
    assert kept.reveal() == SECRET
    assert kept.identity() == Identity.from_secret(SECRET)


def test_equality() -> None:
    assert Identity.from_secret(5) == Identity.from_secret(5)
    assert Identity.from_secret(5) != Identity.from_secret(6)
    assert Identity.from_secret(5).secret() == Identity.from_secret(5).secret()
    assert Identity.from_secret(5) != Identity.from_secret(5).secret()
    assert Identity.from_secret(5) != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(Identity.from_secret(5))


def test_identities_are_made_by_name_and_never_changed() -> None:
    for kind in (Identity, IdentitySecret):
        with pytest.raises(TypeError, match="cannot be called; use Identity.generate"):
            kind()
    alice = Identity.from_secret(SECRET)
    with pytest.raises(AttributeError, match="immutable"):
        alice.commitment = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del alice._held


def violation_of(holder: object) -> RateLimitViolation:
    """Return a verdict that holds the secret of an identity, or the given one."""
    secret = holder.secret() if isinstance(holder, Identity) else holder
    assert isinstance(secret, IdentitySecret)
    return RateLimitViolation(secret)


REFUSED: list[Callable[[object], object]] = [
    copy.copy,
    copy.deepcopy,
    pickle.dumps,
    lambda holder: pickle.dumps(holder, 0),
    lambda holder: pickle.dumps([holder]),
    json.dumps,
    lambda holder: holder.__reduce__(),
    lambda holder: holder.__reduce_ex__(4),
    lambda holder: holder.__getstate__(),
    dataclasses.asdict,  # type: ignore[list-item]
    vars,
    dict,  # type: ignore[list-item]
    list,  # type: ignore[list-item]
    bytes,  # type: ignore[list-item]
    int,  # type: ignore[list-item]
    float,  # type: ignore[list-item]
    lambda holder: format(holder, "x"),
    lambda holder: "%d" % holder,  # noqa: UP031
    lambda holder: dataclasses.asdict(violation_of(holder)),
]
SHOWN: list[Callable[[object], object]] = [
    repr,
    str,
    lambda holder: f"{holder}",
    lambda holder: f"{holder!r:>80}",
    lambda holder: "%s %r" % (holder, holder),  # noqa: UP031
    lambda holder: [holder],
    lambda holder: json.dumps({"who": holder}, default=str),
    lambda holder: repr(violation_of(holder)),
    lambda holder: dir(holder),
    lambda holder: [getattr(holder, name) for name in ("handle", "_held")],
    lambda holder: gc.get_referents(holder),
]


def assert_hidden(text: str) -> None:
    little, big = SECRET.to_bytes(32, "little"), SECRET.to_bytes(32, "big")
    for form in (f"{SECRET:x}", str(SECRET), little.hex(), big.hex(), repr(little), repr(big)):
        assert form not in text.lower()


@pytest.mark.parametrize("kind", ["identity", "secret"])
def test_no_route_shows_the_secret(kind: str) -> None:
    alice = Identity.from_secret(SECRET)
    holder: object = alice if kind == "identity" else alice.secret()
    for number, route in enumerate(REFUSED):
        with pytest.raises(TypeError) as caught:
            route(holder)
        assert_hidden(f"{number} {caught.value!r}")
    for route in SHOWN:
        assert_hidden(str(route(holder)))


def test_logs_and_tracebacks_do_not_show_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    alice = Identity.from_secret(SECRET)
    logging.getLogger("test").error("%s and %r", alice, alice.secret())
    assert_hidden(caplog.text)
    try:
        alice.share(0, 1, 2)
    except ParameterError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert_hidden("".join(report.format()))


def test_threads_share_an_identity_while_one_closes_it() -> None:
    alice = Identity.from_secret(SECRET)
    expected = alice.share(1, 2, 3)
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(200):
                if alice.share(1, 2, 3) != expected:
                    wrong.append("another share")
        except ParameterError as error:
            if "closed" not in str(error):
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    alice.close()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_extended_identity_comes_back_from_its_two_numbers():
    made = Identity.generate_extended()
    again = Identity.from_extended(*made.secret().reveal_extended())
    assert again == made
    assert again.secret().reveal_extended() == made.secret().reveal_extended()
    for trapdoor, nullifier, error in (
        (0, 5, ParameterError),
        (5, 0, ParameterError),
        (5, 5, ParameterError),
    ):
        with pytest.raises(error):
            Identity.from_extended(trapdoor, nullifier)
    top = scalar.ORDER - 1
    assert Identity.from_extended(top, 1).secret().reveal_extended() == (top, 1)
    for wrong in (scalar.ORDER, -1, True, 1.0, "5", None):
        with pytest.raises(FieldRangeError):
            Identity.from_extended(wrong, 5)
        with pytest.raises(FieldRangeError):
            Identity.from_extended(5, wrong)
