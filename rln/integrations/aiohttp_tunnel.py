"""Tunnels for aiohttp: connections that a proxy makes with CONNECT, for http as for https.

aiohttp itself sends a proxy requests for http addresses as they are, so that it reads the credential.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler

from rln.client.connections import CONNECT_SECONDS


class TunnelConnector(aiohttp.BaseConnector):
    """Connections of a session of aiohttp, each a tunnel of its own through a proxy.

    Belongs to the event loop in which it was made, as its session, which closes it; not to a forked child.

    Args:
        proxy: `http://host:port`, checked.
        force_close: a new connection for each request.
    """

    def __init__(self, proxy: str, *, force_close: bool) -> None:
        super().__init__(force_close=force_close)
        found = urlsplit(proxy)
        self._at = (found.hostname or "", found.port or 80)
        self._default_context: ssl.SSLContext | None = None

    async def _create_connection(self, req: aiohttp.ClientRequest, traces: Any, timeout: Any) -> Any:
        """Open a connection; aiohttp calls this, the one method that each connector defines."""
        host, port = req.url.raw_host or "", req.url.port or 0
        try:
            context = await self._context(req)  # before there is anything to close
            sock = await self._open_in_thread(host, port)
            _, protocol = await self._loop.create_connection(
                lambda: ResponseHandler(self._loop),
                sock=sock,
                ssl=context,
                server_hostname=(req.server_hostname or host).rstrip(".") if context else None,
            )
        except ssl.CertificateError as error:
            raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(req.connection_key, error) from error
        except (OSError, http.client.HTTPException) as error:
            failure = error if isinstance(error, OSError) else OSError(str(error))
            raise aiohttp.ClientProxyConnectionError(req.connection_key, failure) from error
        return protocol

    async def _open_in_thread(self, host: str, port: int) -> socket.socket:
        opening = asyncio.ensure_future(asyncio.to_thread(self._open, host, port))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on, and nobody takes what it opens
            opening.add_done_callback(_close_unwanted)
            raise

    def _open(self, host: str, port: int) -> socket.socket:
        connection = http.client.HTTPConnection(*self._at, timeout=CONNECT_SECONDS)
        connection.set_tunnel(host, port)
        try:
            connection.connect()
        except BaseException:
            connection.close()  # which http.client leaves open if the proxy says nothing
            raise
        sock = connection.sock
        sock.setblocking(False)
        return sock

    async def _context(self, req: aiohttp.ClientRequest) -> ssl.SSLContext | None:
        if not req.is_ssl():
            return None
        if isinstance(req.ssl, ssl.SSLContext):
            return req.ssl
        if req.ssl is not True:
            raise aiohttp.ClientConnectionError("ssl: expected True or a context through a tunnel")
        if self._default_context is None:
            self._default_context = await asyncio.to_thread(ssl.create_default_context)
        return self._default_context


def _close_unwanted(opening: asyncio.Future[socket.socket]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
