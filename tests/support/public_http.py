"""A valid call of every public function and class of `rln.http`."""

from __future__ import annotations

import rln
from rln.http import problem, registration, signal, target
from rln.http.challenge import Challenge
from rln.http.credential import Credential, decode_base64url, encode_base64url, key_id
from rln.http.policy import Policy, Tier, belongs_to, check_url, host_of, is_loopback, open_policy
from rln.http.price_list import PriceList, open_prices
from rln.http.registration import RegistrationParts, RegistrationProof, prove_registration
from rln.http.route import Priced, Route
from rln.http.signal import RequestParts
from rln.sync.signing import RegistrarKey
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.small_world import DEPTH, PERIOD

REALM = "story.example"


def _credential(bench: CallBench) -> Credential:
    return Credential(bytes(4), bytes(16), bench.first)


def _parts_fields() -> dict[str, object]:
    names = ("authority", "method", "target", "content_type", "content_encoding", "body_digest")
    values = (b"story.example", b"POST", b"/v1/chat", b"text/plain", b"", bytes(32))
    return dict(zip(names, values, strict=True)) | {"bound": (b"bound",)}


def _parts() -> RequestParts:
    return RequestParts(b"story.example", b"POST", b"/v1/chat", b"text/plain", b"", bytes(32), (b"bound",))


def _challenge() -> Challenge:
    return Challenge(REALM, bytes(32), 1, "unknown-root")


def _policy_fields(bench: CallBench, key: RegistrarKey) -> dict[str, object]:
    params = rln.Params.of(
        bench.key, REALM, PERIOD, window_count=5, registrar_key=key.public_key, signal_format="joined"
    )
    return {
        "version": 1,
        "params": params,
        "authorities": (REALM, f"api.{REALM}:8000"),
        "tiers": (Tier("basic", 2),),
        "bound_fields": ("openai-organization",),
        "registration": "https://story.example/rln/registration",
        "bulletins": "https://story.example/rln/bulletins/",
        "proving_key": "https://story.example/rln/key",
        "prices": "https://story.example/rln/prices",
        "refresh": 2,
    }


def _policy(bench: CallBench, key: RegistrarKey | None = None) -> Policy:
    key = key or RegistrarKey.new(bench.path("pem"))
    return Policy(**_policy_fields(bench, key))  # type: ignore[arg-type]


def _sign(bench: CallBench) -> Call:
    key = RegistrarKey.new(bench.path("pem"))
    return _policy(bench, key).sign, {"key": key}


def _open_policy(bench: CallBench) -> Call:
    key = RegistrarKey.new(bench.path("pem"))
    return open_policy, {"data": _policy(bench, key).sign(key), "registrar_key": key.public_key}


def _check_next(bench: CallBench) -> Call:
    policy = _policy(bench)
    return policy.check_next, {"new": policy}


def _route_fields() -> dict[str, object]:
    return {
        "method": "POST",
        "path": "/v1/chat/completions",
        "adapter": "openai-chat",
        "units": None,
        "models": (("small", 1),),
        "prompt_bytes": 2048,
        "output_tokens": 64,
        "default_tokens": 256,
        "image_units": 1,
        "output_field": "max_tokens",
    }


def _route() -> Route:
    return Route(**_route_fields())  # type: ignore[arg-type]


def _prices() -> PriceList:
    return PriceList(REALM, 1, (_route(),))


def _open_prices(bench: CallBench) -> Call:
    key = RegistrarKey.new(bench.path("pem"))
    return open_prices, {"data": _prices().sign(key), "registrar_key": key.public_key}


def _registration_fields(bench: CallBench) -> dict[str, object]:
    return {
        "application": REALM,
        "account": "acct_5",
        "tier": "basic",
        "server_nonce": bytes(16),
        "client_nonce": bytes(16),
        "commitment": bench.member.commitment,
    }


def _proving(bench: CallBench) -> dict[str, object]:
    return {
        "identity": bench.member,
        "application": REALM,
        "account": "acct_5",
        "tier": "basic",
        "limit": 2,
        "server_nonce": bytes(16),
        "key": bench.key,
        "threads": 1,
    }


def _check_registration(bench: CallBench) -> Call:
    parts, proof = prove_registration(**_proving(bench))  # type: ignore[arg-type]
    return proof.check, {
        "parts": parts,
        "limit": 2,
        "depth": DEPTH,
        "max_out": None,
        "key": bench.verifying_key,
    }


HTTP: Table = {
    "rln.http.challenge.Challenge": lambda _: (
        Challenge,
        {"realm": REALM, "policy": bytes(32), "units": 1, "error": "unknown-root"},
    ),
    "rln.http.challenge.Challenge.decode": lambda _: (Challenge.decode, {"value": _challenge().encode()}),
    "rln.http.challenge.Challenge.find": lambda _: (
        Challenge.find,
        {"values": ["Negotiate", _challenge().encode()]},
    ),
    "rln.http.credential.Credential": lambda bench: (
        Credential,
        {"key_id": bytes(4), "nonce": bytes(16), "proof": bench.first},
    ),
    "rln.http.credential.Credential.decode": lambda bench: (
        Credential.decode,
        {"value": _credential(bench).encode().encode(), "max_out": 1},
    ),
    "rln.http.credential.decode_base64url": lambda _: (decode_base64url, {"text": b"QQ", "name": "a name"}),
    "rln.http.credential.encode_base64url": lambda _: (encode_base64url, {"data": b"A"}),
    "rln.http.credential.key_id": lambda bench: (key_id, {"digest": bench.verifying_key.digest}),
    "rln.http.policy.Policy": lambda bench: (
        Policy,
        _policy_fields(bench, RegistrarKey.new(bench.path("pem"))),
    ),
    "rln.http.policy.Policy.check_next": lambda bench: _check_next(bench),
    "rln.http.policy.Policy.sign": lambda bench: _sign(bench),
    "rln.http.policy.Policy.tier": lambda bench: (_policy(bench).tier, {"name": "basic"}),
    "rln.http.policy.Tier": lambda _: (Tier, {"name": "basic", "limit": 2}),
    "rln.http.policy.belongs_to": lambda _: (belongs_to, {"authority": REALM, "application": REALM}),
    "rln.http.policy.check_url": lambda _: (check_url, {"url": "https://story.example/", "name": "a name"}),
    "rln.http.policy.is_loopback": lambda _: (is_loopback, {"host": "localhost"}),
    "rln.http.policy.host_of": lambda _: (host_of, {"authority": "story.example:80"}),
    "rln.http.policy.open_policy": lambda bench: _open_policy(bench),
    "rln.http.price_list.PriceList": lambda _: (
        PriceList,
        {"application": REALM, "version": 1, "routes": (_route(),)},
    ),
    "rln.http.price_list.PriceList.check_next": lambda _: (_prices().check_next, {"new": _prices()}),
    "rln.http.price_list.PriceList.check_payable": lambda _: (_prices().check_payable, {"slots": 16}),
    "rln.http.price_list.PriceList.route": lambda _: (
        _prices().route,
        {"method": b"POST", "path": b"/v1/chat/completions"},
    ),
    "rln.http.price_list.PriceList.sign": lambda bench: (
        _prices().sign,
        {"key": RegistrarKey.new(bench.path("pem"))},
    ),
    "rln.http.price_list.open_prices": lambda bench: _open_prices(bench),
    "rln.http.problem.Problem": lambda _: (
        problem.Problem,
        {"name": "odd", "status": 400, "title": "It is odd.", "retry": True, "challenges": True},
    ),
    "rln.http.problem.Problem.document": lambda _: (
        problem.MALFORMED.document,
        {"application": REALM, "detail": "max_tokens: expected 1 to 100, got 101"},
    ),
    "rln.http.problem.Problem.type_uri": lambda _: (problem.MALFORMED.type_uri, {"application": REALM}),
    "rln.http.problem.problem_of_error": lambda _: (problem.problem_of_error, {"error": ValueError()}),
    "rln.http.problem.problem_of_verdict": lambda _: (
        problem.problem_of_verdict,
        {"verdict": rln.Invalid(rln.Reason.BAD_PROOF, "why")},
    ),
    "rln.http.registration.RegistrationParts": lambda bench: (
        RegistrationParts,
        _registration_fields(bench),
    ),
    "rln.http.registration.RegistrationParts.root": lambda bench: (
        RegistrationParts(**_registration_fields(bench)).root,  # type: ignore[arg-type]
        {"limit": 2, "depth": DEPTH},
    ),
    "rln.http.registration.RegistrationProof": lambda bench: (
        RegistrationProof,
        {"proof": bench.first.proof, "y": 5, "nullifier": 5},
    ),
    "rln.http.registration.RegistrationProof.check": lambda bench: _check_registration(bench),
    "rln.http.registration.RegistrationProof.decode": lambda bench: (
        RegistrationProof.decode,
        {"data": bench.first.proof + bytes(64)},
    ),
    "rln.http.registration.check_account": lambda _: (registration.check_account, {"account": "acct_5"}),
    "rln.http.registration.check_tier": lambda _: (registration.check_tier, {"tier": "basic"}),
    "rln.http.registration.prove_registration": lambda bench: (prove_registration, _proving(bench)),
    "rln.http.route.Priced": lambda _: (
        Priced,
        {"units": 1, "output_tokens": 5, "model": "small", "body": b"{}"},
    ),
    "rln.http.route.Route": lambda _: (Route, _route_fields()),
    "rln.http.route.Route.price": lambda _: (
        _route().price,
        {
            "content_type": b"application/json",
            "content_encoding": b"",
            "query": b"",
            "body": b'{"model":"small","messages":[{"role":"user","content":"Hello"}]}',
        },
    ),
    "rln.http.route.Route.read": lambda _: (Route.read, {"content": _route().document(), "name": "a name"}),
    "rln.http.signal.RequestParts": lambda _: (RequestParts, _parts_fields()),
    "rln.http.signal.RequestParts.signal": lambda _: (_parts().signal, {"nonce": bytes(16)}),
    "rln.http.signal.check_authority": lambda _: (signal.check_authority, {"authority": b"a.example"}),
    "rln.http.signal.check_field": lambda _: (signal.check_field, {"value": b"a", "name": "a name"}),
    "rln.http.signal.request_signal": lambda _: (
        signal.request_signal,
        {**dict(list(_parts_fields().items())[:-1]), "nonce": bytes(16), "bound": (b"bound",)},
    ),
    "rln.http.target.check_method": lambda _: (target.check_method, {"method": b"GET"}),
    "rln.http.target.check_target": lambda _: (target.check_target, {"target": b"/v1?a=5"}),
    "rln.http.target.request_target": lambda _: (target.request_target, {"path": b"/v1", "query": b"a=5"}),
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
