"""What units cost the provider: a credential of 16 units beside one of 1, and the price of a body."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, repeated
from rln.http.credential import Credential, key_id
from rln.http.signal import RequestParts
from rln.stores import open_message_ids
from rln.stores.groups import open_group
from tests.support.price_routes import CHAT

SLOTS = 16
CALLS = 16
PERIOD = 24 * 3600


def verification(slots: int | None) -> Callable[[], bool]:
    """Return the reading and verification of a credential that uses all slots of its proof."""
    key = rln.setup(rln.circuit.rln() if slots is None else rln.circuit.rln_multi(max_out=slots))
    params = rln.Params.of(key, "api.localhost", PERIOD, window_seconds=60, signal_format="joined")
    clock = params.clock()
    window = params.window(clock.now)
    group = open_group("memory://", params.depth, params.limit_bits, window, now=clock.now)
    identity = rln.Identity.generate()
    with rln.Prover(
        identity,
        group.register(identity.commitment, limit=100),
        key,
        ids=open_message_ids("memory://"),
        clock=clock,
        params=params,
    ) as prover:
        parts = RequestParts(b"api.localhost", b"POST", b"/v1/x", b"application/json", b"", bytes(32), ())
        nonce = os.urandom(16)
        signal = parts.signal(nonce)
        proof = prover.prove(signal) if slots is None else prover.prove_multi(signal, slots)
    value = Credential(key_id(key.verifying_key.digest), nonce, proof).encode().encode()

    def verify() -> bool:
        found = Credential.decode(value, slots).proof
        return key.verifying_key.verify(found.public_inputs, found.proof)

    assert verify()
    return verify


@pytest.mark.benchmark(group="verification of a credential of 16 units")
def bench_units(benchmark: BenchmarkFixture) -> None:
    """At most 2.5 times that of 1 unit, so a ratio of 0.4."""
    one = Peer("ours, 1 unit", repeated(verification(None), CALLS), CALLS)
    sixteen = repeated(verification(SLOTS), CALLS)
    assert beside(benchmark, sixteen, one, rounds=61, repeat=CALLS, must=0.4) is True


@pytest.mark.benchmark(group="price of a chat")
@pytest.mark.parametrize("size", [1 << 10, 1 << 14, 1 << 16])
@pytest.mark.parametrize("kind", ["one long message", "many short ones"])
def bench_price(benchmark: BenchmarkFixture, size: int, kind: str) -> None:
    """Reading, checking and writing a body, which the event loop does up to 16 KiB."""
    one = {"role": "user", "content": "x" * (size - 100 if kind == "one long message" else 10)}
    count = 1 if kind == "one long message" else size // 42
    body = json.dumps({"model": "small", "messages": [one] * count}).encode()
    benchmark.pedantic(lambda: CHAT.price(b"application/json", b"", b"", body), rounds=20, warmup_rounds=1)
