"""Price list: what a provider publishes at `/rln/prices`: the requests that it serves, and what each costs.

It is signed with the registrar's key and has a version, as the policy does, which names its place. A request
that the list does not have is not served. Prices come from this document alone: an answer that asks for other
units than the list says is refused by the member, and nothing is spent for it.

Two lists of one version show that a provider sells at different prices, which could tell members apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import instance, plain_bytes, whole
from rln.base.bounds import MAX_SLOTS
from rln.base.file_kind import FileKind
from rln.errors import EncodingError, GroupRefused, ParameterError
from rln.http.route import Route
from rln.http.signed_document import check_document, check_succession, read_document, sign_document
from rln.protocol.epoch import check_application
from rln.sync.signing import RegistrarKey

PRICES: Final = "/rln/prices"
"""The path of the signed price list."""

MAX_PRICES_BYTES: Final = 1 << 16
"""Bytes of the largest signed price list."""

_FORM: Final = 1
_NAME: Final = "prices"
_MAX_VERSION: Final = (1 << 53) - 1
_MOST_ROUTES: Final = 64
_NAMES: Final = ("application", "form", "routes", "version")


@dataclass(frozen=True, slots=True)
class PriceList:
    """What a provider serves, and at what price.

    Args:
        application: domain name of the provider, as in its policy.
        version: 1 to 2^53 - 1; each change raises it.
        routes: 1 to 64, of different methods or paths.

    Raises:
        ParameterError: a value is outside its range, or one method has a path twice.
    """

    application: str
    version: int
    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        check_application(self.application)
        whole(self.version, "version", 1, _MAX_VERSION)
        if type(self.routes) is not tuple:
            raise ParameterError(f"routes: expected a tuple, got {type(self.routes).__name__}")
        whole(len(self.routes), "number of routes", 1, _MOST_ROUTES)
        seen = set()
        for route in self.routes:
            instance(route, Route, "route")
            if (place := (route.method, route.path)) in seen:
                raise ParameterError(f"routes: expected {route.method} {route.path} once, got it twice")
            seen.add(place)

    def route(self, method: bytes, path: bytes) -> Route | None:
        """Return the route of a request, or None: it is not served.

        Args:
            method, path: as they were sent.
        """
        plain_bytes(method, "method")
        plain_bytes(path, "path")
        for route in self.routes:
            if route.path.encode("ascii") == path and route.method.encode("ascii") == method:
                return route
        return None

    def check_payable(self, slots: int) -> None:
        """Check that a credential can pay for a request on each route, also for one that names no limit.

        Args:
            slots: message ids of one proof, 1 to 16.

        Raises:
            ParameterError: a route costs more.
        """
        whole(slots, "slots", 1, MAX_SLOTS)
        for route in self.routes:
            if route.least > slots:
                raise ParameterError(
                    f"prices: {route.method} {route.path}: it costs {route.least} units at least, and a "
                    f"credential of this provider has {slots} at most; change the prices, or make a provider "
                    "with a larger --max-units"
                )
            if route.usual > slots:
                raise ParameterError(
                    f"prices: {route.method} {route.path}: a request that names no limit costs {route.usual} "
                    f"units, and a credential of this provider has {slots} at most; lower default_tokens, or "
                    "make a provider with a larger --max-units"
                )

    def check_next(self, new: PriceList) -> None:
        """Check that a list may take the place of this one, which a member has kept.

        Args:
            new: as `open_prices` returned it for the pinned key; it may be this list again.

        Raises:
            GroupRefused: another application, an older version, or another list of the same version. Two
                lists of one version, both signed, show that the provider is dishonest.
        """
        instance(new, PriceList, "new")
        if new.application != self.application:
            raise GroupRefused("prices: they are for another application than the ones before")
        check_succession(_NAME, "price list", "price lists", self, new)

    def encode(self) -> bytes:
        """Return the list in canonical JSON."""
        return canonical_json.write(self.document())

    def document(self) -> dict[str, object]:
        """Return what is signed, as JSON has it."""
        return {
            "application": self.application,
            "form": _FORM,
            "routes": [route.document() for route in self.routes],
            "version": self.version,
        }

    def sign(self, key: RegistrarKey) -> bytes:
        """Return the signed document that `open_prices` reads.

        Raises:
            ParameterError: it has more than `MAX_PRICES_BYTES`.
        """
        instance(key, RegistrarKey, "key")
        return sign_document(_NAME, self.document(), key, MAX_PRICES_BYTES)


def open_prices(data: bytes, registrar_key: bytes) -> PriceList:
    """Read a signed price list, and check its signature.

    Whoever takes it compares its application with that of the policy.

    Args:
        data: the whole document.
        registrar_key: the one in the pinned policy, 32 bytes.

    Raises:
        EncodingError: the document is not canonical, or a name is missing or unknown.
        InputError: a value is outside its range.
        GroupRefused: another key has signed it, or its bytes were changed.
    """
    content, signature = read_document(data, _NAME, FileKind.PRICES, MAX_PRICES_BYTES)
    check_document(_NAME, content, signature, registrar_key)
    found = canonical_json.fields(content, _NAME, _NAMES)
    canonical_json.integer(found["form"], "prices: form", _FORM, _FORM)
    made = PriceList(
        canonical_json.text(found["application"], "application"),
        canonical_json.integer(found["version"], "version", 1, _MAX_VERSION),
        tuple(
            _read_route(one, f"routes[{place}]")
            for place, one in enumerate(canonical_json.items(found["routes"], "routes"))
        ),
    )
    if made.encode() != canonical_json.write(content):  # two documents of one list would be evidence
        raise EncodingError("prices: expected all names of each route, as PriceList.sign writes them")
    return made


def _read_route(content: object, name: str) -> Route:
    if not isinstance(content, dict):
        raise EncodingError(f"{name}: expected an object, got {canonical_json.type_names[type(content)]}")
    return Route.read(content, name)
