"""URI: the kind and the address of a store.

    memory://
    sqlite:///relative/path      sqlite:////absolute/path
    redis://user:password@host:6379/0            rediss:// with TLS
    redis+sentinel://host:26379,host:26379/service
    redis+cluster://host:7000,host:7001
    valkey...                    the same schemes under this name
    postgresql://user:password@host:5432/database

Options follow a question mark. A URI may contain a password, so no message repeats a complete URI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from rln.errors import ParameterError

_SCHEME: Final = re.compile(r"[a-z][a-z+]{0,19}")


@dataclass(frozen=True, slots=True)
class StoreUri:
    """A URI in its parts.

    Attributes:
        scheme: `memory`, `sqlite`, `redis`, `rediss`, `redis+sentinel`, `redis+cluster`, `postgresql`; the
            names with valkey are replaced by those with redis.
        location: the part between `//` and the question mark; may contain a password.
        options: the part after the question mark.
    """

    scheme: str
    location: str = field(repr=False)
    options: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str, expected: tuple[str, ...]) -> StoreUri:
        """Parse a URI.

        Args:
            text: the URI.
            expected: the schemes that the caller supports.

        Raises:
            ParameterError: not a URI, another scheme, or an option twice.
        """
        if type(text) is not str:
            raise ParameterError(f"store: expected a URI, got {type(text).__name__}")
        scheme, mark, rest = text.partition("://")
        scheme = scheme.replace("valkey", "redis", 1) if scheme.startswith("valkey") else scheme
        if not mark or scheme not in expected:
            known = ", ".join(f"{name}://" for name in expected)
            # Repeat what precedes `://` only if it can be a scheme, and not if it can be part of a password.
            got = f", got {scheme}://" if mark and _SCHEME.fullmatch(scheme) else ""
            raise ParameterError(f"store: expected one of {known}{got}")
        location, _, query = rest.partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            # The original error repeats the query, which may be the end of an unquoted password.
            raise ParameterError(
                f"store: {scheme}: expected options as name=value after ?; write a ? of the path or password "
                "as %3F"
            ) from None
        options = dict(pairs)
        if len(options) != len(pairs):
            raise ParameterError("store: expected each option once, got one twice")
        return cls(scheme, location, options)

    @property
    def path(self) -> Path:
        """The file of a `sqlite` URI.

        Raises:
            ParameterError: no path, or a host before it.
        """
        host, _, name = self.location.partition("/")
        name = unquote(name)
        if host or not name or name == ":memory:":
            raise ParameterError("store: expected sqlite:///path, or sqlite:////path for an absolute path")
        return Path(name)

    def refuse_options(self, known: tuple[str, ...] = ()) -> None:
        """Refuse options that the store does not have.

        Raises:
            ParameterError: an unknown option.
        """
        for name in self.options:
            if name not in known:
                raise ParameterError(
                    f"store: {self.scheme}: unknown option after ?; known options: "
                    f"{', '.join(known) or 'none'}; write a ? of the path or password as %3F"
                )
