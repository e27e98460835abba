"""Checkers of the vectors `http-*.json`: what `rln.http` makes of a case, in the notation of its file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from rln.base import scalar
from rln.http.challenge import Challenge
from rln.http.credential import Credential
from rln.http.registration import RegistrationParts
from rln.http.route import Route
from rln.http.signal import RequestParts
from rln.http.target import request_target
from rln.lowlevel import hashes
from rln.protocol.epoch import Epoch, rln_identifier
from rln.protocol.identity import Identity
from rln.protocol.signal import hash_signal

Case = Mapping[str, Any]


def _credential(case: Case, _: Case) -> object:
    credential = Credential.decode(bytes.fromhex(case["value"]), case["max_out"])
    proof = credential.proof
    return {
        "key_id": credential.key_id.hex(),
        "nonce": credential.nonce.hex(),
        "x": _hex(proof.x),
        "external_nullifier": _hex(proof.external_nullifier),
        "root": _hex(proof.root),
        "proof": proof.proof.hex(),
        "shares": [[_hex(share.y), _hex(share.nullifier or 0)] for share in proof.shares],
        "value": credential.encode().encode("ascii").hex(),
    }


def _challenge(case: Case, _: Case) -> object:
    if "value" in case:
        found: Challenge | None = Challenge.decode(_field(case["value"]))
    else:
        found = Challenge.find([_field(value) for value in case["values"]])
    if found is None:
        return None
    return {
        "realm": found.realm,
        "policy": found.policy.hex(),
        "units": found.units,
        "error": found.error,
        "value": found.encode().encode("ascii").hex(),
    }


def _signal(case: Case, _: Case) -> object:
    if "path" in case:
        return {"target": request_target(bytes.fromhex(case["path"]), bytes.fromhex(case["query"])).hex()}
    parts = RequestParts(
        authority=bytes.fromhex(case["authority"]),
        method=bytes.fromhex(case["method"]),
        target=bytes.fromhex(case["target"]),
        content_type=bytes.fromhex(case["content_type"]),
        content_encoding=bytes.fromhex(case["content_encoding"]),
        body_digest=hashlib.sha256(bytes.fromhex(case["body"])).digest(),
        bound=tuple(bytes.fromhex(value) for value in case["bound"]),
    )
    signal = parts.signal(bytes.fromhex(case["nonce"]))
    epoch = Epoch.of(case["epoch"], case["period"], rln_identifier(case["application"], case["period"]))
    secret, external = bytes.fromhex(case["secret"]), scalar.encode(epoch.external_nullifier)
    message_id = scalar.encode(case["message_id"])
    return {
        "signal": signal.hex(),
        **_share(secret, hash_signal(signal), epoch, case["message_id"]),
        "slope": hashes.poseidon([secret, external, message_id]).hex(),
    }


def _price(case: Case, _: Case) -> object:
    names = ("content_type", "content_encoding", "query", "body")
    found = Route.read(case["route"]).price(*(bytes.fromhex(case[name]) for name in names))
    return {
        "units": found.units,
        "output_tokens": found.output_tokens,
        "model": found.model,
        "body": None if found.body is None else found.body.hex(),
    }


def _registration(case: Case, _: Case) -> object:
    parts = RegistrationParts(
        application=bytes.fromhex(case["application"]).decode(),
        account=bytes.fromhex(case["account"]).decode(),
        tier=bytes.fromhex(case["tier"]).decode(),
        server_nonce=bytes.fromhex(case["server_nonce"]),
        client_nonce=bytes.fromhex(case["client_nonce"]),
        commitment=scalar.decode(bytes.fromhex(case["commitment"]), "commitment"),
    )
    return {
        "signal": parts.signal.hex(),
        "root": _hex(parts.root(case["limit"], case["depth"])),
        **_share(bytes.fromhex(case["secret"]), hash_signal(parts.signal), parts.epoch, 0),
    }


def _share(secret: bytes, x: int, epoch: Epoch, message_id: int) -> dict[str, str]:
    identity = Identity.from_secret(scalar.decode(secret, "secret"))
    share = identity.share(x, epoch.external_nullifier, message_id)
    return {
        "x": _hex(x),
        "external_nullifier": _hex(epoch.external_nullifier),
        "y": _hex(share.y),
        "nullifier": _hex(share.nullifier or 0),
    }


def _field(value: str) -> str:
    """Return the value of a field as libraries of HTTP hand it on: a character for each byte."""
    return bytes.fromhex(value).decode("latin-1")


def _hex(value: int) -> str:
    return scalar.encode(value).hex()


CHECKERS: Final[Mapping[str, Callable[[Case, Case], object]]] = {
    "http-challenges": _challenge,
    "http-credentials": _credential,
    "http-prices": _price,
    "http-registrations": _registration,
    "http-signals": _signal,
}
