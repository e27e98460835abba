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
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

from rln.base import decimals
from rln.base.arguments import file_path
from rln.errors import ParameterError

_KNOWN_SCHEMES: Final = frozenset(
    "memory sqlite redis rediss redis+sentinel redis+cluster postgresql postgres mysql mongodb unix file http"
    " https ftp memcached".split()
)
"""Schemes that a message repeats. Any other text before `://` may be a part of a password."""

HOST: Final = r"\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
"""The name or address of a server, as a regular expression. Python cannot look up names of other labels."""

_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})|%00")


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
            got = f", got {scheme}://" if mark and scheme in _KNOWN_SCHEMES else ""
            advice = "; a file is sqlite:/// and its path" if not got and "sqlite" in expected else ""
            raise ParameterError(f"store: expected one of {known}{got}{advice}")
        location, _, query = rest.partition("?")
        _check_characters(scheme, rest)
        authority, _, behind = location.partition("/")
        if scheme not in ("memory", "sqlite") and (authority.count("@") > 1 or "@" in behind + query):
            # One is in the password, or stands after a / or ? of the password. What is beside it would pass
            # for the host, the port or an option.
            raise ParameterError(
                f"store: {scheme}: expected one @ at most, before the host; quote / ? @ in a password as %2F "
                "%3F %40"
            )
        pairs = _pairs(query)
        if pairs is None:
            raise ParameterError(
                f"store: {scheme}: expected options as name=value after ?; write a ? of the path or password "
                "as %3F"
            )
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
        name = unquote(name, errors="strict")
        if host or not name or name == ":memory:":
            raise ParameterError("store: expected sqlite:///path, or sqlite:////path for an absolute path")
        return Path(name)

    def whole_number(self, text: str, name: str, most: int) -> int:
        """Return the number in a part of the URI; the message does not repeat it.

        Raises:
            ParameterError: text of another form, or more than `most`.
        """
        value = decimals.digits(text)
        if value is None or value > most:
            raise ParameterError(
                f"store: {self.scheme}: {name}: expected a number from 0 to {most} in decimal digits; "
                "quote / and ? in a password as %2F and %3F"
            )
        return value

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


def file_uri(path: Path | str) -> str:
    """Return the URI of a SQLite file, which `StoreUri.path` reads back, whatever characters the path has.

    Raises:
        ParameterError: not a path.
    """
    return f"sqlite:///{quote(str(file_path(path, 'path')))}"


def _check_characters(scheme: str, rest: str) -> None:
    """Refuse what no part of a URI may contain; what follows a wrong % may be a part of a password."""
    if _FORBIDDEN.search(rest):
        raise ParameterError(f"store: {scheme}: expected text without control characters and surrogates")
    if _BAD_ESCAPE.search(rest):
        raise ParameterError(
            f"store: {scheme}: expected two hexadecimal digits, not 00, after each %; quote % itself as %25"
        )
    if not _is_text(unquote_to_bytes(rest)):
        raise ParameterError(f"store: {scheme}: expected UTF-8 in the characters that are quoted with %")


# The original errors repeat what they do not understand, which may be a part of a password. The callers raise
# theirs after these functions have returned, so that the original is not their context either.


def _pairs(query: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
