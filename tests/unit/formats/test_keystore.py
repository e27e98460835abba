"""Keystores: what is encrypted comes back, and a hostile or damaged file is refused before any work."""

import copy
import hashlib
import json
import unicodedata
from typing import Any

import pytest

from rln.errors import EncodingError, ParameterError
from rln.formats.keystore import MAX_BYTES, Keystore, KeystoreEntry, Pbkdf2, Scrypt
from rln.lowlevel import hashes

LABEL = "AB" * 32
FEW = 10_000
ENTRY = KeystoreEntry.encrypt(b"what is secret", "a password", FEW)
STORE = Keystore().with_entry(LABEL, ENTRY)


def document() -> dict[str, Any]:
    return copy.deepcopy(json.loads(STORE.encode()))


def crypto(changed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = changed["credentials"][LABEL]["crypto"]
    return found


def test_what_is_encrypted_comes_back() -> None:
    again = Keystore.decode(STORE.encode())
    assert again == STORE
    assert again.entry() == again.entry(LABEL.lower()) == (LABEL, ENTRY)
    assert again.entry()[1].decrypt("a password") == b"what is secret"
    assert (again.application, again.version) == ("waku-rln-relay", "0.2")


def test_each_entry_has_a_key_of_its_own() -> None:
    other = KeystoreEntry.encrypt(b"what is secret", "a password", FEW)
    assert other.kdf.salt != ENTRY.kdf.salt
    assert other.iv != ENTRY.iv
    assert other.ciphertext != ENTRY.ciphertext


@pytest.mark.parametrize("password", ["A password", "a password ", "a passw", "x"])
def test_a_wrong_password_is_refused(password: str) -> None:
    with pytest.raises(ParameterError, match="password: expected the one of the keystore's entry") as caught:
        ENTRY.decrypt(password)
    assert password not in str(caught.value) or len(password) == 1


@pytest.mark.parametrize("part", ["ciphertext", "mac"])
def test_a_changed_byte_is_refused_like_a_wrong_password(part: str) -> None:
    changed = document()
    digits = crypto(changed)[part]
    crypto(changed)[part] = f"{int(digits[:2], 16) ^ 1:02x}{digits[2:]}"
    with pytest.raises(ParameterError, match="or the entry is damaged"):
        Keystore.decode(json.dumps(changed).encode()).entry()[1].decrypt("a password")


def test_a_password_that_both_programs_read_differently_is_read_in_both_ways_and_never_written() -> None:
    password = "na\u00efve"  # nwaku derives from these bytes, js-waku from those of NFKD
    for spelling in (password.encode(), unicodedata.normalize("NFKD", password).encode()):
        key = Pbkdf2(b"salt", FEW).derive(spelling)
        ascii_entry = KeystoreEntry.encrypt(b"x", "y", FEW)
        mac = hashes.keccak256(key[16:] + ascii_entry.ciphertext)
        entry = KeystoreEntry(Pbkdf2(b"salt", FEW), ascii_entry.iv, ascii_entry.ciphertext, mac)
        assert len(entry.decrypt(password)) == 1
    with pytest.raises(ParameterError, match="NFKD leaves as it is"):
        KeystoreEntry.encrypt(b"x", password, FEW)


def test_scrypt_is_read() -> None:
    plain = KeystoreEntry.encrypt(b"what is secret", "a password", FEW)
    kdf = Scrypt(b"salt", 1024, 1, 8)
    key = hashlib.scrypt(b"a password", salt=b"salt", n=1024, r=1, p=8, dklen=32)
    assert kdf.derive(b"a password") == key
    mac = hashes.keccak256(key[16:] + plain.ciphertext)
    store = Keystore().with_entry(LABEL, KeystoreEntry(kdf, plain.iv, plain.ciphertext, mac))
    again = Keystore.decode(store.encode())
    assert again == store
    assert len(again.entry()[1].decrypt("a password")) == 14


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("cipher", "aes-256-ctr", "cipher: expected aes-128-ctr"),
        ("cipher", 5, "cipher: expected a string"),
        ("kdf", "argon2", "kdf: expected pbkdf2 or scrypt, got 'argon2'"),
        ("mac", "00" * 31, "mac: expected 32 bytes, got 31"),
        ("mac", "", "mac: expected bytes as hexadecimal"),
        ("mac", "0x" + "00" * 32, "mac: expected bytes as hexadecimal"),
        ("mac", "00 " * 32, "mac: expected bytes as hexadecimal"),
        ("ciphertext", "abc", "ciphertext: expected bytes as hexadecimal"),
        ("ciphertext", "", "ciphertext: expected bytes as hexadecimal"),
        ("cipherparams", {"iv": "00" * 15}, "iv: expected 16 bytes, got 15"),
        ("cipherparams", {"iv": "00" * 16, "x": 1}, "unknown name 'x'"),
        ("cipherparams", {}, "iv is missing"),
        ("cipherparams", None, "expected an object"),
    ],
)
def test_an_entry_of_another_form_is_refused(place: str, value: object, words: str) -> None:
    changed = document()
    crypto(changed)[place] = value
    with pytest.raises(EncodingError, match=words):
        Keystore.decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"c": 0}, "c: expected 1 .. 10000000, got 0"),
        ({"c": 10_000_001}, "c: expected 1 .. 10000000"),
        ({"c": True}, "c: expected a number"),
        ({"dklen": 64}, "dklen: expected 32 .. 32, got 64"),
        ({"prf": "hmac-sha1"}, "prf: expected hmac-sha256"),
        ({"salt": ""}, "salt: expected bytes"),
        ({"salt": "00" * 257}, "salt: expected at most 256 bytes"),
        ({"n": 2}, "unknown name 'n'"),
    ],
)
def test_numbers_of_pbkdf2_are_bounded(values: dict[str, object], words: str) -> None:
    changed = document()
    crypto(changed)["kdfparams"] |= values
    with pytest.raises(EncodingError, match=words):
        Keystore.decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n": 1 << 22}, "n: expected 2 .. 2097152"),
        ({"n": 1 << 19, "r": 8}, "r: expected 1 .. 4"),
        ({"n": 1000}, "n: expected a power of 2"),
        ({"n": 1}, "n: expected 2 .. "),
        ({"p": 17}, "p: expected 1 .. 16"),
        ({"p": 0}, "p: expected 1 .. 16"),
    ],
)
def test_numbers_of_scrypt_are_bounded(values: dict[str, object], words: str) -> None:
    changed = document()
    crypto(changed)["kdf"] = "scrypt"
    crypto(changed)["kdfparams"] = {"dklen": 32, "salt": "00" * 16, "n": 1024, "r": 8, "p": 1, **values}
    with pytest.raises(EncodingError, match=words):
        Keystore.decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("version"), "version is missing"),
        (lambda d: d.update(more=1), "unknown name 'more'"),
        (lambda d: d.update(credentials=[]), "credentials: expected an object"),
        (lambda d: d.update(application=1), "application: expected a string"),
        (lambda d: d["credentials"].update({"short": d["credentials"][LABEL]}), "label: expected 64 "),
        (lambda d: d["credentials"].update({LABEL.lower(): d["credentials"][LABEL]}), "twice"),
        (lambda d: d["credentials"][LABEL].update(address=""), "unknown name 'address'"),
    ],
)
def test_a_file_of_another_form_is_refused(change: Any, words: str) -> None:
    changed = document()
    change(changed)
    with pytest.raises(EncodingError, match=words):
        Keystore.decode(json.dumps(changed).encode())


def test_other_files_are_refused_by_name_and_large_ones_unread() -> None:
    with pytest.raises(EncodingError, match="expected a keystore of nwaku or js-waku, got the secret of an"):
        Keystore.decode(b'{"identityCommitment": "5", "identitySecret": "6"}')
    with pytest.raises(EncodingError, match=f"at most {MAX_BYTES} bytes"):
        Keystore.decode(STORE.encode() + b" " * MAX_BYTES)
    for data in (b"", b"{}", b"[]", b"\xff", b"{" * 100):
        with pytest.raises(EncodingError):
            Keystore.decode(data)


def test_an_entry_is_named_when_there_are_several() -> None:
    two = STORE.with_entry("cd" * 32, ENTRY)
    assert two.entry("CD" * 32) == ("CD" * 32, ENTRY)
    with pytest.raises(ParameterError, match="expected one entry, or the label of one of them, got 2"):
        two.entry()
    with pytest.raises(ParameterError, match="expected one entry, .* got 0 entries: none"):
        Keystore().entry()
    with pytest.raises(ParameterError, match="label: expected one of"):
        STORE.entry("CD" * 32)
    with pytest.raises(ParameterError, match="which the keystore has"):
        STORE.with_entry(LABEL.lower(), ENTRY)
    with pytest.raises(EncodingError, match="64 hexadecimal digits"):
        STORE.with_entry("cd", ENTRY)


@pytest.mark.parametrize(
    ("plaintext", "password", "iterations"),
    [
        (b"", "p", FEW),
        (b"x", "", FEW),
        (b"x", "p" * 1025, FEW),
        (b"x", "\ud800", FEW),
        (b"x", "p", 9999),
        (b"x", "p", 10_000_001),
        (b"x", "p", 1e5),
        (b"x", b"p", FEW),
    ],
)
def test_what_cannot_be_encrypted_is_refused(plaintext: Any, password: Any, iterations: Any) -> None:
    with pytest.raises(ParameterError):
        KeystoreEntry.encrypt(plaintext, password, iterations)
