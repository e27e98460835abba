"""Flow: one sending of a request with a credential, as steps that any HTTP library can take.

The flow knows no library, and does nothing by itself that takes long. It yields a step, an adapter takes it,
and sends in what came of it. A sync adapter takes all steps at once; an async one computes in a
thread, so that its event loop goes on. So all libraries send the same fields, and retry by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

from rln.client.answer import Answer, Fields, needs_body
from rln.client.member import Member
from rln.client.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as a program wants to send it.

    Attributes:
        scheme: of the URL.
        authority: of the URL, in small letters and without the default port.
        method: in capitals.
        raw_path: path and query as they are sent.
        fields: of the program.
        body: the whole body as it is sent.
    """

    scheme: str
    authority: str
    method: str
    raw_path: bytes
    fields: Fields = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response.

    Attributes:
        status: of the response.
        fields: of the response.
    """

    status: int
    fields: Fields = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, and send in None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Call a function that computes, and send in what it returns."""

    call: Callable[[], str | Outgoing]


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request with these fields and no others, and send in the `Head` of the response.

    The response before it, if there was one, is of no more use.
    """

    fields: Fields = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """Read the body of the response, which is short, and send it in."""


_AT_ONCE: Final = 1 << 14
"""Bytes of the largest body whose price is computed between two steps: it takes some milliseconds at most."""

Step = Pause | Work | Send | Read
Result = str | Outgoing | Head | bytes | None
Flow = Generator[Step, Result, None]


def request_flow(member: Member, wanted: Wanted) -> Flow:
    """Go through one sending of a request; at the end, the last response is that of the request.

    If the flow is closed while a request is out, no answer came, and the next sending of the same request
    takes the same credential.

    Raises:
        RlnError: what stops the member; the caller of the HTTP library gets it.
    """

    def read() -> Outgoing:
        terms = member.terms  # once: a look may take another list meanwhile
        return Outgoing.of(
            terms.policy,
            wanted.scheme,
            wanted.authority,
            wanted.method,
            wanted.raw_path,
            wanted.fields,
            wanted.body,
            terms.prices,
        )

    outgoing = read() if len(wanted.body) <= _AT_ONCE else (yield Work(read))
    assert isinstance(outgoing, Outgoing)
    sending = member.requests.begin(outgoing.parts, outgoing.units)
    try:
        while True:
            while (seconds := sending.pause()) > 0:
                yield Pause(seconds)
            value = yield Work(sending.prepare)
            assert isinstance(value, str)
            head = yield Send((*outgoing.fields, ("authorization", value)))
            assert isinstance(head, Head)
            body = (yield Read()) if needs_body(head.status, head.fields) else b""
            assert isinstance(body, bytes)
            if not sending.answered(Answer.read(member.policy.application, head.status, head.fields, body)):
                return
    finally:
        sending.close()
