"""`rln relay` as processes: it forwards, recovers secrets, slashes, serves, stops and starts again."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import stat
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trio
from libp2p.abc import IHost
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.utils.varint import read_varint_prefixed_bytes
from typer.testing import CliRunner

import rln
from rln.base import canonical_json
from rln.cli.app import app
from rln.integrations.multiaddresses import peer_name
from rln.stores import open_log
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey
from rln.waku import light_protocols as protocols
from rln.waku.light_protocols import Metadata, StoredMessage, StoreRequest, StoreResponse
from rln.waku.ruling import Why
from rln.waku.wire import varint
from tests.support.redis_server import free_port
from tests.support.relay_process import NETWORK, RelayProcess, RelayWorld
from tests.support.small_world import DEPTH, LIMIT_BITS, small_multi_key
from tests.support.waku_nodes import Watched, play, until
from tests.support.waku_world import PUBSUB


@pytest.fixture
def world(tmp_path: Path) -> RelayWorld:
    return RelayWorld(tmp_path)


async def reach(node: Watched, relay: RelayProcess) -> None:
    """Connect a node to a relay, and wait until it forwards to it."""
    await node.node.connect(relay.address)
    await until(lambda: relay.peer in node.node.mesh(PUBSUB))
    await trio.sleep(0.5)  # until the relay has seen its subscription, too


@contextmanager
def file_site(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, and yield the URL."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def metrics_of(port: int) -> str:
    """Return what Prometheus reads."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


async def asked(host: IHost, relay: RelayProcess, protocol: str, data: bytes) -> bytes:
    """Send a request of a light protocol, and return the answer."""
    stream = await host.new_stream(peer_name(relay.peer), [TProtocol(protocol)])
    await stream.write(varint(len(data)) + data)
    with trio.fail_after(20):
        return await read_varint_prefixed_bytes(stream)


def test_a_relay_forwards_names_violators_and_removes_them(world: RelayWorld) -> None:
    async def scene(relay: RelayProcess) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            for one in ends:
                await reach(one, relay)
            await ends[0].publish(world.message())
            await until(lambda: ends[1].delivered == [b"hello"])
            await ends[0].send(world.message(b"one more", world.prover()).encode())
            await until(lambda: not world.group.is_member(world.member.commitment))
            await trio.sleep(0.3)
            assert ends[1].said(Why.VALID) == len(ends[1].rulings) == 1

    with RelayProcess(world.settings(), "--create-log") as relay:
        play(lambda: scene(relay))
        assert f"member 0x{world.member.commitment:064x} exceeded the limit" in relay.log
        assert "127.0.0.1" not in relay.log
        assert relay.stop() == 0
    key = world.folder / "relay.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text() not in relay.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_that_starts_again_keeps_its_log_and_its_name(world: RelayWorld, number: int) -> None:
    first = world.message(b"before")

    async def before(relay: RelayProcess) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            for one in ends:
                await reach(one, relay)
            await ends[0].publish(first)
            await until(lambda: ends[1].delivered == [b"before"])

    async def after(relay: RelayProcess) -> None:
        node = Watched(world)
        async with node.node.run():
            await reach(node, relay)
            await node.send(world.message(b"another with the same id", world.prover()).encode())
            await until(lambda: not world.group.is_member(world.member.commitment))

    settings = world.settings()
    with RelayProcess(settings, "--create-log") as relay:
        play(lambda: before(relay))
        name = relay.peer
        assert relay.stop(number) == 0
    with RelayProcess(settings) as relay:
        assert relay.peer == name
        play(lambda: after(relay))


def test_relays_call_each_other_again_after_one_was_away(world: RelayWorld) -> None:
    """The first relay calls the second one, which is killed and starts again; a message passes both."""

    async def scene(caller: RelayProcess, called: RelayProcess, payload: bytes) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            await reach(ends[0], caller)
            await reach(ends[1], called)
            await until(lambda: "peer 1 is there" in caller.log.rpartition("has gone")[2], 90)
            await trio.sleep(2.5)  # two heartbeats, until both forward to each other
            await ends[0].publish(world.message(payload, prover))
            await until(lambda: ends[1].delivered == [payload])

    prover = world.prover()
    with RelayProcess(world.settings("called"), "--create-log") as called:
        address = called.address
    host = address.rpartition("/p2p/")[0]
    node = f'listen = ["{host}"]\nshards = [4]\nkey = "called.key"'
    settings = world.settings("called", node=node)
    calls = f'listen = ["/ip4/127.0.0.1/tcp/0"]\nshards = [4]\nkey = "caller.key"\npeers = ["{address}"]'
    with RelayProcess(world.settings("caller", node=calls), "--create-log") as caller:
        with RelayProcess(settings) as called:
            play(lambda: scene(caller, called, b"first"))
        with RelayProcess(settings) as called:
            play(lambda: scene(caller, called, b"second"))
        assert "127.0.0.1" not in caller.log and called.peer not in caller.log
        assert caller.stop() == 0


def test_roots_from_a_file_and_no_registry(world: RelayWorld) -> None:
    roots = world.folder / "roots.txt"
    roots.write_text(f"0x{world.group.root:064x}\n")

    async def scene(relay: RelayProcess) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            for one in ends:
                await reach(one, relay)
            await ends[0].publish(world.message())
            await until(lambda: ends[1].delivered == [b"hello"])
            newcomer = rln.Identity.generate()
            world.group.register(newcomer.commitment, 4)
            roots.write_text("".join(f"0x{root:064x}\n" for root in world.group.roots))
            await ends[0].publish(world.message(b"newer", world.prover(newcomer)))
            await until(lambda: ends[1].delivered == [b"hello", b"newer"])
            await ends[0].send(world.message(b"one more", world.prover(newcomer)).encode())
            await until(lambda: f"0x{newcomer.commitment:064x} exceeded" in relay.log)

    with RelayProcess(world.settings(roots='file = "roots.txt"'), "--create-log") as relay:
        play(lambda: scene(relay))


def test_roots_from_bulletins_in_a_directory_and_from_a_site(world: RelayWorld) -> None:
    folder = world.folder / "bulletins"
    folder.mkdir()
    registrar = RegistrarKey.new(world.folder / "registrar.pem")
    steps = [0]

    def publish() -> None:
        bulletin = bulletin_since(world.group.registry, steps[-1])
        name = f"{bulletin.after:012}-{bulletin.last:012}.bulletin"
        (folder / name).write_bytes(registrar.sign(bulletin))
        index = json.loads((folder / "index.json").read_text()) if steps[-1] else {"bulletins": []}
        index["bulletins"].append({"after": bulletin.after, "last": bulletin.last, "name": name})
        (folder / "index.json").write_bytes(canonical_json.compact(index | {"step": bulletin.last}))
        steps.append(bulletin.last)

    async def scene(relays: list[RelayProcess]) -> None:
        ends = [Watched(world) for _ in range(3)]
        async with ends[0].node.run(), ends[1].node.run(), ends[2].node.run():
            for number in (0, 1):
                await reach(ends[0], relays[number])
                await reach(ends[1 + number], relays[number])
            await ends[0].publish(world.message(b"first", prover))
            await until(lambda: ends[1].delivered == ends[2].delivered == [b"first"])
            world.group.register(rln.Identity.generate().commitment, 4)
            publish()
            await ends[0].publish(world.message(b"newer", prover))
            await until(lambda: ends[1].delivered == ends[2].delivered == [b"first", b"newer"])

    publish()
    prover = world.prover()
    more = f'registrar_key = "{registrar.public_key.hex()}"\ndepth = {DEPTH}\nlimit_bits = {LIMIT_BITS}'
    with file_site(folder) as url:
        files = world.settings("files", roots=f'bulletins = "bulletins"\n{more}')
        site = world.settings("site", roots=f'bulletins = "{url}"\n{more}')
        with RelayProcess(files, "--create-log") as one, RelayProcess(site, "--create-log") as two:
            play(lambda: scene([one, two]))


def test_metrics_and_light_clients(world: RelayWorld) -> None:
    port = free_port()
    light = 'listen = ["/ip4/127.0.0.1/tcp/0/ws"]\nshards = [4]'
    settings = world.settings(
        node=light, light="store = 10\nfilter = false", metrics=f'listen = "127.0.0.1:{port}"'
    )

    def counts() -> dict[str, float]:
        lines = metrics_of(port).splitlines()
        found = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in found}

    async def scene(relay: RelayProcess) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            for one in ends:
                await reach(one, relay)
            await ends[0].publish(message)
            await until(lambda: ends[1].delivered == [b"hello"])
            await trio.sleep(1.1)
            found = await trio.to_thread.run_sync(counts)
            assert found['rln_relay_rulings_total{why="valid"}'] == 1
            assert found["rln_relay_forwarded_total"] == found["rln_relay_delivered_total"] == 1
            assert found["rln_relay_peers"] == 2
            assert found['rln_messages_total{reason="",verdict="valid"}'] == 1
            answer = await asked(ends[0].node.host, relay, protocols.METADATA, Metadata(1).encode())
            assert Metadata.decode(answer) == Metadata(1, (4,))
            request = StoreRequest("one", include_data=True)
            answer = await asked(ends[0].node.host, relay, protocols.STORE_QUERY, request.encode())
            (kept,) = StoreResponse.decode(answer).messages
            assert StoredMessage.decode(kept).message == message.encode()
            with pytest.raises(BaseLibp2pError):
                await asked(ends[0].node.host, relay, protocols.FILTER_SUBSCRIBE, b"")

    message = world.message()
    with RelayProcess(settings, "--create-log") as relay:
        play(lambda: scene(relay))
        assert relay.stop() == 0


def test_the_check_explains_and_makes_no_key(world: RelayWorld) -> None:
    settings = world.settings(light="")
    result = CliRunner().invoke(app, ["relay", "--config", str(settings), "--check", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["roots"] == "registry (sqlite), 2 acceptable now"
    assert found["name"] == "made at the first start"
    assert found["light clients"] == "metadata, light push, filter, a store of 10000 messages"
    assert found["log"] == "made at the first start"
    assert not (world.folder / "relay.key").exists()
    assert not (world.folder / "relay.db").exists()  # it would refuse the epochs that are open now


def test_a_log_is_created_once(world: RelayWorld) -> None:
    settings = str(world.settings())
    open_log(f"sqlite:///{world.folder}/relay.db", world.clock, new=True).close()
    result = CliRunner().invoke(app, ["relay", "--config", settings, "--check", "--create-log"])
    assert result.exit_code == 2
    assert "the log exists already, and nothing was changed" in result.stderr
    result = CliRunner().invoke(app, ["relay", "--config", settings, "--check"])
    assert re.search("^log +sqlite$", result.stdout, re.MULTILINE)
    world.settings(top='key = "vk.json"\nlog = "memory://"')
    result = CliRunner().invoke(app, ["relay", "--config", settings, "--check"])
    assert result.exit_code == 2
    assert "memory" in result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"node": None}, r"relay.toml: expected node, got none"),
        (
            {"network": "cluster = 1\nshards = 8"},
            r"\[network\]: expected epoch_seconds, identifier, signal_format",
        ),
        ({"roots": ""}, r"\[roots\]: expected exactly one of members, bulletins, file, got none"),
        ({"roots": 'file = "roots.txt"\nmembers = "sqlite:///members.db"'}, "got members and file"),
        ({"roots": 'file = "nowhere.txt"'}, "nowhere.txt: the roots cannot be read: No such file"),
        ({"roots": 'members = "sqlite:///nowhere.db"'}, "nowhere.db"),
        ({"roots": 'members = "sqlite:///members.db"'}, "members: expected depth 20 and 16 bits"),
        ({"roots": 'bulletins = "empty"\nregistrar_key = "' + "11" * 32 + '"'}, "bulletins"),
        ({"roots": 'bulletins = "empty"'}, "registrar_key: expected it with bulletins"),
        ({"node": "listen = []"}, "listen: expected at least one address, got none"),
        ({"node": 'listen = ["here"]'}, "listen: expected a multiaddress"),
        ({"node": 'listen = ["/ip4/127.0.0.1/tcp/0"]\nshards = [8]'}, "expected numbers below 8, .* got 8"),
        (
            {"node": 'listen = ["/ip4/127.0.0.1/tcp/0"]\npeers = ["/ip4/127.0.0.1/tcp/1"]'},
            "address: expected a multiaddress as .*/p2p/NAME",
        ),
        ({"top": 'key = "nowhere.json"\nlog = "sqlite:///log.db"'}, "key: .*nowhere.json: No such file"),
        ({"top": 'key = "members.db"\nlog = "sqlite:///log.db"'}, "key file: expected .* got"),
        ({"top": 'key = "vk.json"\nlog = "mysql://log"'}, "log: expected one of memory"),
        ({"top": 'key = "vk.json"\nlog = "sqlite:///log.db"\nlogs = 1'}, "expected some of .* got 'logs'"),
        ({"light": "store = -1"}, "store: expected"),
        ({"limits": "bad_proofs = 0"}, "bad_proofs: expected"),
        ({"metrics": 'listen = "9464"'}, r"\[metrics\] listen: expected HOST:PORT, got '9464'"),
        (
            {"network": NETWORK.replace('"rln/', '"' + "x" * 40 + "rln/")},
            "identifier: expected 1 to 32 bytes",
        ),
        ({"network": NETWORK.replace("2025", "2024")}, "signal_format: expected"),
    ],
)
def test_wrong_settings_are_named(world: RelayWorld, changes: dict[str, str | None], message: str) -> None:
    (world.folder / "empty").mkdir()
    settings = world.settings(**changes)
    result = CliRunner().invoke(app, ["relay", "--config", str(settings), "--check"])
    assert result.exit_code in (2, 3), result.output
    assert re.search(message, result.stderr), result.stderr
    assert not (world.folder / "relay.key").exists()


def test_a_key_with_several_message_ids_is_refused(world: RelayWorld) -> None:
    (world.folder / "vk.json").write_bytes(small_multi_key().verifying_key.to_json())
    result = CliRunner().invoke(app, ["relay", "--config", str(world.settings()), "--check"])
    assert result.exit_code == 2
    assert "one message id" in result.stderr


@pytest.mark.parametrize("content", ["", "12" * 31, "zz" * 32])
def test_a_node_key_that_is_none_or_not_private_is_refused(world: RelayWorld, content: str) -> None:
    key = world.folder / "relay.key"
    key.write_text(content)
    for mode, message in ((0o600, "node key: .*: expected 64 hexadecimal digits"), (0o644, "mode 0600")):
        key.chmod(mode)
        result = CliRunner().invoke(app, ["relay", "--config", str(world.settings()), "--check"])
        assert result.exit_code == 2
        assert re.search(message, result.stderr)
        assert not content or content not in result.stderr
    assert key.read_text() == content


def test_places_that_are_taken_are_failures_of_the_machine(world: RelayWorld) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for changes in (
            {"node": f'listen = ["/ip4/127.0.0.1/tcp/{port}"]'},
            {"metrics": f'listen = "127.0.0.1:{port}"'},
        ):
            result = CliRunner().invoke(app, ["relay", "--config", str(world.settings(**changes))])
            assert result.exit_code == 3
            assert re.search(f"{port}.*Address already in use", result.stderr)


def test_a_damaged_log_ends_the_node_with_its_reason(world: RelayWorld) -> None:
    async def scene(relay: RelayProcess) -> None:
        node = Watched(world)
        async with node.node.run():
            await reach(node, relay)
            await node.publish(world.message())
            await until(lambda: 'rulings_total{why="valid"} 1.0' in metrics_of(port))
            with closing(sqlite3.connect(world.folder / "relay.db")) as file, file:
                file.execute("UPDATE share SET y = ?", [b"\xff" * 32])
            await node.send(world.message(b"one more", world.prover()).encode())
            await until(lambda: relay.process.poll() is not None)

    port = free_port()
    with RelayProcess(world.settings(metrics=f'listen = "127.0.0.1:{port}"'), "--create-log") as relay:
        play(lambda: scene(relay))
        assert relay.process.returncode == 3
        assert re.search("rln: .*find out what changed the row", relay.log), relay.log
        assert "Traceback" not in relay.log
