"""`ConnectProxy`: a proxy that makes tunnels (CONNECT), and records what it is asked."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class ConnectProxy:
    """A proxy on a port of this machine; leave the `with` block to stop it.

    Attributes:
        asked: the first line of each request to the proxy itself.
        ports: of the connections that it has opened to others, in their order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ports: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (piece := client.recv(1 << 16)):
                head += piece
            line = head.partition(b"\r\n")[0].decode("latin-1")
            self.asked.append(line)
            method, _, rest = line.partition(" ")
            if method != "CONNECT":
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = rest.partition(" ")[0].rpartition(":")
            there = socket.create_connection((host.strip("[]"), int(port)))
            self._open.append(there)
            self.ports.append(there.getsockname()[1])
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_pump, args=(there, client), daemon=True).start()
            _pump(client, there)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
