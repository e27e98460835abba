"""A valid call of every public function and class of the member's side: the client, and its adapters."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from pathlib import Path
from typing import Any

from rln.client.credential_source import MadeCredential
from rln.client.member import Member
from rln.client.registrar_client import RegistrarClient, Registration, RegistrationChallenge, check_api_key
from rln.client.settings import MemberSettings
from rln.client.web import PlainWeb, Reply, check_proxy
from rln.http.registration import RegistrationParts, RegistrationProof, prove_registration
from rln.http.signal import RequestParts
from rln.protocol.identity import Identity
from tests.support.call_bench import Call, CallBench
from tests.support.http_provider import ACCOUNT, API_KEY, HttpProvider
from tests.support.public_values import Table

QUIET = MemberSettings(background=False, threads=1)
MEMBERS = 2
PROXY = "http://127.0.0.1:9"


def _provider(bench: CallBench) -> HttpProvider:
    directory = bench.path("provider")
    directory.mkdir()
    return bench.stack.enter_context(HttpProvider(directory, members=MEMBERS))


def _directory(bench: CallBench) -> Path:
    return _provider(bench).member_directory(bench.path("member"), min_members=1)


def _member(bench: CallBench, settings: MemberSettings = QUIET) -> Member:
    return bench.stack.enter_context(Member(_directory(bench), settings))


def _opened(bench: CallBench, opens: Any) -> Any:
    """Return a function whose result the bench closes."""

    def opened(**arguments: object) -> Any:
        return bench.stack.enter_context(opens(**arguments))

    return opened


def _opening(bench: CallBench, opens: Any) -> Call:
    return _opened(bench, opens), {"directory": _directory(bench), "settings": QUIET}


def _joining(bench: CallBench) -> Call:
    provider = _provider(bench)
    return _opened(bench, Member.join), {
        "url": provider.url,
        "api_key": API_KEY,
        "directory": bench.path("member"),
        "registrar_key": provider.world.policy.registrar_key,
        "tier": "pro",
        "identity": Identity.generate(),
        "min_members": 1,
        "settings": QUIET,
    }


def _parts(member: Member) -> RequestParts:
    authority = member.policy.authorities[0].encode()
    return RequestParts(authority, b"POST", b"/v1/chat", b"text/plain", b"", hashlib.sha256(b"").digest(), ())


def _making(bench: CallBench) -> Call:
    member = _member(bench)
    return member.make, {"parts": _parts(member), "units": 1}


def _renewing(bench: CallBench) -> Call:
    member = _member(bench)
    parts = _parts(member)
    return member.renew, {"parts": parts, "made": member.make(parts, 1)}


def _waiting(bench: CallBench) -> Call:
    member = _member(bench, MemberSettings(threads=1))
    return member.wait_until_admitted, {"seconds": 60.0}


def _registrar(bench: CallBench) -> RegistrarClient:
    url = _provider(bench).world.policy.registration
    assert url is not None
    return RegistrarClient(url, API_KEY, PlainWeb())


def _registering(bench: CallBench) -> Call:
    provider = _provider(bench)
    url = provider.world.policy.registration
    assert url is not None

    def register(parts: RegistrationParts, proof: RegistrationProof) -> Registration:
        """Register with a nonce that is open again, because a registrar takes each one once."""
        provider.nonces[nonce.hex()] = "basic"
        return RegistrarClient(url, API_KEY, PlainWeb()).register(parts, proof)

    nonce = bytes(16)
    parts, proof = prove_registration(
        Identity.generate(),
        provider.world.policy.application,
        ACCOUNT,
        "basic",
        2,
        nonce,
        provider.world.key,
        threads=1,
    )
    return register, {"parts": parts, "proof": proof}


def _fetching(bench: CallBench) -> Call:
    return PlainWeb().fetch, {"url": f"{_provider(bench).url}/.well-known/rln", "max_bytes": 1 << 16}


def _sending(bench: CallBench) -> Call:
    return PlainWeb().send, {
        "method": "GET",
        "url": f"{_provider(bench).url}/.well-known/rln",
        "body": b"",
        "fields": (("X-Name", "value"),),
        "max_bytes": 1 << 16,
    }


def _flow(bench: CallBench, library: str, name: str) -> Call:
    adapter, member = importlib.import_module(f"rln.integrations.{library}"), _member(bench)
    request = importlib.import_module(library).Request("POST", "https://api.localhost/", content=b"{}")
    return getattr(adapter.RlnAuth(member), name), {"request": request}


def _client(bench: CallBench, library: str, name: str) -> Call:
    adapter = importlib.import_module(f"rln.integrations.{library}")
    member = _member(bench, MemberSettings(background=False, threads=1, proxy=PROXY))
    arguments = {"member": member, "proxy": PROXY, "fresh_connections": True}
    return getattr(adapter, name), arguments


def _adapter(library: str) -> Table:
    module = f"rln.integrations.{library}"
    adapter = importlib.import_module(module)
    return {
        f"{module}.RlnAuth": lambda bench: (adapter.RlnAuth, {"member": _member(bench)}),
        f"{module}.RlnAuth.sync_auth_flow": lambda bench: _flow(bench, library, "sync_auth_flow"),
        f"{module}.RlnAuth.async_auth_flow": lambda bench: _flow(bench, library, "async_auth_flow"),
        f"{module}.anonymous_client": lambda bench: _client(bench, library, "anonymous_client"),
        f"{module}.anonymous_async_client": lambda bench: _client(bench, library, "anonymous_async_client"),
    }


def _sending_with_requests(bench: CallBench) -> Call:
    provider = _provider(bench)
    member = bench.stack.enter_context(
        Member(provider.member_directory(bench.path("member"), min_members=1), QUIET)
    )
    adapter = importlib.import_module("rln.integrations.requests").RlnAdapter(member)
    request = importlib.import_module("requests").Request("GET", f"{provider.url}/v1/x").prepare()
    return adapter.send, {
        "request": request,
        "stream": True,
        "timeout": 60.0,
        "verify": True,
        "cert": None,
        "proxies": {},
    }


def _aiohttp_session(bench: CallBench) -> Call:
    adapter = importlib.import_module("rln.integrations.aiohttp")
    member = _member(bench, MemberSettings(background=False, threads=1, proxy=PROXY))

    def made(**arguments: object) -> None:
        """Make a session in an event loop, which closes it."""

        async def go() -> None:
            await adapter.anonymous_session(**arguments).close()

        asyncio.run(go())

    return made, {"member": member, "proxy": PROXY, "fresh_connections": True}


MEMBER_SIDE: Table = {
    **_adapter("httpx"),
    **_adapter("httpx2"),
    "rln.integrations.aiohttp.RlnAuth": lambda bench: (
        importlib.import_module("rln.integrations.aiohttp").RlnAuth,
        {"member": _member(bench)},
    ),
    "rln.integrations.aiohttp.anonymous_session": _aiohttp_session,
    "rln.integrations.requests.RlnAdapter": lambda bench: _client(bench, "requests", "RlnAdapter"),
    "rln.integrations.requests.RlnAdapter.send": _sending_with_requests,
    "rln.integrations.requests.anonymous_session": lambda bench: _client(
        bench, "requests", "anonymous_session"
    ),
    "rln.client.credential_source.CredentialSource.make[member]": _making,
    "rln.client.credential_source.CredentialSource.renew[member]": _renewing,
    "rln.client.credential_source.MadeCredential": lambda _: (
        MadeCredential,
        {"value": "RLN v=1", "nonce": bytes(16), "units": 1, "step": 1},
    ),
    "rln.client.member.Member": lambda bench: _opening(bench, Member),
    "rln.client.member.Member.join": _joining,
    "rln.client.member.Member.make": _making,
    "rln.client.member.Member.open": lambda bench: _opening(bench, Member.open),
    "rln.client.member.Member.renew": _renewing,
    "rln.client.member.Member.wait_until_admitted": _waiting,
    "rln.client.registrar_client.RegistrarClient": lambda _: (
        RegistrarClient,
        {"url": "https://story.example/rln/registration", "api_key": API_KEY, "web": PlainWeb()},
    ),
    "rln.client.registrar_client.RegistrarClient.challenge": lambda bench: (
        _registrar(bench).challenge,
        {"tier": "basic"},
    ),
    "rln.client.registrar_client.RegistrarClient.end": lambda bench: (
        _registrar(bench).end,
        {"tier": "basic"},
    ),
    "rln.client.registrar_client.RegistrarClient.register": _registering,
    "rln.client.registrar_client.Registration": lambda _: (
        Registration,
        {"tier": "basic", "commitment": 101, "limit": 2, "state": "member", "admission": None},
    ),
    "rln.client.registrar_client.RegistrationChallenge": lambda _: (
        RegistrationChallenge,
        {"account": ACCOUNT, "nonce": bytes(16), "limit": 2},
    ),
    "rln.client.registrar_client.check_api_key": lambda _: (check_api_key, {"api_key": API_KEY}),
    "rln.client.settings.MemberSettings": lambda _: (
        MemberSettings,
        {
            "tokens": 5,
            "threads": 1,
            "on_lost": "again",
            "max_units": 5,
            "proxy": None,
            "web": PlainWeb(),
            "background": True,
        },
    ),
    "rln.client.web.PlainWeb": lambda _: (PlainWeb, {"proxy": PROXY, "seconds": 5.0}),
    "rln.client.web.PlainWeb.fetch": _fetching,
    "rln.client.web.PlainWeb.send": _sending,
    "rln.client.web.Reply": lambda _: (Reply, {"status": 200, "body": b"text"}),
    "rln.client.web.Web.fetch[plain]": _fetching,
    "rln.client.web.Web.send[plain]": _sending,
    "rln.client.web.check_proxy": lambda _: (check_proxy, {"proxy": PROXY}),
}
"""As `VALUES` of `tests.support.public_values`."""
