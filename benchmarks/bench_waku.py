"""Rulings on Waku messages beside zerokit's verification, and what they add to a node.

Each round has a judge of its own, to which all messages are new.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.line_process import ROOT, running
from benchmarks.paired import Peer, beside, repeated
from benchmarks.subject import Subject, Subjects
from benchmarks.waku_traffic import CLOCK, NETWORK, PUBSUB, WakuTraffic
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import OpenedMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Ruling, Why

CALLS = 16
BATCH = 200
SIZES = {"alone": (CALLS, 1), "in batches of 200": (BATCH, BATCH)}
ROUNDS = 15
PEER_CALLS = 4
SENT = 100
"""Messages to a node in one round."""
NODE_ROUNDS = 6
RATES = {"100 a second": 100.0, "as fast as possible": math.inf}


@pytest.fixture(scope="module")
def waku_key(subjects: Subjects) -> Subject:
    """The key of Waku's networks if it is there: a key of ours costs as much."""
    return subjects("ceremony key" if os.environ.get("RLN_ZEROKIT_DIR") else "own key")


@pytest.fixture(scope="module")
def traffic(waku_key: Subject) -> WakuTraffic:
    return WakuTraffic.make(waku_key.key, SENT * (NODE_ROUNDS + 1))


def on_valid(traffic: WakuTraffic) -> Callable[[], list[Ruling]]:
    """Return rounds of rulings, one message at a time."""
    judges = fresh(traffic)

    def rule() -> list[Ruling]:
        judge = next(judges)
        return [judge.rule(*pair, "peer") for pair in traffic.pairs(CALLS)]

    return rule


def fresh(traffic: WakuTraffic) -> Iterator[Judge]:
    """Yield judges that were made beforehand, one for each round and one for the warm-up."""
    return iter([traffic.judge() for _ in range(ROUNDS + 1)])


def opened(data: bytes) -> OpenedMessage:
    """Read a message that keeps the rules of the network."""
    found = NETWORK.read(PUBSUB, data, CLOCK)
    assert isinstance(found, OpenedMessage)
    return found


# ---- beside zerokit


@pytest.fixture(scope="module")
def zerokit(traffic: WakuTraffic, waku_key: Subject) -> Iterator[Peer]:
    node = shutil.which("node")
    if node is None or not (ROOT / "tests/interop/node_modules/@waku/zerokit-rln-wasm").is_dir():
        pytest.skip("zerokit-rln-wasm needs node, and `npm ci` in tests/interop")
    messages = [as_zerokit(data).hex() for data in traffic.messages[:CALLS]]
    key, roots = str(waku_key.zkey), traffic.root.to_bytes(32, "little").hex()
    with running([node, str(ROOT / "benchmarks/zerokit_verify.mjs")]) as process:
        false = messages[0][:-2] + "ff"  # at the end of the signal

        def verify() -> float:
            answer = process.ask(ask="verify", count=PEER_CALLS)
            assert answer["valid"] == PEER_CALLS
            return float(answer["seconds"])

        process.ask(ask="load", key=key, messages=[false], roots=roots)
        assert process.ask(ask="verify", count=1)["valid"] == 0
        process.ask(ask="load", key=key, messages=messages, roots=roots)
        verify()
        yield Peer("zerokit-rln-wasm verify", verify, PEER_CALLS, times_itself=True)


def as_zerokit(data: bytes) -> bytes:
    """Return proof and signal of a message as zerokit 0.2.1 for JavaScript verifies them."""
    read = opened(data)
    return read.proof.encode("zerokit-0.9") + len(read.signal).to_bytes(8, "little") + read.signal


@pytest.mark.benchmark(group="ruling on a valid message")
def bench_rule(benchmark: BenchmarkFixture, traffic: WakuTraffic, zerokit: Peer) -> None:
    rulings = beside(benchmark, on_valid(traffic), zerokit, rounds=ROUNDS, repeat=CALLS, must=40)
    assert [one.why for one in rulings] == [Why.VALID] * CALLS


@pytest.mark.benchmark(group="ruling on valid messages in batches of 200, a message")
def bench_rule_many(benchmark: BenchmarkFixture, traffic: WakuTraffic, zerokit: Peer) -> None:
    judges = fresh(traffic)

    def ours() -> list[Ruling]:
        return next(judges).rule_many(traffic.pairs(BATCH), ["peer"] * BATCH)

    rulings = beside(benchmark, ours, zerokit, rounds=ROUNDS, repeat=BATCH, must=200)
    assert [one.why for one in rulings] == [Why.VALID] * BATCH


@pytest.mark.benchmark(group="of which verification, a message")
@pytest.mark.parametrize("size", SIZES)
def bench_verification(benchmark: BenchmarkFixture, traffic: WakuTraffic, zerokit: Peer, size: str) -> None:
    """The most that the ratios of the rulings could be, if all the rest cost nothing."""
    count, batch = SIZES[size]
    proofs = [opened(data).proof for data in traffic.messages[:count]]
    batches = [proofs[at : at + batch] for at in range(0, count, batch)]

    def ours() -> list[object]:
        return [one for some in batches for one in traffic.key.verify_many(some, threads=1)]

    assert beside(benchmark, ours, zerokit, rounds=ROUNDS, repeat=count) == [None] * count


# ---- bad messages


def garbage(data: bytes) -> bytes:
    return bytes(byte ^ 0x5A for byte in data)


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def wrong_length(data: bytes) -> bytes:
    """Field 21 says one byte more than there is."""
    message = WakuMessage.decode(data)
    assert message.proof is not None
    at = data.index(message.proof) - 2
    return data[:at] + bytes([data[at] + 1]) + data[at + 1 :]


def short_proof(data: bytes) -> bytes:
    """Field 21 holds a Groth16 proof of 127 bytes; all lengths fit."""
    proof = WakuMessage.decode(data).proof
    assert proof is not None
    return changed(data, proof=b"\x0a\x7f" + proof[3:130] + proof[131:])


def wrong_time(data: bytes) -> bytes:
    return changed(data, timestamp=(WakuMessage.decode(data).timestamp or 0) + 60 * 10**9)


def changed(data: bytes, **changes: object) -> bytes:
    return dataclasses.replace(WakuMessage.decode(data), **changes).encode()  # type: ignore[arg-type]


BAD: dict[str, tuple[Callable[[bytes], bytes], Why]] = {
    "garbage": (garbage, Why.MALFORMED),
    "half of it": (truncated, Why.MALFORMED),
    "length of field 21": (wrong_length, Why.MALFORMED),
    "proof of 127 bytes": (short_proof, Why.LAX),
    "no proof": (lambda data: changed(data, proof=None), Why.NO_PROOF),
    "wrong time": (wrong_time, Why.WRONG_TIME),
}


@pytest.mark.benchmark(group="ruling on a bad message")
@pytest.mark.parametrize("kind", BAD)
def bench_bad(benchmark: BenchmarkFixture, traffic: WakuTraffic, kind: str) -> None:
    """At most a tenth of what a valid message costs, so a ratio of 10."""
    spoil, why = BAD[kind]
    judge = traffic.judge()
    messages = [(PUBSUB, spoil(data)) for data in traffic.messages[: CALLS * CALLS]]

    def ours() -> list[Ruling]:
        return [judge.rule(*pair, "peer") for pair in messages]

    valid = Peer("our ruling on a valid message", on_valid(traffic), CALLS)
    rulings = beside(benchmark, ours, valid, rounds=ROUNDS, repeat=len(messages), must=10)
    assert {one.why for one in rulings} == {why}


# ---- parts of a ruling


@pytest.mark.benchmark(group="decoding a message and its proof")
def bench_decode(benchmark: BenchmarkFixture, traffic: WakuTraffic) -> None:
    """Beside one verification, which is the most of a ruling."""
    first = opened(traffic.messages[0])
    proof = first.proof
    verification = repeated(lambda: traffic.key.verify(proof.public_inputs, proof.proof), CALLS)
    messages = traffic.messages[: CALLS * CALLS]

    def ours() -> list[RateLimitProof]:
        return [RateLimitProof.decode(WakuMessage.decode(data).proof or b"") for data in messages]

    peer = Peer("our verification", verification, CALLS)
    proofs = beside(benchmark, ours, peer, rounds=ROUNDS, repeat=len(messages), must=10)
    assert verification() is True
    assert proofs[0].rln_proof(first.epoch) == proof


# ---- a node


@pytest.fixture(scope="module")
def traffic_file(traffic: WakuTraffic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("libp2p", reason="a node needs the extra relay")
    file = tmp_path_factory.mktemp("waku") / "traffic.json"
    traffic.write(file)
    return file


class Receiver:
    """A node that is measured, and another one that sends it messages, each in a process of its own.

    Args:
        judge: of the node.
        file: the traffic.
        processes: ends both.
    """

    def __init__(self, judge: str, file: Path, processes: ExitStack) -> None:
        self._node, self._sender = (
            processes.enter_context(running([sys.executable, "-m", "benchmarks.waku_node", one, str(file)]))
            for one in (judge, "yes")
        )
        self._sender.ask(ask="connect", address=self._node.ask(ask="address")["address"])
        self._sent = 0

    def cpu(self, rate: float) -> float:
        """Send messages that are new to it, and return the seconds of CPU that it used for them."""
        before = self._node.ask(ask="used", rulings=self._sent)["cpu"]
        self._sender.ask(ask="send", first=self._sent, count=SENT, rate=rate)
        self._sent += SENT
        after = self._node.ask(ask="used", rulings=self._sent)
        assert after["rulings"] == {Why.VALID.value: self._sent}
        return float(after["cpu"] - before)


_cpu_of_rounds: list[float] = []


def node_cpu() -> float:
    """Return the seconds of CPU in all our rounds so far: pytest-benchmark's clock for `bench_node`."""
    return sum(_cpu_of_rounds)


@pytest.mark.benchmark(group="CPU of a node, a message", timer=node_cpu)
@pytest.mark.parametrize("rate", RATES)
def bench_node(benchmark: BenchmarkFixture, traffic_file: Path, rate: str) -> None:
    """At most 1.5 times that of a node whose validator says yes, so a ratio of 0.67."""
    with ExitStack() as processes:
        ours, theirs = (Receiver(judge, traffic_file, processes) for judge in ("rln", "yes"))
        peer = Peer("our node that says yes", lambda: theirs.cpu(RATES[rate]), SENT, times_itself=True)

        def round_() -> None:
            _cpu_of_rounds.append(ours.cpu(RATES[rate]))

        beside(benchmark, round_, peer, rounds=NODE_ROUNDS, repeat=SENT, must=0.67)
