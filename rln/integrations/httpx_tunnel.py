"""Tunnels for httpx and httpx2: connections to http addresses that a proxy makes with CONNECT.

Both libraries make tunnels for https themselves. They send a proxy requests for http addresses as they are,
so that it reads the credential.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from rln.errors import ParameterError

_MAX_HEAD: Final = 1 << 14
"""Bytes of the longest answer of a proxy."""


def http_tunnels(library: ModuleType, is_async: bool, proxy: str, limits: Any) -> Any:
    """Return the transport of a client for http addresses.

    Args:
        library: httpx or httpx2.
        is_async: for an `AsyncClient`.
        proxy: `http://host:port`, checked.
        limits: of the library.

    Raises:
        ParameterError: a version of the library in which the connections cannot be made in another way.
    """
    kind = library.AsyncHTTPTransport if is_async else library.HTTPTransport
    transport = kind(limits=limits, trust_env=False)
    pool = getattr(transport, "_pool", None)
    inner = getattr(pool, "_network_backend", None)
    if pool is None or inner is None:
        raise ParameterError(
            f"proxy: this version of {library.__name__} makes no tunnels to http addresses; expected a "
            "version from 0.28 of httpx, or 2.16 of httpx2"
        )
    core = import_module(type(pool).__module__.partition(".")[0])
    found = urlsplit(proxy)
    make = _async_backend if is_async else _sync_backend
    pool._network_backend = make(core, inner, (found.hostname or "", found.port or 80))
    return transport


def _sync_backend(core: Any, inner: Any, proxy: tuple[str, int]) -> Any:
    class Tunnels(core.NetworkBackend):  # type: ignore[misc]
        def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> Any:
            stream = inner.connect_tcp(*proxy, timeout=timeout, **more)
            try:
                stream.write(_request(host, port), timeout)
                head = b""
                while not _is_whole(head, core.ProxyError):
                    head += _some(stream.read(_MAX_HEAD, timeout), core.ProxyError)
            except BaseException:
                stream.close()
                raise
            return stream

        def sleep(self, seconds: float) -> None:
            inner.sleep(seconds)

    return Tunnels()


def _async_backend(core: Any, inner: Any, proxy: tuple[str, int]) -> Any:
    class Tunnels(core.AsyncNetworkBackend):  # type: ignore[misc]
        async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> Any:
            stream = await inner.connect_tcp(*proxy, timeout=timeout, **more)
            try:
                await stream.write(_request(host, port), timeout)
                head = b""
                while not _is_whole(head, core.ProxyError):
                    head += _some(await stream.read(_MAX_HEAD, timeout), core.ProxyError)
            except BaseException:
                await stream.aclose()
                raise
            return stream

        async def sleep(self, seconds: float) -> None:
            await inner.sleep(seconds)

    return Tunnels()


def _request(host: str, port: int) -> bytes:
    end = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"CONNECT {end} HTTP/1.1\r\nHost: {end}\r\n\r\n".encode("ascii")


def _is_whole(head: bytes, error: Callable[[str], Exception]) -> bool:
    """Tell whether the answer of a proxy is whole, and opens the tunnel."""
    if not head.endswith(b"\r\n\r\n"):
        if len(head) >= _MAX_HEAD or b"\r\n\r\n" in head:
            raise error("proxy: expected the head of an answer and nothing after it, got more")
        return False
    if head.split(b" ", 2)[1:2] != [b"200"]:
        line = head.partition(b"\r")[0][:80]
        raise error(f"proxy: expected status 200 for CONNECT, got {line!r}")
    return True


def _some(piece: bytes, error: Callable[[str], Exception]) -> bytes:
    if not piece:
        raise error("proxy: expected an answer to CONNECT, got the end of the connection")
    return piece
