"""A TCP proxy on loopback that does to a connection what networks do.

Whenever a client sends something, the proxy asks which fault to apply:

    forward     pass everything on
    before      close both sides; the server gets nothing
    after       pass it on, wait for the server's answer, and close both sides without returning it
    late        close the client's side, and pass it on a moment later
    blackhole   accept it and never answer
    delay       pass it on a moment later
    drip        return the answer in small pieces
    slow_drip   the same, with a pause between two pieces
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

HOST = "127.0.0.1"
FAULTS = ("forward", "before", "after", "late", "blackhole", "delay", "drip")
MOMENT = 0.02
"""Seconds of the faults `late` and `delay`."""

_SIZE = 1 << 18
_PIECE = 7
_PAUSE = 0.001


class Proxy:
    """Listens on a port of its own and connects to another one.

    Args:
        target: the port to connect to.
        choose: returns the fault for what a client has just sent, `self.sent`; `self.fault` without it.
    """

    def __init__(self, target: int, choose: Callable[[], str] | None = None) -> None:
        self.target = target
        self.fault = "forward"
        self.seen: list[str] = []
        self.sent = b""
        self._choose = choose or (lambda: self.fault)
        self._open: set[socket.socket] = set()
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut(self._listener)
        self.cut()

    def cut(self) -> None:
        """Close all connections that are open now."""
        with self._lock:
            open_now = list(self._open)
        for side in open_now:
            self._shut(side)

    def cut_clients(self) -> None:
        """Close only the clients' sides. The server sees silent connections that are still open."""
        with self._lock:
            found = list(self._connections)
        for connection in found:
            connection.clients_cut = True
            self._shut(connection.client)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.target), 5)
        except OSError:
            client.close()
            return
        for side in (client, server):
            side.settimeout(None)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        with self._lock:
            self._open |= {client, server}
            self._connections.add(connection)
        threading.Thread(target=self._forward_answers, args=(connection,), daemon=True).start()
        try:
            while data := client.recv(_SIZE):
                self.sent = data
                fault = self._choose()
                self.seen.append(fault)
                if fault == "blackhole":
                    continue
                if fault == "before":
                    break
                if fault in ("late", "delay"):
                    if fault == "late":
                        self._shut(client)
                    time.sleep(MOMENT)
                connection.fault = fault
                server.sendall(data)
                if fault == "late":
                    server.settimeout(1)
                    connection.answered.wait(1)
                    break
        except OSError:
            pass
        self._end(connection)

    def _forward_answers(self, connection: _Connection) -> None:
        try:
            while data := connection.server.recv(_SIZE):
                connection.answered.set()
                if connection.fault == "after":
                    break
                try:
                    self._send_answer(connection, data)
                except OSError:
                    if not connection.clients_cut:
                        break
        except OSError:
            pass
        self._end(connection)

    @staticmethod
    def _send_answer(connection: _Connection, data: bytes) -> None:
        if connection.clients_cut:
            return
        if connection.fault not in ("drip", "slow_drip"):
            connection.client.sendall(data)
            return
        for start in range(0, len(data), _PIECE):
            connection.client.sendall(data[start : start + _PIECE])
            time.sleep(_PAUSE if connection.fault == "slow_drip" else 0)

    def _end(self, connection: _Connection) -> None:
        for side in (
            (connection.client,) if connection.clients_cut else (connection.client, connection.server)
        ):
            self._shut(side)
            with self._lock:
                self._open.discard(side)

    @staticmethod
    def _shut(side: socket.socket) -> None:
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        side.close()


class _Connection:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.fault = "forward"
        self.clients_cut = False
        self.answered = threading.Event()
