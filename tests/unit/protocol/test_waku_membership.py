"""Memberships of Waku: all values belong together, or the entry is refused without repeating one of them."""

import json
import pickle
from typing import Any

import pytest

from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError
from rln.formats.keystore import Keystore, KeystoreEntry
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.waku_membership import WakuMembership

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WHO = Identity.from_seed(b"a member of waku", extended=True)
MINE = WakuMembership(WHO, "59144", "0xB9cd878C90E49F797B4431fBF4fb333108CB90e6", 7, 20)
NAMES = ("idCommitment", "idNullifier", "idSecretHash", "idTrapdoor")
FEW = 10_000


def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MINE.encode())
    return found


def decoded(changed: object) -> WakuMembership:
    return WakuMembership.decode(json.dumps(changed).encode())


def test_a_membership_goes_into_a_keystore_and_comes_back() -> None:
    store = Keystore().with_entry(*MINE.lock("a password", FEW))
    again = WakuMembership.unlock(Keystore.decode(store.encode()), "a password")
    assert again == MINE
    assert again.identity.secret().reveal_extended() == WHO.secret().reveal_extended()
    assert again.leaf == poseidon_hash([WHO.commitment, 20])
    with pytest.raises(ParameterError, match="password: expected the one"):
        WakuMembership.unlock(store, "another")


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_does_not_belong_to_the_others_is_refused(name: str) -> None:
    changed = content()
    changed["identityCredential"][name] = [*(5).to_bytes(32, "little")]
    with pytest.raises(EncodingError, match="idSecretHash: expected|idCommitment: expected"):
        decoded(changed)


def test_trapdoor_and_nullifier_are_not_exchanged() -> None:
    changed = content()
    values = changed["identityCredential"]
    values["idTrapdoor"], values["idNullifier"] = values["idNullifier"], values["idTrapdoor"]
    with pytest.raises(EncodingError, match="idSecretHash: expected the hash"):
        decoded(changed)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_has_no_alias(name: str) -> None:
    changed = content()
    value = int.from_bytes(bytes(changed["identityCredential"][name]), "little") + R
    changed["identityCredential"][name] = [*value.to_bytes(32, "little")]
    with pytest.raises(FieldRangeError, match=name):
        decoded(changed)


@pytest.mark.parametrize(
    "value", [[1] * 31, [1] * 33, [], "01", None, 5, [256] * 32, [-1] * 32, [True] * 32, {}]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_32_bytes(name: str, value: object) -> None:
    changed = content()
    changed["identityCredential"][name] = value
    with pytest.raises(EncodingError, match=f"{name}: expected an array of 32 bytes$"):
        decoded(changed)


def test_the_objects_that_js_waku_once_wrote_are_read() -> None:
    changed = content()
    changed["identityCredential"] = {
        name: {str(i): byte for i, byte in enumerate(value)}
        for name, value in changed["identityCredential"].items()
    }
    del changed["userMessageLimit"]
    found = decoded(changed)
    assert found.identity == WHO
    assert found.limit is None
    assert found.leaf is None
    with pytest.raises(ParameterError, match="limit: expected one in the keystore"):
        found.check_leaf(5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("treeIndex"), "treeIndex is missing"),
        (lambda d: d.update(treeIndex=-1), "treeIndex: expected 0"),
        (lambda d: d.update(treeIndex=2**32), "treeIndex: expected 0"),
        (lambda d: d.update(treeIndex="5"), "treeIndex: expected a number"),
        (lambda d: d.update(userMessageLimit=0), "userMessageLimit: expected 1"),
        (lambda d: d.update(userMessageLimit=65_537), "userMessageLimit: expected 1"),
        (lambda d: d.update(more=1), "unknown name"),
        (lambda d: d["identityCredential"].update(more=1), "unknown name"),
        (lambda d: d["identityCredential"].pop("idTrapdoor"), "idTrapdoor is missing"),
        (lambda d: d["membershipContract"].update(chainId=""), "chain id: expected 1 to 128"),
        (lambda d: d["membershipContract"].update(address="a b"), "address: expected 1 to 128"),
        (lambda d: d["membershipContract"].update(address=None), "address: expected a string"),
    ],
)
def test_a_membership_of_another_form_is_refused(change: Any, words: str) -> None:
    changed = content()
    change(changed)
    with pytest.raises(InputError, match=words):
        decoded(changed)


def test_no_refusal_repeats_a_secret() -> None:
    values = [*WHO.secret().reveal_extended(), WHO.secret().reveal()]
    parts = [str(value) for value in values] + [repr(list(value.to_bytes(32, "little"))) for value in values]
    for name in NAMES:
        for wrong in ([*(5).to_bytes(32, "little")], [1] * 31, None):
            changed = content()
            changed["identityCredential"][name] = wrong
            with pytest.raises(InputError) as caught:
                decoded(changed)
            assert not any(part in str(caught.value) for part in parts)
    assert not any(part in repr(MINE) for part in parts)
    with pytest.raises(TypeError):
        pickle.dumps(MINE)


def test_the_leaf_decides_about_the_limit() -> None:
    MINE.check_leaf(poseidon_hash([WHO.commitment, 20]))
    for other in (poseidon_hash([WHO.commitment, 21]), 0, 5):
        with pytest.raises(ParameterError, match="leaf: expected that of the member with limit 20"):
            MINE.check_leaf(other)


def test_an_entry_under_the_label_of_another_is_refused() -> None:
    _, entry = MINE.lock("a password", FEW)
    store = Keystore().with_entry("AB" * 32, entry)
    with pytest.raises(EncodingError, match="expected the membership of the entry's label"):
        WakuMembership.unlock(store, "a password")


def test_a_chain_id_is_text_or_a_number_and_its_label_decimal_or_as_written() -> None:
    changed = content()
    changed["membershipContract"]["chainId"] = 59144
    assert decoded(changed) == MINE
    changed["membershipContract"]["chainId"] = "0xe708"
    entry = KeystoreEntry.encrypt(json.dumps(changed).encode(), "p", FEW)
    for label in (MINE.label, decoded(changed).label):
        assert WakuMembership.unlock(Keystore().with_entry(label, entry), "p").chain_id == "0xe708"


def test_a_simple_identity_is_in_no_keystore() -> None:
    with pytest.raises(ParameterError, match="identity: expected an extended one that is open"):
        WakuMembership(Identity.generate(), "1", "0x00", 0, 1)
