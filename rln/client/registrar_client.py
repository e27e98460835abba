"""RegistrarClient: what an account asks of its registrar, over HTTP.

These requests carry the account's API key, so the registrar knows whose commitment is whose. It cannot tell
afterwards which requests that member makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rln.base import canonical_json, scalar
from rln.base.arguments import instance, text
from rln.base.bounds import MAX_STORED
from rln.base.injected import implements
from rln.client.web import Reply, Web
from rln.errors import EncodingError, InputError, ParameterError, ProviderUnavailable
from rln.http.credential import encode_base64url
from rln.http.policy import check_url
from rln.http.registration import (
    NONCE_BYTES,
    RegistrationParts,
    RegistrationProof,
    check_account,
    check_tier,
)

STATES: Final = ("pending", "member", "waiting", "ended", "slashed")
"""Pending: admitted with the next batch. Waiting: a replacement, until the old membership has run out."""

MAX_REPLY: Final = 1 << 16

_REGISTERED: Final = ("tier", "commitment", "limit", "state")

_API_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}\Z")
_HEX_NONCE: Final = re.compile(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}\Z")
_PLAIN: Final = re.compile(r"[\x20-\x7e]{1,200}\Z")
_MEANINGS: Final[Mapping[int, str]] = {
    401: "it does not know this API key",
    403: "it does not give this account such a membership",
    404: "there is no such tier or registration",
    409: "the account or the commitment has a membership that is in the way",
    429: "too many attempts, or too many replacements; try later",
}


@dataclass(frozen=True, slots=True)
class RegistrationChallenge:
    """What a registrar wants an applicant to prove.

    Attributes:
        account: its name at the registrar.
        nonce: 16 bytes, for one attempt.
        limit: of the tier.
    """

    account: str
    nonce: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of an account.

    Attributes:
        tier: its name.
        commitment: what is registered.
        limit: of the leaf; the tier may have another one since.
        state: one of `STATES`.
        admission: unix time at which the member is admitted at the latest; None: it is, or is not known.
    """

    tier: str
    commitment: int
    limit: int
    state: str
    admission: int | None


class RegistrarClient:
    """Asks a registrar for one account. It has no state, so threads may share it.

    Args:
        url: of the registration, as the policy has it.
        api_key: of the account, 1 to 512 visible ASCII characters.
        web: sends.

    Raises:
        ParameterError: the API key or the URL has another form.
    """

    def __init__(self, url: str, api_key: str, web: Web) -> None:
        self._url = check_url(url, "registration")
        if not _API_KEY.match(text(api_key, "api_key")):
            raise ParameterError("api_key: expected 1 to 512 visible ASCII characters, got others")
        implements(web, Web, "web")
        self._fields = (("Authorization", f"Bearer {api_key}"),)
        self._web = web

    def __repr__(self) -> str:
        return f"RegistrarClient({self._url})"

    def challenge(self, tier: str) -> RegistrationChallenge:
        """Ask for the nonce of one attempt.

        Raises:
            ProviderUnavailable: the registrar refuses, or gives no answer or another one.
        """
        found = self._ask("POST", "/challenge", 201, {"tier": check_tier(tier)})
        try:
            content = canonical_json.fields(found, "challenge", ("account", "expires", "limit", "nonce"))
            nonce = canonical_json.text(content["nonce"], "nonce")
            if not _HEX_NONCE.match(nonce):
                raise EncodingError("nonce: expected 16 bytes in lower-case hexadecimal")
            return RegistrationChallenge(
                check_account(canonical_json.text(content["account"], "account")),
                bytes.fromhex(nonce),
                canonical_json.integer(content["limit"], "limit", 1, 1 << 16),
            )
        except InputError as error:
            raise self._strange(error) from error

    def register(self, parts: RegistrationParts, proof: RegistrationProof) -> Registration:
        """Hand in a proof; the registrar admits the member later.

        Raises:
            ProviderUnavailable: as `challenge`.
        """
        instance(parts, RegistrationParts, "parts")
        instance(proof, RegistrationProof, "proof")
        found = self._ask(
            "POST",
            "",
            202,
            {
                "tier": parts.tier,
                "commitment": str(parts.commitment),
                "server_nonce": parts.server_nonce.hex(),
                "client_nonce": parts.client_nonce.hex(),
                "proof": encode_base64url(proof.encode()),
            },
        )
        try:
            registration = _registration(found)
            if (registration.tier, registration.commitment) != (parts.tier, parts.commitment):
                raise EncodingError(
                    f"registration: expected the one that was sent, for {parts.tier}, got one for "
                    f"{registration.tier} or for another commitment"
                )
            return registration
        except InputError as error:
            raise self._strange(error) from error

    def registrations(self) -> list[Registration]:
        """Return all registrations of the account.

        Raises:
            ProviderUnavailable: as `challenge`.
        """
        found = self._ask("GET", "", 200, None)
        try:
            content = canonical_json.fields(found, "registrations", ("registrations",))
            return [_registration(one) for one in canonical_json.items(content["registrations"], "list")]
        except InputError as error:
            raise self._strange(error) from error

    def end(self, tier: str) -> None:
        """End the membership of a tier.

        Raises:
            ProviderUnavailable: as `challenge`.
        """
        self._ask("DELETE", f"/{check_tier(tier)}", 202, None)

    def _ask(self, method: str, path: str, status: int, content: dict[str, object] | None) -> object:
        body = b"" if content is None else canonical_json.write(content)
        fields = self._fields if content is None else (*self._fields, ("Content-Type", "application/json"))
        reply = self._web.send(method, self._url + path, body, fields, MAX_REPLY)
        if reply.status != status:
            raise ProviderUnavailable(f"registrar: {reply.status}: {_reason(reply)}")
        if not reply.body:
            return None
        try:
            return canonical_json.read(reply.body, "answer", MAX_REPLY)
        except InputError as error:
            raise self._strange(error) from error

    def _strange(self, error: InputError) -> ProviderUnavailable:
        return ProviderUnavailable(f"registrar: expected an answer of another form ({error})")


def _reason(reply: Reply) -> str:
    """Return in words why a registrar refuses; its own words only if they are short and plain."""
    try:
        found = canonical_json.read(reply.body, "problem", MAX_REPLY)
    except InputError:  # an answer without an explanation
        found = None
    content = found if isinstance(found, dict) else {}
    said = [content[name] for name in ("title", "detail") if isinstance(content.get(name), str)]
    plain = [words for words in said if _PLAIN.match(words)]
    meaning = _MEANINGS.get(reply.status, "it cannot serve now; try later")
    return "; ".join([meaning, *plain])


def _registration(value: object) -> Registration:
    content = canonical_json.fields(value, "registration", _REGISTERED, ("admission",))
    return Registration(
        check_tier(canonical_json.text(content["tier"], "tier")),
        scalar.parse(content["commitment"], "commitment"),
        canonical_json.integer(content["limit"], "limit", 1, 1 << 16),
        _state(content),
        _admission(content),
    )


def _state(content: dict[str, object]) -> str:
    state = canonical_json.text(content["state"], "state")
    if state not in STATES:
        raise EncodingError(f"state: expected one of {', '.join(STATES)}, got {state[:40]!r}")
    return state


def _admission(content: dict[str, object]) -> int | None:
    found = content.get("admission")
    return None if found is None else canonical_json.integer(found, "admission", 0, MAX_STORED)
