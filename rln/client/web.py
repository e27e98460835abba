"""Web: how a member fetches what a provider publishes, and talks to its registrar.

Every fetch is the same for all members: one set of fields, no cookies, no conditions, no redirects, nothing
from the environment. Everything is bounded in size and time.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from rln.base.arguments import instance, pairs, plain_bytes, real, text, whole
from rln.errors import ParameterError, ProviderUnavailable
from rln.http.policy import check_url

USER_AGENT: Final = "rln-client"
"""The same for every member, version and program."""

MAX_REPLY: Final = 1 << 31
"""Bytes of the largest answer."""

_CONNECT_TIMEOUT: Final = 30.0
DEADLINE: Final = 300.0
"""Seconds for one exchange."""
_PIECE: Final = 1 << 18
_METHOD: Final = re.compile(r"[A-Z]{1,20}\Z")
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}\Z")
_FIELD_VALUE: Final = re.compile(r"[\x20-\x7e]{0,8192}\Z")
_FIELDS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": USER_AGENT,
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        status: of the answer, three digits.
        body: the whole body.

    Raises:
        InputError: a value of another type, or outside its range.
    """

    status: int
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        whole(self.status, "status", 100, 999)
        plain_bytes(self.body, "body")


@runtime_checkable
class Web(Protocol):
    """Fetches and sends.

    It is called from several threads, and in a forked child; never on an event loop, and nobody closes it.
    """

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return what is at a URL.

        Args:
            url: absolute, https; http on this machine only.
            max_bytes: the largest size accepted.

        Raises:
            ProviderUnavailable: no answer in time, a status other than 200, or a larger body.
        """

    def send(
        self, method: str, url: str, body: bytes, fields: tuple[tuple[str, str], ...], max_bytes: int
    ) -> Reply:
        """Send a request, and return the answer with any status.

        Args:
            method: in capitals.
            url, max_bytes: as for `fetch`.
            body: of the request; empty: none.
            fields: of the request, beside the constant ones.

        Raises:
            ProviderUnavailable: no answer in time, or a larger body.
        """


class PlainWeb(Web):
    """A `Web` from the standard library, with one connection for each request.

    It has no state, so threads and forked children may share it, and there is nothing to close. Each call
    waits for the answer, so do not make it on an event loop.

    Args:
        proxy: `http://host:port` of a proxy that makes tunnels (CONNECT), or None.
        seconds: within which a whole answer must be there, more than 0.

    Raises:
        ParameterError: another kind of proxy, or no such time.
    """

    def __init__(self, proxy: str | None = None, *, seconds: float = DEADLINE) -> None:
        self._proxy = None if proxy is None else check_proxy(proxy)
        if real(seconds, "seconds") <= 0:
            raise ParameterError(f"seconds: expected more than 0, got {seconds}")
        self._seconds = seconds

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return what is at a URL; see `Web`."""
        reply = self.send("GET", url, b"", (), max_bytes)
        if reply.status != 200:
            raise ProviderUnavailable(f"{url}: expected status 200, got {reply.status}")
        return reply.body

    def send(
        self, method: str, url: str, body: bytes, fields: tuple[tuple[str, str], ...], max_bytes: int
    ) -> Reply:
        """Send a request, and return the answer with any status; see `Web`."""
        _check_request(method, fields)
        plain_bytes(body, "body")
        whole(max_bytes, "max_bytes", 0, MAX_REPLY)
        where = urlsplit(check_url(url, "url"))
        connection = self._connection(where.scheme, where.hostname or "", where.port)
        deadline = time.monotonic() + self._seconds
        connection.response_class = partial(_Answer, deadline)  # type: ignore[assignment]
        try:
            connection.request(
                method, where.path or "/", body=body or None, headers={**_FIELDS, **dict(fields)}
            )
            answer = connection.getresponse()
            content = bytearray()
            while piece := answer.read1(_PIECE):
                content += piece
                if len(content) > max_bytes:
                    raise ProviderUnavailable(f"{url}: expected at most {max_bytes} bytes, got more")
            missing = answer.length
            if missing:
                raise ProviderUnavailable(f"{url}: the answer ended {missing} bytes too early")
            return Reply(answer.status, bytes(content))
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= deadline:
                raise ProviderUnavailable(
                    f"{url}: expected a whole answer within {self._seconds:g} seconds"
                ) from error
            raise ProviderUnavailable(f"{url}: no answer: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        target_port = port or (443 if scheme == "https" else 80)
        at = (host, target_port)
        if self._proxy is not None:
            proxy = urlsplit(self._proxy)
            at = (proxy.hostname or "", proxy.port or 80)
        wait = min(self._seconds, _CONNECT_TIMEOUT)
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(*at, timeout=wait, context=context)
        else:
            connection = http.client.HTTPConnection(*at, timeout=wait)
        if self._proxy is not None:
            connection.set_tunnel(host, target_port)
        return connection


def _check_request(method: str, fields: tuple[tuple[str, str], ...]) -> None:
    """Refuse a method, and fields, that cannot be in the head of a request.

    Raises:
        ParameterError: another type, or characters that would end a line.
    """
    if not _METHOD.match(text(method, "method")):
        raise ParameterError(f"method: expected capital letters, got {method[:40]!r}")
    instance(fields, tuple, "fields")
    pairs(fields, 2, "fields")
    for name, value in fields:
        # The message shows no value: one of them is an API key.
        if not _FIELD_NAME.match(text(name, "field name")):
            raise ParameterError(f"fields: expected a name of letters and hyphens, got {name[:40]!r}")
        if not _FIELD_VALUE.match(text(value, "field value")):
            raise ParameterError(f"{name}: expected a value of printable ASCII characters, got others")


class _Answer(http.client.HTTPResponse):
    """An answer that must be there at a moment, head and body, in however many pieces it comes."""

    def __init__(self, deadline: float, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        timed: Any = io.BufferedReader(_Timed(sock, deadline))
        self.fp.close()
        self.fp = timed


class _Timed(io.RawIOBase):
    """What a socket receives until a moment."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(min(left, _CONNECT_TIMEOUT))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


def check_proxy(proxy: str) -> str:
    """Return the URL of a proxy if it is `http://host:port`.

    Raises:
        ParameterError: anything else.
    """
    try:
        found = urlsplit(text(proxy, "proxy"))
        fine = found.scheme == "http" and found.hostname and found.port and "@" not in found.netloc
    except ValueError:  # a port that is none
        fine = False
    if not fine or found.path not in ("", "/") or found.query or found.fragment:
        raise ParameterError(f"proxy: expected http://host:port, got {str(proxy)[:80]!r}")
    return proxy
