"""Signed documents: canonical JSON of one value and the registrar's signature of its bytes.

    {"<name>":{...},"signature":"<64 bytes in lower-case hexadecimal>"}

Policy and price list are such documents. Each has a label, so that no signature fits two kinds.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from rln.base import canonical_json
from rln.base.arguments import plain_bytes
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError, GroupRefused, ParameterError
from rln.sync.signing import SIGNATURE_BYTES, RegistrarKey, check_statement

_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}\Z")


def sign_document(name: str, content: dict[str, object], key: RegistrarKey, size: int) -> bytes:
    """Return a signed document.

    Args:
        name: of the value; its label is `rln` and this name.
        content: the value.
        key: signs.
        size: most bytes of the document.

    Raises:
        ParameterError: the document is too large.
    """
    signature = key.sign_statement(f"rln {name}", canonical_json.write(content))
    document = canonical_json.write({name: content, "signature": signature.hex()})
    if len(document) > size:
        raise ParameterError(f"{name}: expected at most {size} bytes with the signature, got {len(document)}")
    return document


def read_document(data: bytes, name: str, kind: FileKind, size: int) -> tuple[object, bytes]:
    """Return the value of a signed document, and its signature, which nobody has checked yet.

    Args:
        data: the whole document.
        name: of the value.
        kind: what the file must be.
        size: most bytes accepted.

    Raises:
        EncodingError: a file of another kind, or a document that is not canonical.
    """
    expect(plain_bytes(data, name)[:size], name, kind)
    if len(data) > size:
        raise EncodingError(f"{name}: expected at most {size} bytes, got {len(data)}")
    content = canonical_json.read(data, name, size)
    if canonical_json.write(content) != data:
        raise EncodingError(f"{name}: expected canonical JSON, as it is signed")
    signed = canonical_json.fields(content, name, (name, "signature"))
    signature = canonical_json.text(signed["signature"], "signature")
    if not _SIGNATURE.match(signature):
        raise EncodingError(f"signature: expected {SIGNATURE_BYTES} bytes in lower-case hexadecimal")
    return signed[name], bytes.fromhex(signature)


def check_document(name: str, content: object, signature: bytes, public_key: bytes) -> None:
    """Check the signature of a value that `read_document` returned.

    The bytes are those that came, so nothing that reads as the same value passes for it.

    Raises:
        GroupRefused: another key has signed it, or its bytes were changed.
        InputError: the key is invalid, or cryptography is not installed.
    """
    check_statement(f"rln {name}", canonical_json.write(content), signature, public_key)


class Versioned(Protocol):
    """A value of which a signed document has one version."""

    @property
    def version(self) -> int:
        """Its version; each change raises it."""


def check_succession(name: str, kind: str, kinds: str, pinned: Versioned, new: Versioned) -> None:
    """Check that a value is the pinned one or a newer version of it.

    Args:
        name: of the value.
        kind, kinds: one such value and several, for messages.
        pinned, new: both signed by one key.

    Raises:
        GroupRefused: it is older, or another value of the same version: then the provider is dishonest.
    """
    if new.version < pinned.version:
        raise GroupRefused(
            f"{name}: expected version {pinned.version} or higher, got {new.version}: an older {kind}"
        )
    if new.version == pinned.version and new != pinned:
        raise GroupRefused(
            f"{name}: two {kinds} have version {new.version}: the pinned one and this one; the provider may "
            f"show members different {kinds}. Keep both, and ask the provider"
        )
