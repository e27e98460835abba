"""Serving: an application on uvicorn until a signal ends it, for the commands that are servers."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

App = Callable[..., Awaitable[Any]]

_HEAD: Final = 1 << 14
"""Bytes of a request's head: the longest target is half of it, and a credential has 1.7 KB."""


def listening(host: str, port: int, name: str) -> socket.socket:
    """Return a socket that listens, before anything says so.

    Args:
        host, port: where to listen.
        name: of the command, in messages.

    Raises:
        OSError: the port is taken, or there is no such address; it has the number of the reason.
    """
    number = None
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (TypeError, UnicodeError):  # the first one for bytes of an argument that are no text
        why = "no name of a host"
    except OSError as error:
        number = error.errno
        why = type(error).__name__ if number is None else os.strerror(number)
        if number == errno.EADDRINUSE:
            why += ": another program listens there; stop it, or choose another port with --port"
    found = OSError(f"{name}: cannot listen at {host}:{port}: {why}")
    found.errno = number
    raise found


def serve(
    app: App,
    listeners: Sequence[socket.socket],
    name: str,
    announce: Callable[[], None],
    *,
    stop_seconds: int,
    connections: int | None,
) -> None:
    """Serve an application until SIGTERM or SIGINT, then finish the requests that run.

    The parser is h11, also if another one is installed: it hands on each target as it was sent. Neither
    addresses nor paths are logged, and no field of a request says where it comes from.

    Args:
        app: an ASGI application.
        listeners: sockets that listen.
        name: of the command, in messages.
        announce: says that the command serves; from then on a signal is its normal end.
        stop_seconds: that running requests get.
        connections: beyond which the answer is 503; None: no such limit.

    Raises:
        OSError: the server did not start.
    """
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # The first two log the URL of each request; the third one says again that the server starts.
    for library in ("httpx", "httpx2", "uvicorn.error"):
        logging.getLogger(library).setLevel(logging.WARNING)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=stop_seconds,
            limit_concurrency=connections,
            h11_max_incomplete_event_size=_HEAD,
        )
    )

    def stop() -> None:
        server.should_exit = True

    failure = f"{name}: the server did not start; its log says why"
    with _signals_call(stop):
        announce()
        try:
            server.run(sockets=list(listeners))
        except SystemExit as error:  # uvicorn ends the program if the application does not start
            raise OSError(failure) from error
    if not server.started:
        raise OSError(failure)


@contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """Let a signal that asks for the end call a function.

    The server has handlers of its own while it runs, and raises the signal again after it has stopped.
    """

    def handle(_: int, __: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
