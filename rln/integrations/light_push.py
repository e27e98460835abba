"""LightPushClient: publish through a service node, without taking part in gossip.

    client = LightPushClient("/ip4/192.0.2.7/tcp/60000/p2p/16Uiu2...")
    async with client.run():
        ready = await trio.to_thread.run_sync(publisher.make, b"good morning", "/my-app/1/chat/proto")
        await client.push(ready)

The service sees the address of the client, and forwards the message: its proof is the client's own. A
service that does not know the newest root refuses it (420); `renew` then makes the same message again with a
fresh path, once. It goes to the same service: another one that has seen both would know their author.
"""

from __future__ import annotations

import enum
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final

from rln.base.arguments import instance, text, whole
from rln.base.extras import missing
from rln.errors import EncodingError, InputError, RlnError
from rln.integrations.light_streams import BROKEN, read_frame, reset, write_frame
from rln.integrations.multiaddresses import ConnectionFailed, peer_info
from rln.integrations.waku_host import WakuHost
from rln.waku.light_protocols import LIGHT_PUSH, PushRequest, PushResponse
from rln.waku.publisher import ReadyMessage, WakuPublisher

try:
    import trio
    from libp2p.custom_types import TProtocol
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

_SECONDS: Final = 20.0
"""For an exchange: the service waits until its judge has ruled."""
_CLOSE_SECONDS: Final = 1.0
_MOST_ANSWER: Final = 4096
"""Bytes of an answer: two texts of at most 1 KiB, two numbers, and what later versions add."""
_PUBLISHED: Final = 200
_REFUSED_PROOF: Final = 420
_NO_ID: Final = "N/A"
"""The request id of nwaku when it refuses a request unread: too many, or one that it cannot decode."""


class Remedy(enum.Enum):
    """What may help after a refusal."""

    RENEW = "renew the message, and push it to the same service"
    LATER = "push the same message later"
    ELSEWHERE = "push the same message to another service"


_ADVICE: Final[Mapping[int, tuple[str, frozenset[Remedy]]]] = MappingProxyType(
    {
        400: ("the message is none that the service reads; correct it", frozenset()),
        413: ("the message is too large", frozenset()),
        420: (
            "the service refuses the proof: if it may have other roots, renew the message and push it again",
            frozenset({Remedy.RENEW}),
        ),
        421: ("the service serves another shard; use another service", frozenset({Remedy.ELSEWHERE})),
        429: ("the service takes no more of this client for now; try later", frozenset({Remedy.LATER})),
        500: (
            "the service has failed; try later, or use another service",
            frozenset({Remedy.LATER, Remedy.ELSEWHERE}),
        ),
        503: (
            "the service is not sure of its data; try later, or use another service",
            frozenset({Remedy.LATER, Remedy.ELSEWHERE}),
        ),
        504: ("the service misses the proof", frozenset()),
        505: (
            "the service has no peers to forward to; try later, or use another service",
            frozenset({Remedy.LATER, Remedy.ELSEWHERE}),
        ),
    }
)


class PushRefused(RlnError):
    """A light-push service has not published a message. The error says what to do.

    Args:
        message: what went wrong, and what to do.
        status: becomes the attribute.
        description: becomes the attribute.
        remedies: becomes the attribute.

    Attributes:
        status: that the service gave; see `PushResponse`.
        description: in words of the service, at most 200 characters; may be empty. Do not trust it.
        remedies: what may help. None of them: the message must be another one.
    """

    def __init__(
        self, message: str, status: int, description: str = "", remedies: frozenset[Remedy] = frozenset()
    ) -> None:
        super().__init__(message)
        self.status, self.description, self.remedies = status, description, remedies


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message that a service has published.

    Attributes:
        ready: the message, with the proof that was accepted.
        peers: to how many peers it was forwarded. None: the service does not say.

    Raises:
        ParameterError: one of them has the wrong type.
    """

    ready: ReadyMessage
    peers: int | None

    def __post_init__(self) -> None:
        instance(self.ready, ReadyMessage, "ready")
        if self.peers is not None:
            whole(self.peers, "peers", 0, (1 << 32) - 1)


class LightPushClient:
    """Publishes through one service node. It belongs to one trio loop, and is closed when `run` ends.

    Several tasks may push at a time. Outside of its loop, so in other threads and in a forked child, every
    use raises `ParameterError`.

    Args:
        service: multiaddress of the service, which ends with `/p2p/` and its name.
        key: private key of the client, 32 bytes for secp256k1. None: a new one each time, so that the
            service cannot tell by it that two runs are one client's.
        muxer: "yamux" or "mplex". None: both, and the service chooses.

    Raises:
        InputError: an argument has the wrong type or form.
    """

    def __init__(self, service: str, *, key: bytes | None = None, muxer: str | None = None) -> None:
        self._service, self._peer = service, peer_info(service).peer_id
        self._host = WakuHost("client", key=key, muxer=muxer)
        self._answered = -inf

    def __repr__(self) -> str:
        return "LightPushClient()"  # an address may be private

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Be ready to push until the block ends. The first push connects.

        An error of the block leaves it as it is, without the groups of trio's nurseries.

        Raises:
            ParameterError: the client has run already; make another one.
        """
        failed: Exception | None = None
        async with self._host.run():
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below
                failed = error
        if failed is not None:
            raise failed

    async def push(self, ready: ReadyMessage) -> Pushed:
        """Publish a message that is ready, and return when the service has.

        The same message may be pushed again, also after an error: it is one share.

        Raises:
            PushRefused: the service has not published it, and says why.
            ConnectionFailed: the service is not there, or gives no answer in time, or one that is no answer.
                It may have published the message; push the same one again.
            InputError: not a `ReadyMessage`.
        """
        instance(ready, ReadyMessage, "ready")
        request = PushRequest(secrets.token_hex(16), ready.data, ready.pubsub_topic)
        await self._host.connect(self._service)
        began = trio.current_time()
        try:
            with trio.fail_after(_SECONDS):
                response = PushResponse.decode(await self._exchange(request.encode()))
            self._answered = trio.current_time()
            unread = response.request_id == _NO_ID and response.status != _PUBLISHED
            if response.request_id != request.request_id and not unread:
                raise EncodingError("request_id: expected that of the request, got that of a different one")
        except (*BROKEN, InputError) as error:
            if self._answered < began:  # no other exchange shows that the connection still works
                await self._hang_up()
            reason = str(error) if isinstance(error, InputError) else type(error).__name__
            raise ConnectionFailed(
                f"light push: expected an answer of the service, got none that can be read ({reason}); push "
                "the same message again, if it serves light push"
            ) from error
        if response.status != _PUBLISHED:
            raise _refused(response)
        return Pushed(ready, response.peers)

    async def publish(self, publisher: WakuPublisher, ready: ReadyMessage) -> Pushed:
        """Push a message; if the service refuses its proof, renew it once and push it again.

        The message keeps its time, its message id and its share, so both attempts together reveal nothing of
        the secret. Nobody but this service has seen the first one.

        Args:
            publisher: that has made it.
            ready: the message.

        Raises:
            PushRefused: as for `push`, or the proof is for the newest root that is known here.
            ConnectionFailed, InputError: as for `push`.
            NotRenewable, NotSendable, OwnViolation, StoreError: as for `WakuPublisher.renew`.
        """
        instance(publisher, WakuPublisher, "publisher")
        try:
            return await self.push(ready)
        except PushRefused as refused:
            if refused.status != _REFUSED_PROOF:
                raise
            renewed = await trio.to_thread.run_sync(publisher.renew, ready)
            if renewed == ready:
                raise PushRefused(
                    "light push: the service refuses a proof for the newest root that is known here; if it "
                    "does not know that root yet, push the message again later",
                    refused.status,
                    refused.description,
                    frozenset({Remedy.LATER}),
                ) from refused
        return await self.push(renewed)

    async def _hang_up(self) -> None:
        """End a connection that may be dead: the next push makes a new one."""
        with trio.CancelScope(deadline=trio.current_time() + _CLOSE_SECONDS, shield=True):
            try:
                await self._host.host.disconnect(self._peer)
            except BROKEN:
                return  # it has ended already

    async def _exchange(self, data: bytes) -> bytes:
        stream = await self._host.host.new_stream(self._peer, [TProtocol(LIGHT_PUSH)])
        try:
            await write_frame(stream, data)
            return await read_frame(stream, _MOST_ANSWER)
        finally:
            with trio.CancelScope(deadline=trio.current_time() + _CLOSE_SECONDS, shield=True):
                await reset(stream)


def _refused(response: PushResponse) -> PushRefused:
    advice, remedies = _ADVICE.get(response.status, ("the service says no more", frozenset()))
    said = text(response.description or "", "description")[:200]
    return PushRefused(
        f"light push: expected status 200, got {response.status}{f' ({said!r})' if said else ''}; {advice}",
        response.status,
        said,
        remedies,
    )
