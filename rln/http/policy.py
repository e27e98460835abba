"""Policy: what a provider publishes at `/.well-known/rln`, and what a client pins.

The policy holds the parameters, and beside them what HTTP needs: where the provider answers, which fields a
proof covers, which tiers there are, and where to register, to get bulletins and the proving key.

It is signed with the registrar's key, the one in its parameters, and has a version. A client pins application
and key. It takes a policy with a higher version that this key signed (`Policy.check_next`), at its scheduled
look and never because an answer asks for it. Everything else is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Final

from rln.base import canonical_json
from rln.base.arguments import instance, text, whole
from rln.base.file_kind import FileKind
from rln.errors import EncodingError, GroupRefused, ParameterError
from rln.http.registration import check_tier
from rln.http.signal import check_authority
from rln.http.signed_document import check_document, check_succession, read_document, sign_document
from rln.http.target import request_target
from rln.params import Params
from rln.protocol.epoch import check_application
from rln.sync.signing import RegistrarKey, check_public_key

WELL_KNOWN: Final = "/.well-known/rln"
"""The path of the signed policy."""

MAX_POLICY_BYTES: Final = 1 << 16
"""Bytes of the largest signed policy."""

_FORM: Final = 2
_NAME: Final = "policy"
_MAX_VERSION: Final = (1 << 53) - 1
_LONGEST_REFRESH: Final = 3600
_MOST: Final = 32
"""Entries of each list."""
_FIELD: Final = re.compile(r"(?!x-stainless-)[a-z0-9][a-z0-9-]{0,63}\Z")
_NEVER_BOUND: Final = frozenset(
    "authorization content-type content-encoding content-digest content-length host connection "
    "transfer-encoding te trailer upgrade keep-alive expect via forwarded x-forwarded-for x-forwarded-host "
    "x-forwarded-proto proxy-authorization proxy-connection "
    "cookie user-agent from referer origin x-api-key api-key x-real-ip".split()
)
"""Fields that the signal has already, that proxies change, that are not known when it is made, or that tell
who sends them, as `x-stainless-*` does too: a member sends each bound field, so binding one unmasks."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_URL: Final = re.compile(r"(https?)://([^/]{1,260})(/.{0,999})?\Z")


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of membership that a provider offers.

    Args:
        name: 1 to 32 of a to z, 0 to 9 and inner hyphens.
        limit: units in an epoch, 1 to 65,536.

    Raises:
        EncodingError: the name has another form.
        ParameterError: the limit is outside its range.
    """

    name: str
    limit: int

    def __post_init__(self) -> None:
        check_tier(self.name)
        whole(self.limit, "limit", 1, 1 << 16)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a provider and its clients agree on.

    Args:
        version: 1 to 2^53 - 1, the largest integer that every reader of JSON has; each change raises it.
        params: with a registrar key and the signal format "joined".
        authorities: hosts, with or without a port, at which the provider answers; 1 to 32. Each is the
            application or a name below it, or an address of this machine if the application ends in
            `.localhost`.
        bound_fields: names in lower case of the fields that a proof covers beside those of every signal; up
            to 32.
        tiers: the kinds of membership, 1 to 32 with different names.
        registration: URL of the registrar; None: members are registered in another way.
        bulletins: URL of the bulletins, with a slash at its end; None: as above.
        proving_key: URL of the proving key file; None: as above.
        prices: URL of the price list; None: each request costs one unit.
        refresh: seconds between two looks of a member at policy and bulletins, 1 to 3600; all members look
            equally often. After a slashing, a member's requests wait for the next look. At most half of the
            seconds of the root window.

    Raises:
        EncodingError: a text has another form.
        ParameterError: a value is outside its range, or does not fit the others.
    """

    version: int
    params: Params
    authorities: tuple[str, ...]
    tiers: tuple[Tier, ...]
    bound_fields: tuple[str, ...] = ()
    registration: str | None = None
    bulletins: str | None = None
    proving_key: str | None = None
    prices: str | None = None
    refresh: int = 30

    def __post_init__(self) -> None:
        whole(self.version, "version", 1, _MAX_VERSION)
        instance(self.params, Params, "params")
        if self.params.registrar_key is None:
            raise ParameterError("params: expected a registrar key, which signs the policy, got none")
        check_public_key(self.registrar_key)
        if self.params.signal_format != "joined":
            # With any other format, members may sign bytes that are the signal of a request.
            raise ParameterError(
                f"params: signal_format: expected joined, got {self.params.signal_format}; make the "
                "parameters with rln params make --signal-format joined"
            )
        _check_list(self.authorities, "authorities", 1)
        for authority in self.authorities:
            if not belongs_to(authority, self.params.application):
                raise ParameterError(
                    f"authorities: expected {self.params.application} or a name below it, got {authority}; "
                    "an address of this machine needs an application that ends in .localhost"
                )
        _check_list(self.tiers, "tiers", 1)
        for tier in self.tiers:
            instance(tier, Tier, "tier")
            whole(tier.limit, f"limit of {tier.name}", 1, 1 << self.params.limit_bits)
        _check_distinct([tier.name for tier in self.tiers], "tiers")
        _check_list(self.bound_fields, "bound_fields", 0)
        for name in self.bound_fields:
            if not _FIELD.match(text(name, "bound field")) or name in _NEVER_BOUND:
                raise ParameterError(
                    "bound_fields: expected a field in lower case that no signal has by itself, and that "
                    f"does not tell who sends it, got {name[:40]!r}"
                )
        for name in ("authorities", "bound_fields"):
            _check_distinct(getattr(self, name), name)
        window = self.params.window_seconds
        whole(
            self.refresh,
            "refresh",
            1,
            _LONGEST_REFRESH if window is None else max(min(window // 2, _LONGEST_REFRESH), 1),
        )
        for name in ("registration", "bulletins", "proving_key", "prices"):
            url = getattr(self, name)
            if url is not None:
                self._check_place(check_url(url, name), name)
        if self.bulletins is not None and not self.bulletins.endswith("/"):
            raise ParameterError(f"bulletins: expected a slash at the end, got {self.bulletins[-40:]!r}")

    def _check_place(self, url: str, name: str) -> None:
        """Refuse a URL at the member's machine, unless the whole application is there, for a trial."""
        authority = url.split("/")[2]
        if is_loopback(host_of(authority)) and not belongs_to(authority, self.application):
            raise ParameterError(
                f"{name}: expected a URL that is not at the machine of each member, got {url[:80]!r}; an "
                "address of this machine needs an application that ends in .localhost"
            )

    @property
    def application(self) -> str:
        """Domain name of the provider."""
        return self.params.application

    @property
    def registrar_key(self) -> bytes:
        """The public key that signs policy and bulletins."""
        return bytes.fromhex(self.params.registrar_key or "")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoded policy, 32 bytes; a challenge names it. Computed anew at each use."""
        return hashlib.sha256(self.encode()).digest()

    @property
    def rate_limit_policy(self) -> str:
        """The value of `RateLimit-Policy`: one item for each limit.

        Source: draft-ietf-httpapi-ratelimit-headers.
        """
        limits = sorted({tier.limit for tier in self.tiers})
        period = self.params.period
        return ", ".join(f'"rln-{limit}";q={limit};w={period};qu="rln-units"' for limit in limits)

    def tier(self, name: str) -> Tier:
        """Return the tier with a name.

        Raises:
            ParameterError: there is none.
        """
        for tier in self.tiers:
            if tier.name == text(name, "tier"):
                return tier
        raise ParameterError(
            f"tier: expected one of {', '.join(tier.name for tier in self.tiers)}, got {name[:40]!r}"
        )

    def check_next(self, new: Policy) -> None:
        """Check that a policy may take the place of this one, which a client has pinned.

        Args:
            new: as `open_policy` returned it for the pinned key; it may be this policy again.

        Raises:
            GroupRefused: another application or registrar key, an older version, or another policy of the
                same version. Two policies of one version, both signed, show that the provider is dishonest.
        """
        instance(new, Policy, "new")
        for name in ("application", "registrar_key"):
            if getattr(new, name) != getattr(self, name):
                raise GroupRefused(f"policy: it is for another {name.replace('_', ' ')} than the pinned one")
        check_succession(_NAME, "policy", "policies", self, new)

    def encode(self) -> bytes:
        """Return the policy in canonical JSON."""
        return canonical_json.write(self._content())

    def _content(self) -> dict[str, object]:
        content: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **content,
            "form": _FORM,
            "params": canonical_json.read(self.params.encode(), "params"),
            "tiers": [{"limit": tier.limit, "name": tier.name} for tier in self.tiers],
        }

    def sign(self, key: RegistrarKey) -> bytes:
        """Return the signed document that `open_policy` reads.

        Raises:
            ParameterError: the key is not that of the parameters, or the document is too large.
        """
        instance(key, RegistrarKey, "key")
        if key.public_key != self.registrar_key:
            raise ParameterError(
                f"key: expected {self.params.registrar_key} as the parameters say, got {key.public_key.hex()}"
            )
        return sign_document(_NAME, self._content(), key, MAX_POLICY_BYTES)


def open_policy(data: bytes, registrar_key: bytes | None = None) -> Policy:
    """Read a signed policy, and check its signature.

    Args:
        data: the whole document.
        registrar_key: the pinned key. None: the one in the policy; this is for its first reading, before
            anything is pinned, and for a file of your own.

    Raises:
        EncodingError: the document is not canonical, or a name is missing or unknown.
        InputError: a value is outside its range.
        GroupRefused: another key has signed it, or its bytes were changed.
    """
    content, signature = read_document(data, _NAME, FileKind.POLICY, MAX_POLICY_BYTES)
    policy = _read(content)
    pinned = policy.registrar_key if registrar_key is None else registrar_key
    check_document(_NAME, content, signature, pinned)
    if policy.registrar_key != pinned:
        raise ParameterError("policy: it names another registrar key than the one that signed it")
    return policy


def _read(content: object) -> Policy:
    names = tuple(one.name for one in fields(Policy))
    found = canonical_json.fields(content, "policy", ("form", *names))
    canonical_json.integer(found["form"], "policy: form", _FORM, _FORM)
    tiers = [
        canonical_json.fields(one, "tier", ("limit", "name"))
        for one in canonical_json.items(found["tiers"], "tiers")
    ]
    return Policy(
        version=canonical_json.integer(found["version"], "version", 1, _MAX_VERSION),
        params=Params.decode(canonical_json.write(found["params"])),
        authorities=_texts(found["authorities"], "authorities"),
        tiers=tuple(
            Tier(
                canonical_json.text(one["name"], "name"),
                canonical_json.integer(one["limit"], "limit", 1, 1 << 16),
            )
            for one in tiers
        ),
        bound_fields=_texts(found["bound_fields"], "bound_fields"),
        registration=_text_or_none(found["registration"], "registration"),
        bulletins=_text_or_none(found["bulletins"], "bulletins"),
        proving_key=_text_or_none(found["proving_key"], "proving_key"),
        prices=_text_or_none(found["prices"], "prices"),
        refresh=canonical_json.integer(found["refresh"], "refresh", 1, _LONGEST_REFRESH),
    )


def belongs_to(authority: str, application: str) -> bool:
    """Tell whether a client may use its identity of an application at an authority.

    The authority must be the application or a name below it. Otherwise a provider could take the name of
    another one, and get messages with the message ids that the member uses there. Addresses of this machine
    belong to the names in `.localhost`, which no provider can own.

    Raises:
        EncodingError: the authority has another form, for example with a path or a user name.
        ParameterError: not text, or the application is not a domain name.
    """
    check_application(application)
    host = host_of(authority)
    if is_loopback(host):
        return application.endswith(".localhost")
    return host == application or host.endswith(f".{application}")


def host_of(authority: str) -> str:
    """Return the host of an authority, without its port.

    Raises:
        EncodingError: the authority has another form.
        ParameterError: not text.
    """
    host = check_authority(_ascii(authority, "authority")).decode("ascii")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Tell whether a host is an address or the name of this machine."""
    return text(host, "host") in _LOOPBACK


def check_url(url: str, name: str) -> str:
    """Return a URL if it is absolute, without query and user name, and uses https; http only on this machine.

    Authority and path have the form that requests have, so that no two programs read them differently.

    Raises:
        ParameterError: anything else.
    """
    found = _URL.match(text(url, text(name, "name")))
    try:
        if found is None:
            raise EncodingError(f"{name}: not an absolute URL")
        if found[3] != WELL_KNOWN:
            request_target(_ascii(found[3] or "/", name))
        if host_of(found[2]) not in _LOOPBACK and found[1] != "https":
            raise EncodingError(f"{name}: http at another machine")
    except EncodingError as error:
        raise ParameterError(
            f"{name}: expected an absolute URL with https (http on this machine only) and a plain path, "
            f"got {url[:80]!r}"
        ) from error
    return url


def _ascii(value: str, name: str) -> bytes:
    """Return the bytes of a text; what is not ASCII becomes a question mark, which no form allows."""
    return text(value, name).encode("ascii", "replace")


def _check_list(values: tuple[object, ...], name: str, least: int) -> None:
    if type(values) is not tuple:
        raise ParameterError(f"{name}: expected a tuple, got {type(values).__name__}")
    whole(len(values), f"number of {name}", least, _MOST)


def _check_distinct(values: tuple[str, ...] | list[str], name: str) -> None:
    if len(set(values)) != len(values):
        raise ParameterError(f"{name}: expected different ones, got one twice")


def _texts(value: object, name: str) -> tuple[str, ...]:
    return tuple(canonical_json.text(one, name) for one in canonical_json.items(value, name))


def _text_or_none(value: object, name: str) -> str | None:
    return None if value is None else canonical_json.text(value, name)
