"""URI: which store, and where.

    memory://
    sqlite:///relative/path      sqlite:////absolute/path
    redis://user:password@host:6379/0            rediss:// with TLS
    redis+sentinel://host:26379,host:26379/service
    redis+cluster://host:7000,host:7001
    valkey...                    the same schemes under that name
    postgresql://user:password@host:5432/database

Options follow a question mark. A URI may hold a password, so no message repeats one whole.
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
        scheme: `memory`, `sqlite`, `redis`, `rediss`, `redis+sentinel`, `redis+cluster`, `postgresql`;
            valkey's names have become redis's.
        location: what stands between `//` and the question mark; may hold a password.
        options: what stands behind it.
    """

    scheme: str
    location: str = field(repr=False)
    options: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str, expected: tuple[str, ...]) -> StoreUri:
        """Take a URI apart.

        Args:
            text: the URI.
            expected: the schemes that the caller knows.

        Raises:
            ParameterError: not a URI, another scheme, or an option twice.
        """
        if type(text) is not str:
            raise ParameterError(f"store: expected a URI, got {type(text).__name__}")
        scheme, mark, rest = text.partition("://")
        scheme = scheme.replace("valkey", "redis", 1) if scheme.startswith("valkey") else scheme
        if not mark or scheme not in expected:
            known = ", ".join(f"{name}://" for name in expected)
            # What stands before `://` is repeated only when it can be a scheme and no part of a password.
            got = f"{scheme}://" if mark and _SCHEME.fullmatch(scheme) else "something else"
            raise ParameterError(f"store: expected one of {known}, got {got}")
        location, _, query = rest.partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            # Its own text repeats the query, which is the end of a password that was not quoted.
            raise ParameterError(
                f"store: {scheme}: expected options as name=value; quote ? in a password as %3F"
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
            raise ParameterError("store: expected sqlite:///path, or sqlite:////path for an absolute one")
        return Path(name)

    def refuse_options(self, known: tuple[str, ...] = ()) -> None:
        """Refuse options that nobody reads.

        Raises:
            ParameterError: an unknown one.
        """
        for name in self.options:
            if name not in known:
                expected = f"expected options {', '.join(known)}" if known else "expected no options"
                raise ParameterError(f"store: {self.scheme}: {expected}, got another")
