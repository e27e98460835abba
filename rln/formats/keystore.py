"""Keystore: the encrypted file in which nwaku and js-waku keep memberships.

    {"application": …, "appIdentifier": …, "version": …, "credentials": {LABEL: {"crypto": {…}}, …}}

LABEL is the SHA-256 of what the entry is for, in hexadecimal digits. `crypto` is that of Ethereum's keystores
of version 3, and not of EIP-2335: a key of 32 bytes is derived from the password by PBKDF2-HMAC-SHA256 or
scrypt; its first half encrypts by AES-128 in counter mode, and the Keccak-256 of its second half with the
ciphertext is the `mac`. Each entry may have a password of its own. This module knows nothing of what is
encrypted: `rln.protocol.waku_membership` does.

The numbers in a file decide how long a password takes to check, so they are bounded. A wrong password and a
changed entry look alike, and both are refused. Needs the extra `waku` (cryptography).
Source: nwaku, waku_keystore/keyfile.nim; js-waku, packages/rln/src/keystore.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Self

from rln.base import canonical_json
from rln.base.arguments import fixed_bytes, instance, plain_bytes, text, whole
from rln.base.extras import require
from rln.base.file_kind import FileKind, expect, without_mark
from rln.errors import EncodingError, ParameterError
from rln.lowlevel import entropy, hashes

__all__ = ["Keystore", "KeystoreEntry"]

MAX_BYTES: Final = 1 << 20
"""Bytes of the longest file."""
MAX_ITERATIONS: Final = 10_000_000
"""Most iterations of PBKDF2: some seconds."""
MIN_ITERATIONS: Final = 10_000
"""Fewest iterations of PBKDF2 in an entry that is written; entries with fewer are read."""
ITERATIONS: Final = 1_000_000
"""Iterations of PBKDF2 that nwaku writes."""

_KEY: Final = 32
_BLOCK: Final = 16
_MAX_SALT: Final = 256
_MAX_PASSWORD: Final = 1024
_MAX_SCRYPT_MEMORY: Final = 1 << 28
"""Bytes that scrypt may use: those of Ethereum's usual parameters, n = 262144 and r = 8."""
_MAX_SCRYPT_PASSES: Final = 16
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+\Z")
_LABEL: Final = re.compile(r"[0-9a-fA-F]{64}\Z")
_NAMES: Final = ("application", "appIdentifier", "version")
_CRYPTO: Final = ("cipher", "cipherparams", "ciphertext", "kdf", "kdfparams", "mac")


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """PBKDF2-HMAC-SHA256 with its parameters. Immutable, so safe in all threads and after a fork.

    Attributes:
        salt: random bytes.
        iterations: 1 to `MAX_ITERATIONS`.
    """

    salt: bytes
    iterations: int

    def derive(self, password: bytes) -> bytes:
        """Return 32 bytes."""
        return hashlib.pbkdf2_hmac("sha256", password, self.salt, self.iterations, _KEY)

    def to_json(self) -> dict[str, object]:
        """Return the parameters as in the file."""
        return {"dklen": _KEY, "c": self.iterations, "prf": "hmac-sha256", "salt": self.salt.hex()}


@dataclass(frozen=True, slots=True)
class Scrypt:
    """scrypt with its parameters. Immutable, so safe in all threads and after a fork.

    Attributes:
        salt: random bytes.
        n, r, p: cost, block size and passes; bounded together.
    """

    salt: bytes
    n: int
    r: int
    p: int

    def derive(self, password: bytes) -> bytes:
        """Return 32 bytes."""
        return hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            dklen=_KEY,
            maxmem=2 * _MAX_SCRYPT_MEMORY,
        )

    def to_json(self) -> dict[str, object]:
        """Return the parameters as in the file."""
        return {"dklen": _KEY, "n": self.n, "r": self.r, "p": self.p, "salt": self.salt.hex()}


@dataclass(frozen=True, slots=True)
class KeystoreEntry:
    """An encrypted entry. Immutable, so safe in all threads and after a fork; no secret in it is readable.

    Args:
        kdf: how the key follows from the password.
        iv: first counter of the cipher, 16 bytes.
        ciphertext: what `decrypt` decrypts.
        mac: what tells a wrong password, 32 bytes.

    Raises:
        EncodingError, ParameterError: a part has the wrong type or length.
    """

    kdf: Pbkdf2 | Scrypt
    iv: bytes
    ciphertext: bytes = field(repr=False)
    mac: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.kdf, (Pbkdf2, Scrypt)):
            raise ParameterError(f"kdf: expected Pbkdf2 or Scrypt, got {type(self.kdf).__name__}")
        fixed_bytes(self.iv, _BLOCK, "iv")
        plain_bytes(self.ciphertext, "ciphertext")
        fixed_bytes(self.mac, 32, "mac")

    @classmethod
    def encrypt(cls, plaintext: bytes, password: str, iterations: int = ITERATIONS) -> Self:
        """Encrypt bytes with a password, as nwaku does: by PBKDF2 and with a fresh salt.

        Args:
            plaintext: what to encrypt, not empty.
            password: not empty. It must be in Unicode's form NFKD: for another, nwaku and js-waku derive
                different keys.
            iterations: of PBKDF2.

        Raises:
            EncodingError: the plaintext is not `bytes`.
            ParameterError: the plaintext or the password is empty, the password is too long or not in NFKD,
                the iterations are outside their range, or cryptography is not installed.
            EntropyError: the operating system gives no entropy.
        """
        require("cryptography", "waku")
        if not plain_bytes(plaintext, "plaintext"):
            raise ParameterError("plaintext: expected at least one byte, got none")
        if len(spellings := _spellings(password)) != 1:
            raise ParameterError(
                "password: expected text that Unicode's NFKD leaves as it is, because nwaku and js-waku read "
                "other text differently; use ASCII"
            )
        whole(iterations, "iterations", MIN_ITERATIONS, MAX_ITERATIONS)
        kdf, iv = Pbkdf2(entropy.draw(_BLOCK), iterations), entropy.draw(_BLOCK)
        key = kdf.derive(spellings[0])
        ciphertext = _aes_ctr(key[:_BLOCK], iv, plaintext)
        return cls(kdf, iv, ciphertext, hashes.keccak256(key[_BLOCK:] + ciphertext))

    def decrypt(self, password: str) -> bytes:
        """Return what was encrypted.

        A password that is not in Unicode's form NFKD is tried as it is, as nwaku takes it, and in this form,
        as js-waku takes it.

        Raises:
            ParameterError: the password is wrong, or the entry is damaged; or cryptography is not installed.
        """
        require("cryptography", "waku")
        for spelling in _spellings(password):
            key = self.kdf.derive(spelling)
            if hmac.compare_digest(hashes.keccak256(key[_BLOCK:] + self.ciphertext), self.mac):
                return _aes_ctr(key[:_BLOCK], self.iv, self.ciphertext)
        raise ParameterError(
            "password: expected the one of the keystore's entry, got a different one, or the entry is damaged"
        )

    @classmethod
    def _of_json(cls, value: object, name: str) -> Self:
        # nwaku can be compiled to write a version and an id, as Ethereum's keystores have them.
        outer = canonical_json.fields(value, name, ("crypto",), ("id", "version"))
        crypto = canonical_json.fields(outer["crypto"], name, _CRYPTO)
        _expect(crypto["cipher"], f"{name}: cipher", "aes-128-ctr")
        parameters = canonical_json.fields(crypto["cipherparams"], f"{name}: cipherparams", ("iv",))
        return cls(
            _kdf_of_json(crypto["kdf"], crypto["kdfparams"], name),
            _hex(parameters["iv"], f"{name}: iv", _BLOCK),
            _hex(crypto["ciphertext"], f"{name}: ciphertext"),
            _hex(crypto["mac"], f"{name}: mac", 32),
        )

    def _to_json(self) -> dict[str, object]:
        return {
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": {"iv": self.iv.hex()},
                "ciphertext": self.ciphertext.hex(),
                "kdf": "pbkdf2" if isinstance(self.kdf, Pbkdf2) else "scrypt",
                "kdfparams": self.kdf.to_json(),
                "mac": self.mac.hex(),
            }
        }


@dataclass(frozen=True, slots=True)
class Keystore:
    """The content of a file. Immutable, so safe in all threads and after a fork.

    Args:
        entries: the encrypted entries by label, which is 64 hexadecimal digits; kept in upper case.
        application, app_identifier, version: what nwaku and js-waku write, and expect when they read.

    Raises:
        EncodingError: a label is not 64 hexadecimal digits, or is there twice.
        ParameterError: a part has the wrong type.
    """

    entries: Mapping[str, KeystoreEntry] = field(default_factory=dict)
    application: str = "waku-rln-relay"
    app_identifier: str = "01234567890abcdef"
    version: str = "0.2"

    def __post_init__(self) -> None:
        instance(self.entries, Mapping, "entries")
        kept: dict[str, KeystoreEntry] = {}
        for label, entry in self.entries.items():
            instance(entry, KeystoreEntry, "entry")
            if not _LABEL.match(text(label, "label")):
                raise EncodingError("label: expected 64 hexadecimal digits")
            if label.upper() in kept:
                raise EncodingError(f"label: expected distinct labels, got {label} twice")
            kept[label.upper()] = entry
        for value, name in zip((self.application, self.app_identifier, self.version), _NAMES, strict=True):
            text(value, name)
        object.__setattr__(self, "entries", MappingProxyType(kept))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the content of a file. Nothing is decrypted.

        Raises:
            EncodingError: another kind of file, more than `MAX_BYTES`, an algorithm that is not known, or a
                number outside its bounds.
        """
        name = "keystore"
        expect(data, name, FileKind.KEYSTORE)
        found = canonical_json.fields(
            canonical_json.read(without_mark(data), name, MAX_BYTES), name, (*_NAMES, "credentials")
        )
        credentials = found["credentials"]
        if not isinstance(credentials, dict):
            raise EncodingError(f"{name}: credentials: expected an object")
        entries = {
            label: KeystoreEntry._of_json(value, f"{name}: {label[:8]}…")
            for label, value in credentials.items()
        }
        texts = (canonical_json.text(found[key], f"{name}: {key}") for key in _NAMES)
        return cls(entries, *texts)

    def encode(self) -> bytes:
        """Return the content of the file: one line, as nwaku writes it."""
        return (
            canonical_json.write(
                {
                    "application": self.application,
                    "appIdentifier": self.app_identifier,
                    "version": self.version,
                    "credentials": {label: entry._to_json() for label, entry in self.entries.items()},
                }
            )
            + b"\n"
        )

    def entry(self, label: str | None = None) -> tuple[str, KeystoreEntry]:
        """Return an entry with its label.

        Args:
            label: of the entry; None: the keystore must have one entry only.

        Raises:
            ParameterError: there is no such entry, or none was named and there are several.
        """
        if label is None:
            if len(self.entries) != 1:
                raise ParameterError(
                    f"keystore: expected one entry, or the label of one of them, got {len(self.entries)} "
                    f"entries: {', '.join(self.entries) or 'none'}"
                )
            label = next(iter(self.entries))
        label = text(label, "label").upper()
        if label not in self.entries:
            raise ParameterError(
                f"label: expected one of {', '.join(self.entries) or 'none'}, got {label[:64]!r}"
            )
        return label, self.entries[label]

    def with_entry(self, label: str, entry: KeystoreEntry) -> Self:
        """Return the keystore with one more entry.

        Raises:
            EncodingError: the label is not 64 hexadecimal digits.
            ParameterError: the label is there already.
        """
        if text(label, "label").upper() in self.entries:
            raise ParameterError(f"label: expected a new one, got {label}, which the keystore has")
        return replace(self, entries={**self.entries, label: entry})


def _kdf_of_json(kdf: object, value: object, name: str) -> Pbkdf2 | Scrypt:
    kind = canonical_json.text(kdf, f"{name}: kdf")
    numbers = {"pbkdf2": ("c", "prf"), "scrypt": ("n", "r", "p")}
    if kind not in numbers:
        raise EncodingError(f"{name}: kdf: expected pbkdf2 or scrypt, got {kind[:40]!r}")
    found = canonical_json.fields(value, f"{name}: kdfparams", ("dklen", "salt", *numbers[kind]))
    canonical_json.integer(found["dklen"], f"{name}: dklen", _KEY, _KEY)
    salt = _hex(found["salt"], f"{name}: salt")
    if len(salt) > _MAX_SALT:
        raise EncodingError(f"{name}: salt: expected at most {_MAX_SALT} bytes, got {len(salt)}")
    if kind == "pbkdf2":
        _expect(found["prf"], f"{name}: prf", "hmac-sha256")
        return Pbkdf2(salt, canonical_json.integer(found["c"], f"{name}: c", 1, MAX_ITERATIONS))
    most = _MAX_SCRYPT_MEMORY // 128
    n = canonical_json.integer(found["n"], f"{name}: n", 2, most)
    r = canonical_json.integer(found["r"], f"{name}: r", 1, most // n)
    if n & (n - 1):
        raise EncodingError(f"{name}: n: expected a power of 2, got {n}")
    return Scrypt(salt, n, r, canonical_json.integer(found["p"], f"{name}: p", 1, _MAX_SCRYPT_PASSES))


def _hex(value: object, name: str, size: int | None = None) -> bytes:
    digits = canonical_json.text(value, name)
    if not _HEX.match(digits):
        raise EncodingError(f"{name}: expected bytes as hexadecimal digits, and at least one byte")
    data = bytes.fromhex(digits)
    return data if size is None else fixed_bytes(data, size, name)


def _expect(value: object, name: str, only: str) -> None:
    if canonical_json.text(value, name).lower() != only:
        raise EncodingError(f"{name}: expected {only}, got {str(value)[:40]!r}")


def _spellings(password: str) -> list[bytes]:
    """Return the bytes that nwaku and js-waku make of a password, without repetition."""
    text(password, "password")
    try:
        plain = password.encode()
        normal = unicodedata.normalize("NFKD", password).encode()
    except UnicodeEncodeError:
        raise ParameterError("password: expected Unicode text, got a lone surrogate") from None
    if not 1 <= len(plain) <= _MAX_PASSWORD:
        raise ParameterError(f"password: expected 1 to {_MAX_PASSWORD} bytes of UTF-8, got {len(plain)}")
    return [plain] if plain == normal else [plain, normal]


def _aes_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt bytes by AES-128 in counter mode."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return cipher.update(data) + cipher.finalize()
