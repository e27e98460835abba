"""Identity file: the secret of an identity as JSON, in a file of mode 0600.

    {"identityCommitment": "…", "identitySecret": "…"}

The values are decimal. An extended identity also has `identityTrapdoor` and `identityNullifier`, whose hash
is the secret. The commitment is there so that people can tell files apart; it must be that of the secret.
No message repeats a value of the file.
"""

from __future__ import annotations

from typing import Final

from rln.base import canonical_json, scalar
from rln.base.arguments import nonzero
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError
from rln.protocol.hashing import poseidon_hash

SIZE_LIMIT: Final = 1 << 12
"""Bytes of the longest file."""

_COMMITMENT: Final = "identityCommitment"
_SECRET: Final = "identitySecret"
_TRAPDOOR: Final = "identityTrapdoor"
_NULLIFIER: Final = "identityNullifier"


def encode(commitment: int, secret: int, extended: tuple[int, int] | None) -> bytes:
    """Return the content of the file.

    Args:
        commitment: of the secret.
        secret: the identity secret.
        extended: trapdoor and nullifier of an extended identity, otherwise None.
    """
    content = {_COMMITMENT: str(commitment), _SECRET: str(secret)}
    if extended is not None:
        content |= {_TRAPDOOR: str(extended[0]), _NULLIFIER: str(extended[1])}
    return canonical_json.pretty(content)


def decode(data: bytes) -> tuple[int, tuple[int, int] | None]:
    """Read the content of a file.

    Returns:
        The secret; and trapdoor and nullifier of an extended identity, otherwise None.

    Raises:
        EncodingError: another kind of file, or its values do not belong together.
        FieldRangeError: a value is not a field element.
        ParameterError: the secret is 0, which everybody knows.
    """
    name = "identity"
    expect(data, name, FileKind.SECRET, remedy="name the file that `rln identity new` wrote")
    found = canonical_json.fields(
        canonical_json.read(data, name, SIZE_LIMIT), name, (_COMMITMENT, _SECRET), (_TRAPDOOR, _NULLIFIER)
    )
    values = {field: scalar.parse(text, f"{name}: {field}") for field, text in found.items()}
    secret = nonzero(values[_SECRET], f"{name}: {_SECRET}")
    if poseidon_hash([secret]) != values[_COMMITMENT]:
        raise EncodingError(
            f"{name}: {_COMMITMENT}: expected that of the secret in the file, got a different one"
        )
    if (_TRAPDOOR in values) != (_NULLIFIER in values):
        raise EncodingError(
            f"{name}: expected both {_TRAPDOOR} and {_NULLIFIER}, or neither; got one of them"
        )
    if _TRAPDOOR in values and poseidon_hash([values[_TRAPDOOR], values[_NULLIFIER]]) != secret:
        raise EncodingError(f"{name}: {_SECRET}: expected the hash of {_TRAPDOOR} and {_NULLIFIER}")
    return secret, (values[_TRAPDOOR], values[_NULLIFIER]) if _TRAPDOOR in values else None
