"""ConnectToken: what a program on this machine must show to use the member of a directory.

The token is in a file that only the user of the directory can read. It is for this machine: it never leaves
it, and the provider never sees it.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Final, NoReturn, Self

from rln.atomic_files import read_private_file, write_new_file
from rln.base.arguments import fixed_bytes, plain_bytes
from rln.client.member_directory import MemberDirectory
from rln.errors import InputError, ParameterError, StoreUnavailable
from rln.http.credential import decode_base64url, encode_base64url
from rln.lowlevel import entropy

TOKEN_FILE: Final = "connect-token"
TOKEN_BYTES: Final = 32
_CHARACTERS: Final = 43


class ConnectToken:
    """The token of one directory. It never changes, so threads and forked children may share it.

    There is nothing to close, and it cannot be copied or pickled.

    Args:
        value: 32 random bytes.

    Raises:
        InputError: another type or length.
    """

    def __init__(self, value: bytes) -> None:
        self._shown = encode_base64url(fixed_bytes(value, TOKEN_BYTES, "token")).encode("ascii")

    @classmethod
    def of(cls, directory: Path | str) -> Self:
        """Return the token of a member's directory; make it if there is none.

        Raises:
            ParameterError: other users may read the file, or it holds something else.
            StoreUnavailable: it cannot be read or written.
        """
        files = MemberDirectory(directory)
        path = cls.path_of(directory)
        with files.locked():
            try:
                if not files.has(TOKEN_FILE):
                    made = cls(entropy.draw(TOKEN_BYTES))
                    write_new_file(path, made._shown + b"\n")
                    return made
                data = read_private_file(path, _CHARACTERS + 2)
            except OSError as error:
                raise StoreUnavailable(f"token: {path}: {error.strerror}") from error
        try:
            return cls(decode_base64url(data.removesuffix(b"\n"), "token"))
        except InputError as error:
            raise ParameterError(
                f"token: {path}: expected {_CHARACTERS} characters that `rln connect` has written, got "
                "something else; delete the file, and a new one is made"
            ) from error

    @staticmethod
    def path_of(directory: Path | str) -> Path:
        """Return where the token of a member's directory is."""
        return MemberDirectory(directory).path / TOKEN_FILE

    def is_shown(self, value: bytes) -> bool:
        """Tell, in constant time, whether a program shows this token.

        Args:
            value: what it shows.
        """
        return hmac.compare_digest(self._shown, plain_bytes(value, "value"))

    def __repr__(self) -> str:
        return "ConnectToken()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("ConnectToken: it is a secret and cannot be copied or pickled")
