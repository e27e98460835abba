"""Digests: the names under which every command prints the digests of a key.

A key file has three, and none is a digest of another one's bytes:

    key_digest             SHA-256 of proving key and graph, wherever they are stored: what Params pins
    verifying_key_digest   SHA-256 of the verifying key, the same for a proving key and for its JSON
    file_sha256            SHA-256 of the file, as sha256sum prints it: what --sha256 takes
"""

from __future__ import annotations

import hashlib

from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import VerifyingKey


def key_digests(key: ProvingKey | VerifyingKey | None, file: bytes | None) -> dict[str, object]:
    """Return the digests of a key by their names; None where there is none.

    Args:
        key: None if it could not be read.
        file: the whole file; None if the key is part of the package.
    """
    proving = key if isinstance(key, ProvingKey) else None
    verifying = key.verifying_key if isinstance(key, ProvingKey) else key
    return {
        "key_digest": None if proving is None else proving.digest,
        "verifying_key_digest": None if verifying is None else verifying.digest,
        "file_sha256": None if file is None else hashlib.sha256(file).hexdigest(),
    }
