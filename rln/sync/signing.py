"""Signing: the registrar's key, and the signatures of bulletins.

A signed bulletin is the bytes of the bulletin and a 64-byte Ed25519 signature over all of them. The signature
is checked before anything else is read. Use one key for one group: a reader who pins a key accepts every
bulletin that it has signed.

Needs the extra `sync` (cryptography).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rln.atomic_files import read_private_file, write_new_file
from rln.base.arguments import file_path, fixed_bytes, instance, plain_bytes, shown
from rln.base.extras import require
from rln.errors import EncodingError, GroupRefused, ParameterError
from rln.sync.bulletin import MAX_BYTES, Bulletin

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_SIGNED_BYTES: Final = MAX_BYTES + SIGNATURE_BYTES

_KEY_FILE_BYTES: Final = 1 << 12
_STATEMENT_LABEL: Final = re.compile(r"rln [a-z ]{1,30}\Z")
_CURVE_MODULUS: Final = 2**255 - 19
_CURVE_D: Final = -121665 * pow(121666, -1, _CURVE_MODULUS) % _CURVE_MODULUS


class RegistrarKey:
    """A registrar's Ed25519 key pair; make one with `new` and open its file with `load`."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        instance(key, _cryptography()[1].Ed25519PrivateKey, "key")
        self._key = key

    @classmethod
    def new(cls, path: Path | str) -> RegistrarKey:
        """Make a key pair and write it to a new file of mode 0600, PKCS #8 in PEM.

        Raises:
            OSError: the file exists, or cannot be written.
            ParameterError: cryptography is not installed.
        """
        path = file_path(path, "path")
        serialization, ed25519 = _cryptography()
        key = ed25519.Ed25519PrivateKey.generate()
        content = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_new_file(path, content)
        return cls(key)

    @classmethod
    def load(cls, path: Path | str) -> RegistrarKey:
        """Open a key file that only its owner may read.

        Raises:
            OSError: the file cannot be read.
            EncodingError: the file does not hold an Ed25519 key in PEM without a password.
            ParameterError: other users may read the file, or cryptography is not installed.
        """
        path = file_path(path, "path")
        serialization, ed25519 = _cryptography()
        content = read_private_file(path, _KEY_FILE_BYTES)
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except (ValueError, TypeError, _unsupported()):  # the cause is left out: it may quote the file
            raise EncodingError(f"{path}: expected an Ed25519 key in PEM without a password") from None
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise EncodingError(f"{path}: expected an Ed25519 key, got {type(key).__name__}")
        return cls(key)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that readers pin."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, bulletin: Bulletin) -> bytes:
        """Return the bytes of a bulletin with their signature.

        Raises:
            ParameterError: the bulletin is too large.
        """
        instance(bulletin, Bulletin, "bulletin")
        content = bulletin.encode()
        return content + self._key.sign(content)

    def sign_statement(self, label: str, content: bytes) -> bytes:
        """Return the 64-byte signature of a document that is no bulletin; `check_statement` checks it.

        Args:
            label: the kind of document, so that no signature fits two kinds: `rln ` and up to 30 lower-case
                letters and spaces.
            content: the whole document.
        """
        return self._key.sign(_statement(label, content))

    def __repr__(self) -> str:
        return f"RegistrarKey(public {self.public_key.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("RegistrarKey: holds a secret and cannot be copied or pickled")


def open_bulletin(data: bytes, public_key: bytes) -> Bulletin:
    """Check the signature of a bulletin, then read it.

    Args:
        data: the signed bulletin as received.
        public_key: public key of the registrar, 32 bytes; the key that you have pinned.

    Raises:
        GroupRefused: another key signed the bulletin, or its bytes were changed.
        InputError: the data is not a bulletin, the key is invalid, or cryptography is not installed.
    """
    check_public_key(public_key)
    if not SIGNATURE_BYTES < len(plain_bytes(data, "bulletin")) <= MAX_SIGNED_BYTES:
        raise EncodingError(
            f"bulletin: expected {SIGNATURE_BYTES + 1} to {MAX_SIGNED_BYTES} bytes, got {len(data)}"
        )
    content = data[:-SIGNATURE_BYTES]
    _verify(public_key, data[-SIGNATURE_BYTES:], content, "bulletin")
    return Bulletin.decode(content)


def check_statement(label: str, content: bytes, signature: bytes, public_key: bytes) -> None:
    """Check the signature of a document that is no bulletin.

    Args:
        label, content: as for `RegistrarKey.sign_statement`.
        signature: 64 bytes.
        public_key: public key of the registrar, 32 bytes; the key that you have pinned.

    Raises:
        GroupRefused: another key signed the document, or its bytes were changed.
        InputError: an argument has another form, or cryptography is not installed.
    """
    fixed_bytes(signature, SIGNATURE_BYTES, "signature")
    _verify(public_key, signature, _statement(label, content), label)


def check_public_key(public_key: bytes) -> bytes:
    """Return a public key if it may be pinned.

    Raises:
        EncodingError: not 32 `bytes`.
        ParameterError: the key is a point of small order, for which anybody can sign; 32 zeros, for example.
    """
    y = int.from_bytes(fixed_bytes(public_key, PUBLIC_KEY_BYTES, "public key"), "little") % 2**255
    # Points of order 1, 2 and 4 have y = 0 or y^2 = 1. One of order 8 doubles to y = 0, so x^2 = -y^2 there,
    # and the curve -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 = 1.
    if y * (y**2 - 1) * (_CURVE_D * y**4 + 2 * y**2 - 1) % _CURVE_MODULUS == 0:
        raise ParameterError(
            f"public key: expected a point of large order, got {public_key.hex()}, for which anybody can sign"
        )
    return public_key


def _statement(label: str, content: bytes) -> bytes:
    """Return what is signed. No bulletin begins so: its first bytes are `rln-`, those of a label `rln `."""
    if type(label) is not str or not _STATEMENT_LABEL.match(label):
        raise ParameterError(
            f"label: expected rln, a space and up to 30 lower-case letters and spaces, got {shown(label)}"
        )
    return label.encode("ascii") + b"\n" + plain_bytes(content, label)


def _verify(public_key: bytes, signature: bytes, content: bytes, name: str) -> None:
    _, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature

    check_public_key(public_key)
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError as error:
        raise EncodingError(f"public key: expected a point of the curve, got {public_key.hex()}") from error
    try:
        key.verify(signature, content)
    except InvalidSignature as error:
        raise GroupRefused(
            f"{name}: not signed by the key that was pinned, or changed after signing"
        ) from error


def _cryptography() -> tuple[Any, Any]:
    """Return the modules serialization and ed25519, imported at first use."""
    require("cryptography", "sync")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return serialization, ed25519


def _unsupported() -> type[Exception]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return UnsupportedAlgorithm
