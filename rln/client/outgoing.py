"""Outgoing: what of a request leaves the machine, and what its proof covers.

Only the fields of a list are sent. SDKs add others that tell the program, its version, the operating system,
the number of the attempt, or a key of the account; together with a request that has no name, they are one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, plain_bytes
from rln.client.answer import Fields
from rln.client.origin import check_origin
from rln.client.web import USER_AGENT
from rln.errors import ParameterError, PolicyChanged
from rln.http.policy import Policy
from rln.http.price_list import PriceList
from rln.http.route import Route
from rln.http.signal import RequestParts
from rln.http.target import request_target

SENT: Final = (
    "accept",
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "connection",
)
"""Fields that are sent as they are, beside those that the policy binds."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is sent, without its credential.

    Attributes:
        parts: what the signal covers.
        fields: to send, in this order.
        units: that it costs.
    """

    parts: RequestParts
    fields: tuple[tuple[str, str], ...]
    units: int = 1

    @classmethod
    def of(
        cls,
        policy: Policy,
        scheme: str,
        authority: str,
        method: str,
        raw_path: bytes,
        fields: Fields,
        body: bytes,
        prices: PriceList | None = None,
    ) -> Outgoing:
        """Make it from what a program wants to send.

        Args:
            policy: pinned.
            scheme: of the URL.
            authority: of the URL, without the default port.
            method: in capitals.
            raw_path: path and query as they are sent.
            fields: of the program.
            body: the whole body as it is sent.
            prices: pinned; None if the policy names none.

        Raises:
            ParameterError: the URL is not at an authority of the policy, or not private; a field that the
                signal covers is there twice; the provider does not sell this route, or not what the body
                asks for.
            EncodingError: method, target, a field or the body has a form that no proof or price can cover.
            PolicyChanged: the policy names a price list, and none is pinned yet.
        """  # fmt: skip
        instance(policy, Policy, "policy")
        check_origin(policy, scheme, authority)
        found: dict[str, str] = {}
        for name, value in fields:
            lower = name.lower()
            if lower not in SENT and lower not in policy.bound_fields:
                continue
            if lower in found:
                raise ParameterError(f"{lower}: expected one field of this name, got two")
            found[lower] = value
        digest = hashlib.sha256(plain_bytes(body, "body")).digest()
        path, _, query = raw_path.partition(b"?")
        content_type, content_encoding = _latin(found, "content-type"), _latin(found, "content-encoding")
        parts = RequestParts(
            authority.encode("ascii"),
            method.encode("ascii"),
            request_target(path, query),
            content_type,
            content_encoding,
            digest,
            tuple(_latin(found, name) for name in policy.bound_fields),
        )
        sent = {
            "host": authority,
            "user-agent": USER_AGENT,
            **{name: found[name] for name in (*SENT, *policy.bound_fields) if name in found},
            "content-digest": f"sha-256=:{base64.b64encode(digest).decode('ascii')}:",
        }
        units = 1
        if prices is not None:
            route = _route(prices, parts.method, path)
            units = route.price(content_type, content_encoding, query, body).units
        elif policy.prices is not None:
            raise PolicyChanged(
                "prices: the policy names a price list, and none is pinned yet; a scheduled look takes it; "
                "then send the request again"
            )
        return cls(parts, tuple(sent.items()), units)


def _route(prices: PriceList, method: bytes, path: bytes) -> Route:
    instance(prices, PriceList, "prices")
    route = prices.route(method, path)
    if route is None:
        sold = ", ".join(f"{one.method} {one.path}" for one in prices.routes)
        raise ParameterError(
            f"route: {prices.application} sells {sold}; got {method.decode()} {path.decode()[:80]!r}"
        )
    return route


def _latin(found: dict[str, str], name: str) -> bytes:
    """Return the bytes of a field; `RequestParts` refuses those outside ASCII."""
    return found.get(name, "").encode("utf-8")
