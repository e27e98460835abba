"""Settings file: TOML that names what programs share, such as `rln.toml` of a provider."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rln.base.arguments import file_path, instance, text
from rln.errors import EncodingError, ParameterError
from rln.stores.uri import file_uri

MAX_BYTES: Final = 1 << 16

_FILE: Final = "sqlite:///"


def read_settings(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, not checked.

    Raises:
        ParameterError: there is no such file.
        EncodingError: not TOML, or too large.
    """
    path = file_path(path, "config")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ParameterError(f"config: {path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise EncodingError(f"config: {path}: expected at most {MAX_BYTES} bytes, got more")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # TOML or UTF-8
        # The error is not chained: a URI in the file may have a password.
        raise EncodingError(
            f"config: {path}: expected TOML, got something else at {_place(error)}; is a text without "
            'quotation marks there, as in name = "text"?'
        ) from None


def absolute_uri(uri: str, folder: Path) -> str:
    """Return the URI of a store, with the path of a `sqlite:///` counted from a folder."""
    if not text(uri, "uri").startswith(_FILE) or uri.startswith(f"{_FILE}/"):
        return uri
    # Of the URI, only the folder is put before the path, which is quoted as its writer has quoted it.
    return f"{file_uri(folder)}/{uri.removeprefix(_FILE)}"


def _place(error: Exception) -> str:
    """Return where TOML ends, without the text that is there."""
    found = str(error).rpartition("(at ")[2]
    return found.rstrip(")") if found != str(error) else type(error).__name__


def check_path(path: Path, name: str) -> None:
    """Refuse what is no path that a system takes.

    Raises:
        ParameterError: of another type, or with NUL or lone surrogates.
    """
    instance(path, Path, name)
    file_path(path, name)


def check_names(content: Mapping[str, object], known: set[str], required: set[str], where: str) -> None:
    """Refuse a table of a settings file that has unknown names, or lacks some.

    Raises:
        ParameterError: the message lists what is expected.
    """
    for name in content:
        if name not in known:
            raise ParameterError(f"{where}: expected some of {', '.join(sorted(known))}, got {name[:40]!r}")
    lacking = sorted(required - content.keys())
    if lacking:
        raise ParameterError(f"{where}: expected {', '.join(lacking)}, got none")
