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

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, text
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
_RESET_SECONDS: Final = 1.0
_PUBLISHED: Final = 200
_REFUSED_PROOF: Final = 420
_ADVICE: Final = {
    400: "the message is none that the service reads; correct it",
    413: "the message is too large",
    420: "the service refuses the proof: if it may have other roots, renew the message and push it again",
    421: "the service serves another shard; use another service",
    429: "too many messages of this client are refused; try later",
    503: "the service is not sure of its data; try later",
    504: "the service misses the proof",
    505: "the service has no peers to forward to; try later, or use another service",
}


class PushRefused(RlnError):
    """A light-push service has not published a message. The error says what to do.

    Args:
        message: what went wrong, and what to do.
        status: becomes the attribute.

    Attributes:
        status: that the service gave; see `PushResponse`.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


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
            instance(self.peers, int, "peers")


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

    def __repr__(self) -> str:
        return "LightPushClient()"  # an address may be private

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Be ready to push until the block ends. The first push connects.

        Raises:
            ParameterError: the client has run already; make another one.
        """
        async with self._host.run():
            yield

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
        try:
            with trio.fail_after(_SECONDS):
                answer = await self._exchange(request.encode())
            response = PushResponse.decode(answer)
            if response.request_id != request.request_id:
                raise EncodingError("request_id: expected that of the request, got that of a different one")
        except (*BROKEN, InputError) as error:
            reason = str(error) if isinstance(error, InputError) else type(error).__name__
            raise ConnectionFailed(
                f"light push: expected an answer of the service, got none that can be read ({reason}); push "
                "the same message again"
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
            PushRefused, ConnectionFailed, InputError: as for `push`.
            NotRenewable, NotSendable, OwnViolation, StoreError: as for `WakuPublisher.renew`.
        """
        instance(publisher, WakuPublisher, "publisher")
        try:
            return await self.push(ready)
        except PushRefused as refused:
            if refused.status != _REFUSED_PROOF:
                raise
        return await self.push(await trio.to_thread.run_sync(publisher.renew, ready))

    async def _exchange(self, data: bytes) -> bytes:
        stream = await self._host.host.new_stream(self._peer, [TProtocol(LIGHT_PUSH)])
        try:
            await write_frame(stream, data)
            return await read_frame(stream)
        finally:
            with trio.CancelScope(deadline=trio.current_time() + _RESET_SECONDS, shield=True):
                await reset(stream)


def _refused(response: PushResponse) -> PushRefused:
    advice = _ADVICE.get(response.status, "the service says no more")
    said = text(response.description or "", "description")[:200]
    return PushRefused(
        f"light push: expected status 200, got {response.status}{f' ({said!r})' if said else ''}; {advice}",
        response.status,
    )
