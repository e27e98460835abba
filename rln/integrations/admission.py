"""Admission: what the application gets after VALID, and what becomes of its answer.

The application is called once, with a scope without the credential and with the headers as they were judged.
It gets the body that was judged, or on a metered route the one that its price was computed for, then what
the server has to say. Its answer passes on as it is, message by message; only the fields of this protocol are
ours.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_SLOTS
from rln.http.credential import SCHEME
from rln.integrations.answers import SPENT, Answer, Header, Send
from rln.integrations.request_body import Receive
from rln.integrations.request_head import RequestHead, Scope
from rln.protocol.epoch import Epoch
from rln.verifying.verdict import Valid

__all__ = ["Admitted"]

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Message = MutableMapping[str, Any]

KEY: Final = "rln"
"""The entry of the scope that holds what was admitted."""

_CREDENTIAL: Final = frozenset({b"authorization"})
_OF_ANOTHER_BODY: Final = _CREDENTIAL | {
    b"content-type",
    b"content-length",
    b"content-encoding",
    b"content-language",
    b"content-location",
    b"content-range",
    b"content-md5",
    b"content-digest",
    b"repr-digest",
    b"digest",
    b"transfer-encoding",
}
"""Fields that describe a body which the application does not get. Source: RFC 9110, 8; RFC 9530; RFC 3230."""

_CHALLENGE: Final = re.compile(rb"(?:\A|,)[ \t]*" + SCHEME.encode() + rb"(?:[ \t,]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What an application may know about a request that was admitted: nothing that identifies a member.

    Attributes:
        verdict: the verdict.
        units: that the request has spent.
        epoch: that they count in.

    Raises:
        ParameterError: a value of another type, or no number of units.
    """

    verdict: Valid
    units: int
    epoch: Epoch

    def __post_init__(self) -> None:
        instance(self.verdict, Valid, "verdict")
        whole(self.units, "units", 1, MAX_SLOTS)
        instance(self.epoch, Epoch, "epoch")


@dataclass(frozen=True, slots=True)
class Admission:
    """One request after VALID. It belongs to one task.

    Attributes:
        admitted: goes into the scope.
        head: of the request.
        body: that the application gets.
        is_rewritten: the body is JSON of the provider, not the one that came.
        authorization: that the application gets; None: none.
        added: fields of every answer.
        fault: the answer if the application gives none.
    """

    admitted: Admitted
    head: RequestHead
    body: bytes
    is_rewritten: bool
    authorization: bytes | None
    added: tuple[Header, ...]
    fault: Answer

    async def serve(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application once. Its exceptions are passed on, so that the server notes them."""
        body: bytes | None = self.body
        started = gone = False

        async def receiving() -> Message:
            nonlocal body, gone
            if body is not None:
                message: Message = {"type": "http.request", "body": body, "more_body": False}
                body = None
                return message
            message = await receive()
            if message["type"] == "http.request":  # nobody has judged more than the body
                return {"type": "http.request", "body": b"", "more_body": False}
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            kind = message["type"]
            if kind == "http.response.start":
                started = True
                headers = [*foreign_fields(message.get("headers", ())), *self.added]
                message = {**message, "headers": headers}
            elif kind == "http.response.trailers":
                message = {**message, "headers": foreign_fields(message.get("headers", ()))}
            await send(message)

        try:
            await app(self._scope(scope), receiving, sending)
        except Exception:
            if not started:
                started = True
                await self.fault.send(send, scope)
            raise
        if not started and not gone:
            await self.fault.send(send, scope)

    def _scope(self, scope: Scope) -> Scope:
        dropped = _OF_ANOTHER_BODY if self.is_rewritten else _CREDENTIAL
        headers = [header for header in self.head.headers if header[0].lower() not in dropped]
        if self.is_rewritten:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", str(len(self.body)).encode()))
        if self.authorization is not None:
            headers.append((b"authorization", self.authorization))
        return {**scope, "headers": headers, KEY: self.admitted}


def answer_fields(rate_limit_policy: Header) -> tuple[Header, ...]:
    """Return the fields that an answer after VALID gets."""
    return (SPENT, rate_limit_policy)


def foreign_fields(headers: Iterable[Header]) -> list[Header]:
    """Return the fields of an answer without those of this protocol, which are ours alone to say."""
    return [header for header in headers if not _is_ours(header[0].lower(), header[1])]


def _is_ours(name: bytes, value: bytes) -> bool:
    if name.startswith(b"rln-"):
        return True
    return name == b"www-authenticate" and _CHALLENGE.search(value) is not None
