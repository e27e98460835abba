"""The middleware over an application that does nothing, on uvicorn: ratios of the same run.

CPU is that of the server's process, from /proc. A load generator in another process sends prepared requests.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from rln.http.credential import Credential, key_id
from rln.stores import open_message_ids
from tests.support.http_world import AUTHORITY, LIMIT, MEMBERS, HttpWorld

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 64
REQUESTS = 1920
IDLE = 200
TOKENS = 60
ROUNDS = 3
BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 400 + b'"}]}'
TARGET = "/v1/chat/completions"


@dataclass
class Server:
    """A uvicorn process.

    Args:
        port: that it listens on.
        process: number of the process.
    """

    port: int
    process: int

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, requests: list[bytes], connections: int, directory: Path) -> dict[str, Any]:
        """Send requests from another process; the result has `cpu`, that of the server for each request."""
        file = directory / "requests.json"
        file.write_text(json.dumps([one.hex() for one in requests]))
        before = self.cpu()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.http_load", str(self.port), str(connections), str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found | {"cpu": (self.cpu() - before) / len(requests)}


@contextmanager
def serve(application: str, directory: Path, *options: str) -> Iterator[Server]:
    """Serve an application of `http_server` until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--no-access-log",
        "--log-level",
        "error",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(
        [*command, *options, f"benchmarks.http_server:{application}"],
        cwd=ROOT,
        env={**os.environ, "RLN_CONFIG": str(directory / "rln.toml")},
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def request(credential: str | None, target: str = TARGET) -> bytes:
    """Return the bytes of a request."""
    authorization = "" if credential is None else f"Authorization: {credential}\r\n"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {AUTHORITY}\r\nContent-Type: application/json\r\n"
        f"{authorization}Content-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    """Make a provider whose log is in memory, so that the figures have no disk in them."""
    made = HttpWorld(tmp_path_factory.mktemp("http"), period=24 * 3600)
    settings = made.directory / "rln.toml"
    settings.write_text(settings.read_text().replace("sqlite:///log.db", "memory://"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def credentials(world: HttpWorld) -> Iterator[str]:
    """Make credentials, each for one request, as they are needed."""
    return (
        world.credential(world.parts(target=TARGET, body=BODY), member)
        for member in range(MEMBERS)
        for _ in range(LIMIT)
    )


@pytest.mark.benchmark(group="http: CPU of the server a request")
def bench_middleware_cpu(
    benchmark: BenchmarkFixture, world: HttpWorld, credentials: Iterator[str], tmp_path: Path
) -> None:
    """CPU of a valid request, of one without a credential, and of a copy, over the null application."""
    count = REQUESTS // ROUNDS // CONNECTIONS * CONNECTIONS
    ratios: dict[str, list[float]] = {"valid": [], "no credential": [], "copy": []}
    with serve("null", tmp_path) as null, serve("limited", world.directory, "--factory") as limited:
        for server in (null, limited):  # warm up
            server.send([request(None)] * CONNECTIONS, CONNECTIONS, tmp_path)

        def round_() -> None:
            valid = [request(next(credentials)) for _ in range(count)]
            base = null.send(valid * 3, CONNECTIONS, tmp_path)
            for name, requests, status in (
                ("valid", valid, "200"),
                ("copy", valid, "409"),
                ("no credential", [request(None)] * count * 3, "401"),
            ):
                found = limited.send(requests, CONNECTIONS, tmp_path)
                assert found["statuses"] == {status: len(requests)}
                ratios[name].append(found["cpu"] / base["cpu"])
            benchmark.extra_info["null_us"] = base["cpu"] * 1e6

        benchmark.pedantic(round_, rounds=ROUNDS)
    for name, values in ratios.items():
        benchmark.extra_info[name] = statistics.median(values)


@pytest.mark.benchmark(group="http: added when idle")
def bench_idle(
    benchmark: BenchmarkFixture, world: HttpWorld, credentials: Iterator[str], tmp_path: Path
) -> None:
    """Median time of a request that is alone, less that of the null application, in verifications."""
    valid = [request(next(credentials)) for _ in range(IDLE)]
    with serve("null", tmp_path) as null, serve("limited", world.directory, "--factory") as limited:
        for server in (null, limited):
            server.send([request(None)] * 20, 1, tmp_path)
        base = null.send(valid, 1, tmp_path)
        found = limited.send(valid, 1, tmp_path)
    assert found["statuses"] == {"200": IDLE}
    added = statistics.median(found["seconds"]) - statistics.median(base["seconds"])
    made = world.credential(world.parts(target=TARGET, body=BODY), MEMBERS - 1)
    proof = Credential.decode(made.encode(), None).proof
    key = world.key.verifying_key
    seconds: list[float] = []

    def verify() -> None:
        begin = time.perf_counter()
        assert key.verify(proof.public_inputs, proof.proof)
        seconds.append(time.perf_counter() - begin)

    benchmark.pedantic(verify, rounds=300)
    benchmark.extra_info["added_us"] = added * 1e6
    benchmark.extra_info["verifications"] = added / statistics.median(seconds)


@pytest.mark.benchmark(group="http: chunks of a stream")
def bench_stream(benchmark: BenchmarkFixture, world: HttpWorld, tmp_path: Path) -> None:
    """The time that a chunk is on its way, p99, less that of the null application."""
    parts = world.parts(target="/stream", body=BODY)
    streams = [request(world.credential(parts, MEMBERS - 1), "/stream") for _ in range(8)]
    found: dict[str, float] = {}

    def measure() -> None:
        with serve("null", tmp_path) as null, serve("limited", world.directory, "--factory") as limited:
            for name, server in (("null", null), ("limited", limited)):
                gaps = server.send(streams, len(streams), tmp_path)["gaps"]
                found[name] = statistics.quantiles(gaps, n=100)[-1]

    benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info["added_p99_ms"] = (found["limited"] - found["null"]) * 1e3


@pytest.mark.benchmark(group="http: a credential from a token")
def bench_credential(benchmark: BenchmarkFixture, world: HttpWorld, tmp_path: Path) -> None:
    """The time from a request to its credential, with durable ids, less one durable commit."""
    ids = open_message_ids(f"sqlite:///{tmp_path}/ids.db")
    ids.introduce(world.identities[0].commitment)
    prover = rln.Prover(
        world.identities[0],
        world.memberships[0],
        world.key,
        ids=ids,
        clock=world.policy.params.clock(),
        params=world.policy.params,
        tokens=TOKENS,
        threads=1,
    )
    parts, name = world.parts(target=TARGET, body=BODY), key_id(world.key.verifying_key.digest)
    commits = sqlite3.connect(tmp_path / "commits.db", isolation_level=None)
    for line in ("journal_mode=WAL", "synchronous=FULL"):
        commits.execute(f"PRAGMA {line}")
    commits.execute("CREATE TABLE one (x INTEGER)")
    seconds: dict[str, list[float]] = {"credential": [], "commit": []}

    def make() -> None:
        nonce = os.urandom(16)
        begin = time.perf_counter()
        proof = prover.prove(parts.signal(nonce))
        Credential(name, nonce, proof).encode()
        middle = time.perf_counter()
        commits.execute("INSERT INTO one VALUES (1)")
        seconds["credential"].append(middle - begin)
        seconds["commit"].append(time.perf_counter() - middle)

    with prover:
        deadline = time.monotonic() + 120
        while prover.tokens_ready < TOKENS:
            assert time.monotonic() < deadline, "tokens that are ready"
            time.sleep(0.05)
        benchmark.pedantic(make, rounds=TOKENS)
    commits.close()
    ids.close()
    for kind, values in seconds.items():
        benchmark.extra_info[f"{kind}_ms"] = statistics.median(values) * 1e3
