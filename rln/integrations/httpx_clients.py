"""Anonymous clients of httpx and httpx2: what both of them leave out, in one place."""

from __future__ import annotations

from http.cookiejar import CookieJar
from types import ModuleType
from typing import Any

from rln.client.connections import CONNECT_SECONDS, READ_SECONDS, Connections, no_cookies
from rln.client.member import Member
from rln.client.web import USER_AGENT
from rln.integrations.httpx_tunnel import http_tunnels


def client_arguments(
    library: ModuleType, is_async: bool, member: Member, proxy: str | None, fresh_connections: bool
) -> dict[str, Any]:
    """Return the arguments of a client that sends nothing about its user.

    Args:
        library: httpx or httpx2.
        is_async: for an `AsyncClient`.
        member: whose proxy it uses.
        proxy: as for `anonymous_client`.
        fresh_connections: as for `anonymous_client`.

    Raises:
        ParameterError: another proxy than that of the member's fetches.
    """
    connections = Connections.of(member, proxy, fresh_connections)
    limits = library.Limits(max_keepalive_connections=0) if connections.fresh else library.Limits()
    timeout = library.Timeout(
        connect=CONNECT_SECONDS, read=READ_SECONDS, write=READ_SECONDS, pool=READ_SECONDS
    )
    mounts = {}
    if connections.proxy is not None:
        mounts["http://"] = http_tunnels(library, is_async, connections.proxy, limits)
    return {
        "cookies": CookieJar(no_cookies()),
        "follow_redirects": False,
        "headers": {"User-Agent": USER_AGENT},
        "limits": limits,
        "mounts": mounts,
        "proxy": connections.proxy,
        "timeout": timeout,
        "trust_env": False,
    }
