"""The verifying key in a file that holds a proving key, or in a verification_key.json."""

from __future__ import annotations

from rln.base.arguments import plain_bytes
from rln.base.file_kind import FileKind, expect
from rln.keys.key_file import KeyFile
from rln.keys.verifying_key import VerifyingKey

__all__ = ["read_verifying_key"]


def read_verifying_key(data: bytes) -> VerifyingKey:
    """Return the verifying key in a file; the checks of a whole proving key do not run.

    Args:
        data: the whole file: in our format, a `.zkey`, an `.arkzkey`, or a verification_key.json of snarkjs.

    Raises:
        EncodingError: another kind of file.
        KeyFileError: the key is not safe to use.
    """
    plain_bytes(data, "key file")
    match expect(data, "key file", FileKind.KEY, FileKind.ZKEY, FileKind.ARKZKEY, FileKind.VERIFYING_KEY):
        case FileKind.KEY:
            return VerifyingKey.from_proving_key(KeyFile.decode(data).key, "ark")
        case FileKind.ZKEY:
            return VerifyingKey.from_proving_key(data, "zkey")
        case FileKind.VERIFYING_KEY:
            return VerifyingKey.from_json(data)
    return VerifyingKey.from_proving_key(data, "ark")
