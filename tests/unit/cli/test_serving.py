"""Serving: a signal ends it whenever it comes, and a server that does not start is an error."""

import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from rln.cli.serving import listening, serve


class App:
    """An application that notes what its lifespan was told."""

    def __init__(self, start: str = "lifespan.startup.complete") -> None:
        self.start = start
        self.told: list[str] = []

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        assert scope["type"] == "lifespan"
        while self.told[-1:] != ["lifespan.shutdown"]:
            self.told.append((await receive())["type"])
            if self.told[-1] == "lifespan.startup":
                await send({"type": self.start})
        await send({"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_server_is_ready_is_its_normal_end(number: signal.Signals) -> None:
    """It was lost: it came after our handler was set, and before that of the server."""
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    app = App()
    with listening("127.0.0.1", 0, "test") as one:
        serve(app, [one], "test", lambda: signal.raise_signal(number), stop_seconds=5, connections=None)
    assert app.told == ["lifespan.startup", "lifespan.shutdown"]
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_server_that_does_not_start_is_an_error() -> None:
    app = App("lifespan.startup.failed")
    with listening("127.0.0.1", 0, "test") as one, pytest.raises(OSError, match="test: the server did not"):
        serve(app, [one], "test", lambda: None, stop_seconds=5, connections=None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_is_named(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            OSError,
            match=f"test: cannot listen at {host}:{port}: Address already in use: another program listens "
            "there; stop it, or choose another port with --port$",
        ):
            listening(host, port, "test")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "\udcff", "192.0.2.1"])
def test_a_host_that_is_not_of_this_machine_is_named(host: str) -> None:
    with pytest.raises(OSError, match="test: cannot listen"):
        listening(host, 0, "test")
