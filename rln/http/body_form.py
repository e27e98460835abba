"""Body form: checks that the parts of a metered body pass before anybody is asked to serve it.

A check gets a value, its name for messages, and the tally of the body, and returns what is forwarded in the
value's place. Objects have an allow-list of fields: what no check knows is refused, because it could make the
model produce more than was paid for, or touch what the provider's members share: their one upstream account.
A field whose value is null counts as absent and is not forwarded.

Messages name fields, never their values: those may be private.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rln.errors import EncodingError, ParameterError


@dataclass(slots=True)
class Tally:
    """What a body has that its price depends on, counted while it is checked; for one thread.

    Attributes:
        with_images: whether images are allowed.
        images: how many there are.
    """

    with_images: bool
    images: int = 0

    def add_image(self, name: str) -> None:
        """Count an image.

        Raises:
            EncodingError: images have no price.
        """
        if not self.with_images:
            raise EncodingError(
                f"{name}: expected text, got an image; the price list has no price for images"
            )
        self.images += 1


Check = Callable[[object, str, Tally], object]
Fields = Callable[[object, str, Tally], dict[str, Any]]

_KINDS: Final = {
    dict: "an object",
    list: "an array",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_DATA_URL: Final = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]++={0,2}\Z")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]++={0,2}\Z")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_SHOWN: Final = 40


def wrong(name: str, expected: str, value: object) -> EncodingError:
    """Return the error about a value of another kind."""
    return EncodingError(f"{name}: expected {expected}, got {_KINDS[type(value)]}")


def text(value: object, name: str, _: Tally) -> str:
    """Return a text."""
    if type(value) is not str:
        raise wrong(name, "text", value)
    return value


def flag(value: object, name: str, _: Tally) -> bool:
    """Return true or false."""
    if type(value) is not bool:
        raise wrong(name, "true or false", value)
    return value


def number(value: object, name: str, _: Tally) -> int | float:
    """Return a number."""
    if type(value) is not int and type(value) is not float:
        raise wrong(name, "a number", value)
    return value


def whole(low: int, high: int) -> Check:
    """Return the check of an integer from low to high: no fraction, no `true`, no digits in a text."""

    def check(value: object, name: str, _: Tally) -> int:
        if type(value) is not int:
            got = "a fraction" if type(value) is float else _KINDS[type(value)]
            raise EncodingError(f"{name}: expected an integer from {low} to {high}, got {got}")
        if not low <= value <= high:
            raise ParameterError(f"{name}: expected {low} to {high}, got {value}")
        return value

    return check


def one_of(*values: object) -> Check:
    """Return the check of a value that must be one of a few."""

    def check(value: object, name: str, _: Tally) -> object:
        for one in values:
            if type(value) is type(one) and value == one:
                return value
        expected = " or ".join(_literal(one) for one in values)
        raise EncodingError(f"{name}: expected {expected}, got something else")

    return check


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def items(check: Check, low: int = 0, high: int = 1 << 20) -> Check:
    """Return the check of an array whose items all pass one check."""

    def check_all(value: object, name: str, tally: Tally) -> list[object]:
        if type(value) is not list:
            raise wrong(name, "an array", value)
        made = [check(one, f"{name}[{place}]", tally) for place, one in enumerate(value)]
        made = [one for one in made if one is not None]
        if not low <= len(made) <= high:
            raise EncodingError(f"{name}: expected {low} to {high} items, got {len(made)}")
        return made

    return check_all


def either(one_text: Check, several: Check) -> Check:
    """Return the check of a value that is a text or an array."""

    def check(value: object, name: str, tally: Tally) -> object:
        if type(value) is not str and type(value) is not list:
            raise wrong(name, "text or an array", value)
        return (one_text if type(value) is str else several)(value, name, tally)

    return check


def text_or(check: Check, *words: str) -> Check:
    """Return the check of a value that is one of a few words, or passes another check."""
    known = one_of(*words)

    def check_either(value: object, name: str, tally: Tally) -> object:
        return (known if type(value) is str else check)(value, name, tally)

    return check_either


def dropped(check: Check) -> Check:
    """Return a check that lets a value pass and forwards nothing."""

    def check_and_drop(value: object, name: str, tally: Tally) -> None:
        check(value, name, tally)

    return check_and_drop


def anything(_: object, __: str, ___: Tally) -> None:
    """Accept any value that JSON has; only for what `dropped` keeps back."""


def fields(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Fields:
    """Return the check of an object with all required fields, and no others but optional ones."""
    checks = {**required, **optional}

    def check_all(value: object, name: str, tally: Tally) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong(name or "body", "an object", value)
        made: dict[str, Any] = {}
        inside = f"{name}." if name else ""
        for key, part in value.items():
            check = checks.get(key)
            if check is None:
                shown = key if _PLAIN_NAME.match(key) else repr(key[:_SHOWN])
                raise EncodingError(
                    f"{inside}{shown}: this field is not forwarded; leave it out. Allowed "
                    f"{f'in {name}' if name else 'here'} are {', '.join(sorted(checks))}"
                )
            if part is not None:
                checked = check(part, f"{inside}{key}", tally)
                if checked is not None:
                    made[key] = checked
        for key in required:
            if value.get(key) is None:
                raise EncodingError(f"{inside}{key}: expected a value, got none")
        return made

    return check_all


def by(field: str, kinds: Mapping[str, Check], default: str | None = None) -> Check:
    """Return the check of an object of which one field tells what else it may hold.

    Args:
        field: such as `type`.
        kinds: the check of each kind, which allows this field.
        default: the kind of an object without the field, which is written into what is forwarded.
    """

    def check(value: object, name: str, tally: Tally) -> object:
        if type(value) is not dict:
            raise wrong(name, "an object", value)
        kind = value.get(field)
        if kind is None and default is not None:
            kind = default
            value = {field: default, **{key: part for key, part in value.items() if key != field}}
        found = kinds.get(kind) if type(kind) is str else None
        if found is None:
            raise EncodingError(
                f"{name}.{field}: expected {' or '.join(kinds)}; nothing else is forwarded, for example no "
                "hosted tool, no file, and no reference to what another request has stored"
            )
        return found(value, name, tally)

    return check


def never(value: object, name: str, _: Tally) -> object:
    """Refuse every value: for fields that clients send with null."""
    raise EncodingError(f"{name}: this field is not forwarded; leave it out")


def free_object(value: object, name: str, _: Tally) -> dict[str, object]:
    """Return an object whose names the client chooses."""
    if type(value) is not dict:
        raise wrong(name, "an object", value)
    return value


def weights(value: object, name: str, tally: Tally) -> dict[str, object]:
    """Return an object of numbers."""
    return {
        key: number(one, f"{name}[{key[:_SHOWN]!r}]", tally)
        for key, one in free_object(value, name, tally).items()
    }


def schema(value: object, name: str, tally: Tally) -> dict[str, object]:
    """Return a JSON Schema that refers to nothing outside itself, which a server could fetch."""
    found = free_object(value, name, tally)
    pending: list[object] = [found]
    while pending:
        one = pending.pop()
        if type(one) is dict:
            for reference in _REFERENCES:
                target = one.get(reference)
                if type(target) is str and not target.startswith("#"):
                    raise EncodingError(
                        f"{name}: expected references that begin with #, got a {reference} to elsewhere"
                    )
            pending.extend(one.values())
        elif type(one) is list:
            pending.extend(one)
    return found


def data_url(value: object, name: str, tally: Tally) -> str:
    """Return an image as a data URL, and count it: a remote address would be fetched by the upstream."""
    tally.add_image(name)
    if not _DATA_URL.match(text(value, name, tally)):
        raise EncodingError(
            f"{name}: expected data:image/png;base64,… (or jpeg, webp, gif), got {len(str(value))} "
            "characters of something else, such as a remote address"
        )
    return str(value)


def image_base64(value: object, name: str, tally: Tally) -> str:
    """Return the base64 of an image, and count it."""
    tally.add_image(name)
    if not _BASE64.match(text(value, name, tally)):
        raise EncodingError(f"{name}: expected base64, got {len(str(value))} characters of something else")
    return str(value)
