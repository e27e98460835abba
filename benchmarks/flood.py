"""A flood: an AsyncVerifier gets twenty invalid messages for each honest one; how long do honest ones wait?

    python -m benchmarks.flood [--seconds 60] [--honest 50] [--ratio 20] [--own-sources]

The first phase has no flood, the second one has. Both have the same number of honest messages a second, each
with a fresh proof and its own source. The invalid messages are, in turn: for a wrong epoch, for an unknown
root, with another signal, a copy of an accepted message, and a forgery that only the pairing detects. They
come from 21 sources; with `--own-sources`, each comes from its own source, as from a botnet.

Each message is sent at its scheduled time, whether earlier ones are answered or not; latency counts from that
time. Honest proofs are made in advance with a small circuit, which costs the verifier as much as a large one.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import rln
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog

SOURCES = 21
DAY = 24 * 3600
KINDS = ("wrong epoch", "unknown root", "wrong signal", "copy", "forgery")

Message = tuple[rln.RlnProof, bytes]


@dataclass(frozen=True, slots=True)
class Phase:
    """What was measured in one phase.

    Attributes:
        latencies: of each honest message, in seconds.
        honest: outcomes of the honest messages, counted.
        invalid: outcomes of the invalid messages, counted.
    """

    latencies: list[float]
    honest: Counter[str]
    invalid: Counter[str]

    def quantile(self, part: float) -> float:
        """Return the latency that this part, 0.0 to 1.0, of the honest messages stays below."""
        return sorted(self.latencies)[min(int(len(self.latencies) * part), len(self.latencies) - 1)]


class Provider:
    """A provider, and a member with many messages.

    Args:
        messages: number of honest messages to make in advance.
    """

    def __init__(self, messages: int) -> None:
        noon = 12 * 3600 - time.monotonic()
        self.clock = rln.EpochClock("flood.example", DAY, now=lambda: 20_000 * DAY + noon + time.monotonic())
        self.key = rln.setup(rln.circuit.rln(3, 16))
        self.group = rln.Group(3)
        member = rln.Identity.generate()
        membership = self.group.register(member.commitment, 65536)
        prover = rln.Prover(member, membership, self.key, ids=MemoryMessageIds(), clock=self.clock)
        signals = [b"message %d" % number for number in range(messages + 1)]
        self.honest: list[Message] = [(prover.prove(signal), signal) for signal in signals]
        self.known = self.honest.pop()

    def verifier(self) -> rln.Verifier:
        """Make a verifier that has accepted the known message."""
        log = MemoryNullifierLog()
        limit = rln.SourceLimit(1.0, 5)
        key = self.key.verifying_key
        verifier = rln.Verifier(key, roots=self.group.roots, log=log, clock=self.clock, sources=limit)
        verifier.submit(*self.known)
        return verifier

    def invalid(self, kind: str, number: int) -> Message:
        """Make a message that must not be served."""
        proof, signal = self.known
        if kind == "wrong epoch":
            return dataclasses.replace(proof, external_nullifier=number + 1), signal
        if kind == "unknown root":
            return dataclasses.replace(proof, root=number + 1), signal
        if kind == "wrong signal":
            return proof, b"another %d" % number
        if kind == "copy":
            return proof, signal
        return dataclasses.replace(proof, y=number + 1, nullifier=number + 1), signal

    def invalids(self) -> Iterator[tuple[Message, int]]:
        """Make messages of all kinds in turn, without end, each with its number."""
        for number in itertools.count():
            yield self.invalid(KINDS[number % len(KINDS)], number), number


async def run_phase(
    provider: Provider, honest: list[Message], rate: float, ratio: int, own_sources: bool
) -> Phase:
    """Send `rate` honest messages a second, and `ratio` invalid messages after each of them."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    seen, others = Counter[str](), Counter[str]()
    invalids = provider.invalids()

    async def send(verifier: rln.AsyncVerifier, message: Message, source: bytes, due: float | None) -> None:
        try:
            verdict = await verifier.submit(*message, source)
            outcome = verdict.reason.value if isinstance(verdict, rln.Invalid) else type(verdict).__name__
        except rln.RlnError as error:
            outcome = type(error).__name__
        if due is None:
            others[outcome] += 1
        else:
            seen[outcome] += 1
            latencies.append(loop.time() - due)

    async with rln.AsyncVerifier(provider.verifier()) as verifier, asyncio.TaskGroup() as tasks:
        begin, step = loop.time() + 0.05, 1 / rate / (ratio + 1)
        for number in range(len(honest) * (ratio + 1)):
            due = begin + number * step
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if number % (ratio + 1) == 0:
                source = b"honest %d" % number
                tasks.create_task(send(verifier, honest[number // (ratio + 1)], source, due))
            else:
                message, count = next(invalids)
                source = b"flood %d" % (count if own_sources else count % SOURCES)
                tasks.create_task(send(verifier, message, source, None))
            if number % 64 == 0:
                await asyncio.sleep(0)  # a late sender must not block the loop
    return Phase(latencies, seen, others)


def run(
    seconds: float, rate: float = 50.0, ratio: int = 20, own_sources: bool = False
) -> tuple[Phase, Phase]:
    """Measure a phase without and a phase with a flood.

    Args:
        seconds: of each phase.
        rate: honest messages a second.
        ratio: invalid messages for each honest one.
        own_sources: whether each invalid message comes from its own source.
    """
    count = max(int(seconds * rate), 1)
    provider = Provider(2 * count)

    async def both() -> tuple[Phase, Phase]:
        return (
            await run_phase(provider, provider.honest[:count], rate, 0, own_sources),
            await run_phase(provider, provider.honest[count:], rate, ratio, own_sources),
        )

    return asyncio.run(both())


def refusals(rounds: int = 2000) -> dict[str, float]:
    """Measure the median seconds in which a `Verifier` refuses a message before the pairing, by kind."""
    provider = Provider(1)
    verifier = provider.verifier()
    for number in range(5):
        verifier.submit(*provider.invalid("forgery", number), "flood")
    medians = {}
    for kind in KINDS:
        times = []
        for number in range(rounds):
            message = provider.invalid(kind, number)
            begin = time.perf_counter()
            try:
                verifier.submit(*message, "flood")
            except rln.Overloaded:
                assert kind == "forgery"
            times.append(time.perf_counter() - begin)
        medians["no token" if kind == "forgery" else kind] = statistics.median(times)
    return medians


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="invalid:honest messages at an AsyncVerifier")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--honest", type=float, default=50.0, help="messages a second")
    parser.add_argument("--ratio", type=int, default=20, help="invalid messages for each honest one")
    parser.add_argument("--own-sources", action="store_true")
    arguments = parser.parse_args()
    idle, flood = run(arguments.seconds, arguments.honest, arguments.ratio, arguments.own_sources)
    found: dict[str, object] = {
        name: {
            "p50 ms": round(part.quantile(0.5) * 1000, 2),
            "p99 ms": round(part.quantile(0.99) * 1000, 2),
            "honest": part.honest,
            "invalid": part.invalid,
        }
        for name, part in (("idle", idle), ("flood", flood))
    }
    found["p99 flood / idle"] = round(flood.quantile(0.99) / idle.quantile(0.99), 2)
    found["refusal before the pairing, median us"] = {
        kind: round(seconds * 1e6, 1) for kind, seconds in refusals().items()
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
