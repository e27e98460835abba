"""The gateway beside the same proxy without RLN, before an application that does nothing: ratios of one run.

Each is a uvicorn process with the parser h11. CPU is that of the process in front, from /proc.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.bench_http import BODY, CONNECTIONS, ROUNDS, TARGET, Server, request, serve
from rln.http.route import Route
from tests.support.http_world import LIMIT, MEMBERS, HttpWorld

FLAT = Route("POST", TARGET, "flat", units=1)
CHAT = Route(
    "POST",
    TARGET,
    "openai-chat",
    models=(("m", 1),),
    prompt_bytes=1000,
    output_tokens=256,
    default_tokens=256,
)
STREAM = Route("POST", "/stream", "flat", units=1)
PER_ROUND = 192
"""Requests in a round, rounded down to a multiple of the connections."""


@contextmanager
def three(
    directory: Path, route: Route, slots: int | None
) -> Iterator[tuple[HttpWorld, Server, Server, Server]]:
    """Serve the application that does nothing, the proxy before it, and the gateway before it."""
    world = HttpWorld(directory, period=24 * 3600, slots=slots, routes=(route, STREAM))
    settings = world.directory / "rln.toml"
    with serve("null", directory) as null:
        settings.write_text(
            settings.read_text().replace("sqlite:///log.db", "memory://")
            + f'[gateway]\nupstream = "http://127.0.0.1:{null.port}"\n'
        )
        options = ("--factory", "--http", "h11")
        with serve("proxy", directory, *options) as proxy, serve("gateway", directory, *options) as gateway:
            yield world, null, proxy, gateway
    world.close()


@pytest.mark.parametrize(("route", "slots"), [(FLAT, None), (CHAT, 16)], ids=["flat", "chat"])
@pytest.mark.benchmark(group="gateway: CPU of the process in front a request")
def bench_gateway_cpu(benchmark: BenchmarkFixture, tmp_path: Path, route: Route, slots: int | None) -> None:
    """CPU of a paid request through the gateway, over that through the proxy alone."""
    units = route.least
    spenders = [member for member in range(MEMBERS) for _ in range(LIMIT // units)]
    count = min(PER_ROUND, len(spenders) // ROUNDS) // CONNECTIONS * CONNECTIONS
    ratios: list[float] = []
    with three(tmp_path, route, slots) as (world, _, proxy, gateway):
        parts = world.parts(target=TARGET, body=BODY)
        proxy.send([request("RLN x")] * CONNECTIONS * 2, CONNECTIONS, tmp_path)
        gateway.send([request(None)] * CONNECTIONS, CONNECTIONS, tmp_path)

        def round_() -> None:
            valid = [request(world.credential(parts, spenders.pop(), units)) for _ in range(count)]
            base = proxy.send(valid * 3, CONNECTIONS, tmp_path)
            found = gateway.send(valid, CONNECTIONS, tmp_path)
            assert found["statuses"] == {"200": count} and base["statuses"] == {"200": 3 * count}
            ratios.append(found["cpu"] / base["cpu"])
            benchmark.extra_info["proxy_us"] = base["cpu"] * 1e6
            benchmark.extra_info["gateway_us"] = found["cpu"] * 1e6

        benchmark.pedantic(round_, rounds=ROUNDS)
    benchmark.extra_info["ratio"] = statistics.median(ratios)


@pytest.mark.benchmark(group="gateway: chunks of a stream")
def bench_gateway_stream(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The time that a chunk is on its way through the gateway, p99, less that without it."""
    found: dict[str, float] = {}
    with three(tmp_path, FLAT, None) as (world, null, proxy, gateway):
        parts = world.parts(target=STREAM.path, body=BODY)
        streams = [request(world.credential(parts, MEMBERS - 1), STREAM.path) for _ in range(8)]

        def measure() -> None:
            for name, server in (("null", null), ("proxy", proxy), ("gateway", gateway)):
                gaps = server.send(streams, len(streams), tmp_path)["gaps"]
                found[name] = statistics.quantiles(gaps, n=100)[-1]

        benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info["null_p99_ms"] = found["null"] * 1e3
    benchmark.extra_info["proxy_added_p99_ms"] = (found["proxy"] - found["null"]) * 1e3
    benchmark.extra_info["added_p99_ms"] = (found["gateway"] - found["null"]) * 1e3
