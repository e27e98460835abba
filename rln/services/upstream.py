"""Upstream: the server behind a gateway, as an ASGI application that passes on requests and answers.

The address is fixed. A target is joined to it as text and sent as it came; what the HTTP library would write
in another way is refused. Request and answer carry the fields of two short lists and nothing else, so nothing
that identifies a member, the provider's account or the upstream passes. No redirect is followed, no cookie is
kept, and no request is sent twice: only a connection that could not be made is tried again.

An answer passes on piece by piece. If the client goes away, the request to the upstream ends; if the upstream
breaks off, so does the connection to the client, and no answer looks complete that is not.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from rln.base.arguments import instance
from rln.errors import EncodingError, InputError, ParameterError
from rln.http.policy import Policy
from rln.http.problem import BAD_GATEWAY, GATEWAY_TIMEOUT, MALFORMED, NOT_FOUND, Problem
from rln.http.target import request_target
from rln.integrations.admission import KEY
from rln.integrations.answers import Header, Send, problem_answer
from rln.integrations.client_watch import while_there
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope, raw_path
from rln.integrations.slasher import LOGGER
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream_connections import UpstreamConnections, UpstreamFailed

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["Upstream", "UpstreamLost"]

_ACCEPT: Final = b"accept"
_FORWARDED: Final = frozenset({_ACCEPT, b"content-type", b"content-encoding"})
"""Fields of a request that the upstream gets as they are, beside those that the policy binds."""

_ANSWERED: Final = frozenset({b"content-type", b"content-length", b"content-encoding", b"retry-after"})
"""Fields of an answer that the client gets."""

_CACHE: Final = b"cache-control"
_NOT_STORED: Final = (_CACHE, b"no-store")
"""Stands on every answer that was paid for, which a cache would give to those who have not paid."""

_VALUE: Final = re.compile(rb"[\t\x20-\x7e]*\Z")
_QUIET: Final = 10.0
"""Seconds between two log lines about the upstream, however many requests fail."""

_OUR_FAULT: Final = (401, 407)
"""Statuses that are about the authorization of the gateway, and not about that of its client."""


class UpstreamLost(Exception):
    """The upstream broke off an answer whose beginning the client has."""


class Upstream:
    """Passes requests on to the server behind a gateway, and its answers back.

    It stands behind `RlnMiddleware`. A request that was not admitted comes from a path that needs no
    credential: it passes only with GET or HEAD, without a body, and the upstream gets no authorization.

    It belongs to one thread. Each event loop, also of a forked child, opens connections of its own with its
    first request; they end with the loop's lifespan, or with `close`.

    Args:
        settings: address, fields and times.
        policy: of the provider; its bound fields are passed on.

    Raises:
        ParameterError: aiohttp is not installed, the file of certificates cannot be used, or the upstream
            would get a field from the settings that the policy binds.
    """

    def __init__(self, settings: GatewaySettings, policy: Policy) -> None:
        instance(settings, GatewaySettings, "settings")
        instance(policy, Policy, "policy")
        self._connections = UpstreamConnections(settings)
        self._address = settings.upstream
        self._authorization = settings.authorization_field.encode()
        bound = {name.encode() for name in policy.bound_fields}
        both = bound & {self._authorization, *(name.encode() for name, _ in settings.fields)}
        if both:
            raise ParameterError(
                f"fields: expected none that the policy binds, got {min(both).decode()[:40]!r}"
            )
        self._forwarded = _FORWARDED | bound
        self._fixed = (("accept-encoding", "identity"), *settings.fields)
        self._answers = {
            problem.name: problem_answer(problem, policy.application)
            for problem in (BAD_GATEWAY, GATEWAY_TIMEOUT, MALFORMED, NOT_FOUND)
        }
        self._tell_at = 0.0

    def __repr__(self) -> str:
        return f"Upstream({self._address})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan of the server.

        Raises:
            UpstreamLost: the upstream broke off its answer; the server must end the connection.
        """
        if scope["type"] == "lifespan":
            await self._handle_lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ParameterError(f"scope: expected http or lifespan, got {str(scope['type'])[:40]!r}")
        try:
            url = self._connections.url(request_target(raw_path(scope), scope["query_string"]))
            fields = self._request_fields(scope)
        except InputError:
            await self._refuse(MALFORMED, scope, send)
            return
        if KEY not in scope and scope["method"] not in ("GET", "HEAD"):
            await self._refuse(NOT_FOUND, scope, send)
            return
        body = await _whole_body(receive) if KEY in scope else await _no_body(receive)
        if body is None:
            await self._refuse(MALFORMED, scope, send)
            return
        await while_there(receive, self._pass_on(scope, url, fields, body, send))

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._connections.close()

    def _request_fields(self, scope: Scope) -> list[tuple[str, str]]:
        """Return the fields that the upstream gets.

        Raises:
            EncodingError: a value has bytes that two programs may write differently.
        """
        admitted = KEY in scope
        fields = list(self._fixed)
        for name, value in scope["headers"]:
            lower = name.lower()
            if lower == b"authorization":
                if not admitted:
                    continue
                lower = self._authorization  # the middleware has put the upstream's here
            elif lower not in (self._forwarded if admitted else (_ACCEPT,)):
                continue
            if not _VALUE.match(value):
                raise EncodingError(f"{lower.decode()}: expected visible ASCII, got other bytes")
            fields.append((lower.decode(), value.decode("ascii")))
        return fields

    async def _pass_on(
        self, scope: Scope, url: URL, fields: list[tuple[str, str]], body: bytes, send: Send
    ) -> None:
        try:
            answer = await self._connections.ask(scope["method"], url, fields, body)
        except UpstreamFailed as error:
            self._tell(str(error))
            await self._refuse(GATEWAY_TIMEOUT if error.late else BAD_GATEWAY, scope, send)
            return
        try:
            if not _is_for_the_client(answer.status):
                self._tell(f"status {answer.status}")
                await self._refuse(BAD_GATEWAY, scope, send)
                return
            headers = _answer_fields(answer.fields, KEY in scope)
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            try:
                while piece := await answer.piece():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except UpstreamFailed as error:
                self._tell(f"{error} within an answer")
                raise UpstreamLost("the upstream broke off its answer") from None
            await send({"type": "http.response.body", "body": b""})
        finally:
            answer.close()

    async def _refuse(self, problem: Problem, scope: Scope, send: Send) -> None:
        await self._answers[problem.name].send(send, scope)

    def _tell(self, what: str) -> None:
        """Tell the operator now and then, without target and content."""
        now = asyncio.get_running_loop().time()
        if now >= self._tell_at:
            LOGGER.error("the upstream %s has failed: %s", self._address, what)
            self._tell_at = now + _QUIET

    async def _handle_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            stops = message["type"] == "lifespan.shutdown"
            if stops:
                await self.close()
            await send({"type": f"{message['type']}.complete"})
            if stops:
                return


async def _whole_body(receive: Receive) -> bytes | None:
    """Return a body, which the middleware has bounded; None if the client has gone."""
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _no_body(receive: Receive) -> bytes | None:
    """Return the empty body of a request that nobody has paid for; None if it has another one."""
    message = await receive()
    is_empty = not message.get("body") and not message.get("more_body")
    return b"" if message["type"] == "http.request" and is_empty else None


def _is_for_the_client(status: int) -> bool:
    """Tell whether an answer is about the client's request. A redirect would name the upstream."""
    return 200 <= status < 600 and not 300 <= status < 400 and status not in _OUR_FAULT


def _answer_fields(fields: tuple[Header, ...], is_paid: bool) -> list[Header]:
    found = [(name.lower(), value) for name, value in fields]
    passed = [(name, value) for name, value in found if name in _ANSWERED]
    cached = [_NOT_STORED] if is_paid else [(name, value) for name, value in found if name == _CACHE]
    return [*passed, *cached]
