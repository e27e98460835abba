"""Requests with credentials through httpx2, and so through the SDKs that use it.

    client = anonymous_client(member)
    openai.OpenAI(base_url="https://api.example.com/v1", api_key="none", http_client=client)

`RlnAuth` is the `auth` of any client of httpx2. A client of your own may tell more than its requests do:
cookies, environment, proxies, redirects. `anonymous_client` makes one that does not.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from rln.base.arguments import instance
from rln.base.extras import missing
from rln.client.member import Member
from rln.integrations.httpx_clients import client_arguments
from rln.integrations.httpx_flows import async_flow, sync_flow

try:
    import httpx2
except ImportError as error:
    raise missing("httpx2", None, error) from error


class RlnAuth(httpx2.Auth):
    """Puts a credential of a member on each request, sync or async.

    Only the fields of `rln.client.outgoing` are sent. A request to another origin than those of the policy is
    refused. Threads, event loops, clients and forked children may share it, as its member.

    Args:
        member: whose credentials are sent. Whoever opened it closes it; then every request is refused.
    """

    requires_request_body = True

    def __init__(self, member: Member) -> None:
        instance(member, Member, "member")
        self._member = member

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request with a credential; httpx2 calls this."""
        instance(request, httpx2.Request, "request")
        return sync_flow(self._member, request)

    def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send a request with a credential; httpx2 calls this."""
        instance(request, httpx2.Request, "request")
        return async_flow(self._member, request)

    def __repr__(self) -> str:
        return f"RlnAuth({self._member})"


def anonymous_client(
    member: Member, *, proxy: str | None = None, fresh_connections: bool = False
) -> httpx2.Client:
    """Make a client that sends requests with credentials, and nothing about its user.

    No cookies, nothing from the environment, no redirects, the same `User-Agent` for everybody.

    Args:
        member: whose credentials are sent.
        proxy: `http://host:port`, the same as in the member's settings; None: that one.
        fresh_connections: a new connection for each request. Otherwise requests on one connection can be
            linked to each other.

    Raises:
        ParameterError: another proxy than that of the member's fetches.
    """
    arguments = client_arguments(httpx2, False, member, proxy, fresh_connections)
    return httpx2.Client(auth=RlnAuth(member), **arguments)


def anonymous_async_client(
    member: Member, *, proxy: str | None = None, fresh_connections: bool = False
) -> httpx2.AsyncClient:
    """Make a client as `anonymous_client`, for event loops.

    Args:
        member, proxy, fresh_connections: as for `anonymous_client`.

    Raises:
        As `anonymous_client`.
    """
    arguments = client_arguments(httpx2, True, member, proxy, fresh_connections)
    return httpx2.AsyncClient(auth=RlnAuth(member), **arguments)
