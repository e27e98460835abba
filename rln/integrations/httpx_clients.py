"""Anonymous clients of httpx and httpx2: what both of them leave out, in one place."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import ModuleType
from typing import Any, Final

from rln.base.arguments import flag
from rln.client.member import Member
from rln.client.web import USER_AGENT, check_proxy
from rln.errors import ParameterError
from rln.integrations.httpx_auth import check_member

CONNECT_SECONDS: Final = 30.0
READ_SECONDS: Final = 600.0
"""Between two pieces of an answer: a model may think for minutes before its first token."""


def client_arguments(
    library: ModuleType, member: Member, proxy: str | None, fresh_connections: bool
) -> dict[str, Any]:
    """Return the arguments of a client that sends nothing about its user.

    Args:
        library: httpx or httpx2.
        member: whose proxy it uses.
        proxy: as for `anonymous_client`.
        fresh_connections: as for `anonymous_client`.

    Raises:
        ParameterError: another proxy than that of the member's fetches.
    """
    settings = check_member(member).settings
    flag(fresh_connections, "fresh_connections")
    if proxy is not None and check_proxy(proxy) != settings.proxy and settings.web is None:
        raise ParameterError(
            "proxy: expected that of the member, whose fetches would otherwise show the address that the "
            "requests hide; open the member with MemberSettings(proxy=...)"
        )
    limits = library.Limits(max_keepalive_connections=0) if fresh_connections else library.Limits()
    timeout = library.Timeout(
        connect=CONNECT_SECONDS, read=READ_SECONDS, write=READ_SECONDS, pool=READ_SECONDS
    )
    return {
        # No domain is allowed, so no cookie is stored, and none is sent.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "follow_redirects": False,
        "headers": {"User-Agent": USER_AGENT},
        "limits": limits,
        "proxy": settings.proxy if proxy is None else proxy,
        "timeout": timeout,
        "trust_env": False,
    }
