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
from rln.base.arguments import fixed_bytes, instance, text, whole
from rln.base.bounds import MAX_LIMIT_BITS, MAX_STORED
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
        limit: of the tier, 1 to 65,536.

    Raises:
        InputError: a value of another type or form, or outside its range.
    """

    account: str
    nonce: bytes
    limit: int

    def __post_init__(self) -> None:
        check_account(self.account)
        fixed_bytes(self.nonce, NONCE_BYTES, "nonce")
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of an account.

    Attributes:
        tier: its name.
        commitment: what is registered.
        limit: of the leaf; the tier may have another one since.
        state: one of `STATES`.
        admission: unix time at which the member is admitted at the latest; None: it is, or is not known.

    Raises:
        InputError: a value of another type or form, or outside its range.
    """

    tier: str
    commitment: int
    limit: int
    state: str
    admission: int | None

    def __post_init__(self) -> None:
        check_tier(self.tier)
        scalar.check(self.commitment, "commitment")
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        if text(self.state, "state") not in STATES:
            raise EncodingError(f"state: expected one of {', '.join(STATES)}, got {self.state[:40]!r}")
        if self.admission is not None:
            whole(self.admission, "admission", 0, MAX_STORED)


class RegistrarClient:
    """Asks a registrar for one account. It has no state, so threads and forked children may share it.

    There is nothing to close. Each call waits for the answer, so do not make it on an event loop.

    Args:
        url: of the registration, as the policy has it.
        api_key: of the account, 1 to 512 visible ASCII characters.
        web: sends.

    Raises:
        ParameterError: the API key or the URL has another form.
    """

    def __init__(self, url: str, api_key: str, web: Web) -> None:
        self._url = check_url(url, "registration")
        check_api_key(api_key)
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
                canonical_json.text(content["account"], "account"),
                bytes.fromhex(nonce),
                canonical_json.integer(content["limit"], "limit", 1, 1 << MAX_LIMIT_BITS),
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
                raise EncodingError("registration: the answer is about another tier or commitment")
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
        instance(reply, Reply, "web: the answer of send")
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


def check_api_key(api_key: str) -> str:
    """Return an API key if it is one.

    Raises:
        ParameterError: anything else; the message does not show it.
    """
    if not _API_KEY.match(text(api_key, "api_key")):
        raise ParameterError("api_key: expected 1 to 512 visible ASCII characters, got others")
    return api_key


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
        canonical_json.text(content["tier"], "tier"),
        scalar.parse(content["commitment"], "commitment"),
        canonical_json.integer(content["limit"], "limit", 1, 1 << 16),
        canonical_json.text(content["state"], "state"),
        _admission(content),
    )


def _admission(content: dict[str, object]) -> int | None:
    found = content.get("admission")
    return None if found is None else canonical_json.integer(found, "admission", 0, MAX_STORED)
