"""Requests with credentials through the client of aiohttp.

    async with anonymous_session(member) as session:
        async with session.post("https://api.example.com/v1/chat/completions", json={...}) as response:
            ...

`RlnAuth` is a middleware of any client session of aiohttp. A session of your own may tell more than its
requests do: it keeps cookies, and follows redirects, each of which costs another unit. `anonymous_session`
makes one that does not.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from contextlib import closing
from types import SimpleNamespace
from typing import Any, NoReturn

from rln.base.arguments import instance
from rln.base.extras import missing
from rln.client.connections import CONNECT_SECONDS, READ_SECONDS, Connections
from rln.client.flow import Head, Pause, Read, Result, Send, Wanted, Work, request_flow
from rln.client.member import Member
from rln.client.origin import plain_authority
from rln.errors import ParameterError, RequestRefused

try:
    import aiohttp
    from aiohttp import hdrs
    from multidict import CIMultiDict

    from rln.integrations.aiohttp_tunnel import TunnelConnector
except ImportError as error:
    raise missing("aiohttp", None, error) from error

_PLAIN_BODY = 1 << 16
"""Bytes of a body that is handed over as it is. aiohttp warns of larger ones that are not a file."""


class RlnAuth:
    """Puts a credential of a member on each request of a session of aiohttp.

    Only the fields of `rln.client.outgoing` are sent. A request to another origin than those of the policy is
    refused. The body of a request is read before it is sent, because the credential covers it. A proof is
    made in a thread, and the event loop goes on.

    Threads, event loops, sessions and forked children may share it, as its member; a session belongs to one
    event loop. There is nothing to close.

    Args:
        member: whose credentials are sent. Whoever opened it closes it; then every request is refused.

    Raises:
        ParameterError: no member.
    """

    def __init__(self, member: Member) -> None:
        instance(member, Member, "member")
        self._member = member

    def __repr__(self) -> str:
        return f"RlnAuth({self._member})"

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request with a credential; a session calls this.

        Raises:
            ParameterError: a request that no credential covers, or a way that is not that of the member.
            RlnError: what stops the member.
        """
        instance(request, aiohttp.ClientRequest, "request")
        if not callable(handler):
            raise ParameterError(f"handler: expected a function, got {type(handler).__name__}")
        self._check_way(request)
        with closing(request_flow(self._member, await _wanted(request))) as flow:
            result: Result = None
            response: aiohttp.ClientResponse | None = None
            while True:
                try:
                    step = flow.send(result)
                except StopIteration:
                    assert response is not None
                    return response
                except BaseException:
                    if response is not None:
                        response.close()
                    raise
                result = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                elif isinstance(step, Work):
                    # Cancelled meanwhile, the thread goes on, and the next sending takes what it makes.
                    result = await asyncio.to_thread(step.call)
                elif isinstance(step, Read):
                    assert response is not None
                    result = await response.read()
                elif isinstance(step, Send):
                    response = await _send(request, handler, step)
                    result = Head(response.status, list(response.headers.items()))

    def _check_way(self, request: aiohttp.ClientRequest) -> None:
        if request.proxy is not None:
            Connections.of(self._member, str(request.proxy).rstrip("/"), False)
            if request.url.scheme != "https":
                raise ParameterError(
                    "proxy: expected https, because aiohttp lets a proxy read requests to http addresses; "
                    "use anonymous_session, which makes a tunnel"
                )
        found = request.ssl
        if found is False or (isinstance(found, ssl.SSLContext) and found.verify_mode != ssl.CERT_REQUIRED):
            raise ParameterError(
                "ssl: expected that the other end of the connection is checked; no credential goes elsewhere"
            )


def anonymous_session(
    member: Member, *, proxy: str | None = None, fresh_connections: bool = False
) -> aiohttp.ClientSession:
    """Make a session that sends requests with credentials, and nothing about its user.

    No cookies, nothing from the environment, no redirects, the same `User-Agent` for everybody. An answer
    that redirects raises `RequestRefused`; with `allow_redirects=False` for the request, you get the answer.

    The session belongs to the event loop that runs; close it there. A forked child needs one of its own.

    Args:
        member: whose credentials are sent.
        proxy: `http://host:port`, the same as in the member's settings; None: that one.
        fresh_connections: a new connection for each request. Otherwise requests on one connection can be
            linked to each other.

    Raises:
        ParameterError: another proxy than that of the member's fetches, or no event loop runs.
    """
    connections = Connections.of(member, proxy, fresh_connections)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ParameterError(
            "session: expected a running event loop; call anonymous_session in a coroutine"
        ) from None
    connector: aiohttp.BaseConnector
    if connections.proxy is None:
        connector = aiohttp.TCPConnector(force_close=connections.fresh)
    else:
        connector = TunnelConnector(connections.proxy, force_close=connections.fresh)
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(RlnAuth(member),),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        trace_configs=[trace],
        trust_env=False,
    )


async def _refuse_redirect(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> NoReturn:
    raise RequestRefused(
        f"redirect: the provider answered {params.response.status}, and no credential follows it; send the "
        "request to its new place, or pass allow_redirects=False to get the answer"
    )


async def _wanted(request: aiohttp.ClientRequest) -> Wanted:
    for name in (hdrs.UPGRADE, hdrs.EXPECT):
        if name in request.headers:
            raise ParameterError(f"{name}: expected none, because no credential covers it, got one")
    if request.compress:
        raise ParameterError(
            "compress: expected none, because the credential covers the body as it is sent; compress it "
            "before, and set Content-Encoding"
        )
    body: Any = request.body
    given = await body.as_bytes() if body else b""
    content = bytes(given)  # an array of bytes may change later
    if body and (
        not isinstance(body, aiohttp.BytesPayload) or content is not given or len(content) > _PLAIN_BODY
    ):
        await request.update_body(content if len(content) <= _PLAIN_BODY else io.BytesIO(content))
    if request.method in request.POST_METHODS:  # aiohttp adds it later; the credential covers it
        request.headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
    url = request.url
    return Wanted(
        url.scheme,
        plain_authority(url.scheme, url.raw_authority),
        request.method,
        url.raw_path_qs.encode("utf-8"),
        list(request.headers.items()),
        content,
    )


async def _send(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, step: Send
) -> aiohttp.ClientResponse:
    request.headers = CIMultiDict(step.fields)
    try:
        return await handler(request)
    finally:  # an error of aiohttp shows the fields
        request.headers.pop(hdrs.AUTHORIZATION, None)
