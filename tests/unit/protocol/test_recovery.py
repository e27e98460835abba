"""Recovering a secret: from two messages of one member on one message id, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rln.base import scalar
from rln.errors import FieldRangeError, RecoveryError
from rln.protocol.epoch import Epoch, rln_identifier
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity, secret_on_line
from rln.protocol.recovery import recover_secret, recover_unverified
from rln.protocol.share import Share

element = st.sampled_from([1, 2, scalar.ORDER - 1, 2**64 - 1]) | st.integers(1, scalar.ORDER - 1)

SECRET = 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9
EXTERNAL = 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3
NULLIFIER = 0x1AA541A7AA63C04B7A0318640813A54B8DC64650FEF5E307B8994E07628278CD
FIRST = Share(
    0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03,
    0x0881C2B96E2D93DF44BF7DEB27CA794F9C11A28F5BF44FF9766104233904AF82,
    NULLIFIER,
)
SECOND = Share(
    0x1BFA61D9B1CBBB3BC852EEFC9D87EF4DE4716B11BCE1FFFD584E981D7E77BA53,
    0x0101DEF5DCD120C56E39CDFB4973A5353935879C58F0F21FCDD3470B51DF636E,
    NULLIFIER,
)


@dataclass(frozen=True)
class Message:
    shares: tuple[Share, ...]


def test_the_slashing_example() -> None:
    slope = 0x042D932E6D255B11A9E1725C1531B007C1320FBE71161E140AFC2C2023121803
    assert poseidon_hash([SECRET, EXTERNAL, 1]) == slope
    assert poseidon_hash([slope]) == NULLIFIER
    for pair in ((FIRST, SECOND), (SECOND, FIRST)):
        recovered = recover_secret(*pair)
        assert recovered.reveal() == SECRET
        assert recovered.commitment == poseidon_hash([SECRET])
        assert recovered.identity() == Identity.from_secret(SECRET)


def test_the_line_must_belong_to_the_nullifier() -> None:
    assert secret_on_line(FIRST, SECOND, NULLIFIER).reveal() == SECRET
    with pytest.raises(RecoveryError):
        secret_on_line(FIRST, SECOND, NULLIFIER + 1)


@given(element, element, st.integers(0, 65535), element, element)
def test_two_shares_recover_the_secret(secret: int, external: int, message_id: int, x1: int, x2: int) -> None:
    member = Identity.from_secret(secret)
    first, second = (member.share(x, external, message_id) for x in (x1, x2))
    slope = poseidon_hash([secret, external, message_id])
    for share in (first, second):
        assert share.y == (secret + slope * share.x) % scalar.ORDER
        assert share.nullifier == poseidon_hash([slope])
    if x1 == x2:
        with pytest.raises(RecoveryError, match="same x"):
            recover_secret(first, second)
    else:
        assert recover_secret(first, second).reveal() == secret


@given(element, element, element, element)
def test_shares_of_two_honest_members_give_nothing(one: int, other: int, x1: int, x2: int) -> None:
    assume(one != other)
    first = Identity.from_secret(one).share(x1, EXTERNAL, 0)
    second = Identity.from_secret(other).share(x2, EXTERNAL, 0)
    with pytest.raises(RecoveryError, match="different nullifiers"):
        recover_secret(first, second)


@given(element, element, element)
def test_a_forged_share_with_somebodys_nullifier_gives_nothing(secret: int, x: int, y: int) -> None:
    honest = Identity.from_secret(secret).share(5, EXTERNAL, 0)
    forged = Share(x, y, honest.nullifier)
    assume(x != 5)
    assume((y - honest.y - (x - 5) * poseidon_hash([secret, EXTERNAL, 0])) % scalar.ORDER)
    with pytest.raises(RecoveryError):
        recover_secret(honest, forged)


def test_same_x_is_one_message_and_no_division() -> None:
    for y in (FIRST.y, FIRST.y + 1):
        with pytest.raises(RecoveryError, match="same x"):
            recover_secret(FIRST, Share(FIRST.x, y, NULLIFIER))


def test_shares_without_nullifiers() -> None:
    bare = [Share(share.x, share.y) for share in (FIRST, SECOND)]
    commitment = poseidon_hash([SECRET])
    with pytest.raises(RecoveryError, match="expected a nullifier or the commitment"):
        recover_secret(*bare)
    assert recover_secret(*bare, commitment).reveal() == SECRET
    assert recover_unverified(*bare).commitment == commitment
    assert recover_unverified(*bare).confirm(commitment).reveal() == SECRET
    assert not hasattr(recover_unverified(*bare), "reveal")
    assert recover_secret(FIRST, bare[1]).reveal() == SECRET
    with pytest.raises(RecoveryError):
        recover_secret(FIRST, Share(SECOND.x, SECOND.y + 1))
    other = Identity.from_secret(99)
    strangers = Share(7, other.share(7, EXTERNAL, 1).y)
    assert recover_unverified(bare[0], strangers).commitment not in (commitment, other.commitment)
    for known in (commitment, other.commitment):
        with pytest.raises(RecoveryError, match="does not give the secret of the expected commitment"):
            recover_secret(bare[0], strangers, known)
    with pytest.raises(RecoveryError, match="expected commitment"):
        recover_secret(FIRST, SECOND, other.commitment)
    with pytest.raises(FieldRangeError):
        recover_secret(FIRST, SECOND, scalar.ORDER)
    with pytest.raises(RecoveryError, match="same x"):
        recover_unverified(bare[0], bare[0])


def test_single_and_multi_messages_slash_each_other() -> None:
    member = Identity.from_secret(SECRET)

    def message(x: int, *ids: int) -> Message:
        return Message(tuple(member.share(x, EXTERNAL, one) for one in ids))

    assert recover_secret(message(1, 0, 1, 2), message(2, 5, 2)).reveal() == SECRET
    assert recover_secret(message(1, 0, 1), member.share(2, EXTERNAL, 1)).reveal() == SECRET
    assert recover_secret(message(1, 4), message(2, 4)).reveal() == SECRET
    with pytest.raises(RecoveryError, match="different nullifiers"):
        recover_secret(message(1, 0, 1), message(2, 2, 3))
    with pytest.raises(RecoveryError, match="same x"):
        recover_secret(message(1, 0, 1), message(1, 1, 2))
    with pytest.raises(RecoveryError, match="different nullifiers"):
        recover_secret(Message(()), message(1, 0))


def test_two_applications_do_not_slash_for_each_other() -> None:
    member = Identity.from_secret(SECRET)
    externals = [
        Epoch.of(7, 60, rln_identifier(name, 60)).external_nullifier
        for name in ("example.com", "example.org")
    ]
    shares = [member.share(x, external, 0) for x, external in zip((5, 6), externals, strict=True)]
    with pytest.raises(RecoveryError, match="different nullifiers"):
        recover_secret(*shares)
    bare = recover_unverified(*(Share(share.x, share.y) for share in shares))
    assert bare.commitment != member.commitment


def test_no_message_contains_the_secret() -> None:
    with pytest.raises(RecoveryError) as caught:
        recover_secret(FIRST, Share(SECOND.x, SECOND.y + 1, NULLIFIER))
    assert str(SECRET) not in str(caught.value)
