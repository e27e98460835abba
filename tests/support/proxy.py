"""A TCP proxy on loopback that does to a connection what networks do.

A fault is asked for whenever a client sends something:

    forward     pass everything on
    before      close both sides; the server gets nothing
    after       pass it on, wait for the server's answer, and close both sides without giving it out
    late        close the client's side, and pass it on a moment later
    blackhole   take it and never answer
    delay       pass it on a moment later
    drip        give the answer out in small pieces
    ooze        the same, with a moment between two pieces
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
_SIZE = 1 << 18
_PIECE = 7
_PAUSE = 0.001


class Proxy:
    """Listens on a port of its own and connects to another one.

    Args:
        target: the port to connect to.
        choose: names the fault for the next thing that a client sends.
    """

    def __init__(self, target: int, choose: Callable[[], str] | None = None) -> None:
        self.target = target
        self.fault = "forward"
        self.seen: list[str] = []
        self._choose = choose or (lambda: self.fault)
        self._open: set[socket.socket] = set()
        self._lines: set[_Line] = set()
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

    def part(self) -> None:
        """Close the clients' sides alone: the server goes on as if they were there and silent."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.parted = True
            self._shut(line.client)

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
        line = _Line(client, server)
        with self._lock:
            self._open |= {client, server}
            self._lines.add(line)
        threading.Thread(target=self._answers, args=(line,), daemon=True).start()
        try:
            while data := client.recv(_SIZE):
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
                line.fault = fault
                server.sendall(data)
                if fault == "late":
                    server.settimeout(1)
                    line.answered.wait(1)
                    break
        except OSError:
            pass
        self._end(line)

    def _answers(self, line: _Line) -> None:
        try:
            while data := line.server.recv(_SIZE):
                line.answered.set()
                if line.fault == "after":
                    break
                try:
                    self._give(line, data)
                except OSError:
                    if not line.parted:
                        break
        except OSError:
            pass
        self._end(line)

    @staticmethod
    def _give(line: _Line, data: bytes) -> None:
        if line.parted:
            return
        if line.fault not in ("drip", "ooze"):
            line.client.sendall(data)
            return
        for start in range(0, len(data), _PIECE):
            line.client.sendall(data[start : start + _PIECE])
            time.sleep(_PAUSE if line.fault == "ooze" else 0)

    def _end(self, line: _Line) -> None:
        for side in (line.client,) if line.parted else (line.client, line.server):
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


class _Line:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.fault = "forward"
        self.parted = False
        self.answered = threading.Event()
