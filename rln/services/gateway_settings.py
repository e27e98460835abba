"""GatewaySettings: the table `[gateway]` of a provider's file `rln.toml`, with the defaults.

    [gateway]
    upstream = "http://127.0.0.1:8080"         origin of the server behind the gateway; no path
    authorization_field = "authorization"      field that carries the content of upstream_authorization
    fields = { anthropic-version = "2023-06-01" }  fields that the upstream gets with each request
    ca = "upstream-ca.pem"                     certificates to trust instead of the system's
    connect_seconds = 5                        until there is a connection
    answer_seconds = 600                       until the answer begins, and between two pieces of it
    stop_seconds = 30                          that running requests get when the gateway stops

All but the first may be left out. Relative paths count from the folder of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from dataclasses import fields as of_dataclass
from pathlib import Path
from typing import Final

from rln.base.arguments import file_path, instance, text, whole
from rln.errors import EncodingError, ParameterError
from rln.http.signal import check_authority, check_field
from rln.integrations.provider_settings import ProviderSettings
from rln.integrations.settings_file import check_path, read_settings

__all__ = ["GatewaySettings"]

_TABLE: Final = "gateway"
_NUMBERS: Final = {"connect_seconds": 300, "answer_seconds": 86_400, "stop_seconds": 3600}
"""The numbers of seconds, and the largest of each."""

_ORIGIN: Final = re.compile(r"(https?)://([^/?#@]+)\Z")
_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}\Z")
_OWN: Final = frozenset(
    "accept accept-encoding connection content-digest content-encoding content-length content-type cookie "
    "expect host keep-alive proxy-authorization proxy-connection te trailer transfer-encoding upgrade "
    "user-agent".split()
)
"""Fields that the gateway writes itself, or that say how a message is framed."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where a gateway sends what is paid for; `read` makes it from a file.

    Args:
        upstream: origin of the server behind the gateway: `http://` or `https://`, a host, a port or none.
        authorization_field: in lower case; the field that carries the upstream's authorization.
        fields: names in lower case and values of fields that the upstream gets with each request.
        ca: file of certificates to trust instead of the system's; https only.
        connect_seconds: until there is a connection, 1 to 300.
        answer_seconds: until the answer begins, and between two pieces of it, 1 to 86,400.
        stop_seconds: that running requests get when the gateway stops, 1 to 3,600.

    Raises:
        ParameterError, EncodingError: a value has another type or form, or is outside its range.
    """

    upstream: str
    authorization_field: str = "authorization"
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # a value may be a secret
    ca: Path | None = None
    connect_seconds: int = 5
    answer_seconds: int = 600
    stop_seconds: int = 30

    def __post_init__(self) -> None:
        found = _ORIGIN.match(text(self.upstream, "upstream"))
        if found is None:
            raise EncodingError(
                "upstream: expected an origin as http://127.0.0.1:8080, without a path, a slash at its end "
                f"and a user's name, got {_without_user(self.upstream)[:80]!r}"
            )
        try:
            check_authority(found[2].encode("utf-8", "replace"))
        except EncodingError as error:
            raise EncodingError(
                "upstream: expected a host in lower case, with or without a port up to 65535, "
                f"got {found[2][:80]!r}"
            ) from error
        _check_name(text(self.authorization_field, "authorization_field"), "authorization_field")
        instance(self.fields, tuple, "fields")
        for pair in self.fields:
            if type(pair) is not tuple or len(pair) != 2:
                raise ParameterError("fields: expected names with values, got something else")
            _check_name(text(pair[0], "name of a field"), "fields")
            check_field(text(pair[1], pair[0]).encode("utf-8", "replace"), pair[0])
        names = [name for name, _ in self.fields]
        if len({*names, self.authorization_field}) != len(names) + 1:
            raise ParameterError("fields: expected each name once, and none that is the authorization_field")
        if self.ca is not None:
            check_path(self.ca, "ca")
            if not self.is_encrypted:
                raise ParameterError(f"ca: expected none for an upstream without encryption, got {self.ca}")
        for name, most in _NUMBERS.items():
            whole(getattr(self, name), name, 1, most)

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection to the upstream is encrypted."""
        return self.upstream.startswith("https:")

    @classmethod
    def read(cls, path: Path | str) -> GatewaySettings:
        """Read the table of a file.

        Raises:
            ParameterError: there is no such file or table, or a name or value is wrong.
            EncodingError: not TOML, or a text has another form.
        """
        path = file_path(path, "config")
        content = read_settings(path)
        table = content.get(_TABLE)
        if not isinstance(table, dict):
            tables = [f"[{name[:40]}]" for name, value in content.items() if isinstance(value, dict)]
            raise ParameterError(
                f'{path}: expected a table [{_TABLE}] with upstream = "http://HOST:PORT", the address of '
                f"your server, got {', '.join(tables) or 'no table'}"
            )
        known = {"upstream", "authorization_field", "fields", "ca", *_NUMBERS}
        for name in table:
            if name not in known:
                elsewhere = name in {one.name for one in of_dataclass(ProviderSettings)}
                raise ParameterError(
                    f"[{_TABLE}]: expected some of {', '.join(sorted(known))}, got {name[:40]!r}"
                    + ("; its line belongs before the first table of the file" if elsewhere else "")
                )
        if "upstream" not in table:
            raise ParameterError(f"[{_TABLE}]: expected upstream, the origin of your server, got none")
        found = dict(table)
        if "fields" in found:
            instance(found["fields"], dict, "fields")
            found["fields"] = tuple(found["fields"].items())
        if "ca" in found:
            found["ca"] = path.absolute().parent / file_path(text(found["ca"], "ca"), "ca")
        return cls(**found)


def _check_name(name: str, where: str) -> None:
    if not _NAME.match(name) or name in _OWN or name.startswith("rln-"):
        raise ParameterError(
            f"{where}: expected a field in lower case that the gateway does not write itself, "
            f"got {name[:40]!r}"
        )


def _without_user(url: str) -> str:
    """Return an address for a message, without a name and password in it."""
    before, mark, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://…{mark}{after}" if mark else url
