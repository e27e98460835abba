"""New accounts: put an account into a file of API keys, and make its key.

The file gets the digest of the key. The key itself is for the customer, and is stored nowhere.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rln.atomic_files import write_file
from rln.base import canonical_json
from rln.base.arguments import file_path, instance
from rln.errors import ParameterError
from rln.lowlevel import entropy
from rln.services.api_keys import MAX_FILE_BYTES, Account

EMPTY: Final = b'{\n "accounts": {}\n}\n'
"""A file without accounts."""

_KEY_BYTES: Final = 24


def add_account(path: Path | str, account: Account) -> str:
    """Add an account to a file of API keys, and return its new key.

    Two programs may add accounts at the same time; a registrar that uses the file notices the change.

    Args:
        path: of the file; it must exist.
        account: with a name that the file does not have.

    Raises:
        ParameterError: the file has an account of this name.
        EncodingError: the file has another form.
        OSError: the file cannot be read or written; it is unchanged.
    """
    path = file_path(path, "path")
    instance(account, Account, "account")
    key = base64.urlsafe_b64encode(entropy.draw(_KEY_BYTES)).decode("ascii")
    with _alone(path.parent):
        content: Any = canonical_json.fields(
            canonical_json.read(path.read_bytes(), "API keys", MAX_FILE_BYTES), "API keys", ("accounts",)
        )
        accounts = content["accounts"]
        instance(accounts, dict, "accounts")
        if account.name in accounts:
            raise ParameterError(f"account: {account.name} exists already; choose another name")
        accounts[account.name] = {
            "sha256": hashlib.sha256(key.encode("ascii")).hexdigest(),
            "tiers": list(account.tiers),
            "several": account.several,
        }
        write_file(path, canonical_json.pretty(content), 0o600)
    return key


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Run the block while no other program is in it for the same folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
