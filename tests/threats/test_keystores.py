"""Keystores of other programs: their message ids, their numbers, and what is said about their secrets."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.errors import EncodingError, InputError, ParameterError, RlnError, StoreUnavailable
from rln.formats.keystore import Keystore, KeystoreEntry
from rln.protocol.epoch import EpochClock
from rln.protocol.waku_membership import WakuMembership
from rln.stores import open_message_ids
from rln.stores.memory import MemoryMessageIds

WHO = rln.Identity.from_seed(b"a member of two programs", extended=True)
MEMBERSHIP = WakuMembership(WHO, "59144", "0x00", 3, 20)
PASSWORD = "opens-sesame"
FEW = 10_000
STORE = Keystore().with_entry(*MEMBERSHIP.lock(PASSWORD, FEW))


def test_e14_an_imported_identity_gets_no_id_that_the_other_program_may_have_used(tmp_path: Path) -> None:
    """The other program's clock is ahead by 20 seconds, and it has sent at the start of the next epoch."""
    here = EpochClock.waku(bytes(32), 600, now=lambda: 1190.0)
    there = EpochClock.waku(bytes(32), 600, now=lambda: 1210.0)
    spent = open_message_ids("memory://")  # stands for the memory of the other program
    used = {(epoch.index, spent.reserve(WHO.commitment, epoch, 20)[0]) for epoch in there.acceptable()}
    assert (2, 0) in used
    ids = open_message_ids(f"sqlite:///{tmp_path}/ids.db")
    ids.refuse_until(WHO.commitment, here.acceptable()[-1].end)
    for index in (1, 2):
        with pytest.raises(StoreUnavailable, match="before unix time 1800 is refused"):
            ids.reserve(WHO.commitment, here.epoch(index), 20)
    assert ids.reserve(WHO.commitment, here.epoch(3), 20) == range(1)
    ids.close()


def test_e14_a_refusal_outlives_the_process_and_no_introduction_ends_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/ids.db"
    clock = EpochClock.waku(bytes(32), 600, now=time.time)
    ids = open_message_ids(uri)
    ids.introduce(WHO.commitment)
    assert ids.reserve(WHO.commitment, clock.current(), 20) == range(1)
    ids.refuse_until(WHO.commitment, clock.acceptable()[-1].end)
    ids.close()
    ids = open_message_ids(uri)
    ids.introduce(WHO.commitment)
    with pytest.raises(StoreUnavailable):
        ids.reserve(WHO.commitment, clock.current(), 20)
    ids.close()


def test_e14_ids_in_memory_refuse_an_identity_of_another_program() -> None:
    with pytest.raises(ParameterError, match="expected a file for an identity that another program uses"):
        MemoryMessageIds().refuse_until(WHO.commitment, 5)


def test_e14_a_wrong_password_or_a_changed_entry_gives_nothing() -> None:
    content = json.loads(STORE.encode())
    (label,) = content["credentials"]
    for part in ("ciphertext", "mac"):
        changed = json.loads(STORE.encode())
        crypto = changed["credentials"][label]["crypto"]
        crypto[part] = f"{int(crypto[part][:2], 16) ^ 0x80:02x}{crypto[part][2:]}"
        with pytest.raises(ParameterError, match="expected the one of the keystore's entry"):
            WakuMembership.unlock(Keystore.decode(json.dumps(changed).encode()), PASSWORD)
    with pytest.raises(ParameterError, match="expected the one of the keystore's entry"):
        WakuMembership.unlock(STORE, PASSWORD + " ")
    assert WakuMembership.unlock(STORE, PASSWORD).identity == WHO


@pytest.mark.parametrize(
    ("kdf", "numbers"),
    [
        ("pbkdf2", {"c": 10**15, "prf": "hmac-sha256"}),
        ("scrypt", {"n": 1 << 30, "r": 8, "p": 1}),
        ("scrypt", {"n": 1 << 18, "r": 1 << 20, "p": 1}),
        ("scrypt", {"n": 2, "r": 1, "p": 1 << 40}),
    ],
)
def test_e14_numbers_that_take_hours_or_all_memory_are_refused_unused(kdf: str, numbers: Any) -> None:
    changed = json.loads(STORE.encode())
    (entry,) = changed["credentials"].values()
    entry["crypto"] |= {"kdf": kdf, "kdfparams": {"dklen": 32, "salt": "00" * 16, **numbers}}
    with pytest.raises(EncodingError, match=r": expected 1 \.\. |: expected 2 \.\. "):
        Keystore.decode(json.dumps(changed).encode())


def test_e14_values_that_do_not_belong_together_are_refused_without_repeating_one() -> None:
    values = [*WHO.secret().reveal_extended(), WHO.secret().reveal()]
    for name in ("idCommitment", "idNullifier", "idSecretHash", "idTrapdoor"):
        content = json.loads(MEMBERSHIP.encode())
        content["identityCredential"][name] = [*(99).to_bytes(32, "little")]
        entry = KeystoreEntry.encrypt(json.dumps(content).encode(), PASSWORD, FEW)
        with pytest.raises(InputError) as caught:
            WakuMembership.unlock(Keystore({MEMBERSHIP.label: entry}), PASSWORD)
        told = str(caught.value)
        assert not any(
            str(value) in told or repr([*value.to_bytes(32, "little")]) in told for value in values
        )


def test_e14_no_text_of_a_keystore_or_membership_shows_the_secret() -> None:
    shown = repr(MEMBERSHIP) + repr(STORE) + STORE.encode().decode()
    for value in (*WHO.secret().reveal_extended(), WHO.secret().reveal()):
        assert str(value) not in shown
        assert f"{value:x}" not in shown
        assert value.to_bytes(32, "little").hex() not in shown
    assert PASSWORD not in shown


def test_e14_the_limit_of_a_keystore_is_compared_with_the_leaf() -> None:
    leaf = rln.poseidon_hash([WHO.commitment, 20])
    found = WakuMembership.unlock(STORE, PASSWORD)
    found.check_leaf(leaf)
    with pytest.raises(RlnError, match="leaf: expected that of the member with limit 20"):
        found.check_leaf(rln.poseidon_hash([WHO.commitment, 21]))
