"""`rln gateway` as a process before a server on a raw socket, and requests whose price is paid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from rln.http.route import Route
from tests.support.http_servers import ROOT, HttpServer, Reply
from tests.support.http_world import HttpWorld
from tests.support.price_routes import ROUTES
from tests.support.raw_upstream import RawUpstream
from tests.support.redis_server import free_port, until

PATIENCE = 60.0
SLOTS = 8
KEY = "Bearer the-key-of-the-upstream"


class GatewayServer:
    """A gateway process, its files and its members, until the block ends.

    Args:
        directory: an empty one.
        upstream: what it stands before.
        routes: of the price list.
        bound_fields: of the policy.
        top: more lines of rln.toml outside of its tables.
        table: more lines of the table [gateway].
    """

    def __init__(
        self,
        directory: Path,
        upstream: RawUpstream,
        *,
        routes: tuple[Route, ...] = ROUTES,
        bound_fields: tuple[str, ...] = (),
        top: str = "",
        table: str = "",
    ) -> None:
        self.port = free_port()
        self.upstream = upstream
        self.directory = directory
        self.world = HttpWorld(
            directory,
            authority=f"127.0.0.1:{self.port}",
            slots=SLOTS,
            routes=routes,
            bound_fields=bound_fields,
        )
        (directory / "upstream-key.txt").write_text(f"{KEY}\n")
        self.config = directory / "rln.toml"
        self.config.write_text(
            f'{self.config.read_text()}upstream_authorization = "upstream-key.txt"\n{top}'
            f'[gateway]\nupstream = "{upstream.url}"\n{table}'
        )
        self.log = directory / "gateway.log"
        self._spent = 0

    def __enter__(self) -> GatewayServer:
        command = [sys.executable, "-m", "rln", "gateway", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.server = HttpServer(self.port, self.process, self.directory / "no-calls")
        until(self._answers, f"the gateway; see {self.log}", PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.world.close()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask(b"GET /.well-known/rln HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        except OSError:
            return False

    def ask(self, request: bytes, wait: float = PATIENCE) -> Reply:
        """Send the bytes of a request, and return its answer."""
        return self.server.send(request, wait=wait)

    def request(
        self,
        body: bytes = b"",
        *,
        method: str = "POST",
        target: str = "/v1/chat/completions",
        line: bytes | None = None,
        units: int | None = None,
        content_type: str = "application/json",
        bound: tuple[bytes, ...] = (),
        fields: bytes = b"",
    ) -> bytes:
        """Return the bytes of a request with a credential for its price.

        Args:
            body, method, target, content_type, bound: what the credential covers.
            line: the target in the first line; None: the one that the credential covers.
            units: None: the price.
            fields: more lines of the head, each with its end.
        """
        parts = self.world.parts(method, target, body, content_type, bound=bound)
        if units is None:
            path, _, query = target.encode().partition(b"?")
            assert self.world.prices is not None
            route = self.world.prices.route(method.encode(), path)
            assert route is not None
            units = route.price(content_type.encode(), b"", query, body).units
        member = self._spent // 80 % len(self.world.identities)
        self._spent += units
        credential = self.world.credential(parts, member, units)
        first = method.encode() + b" " + (target.encode() if line is None else line) + b" HTTP/1.1\r\n"
        head = (
            f"Host: {self.world.authority}\r\nAuthorization: {credential}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        )
        return first + head.encode() + fields + b"\r\n" + body

    def stop(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
