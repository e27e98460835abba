"""UpstreamConnections: the HTTP client of a gateway, which sends each request once and to one address."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from rln.base import forks
from rln.base.arguments import instance
from rln.base.extras import require
from rln.errors import EncodingError, ParameterError
from rln.http.target import check_target
from rln.services.gateway_settings import GatewaySettings

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

_PAUSES: Final = (0.1, 0.4)
"""Seconds before a connection that could not be made is tried again: at most twice."""

_KEPT: Final = 3.0
"""Seconds that an idle connection is kept: less than servers do, so that none closes it while it is used."""

_WRITTEN_BY_US: Final = ("accept", "accept-encoding", "content-type", "user-agent")
"""Fields that aiohttp would add."""


class UpstreamFailed(Exception):
    """The upstream gave no answer, or broke it off.

    Args:
        what: kind of the failure, for the operator; no address and no content.
        late: whether it took too long.
    """

    def __init__(self, what: str, late: bool) -> None:
        super().__init__(what)
        self.late = late


class UpstreamAnswer:
    """An answer of the upstream. It belongs to one task, which closes it.

    Args:
        response: its head has come.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.fields = response.raw_headers
        self._response = response
        connection = response.connection  # None: the body is here, and the connection is given back
        protocol = None if connection is None else connection.protocol
        self._closed = None if protocol is None else protocol.closed
        if self._closed is not None:
            self._closed.remove_done_callback(_heard)  # so that a kept connection has one, not one a request
            self._closed.add_done_callback(_heard)
            self._closed.add_done_callback(self._end)

    async def piece(self) -> bytes:
        """Return what has come of the body; nothing at its end.

        Raises:
            UpstreamFailed: the rest will not come.
        """
        import aiohttp

        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailed(type(error).__name__, isinstance(error, TimeoutError)) from None

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._end)
        self._response.close()

    def _end(self, closed: asyncio.Future[None]) -> None:
        """End a body whose connection is closed: after a chunk of a wrong form aiohttp waits for ever."""
        import aiohttp

        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection is closed"))


class UpstreamConnections:
    """Connections to the server behind a gateway.

    They belong to one thread. Each event loop, also of a forked child, opens connections of its own with its
    first request, until `close`.

    Args:
        settings: address, certificates and times.

    Raises:
        ParameterError: aiohttp is not installed, or the file of certificates cannot be used.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        instance(settings, GatewaySettings, "settings")
        require("aiohttp", "gateway")
        from yarl import URL

        self._settings = settings
        self._origin = URL(settings.upstream, encoded=True).origin()
        self._tls = _trust(settings)
        self._clients: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._inherited: list[dict[asyncio.AbstractEventLoop, aiohttp.ClientSession]] = []
        self._copy_watch = forks.CopyWatch()

    def __repr__(self) -> str:
        return f"UpstreamConnections({self._settings.upstream})"

    def url(self, target: bytes) -> URL:
        """Return the address of a target.

        Raises:
            EncodingError: two programs may read the target differently, or the HTTP library would send it in
                another form, or to another address.
        """
        from yarl import URL

        text = check_target(target).decode("ascii")
        url = URL(f"{self._settings.upstream}{text}", encoded=True)
        if url.origin() != self._origin or url.raw_path_qs != text or url.raw_fragment:
            raise EncodingError("target: expected one that is sent as it came, got one that would change")
        return url

    async def ask(self, method: str, url: URL, fields: list[tuple[str, str]], body: bytes) -> UpstreamAnswer:
        """Send a request once; a connection that cannot be made is tried again. No redirect is followed.

        Args:
            method, url, fields, body: of the request, checked.

        Returns:
            The answer, of which the body was not read; close it.

        Raises:
            UpstreamFailed: there is no answer; the request may have been sent.
        """
        import aiohttp

        client, pauses = self._client(), iter(_PAUSES)
        while True:
            try:
                return UpstreamAnswer(
                    await client.request(
                        method, url, headers=fields, data=body or None, allow_redirects=False
                    )
                )
            except aiohttp.ClientConnectorError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise UpstreamFailed(type(error).__name__, late=False) from None
                await asyncio.sleep(pause)
            except (aiohttp.ClientError, OSError) as error:
                raise UpstreamFailed(type(error).__name__, isinstance(error, TimeoutError)) from None

    async def close(self) -> None:
        """Close the connections of this event loop."""
        if not self._copy_watch.is_copy:
            client = self._clients.pop(asyncio.get_running_loop(), None)
            if client is not None:
                await client.close()

    def _client(self) -> aiohttp.ClientSession:
        """Return the client of this event loop and process."""
        if self._copy_watch.is_copy:
            # Kept and never closed: that would take the parent's connections out of its event loop.
            self._inherited.append(self._clients)
            self._clients = {}
            self._copy_watch = forks.CopyWatch()
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            self._clients = {one: kept for one, kept in self._clients.items() if not one.is_closed()}
            client = self._clients[loop] = self._opened()
        return client

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        settings = self._settings
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # every request has paid, and none shall wait for the streams of others
                keepalive_timeout=_KEPT,
                ssl=True if self._tls is None else self._tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_WRITTEN_BY_US,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=settings.connect_seconds, sock_read=settings.answer_seconds
            ),
            middlewares=(_once,),
        )


def _heard(closed: asyncio.Future[None]) -> None:
    """Take the error of a connection, which asyncio would log otherwise."""
    if not closed.cancelled():
        closed.exception()


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request; aiohttp sends a GET again if a kept connection was lost, and must not."""
    import aiohttp

    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise UpstreamFailed(type(error).__name__, late=False) from None


def _trust(settings: GatewaySettings) -> ssl.SSLContext | None:
    """Return what decides which certificates count; None: the library's default."""
    if settings.ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except OSError as error:  # and SSLError
        raise ParameterError(f"ca: {settings.ca}: {error.strerror or type(error).__name__}") from error
