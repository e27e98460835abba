"""RegistrarSettings: the table `[registrar]` of a provider's file `rln.toml`, with the defaults.

    policy = "policy.json"              signed policy
    key = "provider.rlnkey"             proving key
    members = "sqlite:///members.db"    registry

    [registrar]
    accounts = "sqlite:///accounts.db"  file of the accounts, which one registrar uses
    signing_key = "registrar.pem"       the key in the policy's parameters
    bulletins = "bulletins"             directory of the bulletins
    api_keys = "api-keys.json"          accounts and the digests of their API keys
    interval = 60                       seconds that a registration waits, at most
    batch = 8                           or until so many are ready
    nonce_seconds = 300                 lifetime of a nonce
    replacements = 3                    of one account within replacement_days
    replacement_days = 30
    replacements_after_slash = 0
    webhooks = []                       addresses that hear of each slashing

Relative paths count from the folder of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rln.base.arguments import file_path, instance, shown, text
from rln.errors import ParameterError
from rln.integrations.settings_file import absolute_uri, check_path, read_settings
from rln.services.slash_outbox import check_addresses
from rln.stores import MEMBERS
from rln.stores.uri import StoreUri

_TOP: Final = ("policy", "key", "members")
"""The names outside the table that a registrar needs; others belong to the middleware."""
_TABLE: Final = "registrar"
_TEXTS: Final = {
    "accounts": "sqlite:///accounts.db",
    "signing_key": "registrar.pem",
    "bulletins": "bulletins",
}
_NUMBERS: Final = {
    "interval": 60,
    "batch": 8,
    "nonce_seconds": 300,
    "replacements": 3,
    "replacement_days": 30,
    "replacements_after_slash": 0,
}


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """What a registrar is opened with; `read` makes it from a file.

    Attributes:
        policy, key, members: of the provider; paths, and the URI of the registry.
        accounts, signing_key, bulletins: paths.
        api_keys: path; None: the directory of accounts is in Python.
        webhooks: addresses.
        numbers: the others, by their names in the file.

    Raises:
        ParameterError: a value has another type.
    """

    policy: Path
    key: Path
    members: str
    accounts: Path
    signing_key: Path
    bulletins: Path
    api_keys: Path | None
    webhooks: tuple[str, ...] = field(repr=False)
    numbers: dict[str, int]

    def __post_init__(self) -> None:
        for name in ("policy", "key", "accounts", "signing_key", "bulletins"):
            check_path(getattr(self, name), name)
        if self.api_keys is not None:
            check_path(self.api_keys, "api_keys")
        text(self.members, "members")
        instance(self.webhooks, tuple, "webhooks")
        check_addresses(self.webhooks)
        instance(self.numbers, dict, "numbers")
        if set(self.numbers) != set(_NUMBERS):
            raise ParameterError(f"numbers: expected {', '.join(_NUMBERS)}, got other names")
        for name, value in self.numbers.items():
            _number(value, name)

    @classmethod
    def read(cls, path: Path | str) -> RegistrarSettings:
        """Read a file.

        Raises:
            EncodingError: not TOML, or too large.
            ParameterError: a name is missing or unknown, or a value has another type.
        """
        path = file_path(path, "config")
        content = read_settings(path)
        folder = path.absolute().parent
        top = {name: _text(content.get(name), name) for name in _TOP}
        table = content.get(_TABLE)
        if not isinstance(table, dict):
            raise ParameterError(f"{path}: expected a table [{_TABLE}], got none")
        for name in table:
            if name not in (*_TEXTS, *_NUMBERS, "api_keys", "webhooks"):
                raise ParameterError(f"[{_TABLE}]: unknown name {name[:40]!r}")
        texts = {name: _text(table.get(name, default), name) for name, default in _TEXTS.items()}
        keys, webhooks = table.get("api_keys"), table.get("webhooks", [])
        if not isinstance(webhooks, list):
            raise ParameterError(f"webhooks: expected a list of addresses, got {shown(webhooks)}")
        accounts = StoreUri.parse(texts["accounts"], ("sqlite",))
        accounts.refuse_options()
        return cls(
            policy=folder / top["policy"],
            key=folder / top["key"],
            members=_members(top["members"], folder),
            accounts=folder / accounts.path,
            signing_key=folder / texts["signing_key"],
            bulletins=folder / texts["bulletins"],
            api_keys=None if keys is None else folder / _text(keys, "api_keys"),
            webhooks=check_addresses(webhooks),
            numbers={name: _number(table.get(name, default), name) for name, default in _NUMBERS.items()},
        )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise ParameterError(f"{name}: expected text, got {'none' if not value else type(value).__name__}")
    return value if "://" in value else str(file_path(value, name))


def _number(value: object, name: str) -> int:
    if type(value) is not int:
        raise ParameterError(f"{name}: expected a whole number, got {shown(value)}")
    return value


def _members(uri: str, folder: Path) -> str:
    """Return the URI of a registry that other processes can use; the path of a file counts from a folder."""
    where = StoreUri.parse(uri, MEMBERS[1:])
    if where.scheme == "sqlite":
        where.refuse_options()
    return absolute_uri(uri, folder)
