"""A server on a raw socket, which keeps the bytes that arrive, and answers with those that a test gives."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_BODY = json.dumps({"id": "x", "choices": []}).encode()
PATIENCE = 30.0

Answer = Callable[[socket.socket, bytes], bool]
"""Answers a request on a connection, and returns whether the connection goes on."""


def reply(status: str = "200 OK", body: bytes = _BODY, *fields: str) -> bytes:
    """Return the bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(data: bytes) -> Answer:
    """Answer with the same bytes."""

    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(data)
        return True

    return answer


class RawUpstream:
    """Listens on 127.0.0.1 until the block ends.

    Attributes:
        requests: the bytes of each request, head and body.
        connections: how many were accepted.
        gone: is set when a client has closed a connection.
        answer: what answers; tests change it.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = threading.Event()
        self.answer: Answer = always(reply())
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> RawUpstream:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            connection.close()

    @property
    def targets(self) -> list[bytes]:
        """The target of each request."""
        return [request.split(b" ", 2)[1] for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        goes_on = True
        try:
            while goes_on:
                while (size := _size(data)) is None or len(data) < size:
                    more = connection.recv(1 << 16)
                    if not more:
                        self.gone.set()
                        return
                    data += more
                request, data = data[:size], data[size:]
                self.requests.append(request)
                goes_on = self.answer(connection, request)
        except OSError:
            self.gone.set()
        finally:
            connection.close()


def _size(data: bytes) -> int | None:
    """Return the bytes of the first request; None if its head is not there yet."""
    head, mark, _ = data.partition(b"\r\n\r\n")
    if not mark:
        return None
    length = _LENGTH.search(head + b"\r\n")
    return len(head) + 4 + (0 if length is None else int(length[1]))
