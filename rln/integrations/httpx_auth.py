"""The flow of a request with a credential, for httpx and httpx2: one generator for both, sync and async.

It computes nothing by itself that takes long: it yields steps, and the adapter takes them. A sync adapter
takes them at once; an async one proves in a thread of its own, so that the event loop goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from rln.base.arguments import instance
from rln.client.answer import Answer, needs_body
from rln.client.member import Member
from rln.client.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Call a function that computes, and send what it returns."""

    call: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request, and send its response in."""

    request: Any


@dataclass(frozen=True, slots=True)
class Read:
    """Read the body of a response, and send it in."""

    response: Any


Step = Pause | Work | Send | Read


def check_member(member: Member) -> Member:
    """Return the member.

    Raises:
        ParameterError: something else.
    """
    instance(member, Member, "member")
    return member


def request_flow(member: Member, request: Any) -> Generator[Step, Any, None]:
    """Go through one sending of a request whose body was read.

    If the flow is closed while a request is out, no answer came, and the next sending of the same request
    takes the same credential.

    Raises:
        RlnError: what stops the member; the caller of the HTTP library gets it.
    """
    url = request.url
    outgoing = Outgoing.of(
        member.policy,
        url.scheme,
        url.netloc.decode("ascii"),
        request.method,
        url.raw_path,
        request.headers.multi_items(),
        request.content,
    )
    sending = member.requests.begin(outgoing.parts)
    try:
        while True:
            while (seconds := sending.pause()) > 0:
                yield Pause(seconds)
            value = yield Work(sending.prepare)
            request.headers = type(request.headers)([*outgoing.fields, ("authorization", value)])
            response = yield Send(request)
            fields = response.headers.multi_items()
            body = (yield Read(response)) if needs_body(response.status_code, fields) else b""
            answer = Answer.read(member.policy.application, response.status_code, fields, body)
            if not sending.answered(answer):
                return
    finally:
        sending.close()
