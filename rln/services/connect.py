"""Connect: an endpoint on this machine through which any program uses a member.

A program in any language sends requests here as it would send them to the provider, with a token of this
machine as its API key. They go on to the provider with a credential, and nothing of what the program's
library tells about itself. Answers come back piece by piece as they arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Final, NoReturn

from rln.base import forks
from rln.base.arguments import instance, whole
from rln.base.extras import missing
from rln.client.answer import MAX_PROBLEM
from rln.client.member import Member
from rln.client.origin import origin_of
from rln.errors import EncodingError, RlnError
from rln.http.problem import MEDIA_TYPE
from rln.http.target import check_method, request_target
from rln.integrations.answers import Answer
from rln.integrations.client_watch import while_there
from rln.integrations.httpx2 import anonymous_async_client
from rln.services.connect_errors import ConnectError, with_error
from rln.services.connect_token import ConnectToken

try:
    import httpx2
except ImportError as error:
    raise missing("httpx2", "connect", error) from error

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY: Final = 1 << 26
"""Bytes of the largest body. A proof covers the whole body, so it is read before it is sent."""

LOOPBACK: Final = ("127.0.0.1", "::1")
"""Addresses to listen at. With both, no other user gets what is sent to `localhost`."""

_NOT_SENT: Final = frozenset(
    b"host authorization x-api-key connection content-length transfer-encoding expect".split()
)
"""Fields of a request that belong to this machine, or to one connection."""

_HANDED_ON: Final = frozenset(
    b"content-type content-length content-encoding content-disposition cache-control retry-after"
    b" retry-after-ms x-should-retry rln-spent".split()
)
"""Fields of an answer that the program gets: no cookie, no challenge and no mark of this request."""

_FOREIGN_HOST: Final = ConnectError(
    421, "foreign-host", "host: expected a loopback address of this endpoint with its port"
)
_FROM_A_PAGE: Final = ConnectError(
    403, "from-a-web-page", "origin: expected none; web pages may not use this endpoint"
)
_NO_TOKEN: Final = ConnectError(
    401,
    "token-needed",
    "api key: expected the content of the file connect-token, in the directory that `rln connect` serves",
)
_TOO_LARGE: Final = ConnectError(
    413, "content-too-large", f"body: expected at most {MAX_BODY} bytes, got more"
)
_NO_ANSWER: Final = ConnectError(
    502, "no-answer", "provider: it gave no answer; send the same request again", True
)
_REDIRECTED: Final = ConnectError(
    502, "redirected", "provider: it answers with a redirect, and no credential goes to another place"
)


class Connect:
    """The endpoint of one member: an ASGI application for a server that listens on loopback addresses only.

    It belongs to one event loop, on which it makes its connections to the provider; they are closed at the
    end of the lifespan. A forked child has none of them, and makes its own. Others may use the member and its
    message ids at the same time, also other processes.

    Args:
        member: whose credentials are sent. Whoever opened it closes it.
        token: what programs must show.
        port: at which the server listens, 1 to 65,535.

    Raises:
        ParameterError: an argument is outside its range.
    """

    def __init__(self, member: Member, token: ConnectToken, port: int) -> None:
        instance(member, Member, "member")
        instance(token, ConnectToken, "token")
        whole(port, "port", 1, 65535)
        self._member = member
        self._token = token
        names = (b"127.0.0.1", b"localhost", b"[::1]")
        self._hosts = {b"%b:%d" % (name, port) for name in names} | set(names if port == 80 else ())
        self._client: httpx2.AsyncClient | None = None
        forks.register(self)

    def __repr__(self) -> str:
        return f"Connect({self._member})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Connect: it holds a secret and connections, and cannot be copied or pickled")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def close(self) -> None:
        """Close the connections to the provider; the end of a lifespan does this."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope["headers"])
        if refused is None:
            body = await _body(receive)
            if body is None:
                return  # the program has gone
            if len(body) <= MAX_BODY:
                return await while_there(receive, self._exchange(scope, body, send))
            refused = _TOO_LARGE
        # Without its body, a request has no end, so no other one follows on the connection.
        await replace(refused.answer(), closes=True).send(send, scope)

    def _refusal(self, headers: Sequence[tuple[bytes, bytes]]) -> ConnectError | None:
        """Return why a request is refused before its body is read."""
        hosts = list(_values(headers, b"host"))
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return _FOREIGN_HOST
        if list(_values(headers, b"origin")):
            return _FROM_A_PAGE
        shown = list(_values(headers, b"x-api-key"))
        for value in _values(headers, b"authorization"):
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer":
                shown.append(token.strip())
        return None if any(self._token.is_shown(value) for value in shown) else _NO_TOKEN

    async def _exchange(self, scope: Message, body: bytes, send: Send) -> None:
        """Send a request to the provider, and hand its answer on."""
        try:
            request = self._request(scope, body)
            response = await self._connections().send(request, stream=True)
        except RlnError as error:
            return await ConnectError.of(error).answer().send(send, scope)
        except httpx2.TransportError:
            return await _NO_ANSWER.answer().send(send, scope)
        try:
            await _hand_on(response, scope, send)
        finally:
            await response.aclose()

    def _connections(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = anonymous_async_client(self._member)
        return self._client

    def _request(self, scope: Message, body: bytes) -> httpx2.Request:
        """Return the request to the provider.

        Raises:
            RlnError: no proof can cover it, or the HTTP library would change its target.
        """
        method = check_method(scope["method"].encode("latin-1"))
        target = request_target(scope["raw_path"], scope["query_string"])
        authority = self._member.policy.authorities[0]
        url = httpx2.URL(origin_of(authority) + target.decode("ascii"))
        if url.raw_path != target or url.netloc != authority.encode("ascii"):
            raise EncodingError("target: expected one without characters to quote")
        fields = [(name, value) for name, value in scope["headers"] if name.lower() not in _NOT_SENT]
        has_length = any(_values(scope["headers"], b"content-length"))
        content = body if body or has_length else None
        return self._connections().build_request(method.decode("ascii"), url, headers=fields, content=content)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()

    def _after_fork(self, torn: bool) -> None:
        self._client = None  # its connections are of the parent


async def _hand_on(response: httpx2.Response, scope: Message, send: Send) -> None:
    """Hand an answer of the provider on, piece by piece."""
    if 300 <= response.status_code <= 399:
        return await _REDIRECTED.answer().send(send, scope)
    fields = [(name.lower(), value) for name, value in response.headers.raw]
    fields = [(name, value) for name, value in fields if name in _HANDED_ON]
    if _is_short_problem(fields):
        return await (await _problem(response, fields)).send(send, scope)
    await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
    try:
        async for piece in response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except httpx2.TransportError:
        # Without an end: the server then closes the connection, so that nobody takes a part for the whole.
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _problem(response: httpx2.Response, fields: list[tuple[bytes, bytes]]) -> Answer:
    try:
        body = await response.aread()
    except httpx2.TransportError:
        return _NO_ANSWER.answer()
    own = (b"content-length", b"content-encoding")
    return with_error(response.status_code, [one for one in fields if one[0] not in own], body)


def _is_short_problem(fields: Sequence[tuple[bytes, bytes]]) -> bool:
    kind = next(_values(fields, b"content-type"), b"").partition(b";")[0].strip().lower()
    length = next(_values(fields, b"content-length"), b"")
    return kind == MEDIA_TYPE.encode() and length.isdigit() and len(length) < 8 and int(length) <= MAX_PROBLEM


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, or more than `MAX_BODY` bytes of it; None if the program has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY or not message.get("more_body", False):
            return bytes(body)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> Iterator[bytes]:
    return (value for field, value in headers if field.lower() == name)
