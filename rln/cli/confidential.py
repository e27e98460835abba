"""Confidential: the arguments of a command line that may contain a password, which no message repeats.

A URI may be given where another argument is expected, or with a mistake; then the error of any layer may
repeat it, whole or shortened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

_SERVER: Final = re.compile(r"(?:redis|valkey|postgres)[a-z+]*(?::|//)", re.IGNORECASE)
_FILE: Final = re.compile(r"\s*(?:sqlite|memory|file)://")
_WEB: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?\Z")
"""Address of a web server without a user, a query and a fragment."""
_SCHEME: Final = re.compile(r"\s*[A-Za-z][A-Za-z+]*:/+")
_END_OF_WORD: Final = re.compile(r"\A[^\s'\")]*")
_HIDDEN: Final = "***"
_LEAST: Final = 8
"""Characters of an argument, or all of a shorter one, that are hidden where a message repeats them.

Messages that shorten an argument repeat at least 40.
"""


def hide(message: str, arguments: Sequence[str]) -> str:
    """Return a message with every confidential argument, and every beginning of one, replaced."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") and "=" in argument else argument
        if _may_hold_password(value):
            message = _without(message, _forms(value))
    return message


def _may_hold_password(value: str) -> bool:
    if "@" in value or "password" in value.lower() or _SERVER.search(value):
        return True
    return (
        "://" in value and not _FILE.match(value) and not _WEB.match(value)
    )  # of a server that no command knows


def _forms(value: str) -> set[str]:
    """Return how a message may write an argument: as it is, quoted, or as a path, and without its spaces."""
    _, _, path = value.partition(":///")  # messages name the path of a store in a file alone
    forms = {str(PurePath(path))} if path and _FILE.match(value) else set()
    forms |= {value, repr(value)[1:-1], ascii(value)[1:-1], str(PurePath(value))}
    return forms | {" ".join(form.split()) for form in forms}


def _without(message: str, forms: set[str]) -> str:
    """Replace each place at which a form, or a beginning of one, stands, up to the end of the word."""
    beginnings = {_beginning(form) for form in forms} - {""}
    kept, rest = "", message
    while places := [place for begin in beginnings if (place := rest.find(begin)) >= 0]:
        place = min(places)
        kept, rest = kept + rest[:place] + _HIDDEN, rest[place:]
        end = max(_common_length(form, rest) for form in forms)
        rest = _END_OF_WORD.sub("", rest[end:], count=1)
    return kept + rest


def _beginning(form: str) -> str:
    """Return the shortest beginning to hide. A scheme alone is none: messages name those that they expect."""
    scheme = _SCHEME.match(form)
    if scheme is None:
        return form[:_LEAST]
    return form[: scheme.end() + 1] if len(form) > scheme.end() else ""


def _common_length(text: str, other: str) -> int:
    pairs = enumerate(zip(text, other, strict=False))
    return next((length for length, (a, b) in pairs if a != b), min(len(text), len(other)))
