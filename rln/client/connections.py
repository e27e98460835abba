"""Connections: how a client that sends nothing about its user connects, whichever library it is of."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Final

from rln.base.arguments import flag, instance
from rln.client.member import Member
from rln.client.web import check_proxy
from rln.errors import ParameterError

CONNECT_SECONDS: Final = 30.0
READ_SECONDS: Final = 600.0
"""Between two pieces of an answer: a model may think for minutes before its first token."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How a client connects.

    Attributes:
        proxy: `http://host:port` of a proxy that makes tunnels, or None.
        fresh: each request has a connection of its own.
    """

    proxy: str | None
    fresh: bool

    @classmethod
    def of(cls, member: Member, proxy: str | None, fresh_connections: bool) -> Connections:
        """Return how a client of a member connects.

        Args:
            member: whose proxy it uses.
            proxy: the same as in the member's settings; None: that one.
            fresh_connections: a new connection for each request.

        Raises:
            ParameterError: another proxy than that of the member's fetches.
        """
        instance(member, Member, "member")
        settings = member.settings
        flag(fresh_connections, "fresh_connections")
        if proxy is not None and check_proxy(proxy) != settings.proxy and settings.web is None:
            raise ParameterError(
                "proxy: expected that of the member, whose fetches would otherwise show the address that the "
                "requests hide; open the member with MemberSettings(proxy=...)"
            )
        return cls(settings.proxy if proxy is None else proxy, fresh_connections)


def no_cookies() -> DefaultCookiePolicy:
    """Return a policy with which no cookie is stored, and none is sent: it allows no domain."""
    return DefaultCookiePolicy(allowed_domains=[])
