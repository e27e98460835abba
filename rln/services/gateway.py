"""Gateway: the middleware before an upstream, for what a provider's file `rln.toml` says."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from rln.base.arguments import file_path, instance
from rln.base.extras import require
from rln.errors import ParameterError
from rln.http.policy import Policy
from rln.http.price_list import PriceList
from rln.http.problem import MALFORMED
from rln.http.route import Route
from rln.integrations.admission import App
from rln.integrations.answers import Send, problem_answer
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.provider import Provider
from rln.integrations.provider_settings import ProviderSettings
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream import Upstream

__all__ = ["Gateway"]

_FEATURES: Final = "-beta"
"""The end of names as `anthropic-beta` and `openai-beta`."""


class Gateway:
    """An ASGI application that sells the routes of a price list, served by the server behind it.

    Threads may share it as they may share a provider; each event loop has connections of its own, and so has
    a forked child. Whoever serves `app` ends with `close`, after the server.

    Args:
        provider: judges the requests; it must have a price list.
        settings: where they go.

    Raises:
        ParameterError: there is no price list, the settings do not fit the policy, the upstream is the
            gateway itself, or the policy binds a field that turns on what no price counts.
    """

    def __init__(self, provider: Provider, settings: GatewaySettings) -> None:
        instance(provider, Provider, "provider")
        instance(settings, GatewaySettings, "settings")
        self.prices = _prices(provider)
        self.provider = provider
        self.settings = settings
        _check_upstream(settings, provider.policy)
        _check_bound(provider.policy, self.prices)
        judged = RlnMiddleware(Upstream(settings, provider.policy), provider=provider)
        self.app = _with_whole_answers(judged, self.prices)

    def __repr__(self) -> str:
        return f"Gateway({self.provider.policy.application})"

    @classmethod
    def open(cls, config: Path | str) -> Self:
        """Open everything that a file names. End it with `close`.

        Args:
            config: path of `rln.toml`.

        Raises:
            InputError: a setting or a file is wrong, or they do not fit together.
            GroupRefused: the signature of the policy or of the price list is wrong.
            StoreUnavailable: a store or file cannot be used.
            IntegrityAlarm: the events of the registry do not give its roots.
        """
        path = file_path(config, "config")
        require("aiohttp", "gateway")
        settings = GatewaySettings.read(path)
        provider = Provider.open(ProviderSettings.load(path))
        try:
            return cls(provider, settings)
        except BaseException:
            provider.close()
            raise

    def explain(self) -> dict[str, object]:
        """Return what the configuration means, without a secret: what is sold, who is asked, what passes."""
        provider, settings, policy = self.provider, self.settings, self.provider.policy
        limits = provider.limits
        key = "none"
        if provider.upstream_authorization is not None:
            key = f"in the field {settings.authorization_field}"
        trusted = "the system" if settings.ca is None else str(settings.ca)
        encryption = f"the certificates of {trusted} are trusted"
        if not settings.is_encrypted:
            encryption = "none: what is sent to the upstream can be read"
        return {
            "application": policy.application,
            "policy version": policy.version,
            "authority": "that of Host, one of " + ", ".join(policy.authorities)
            if provider.authority is None
            else provider.authority.decode(),
            "prices version": self.prices.version,
            "routes": [_described(route) for route in self.prices.routes],
            "free paths": sorted(path.decode() for path in provider.exempt),
            "upstream": settings.upstream,
            "encryption": encryption,
            "upstream authorization": key,
            "fields from the client": ["accept", "content-encoding", "content-type", *policy.bound_fields],
            "fields from here": sorted(name for name, _ in settings.fields),
            "body": f"at most {limits.body} bytes within {limits.seconds} seconds",
            "answer": f"within {settings.answer_seconds} seconds, and so each piece of it",
            "stop": f"within {settings.stop_seconds} seconds",
        }

    def close(self) -> None:
        """Close what was opened. A second call does nothing."""
        self.provider.close()


def _prices(provider: Provider) -> PriceList:
    if provider.prices is None:
        raise ParameterError(
            "gateway: expected a price list, whose routes are all that it forwards, got none; sign one with "
            "rln provider prices, and name it in the settings"
        )
    return provider.prices


def _check_upstream(settings: GatewaySettings, policy: Policy) -> None:
    """Refuse the gateway's own address: a free request would go round for ever."""
    if settings.upstream.partition("://")[2] in policy.authorities:
        raise ParameterError(
            f"upstream: expected the server behind the gateway, got {settings.upstream}, at which the "
            "gateway itself answers"
        )


def _check_bound(policy: Policy, prices: PriceList) -> None:
    """Refuse fields with which a client turns on what no price counts, such as longer answers."""
    if all(route.prompt_bytes is None for route in prices.routes):
        return
    for name in policy.bound_fields:
        if name.endswith(_FEATURES):
            raise ParameterError(
                f"bound_fields: expected none that turns on features which no price counts, got {name}; take "
                "it out of the policy, or send it with a fixed value: a name in fields of [gateway]"
            )


def _with_whole_answers(app: App, prices: PriceList) -> App:
    """Refuse to sell over HTTP/1.0: an answer of unknown length that breaks off would look whole there."""
    refusal = problem_answer(
        MALFORMED,
        prices.application,
        "version: expected HTTP/1.1, got HTTP/1.0, in which a part of an answer looks like the whole; a "
        "proxy before the gateway has to use 1.1 (nginx: proxy_http_version 1.1)",
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("http_version") == "1.0":
            method, path = scope["method"].encode("ascii", "replace"), scope.get("raw_path")
            if path is not None and prices.route(method, path) is not None:
                await refusal.send(send, scope)
                return
        await app(scope, receive, send)

    return serve


def _described(route: Route) -> str:
    models = ", ".join(f"{name} {units}" for name, units in route.models)
    return f"{route.method} {route.path}: {route.adapter}, {route.least} units or more" + (
        f", base units: {models}" if models else ""
    )
