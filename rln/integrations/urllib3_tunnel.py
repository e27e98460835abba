"""Tunnels for urllib3: connections that a proxy makes with CONNECT, for http as for https.

urllib3 itself sends a proxy requests for http addresses as they are, so that it reads the credential.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


def tunnel_pools(proxy: str) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of pools whose connections are tunnels.

    Args:
        proxy: `http://host:port`, checked.
    """
    found = urlsplit(proxy)
    at = (found.hostname or "", found.port)

    class Tunnel(HTTPConnection):
        """A connection to a proxy that leads to the host of the pool."""

        def __init__(self, host: str, port: int | None = None, **more: Any) -> None:
            super().__init__(*at, **more)
            self._end = (host, port)

        def connect(self) -> None:
            self.set_tunnel(*self._end)  # closing forgets it
            super().connect()

    class SecureTunnel(HTTPSConnection):
        """As `Tunnel`, with TLS to the host inside."""

        def __init__(self, host: str, port: int | None = None, **more: Any) -> None:
            super().__init__(*at, **more)
            self._end = (host, port)

        def connect(self) -> None:
            self.set_tunnel(*self._end)
            super().connect()

    class Tunnels(HTTPConnectionPool):
        """Connections over http."""

        ConnectionCls = Tunnel

    class SecureTunnels(HTTPSConnectionPool):
        """Connections over https."""

        ConnectionCls = SecureTunnel

    return {"http": Tunnels, "https": SecureTunnels}
