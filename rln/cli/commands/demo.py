"""`rln demo`: on one screen, a key, members, messages, a restart, a message above the limit, a slashing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from rln import circuit
from rln.cli.numbers import hexadecimal
from rln.cli.report import REFUSED, AsJson, ProgressBar, Report, run
from rln.errors import IntegrityAlarm, RateLimitReached, Reason
from rln.keys.proving_key import ProvingKey
from rln.keys.setup import setup
from rln.lowlevel import engine
from rln.protocol.epoch import EpochClock
from rln.protocol.identity import Identity
from rln.protocol.proof import AnyProof
from rln.proving.ports import MessageIdAllocator
from rln.proving.prover import Prover
from rln.stores import open_log, open_message_ids
from rln.stores.groups import close_group, open_group
from rln.stores.memory import MemoryMessageIds
from rln.stores.uri import file_uri
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifying.verifier import Verifier

_Made = TypeVar("_Made")

_LIMIT = 2
_MEMBERS = 1000


@dataclass(slots=True)
class _StepPrinter:
    """Runs the steps of the demo, and prints each one with its time."""

    console: Console
    steps: list[dict[str, object]] = field(default_factory=list)

    def step(
        self, name: str, action: Callable[[], _Made], describe: Callable[[_Made], str] = lambda _: ""
    ) -> _Made:
        """Run one step and print its time, its name and what `describe` says of the result."""
        start = time.perf_counter()
        made = action()
        milliseconds = (time.perf_counter() - start) * 1000
        result = describe(made)
        self.steps.append({"step": name, "result": result, "milliseconds": round(milliseconds, 3)})
        line = f"{milliseconds:8.1f} ms  {name:38}  {result}"
        self.console.print(line.rstrip(), markup=False, soft_wrap=True)
        return made


def demo(
    depth: Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")] = 20,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for each processor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run an example, with times: register, prove, verify, restart, exceed the limit, slash."""

    def action() -> Report:
        printer = _StepPrinter(Console(quiet=as_json, highlight=False))
        printer.console.print(
            f"Rate-Limiting Nullifiers, RLN({depth}, 16), engine {engine.name()}\n", markup=False
        )
        commitment, recovered = _run_demo(printer, depth, threads, as_json)
        matches = commitment == recovered
        data = {
            "steps": printer.steps,
            "spammer": str(commitment),
            "recovered": str(recovered),
            "matches": matches,
        }
        text = (
            f"\nMallory's commitment     {hexadecimal(commitment)}\n"
            f"of the recovered secret  {hexadecimal(recovered)}\n"
            f"{'they match' if matches else 'THEY DIFFER'}"
        )
        return Report(data, text, 0 if matches else REFUSED)

    run(action, as_json)


def _run_demo(printer: _StepPrinter, depth: int, threads: int | None, quiet: bool) -> tuple[int, int]:
    built = printer.step(
        "build the circuit", lambda: circuit.rln(depth), lambda made: f"{made.constraints} constraints"
    )

    def make_key() -> ProvingKey:
        # The bar is gone when the step is printed; on the same line they would garble each other.
        with ProgressBar("setup", quiet).running() as progress:
            return setup(built, threads=threads, progress=progress)

    key = printer.step("make a Groth16 key", make_key, lambda made: str(made.provenance))
    # The clock is stopped, so that no epoch ends during the demo.
    now = time.time()
    clock = EpochClock("rln-demo.example", 60, now=lambda: now)
    with TemporaryDirectory(prefix="rln-demo-") as folder:
        participants = _Participants(Path(folder), depth, key, clock, threads)
        try:
            return _run_steps(printer, participants)
        finally:
            participants.close()


def _run_steps(printer: _StepPrinter, participants: _Participants) -> tuple[int, int]:
    others = min(_MEMBERS, (1 << participants.depth) - 2)
    printer.step(
        f"register {others} members",
        lambda: participants.group.register_many([(i + 1, _LIMIT) for i in range(others)]),
        lambda made: f"{len(made)} leaves",
    )
    alice, mallory = Identity.generate(), Identity.generate()
    printer.step(
        "Alice and Mallory join",
        lambda: participants.group.register_many([(alice.commitment, _LIMIT), (mallory.commitment, _LIMIT)]),
        lambda _: f"{_LIMIT} messages a minute each",
    )
    first = participants.prover(alice)
    hello = printer.step(
        "Alice proves", lambda: first.prove(b"hello"), lambda made: f"{len(made.encode())} bytes"
    )
    participants.submit(printer, "the provider verifies", hello, b"hello", Valid)
    participants.submit(printer, "somebody sends the same message again", hello, b"hello", Duplicate)
    participants.submit(printer, "somebody changes the signal", hello, b"hell", Invalid)

    honest = participants.prover(mallory)
    signals = [b"buy"] * (_LIMIT - 1) + [b"buy now"]
    spam = [
        (printer.step(f"Mallory proves, message {i + 1}", partial(honest.prove, signal)), signal)
        for i, signal in enumerate(signals)
    ]
    printer.step(
        f"the provider verifies {_LIMIT} in a batch",
        lambda: participants.verifier.submit_many(spam),
        lambda made: ", ".join(_expect(Valid)(verdict) for verdict in made),
    )
    printer.step("Mallory's prover refuses one more", lambda: _expect_refusal(honest), lambda made: made)

    root = participants.group.root
    printer.step(
        "provider and members restart", participants.restart, lambda made: f"{made} members, read from files"
    )
    if participants.group.root != root:
        raise IntegrityAlarm(
            f"demo: expected root {hexadecimal(root)} as before the restart, "
            f"got {hexadecimal(participants.group.root)}"
        )
    again = printer.step(
        "Alice asks for the message sent before",
        lambda: participants.prover(alice).again(b"hello"),
        lambda made: "the same bytes" if made == hello else "DIFFERENT BYTES",
    )
    if again != hello:
        raise IntegrityAlarm(
            "demo: expected the bytes of the message sent before the restart, got different ones"
        )
    participants.submit(printer, "somebody sends that message again", hello, b"hello", Duplicate)
    honest = participants.prover(mallory)
    printer.step("Mallory's prover still refuses", lambda: _expect_refusal(honest), lambda made: made)

    cheating = participants.prover(mallory, MemoryMessageIds())
    over = printer.step("Mallory deletes the counter and proves", lambda: cheating.prove(b"buy cheap"))
    caught = participants.submit(printer, "the provider verifies", over, b"buy cheap", RateLimitViolation)
    if not isinstance(caught, RateLimitViolation):
        raise IntegrityAlarm(f"demo: expected a rate limit violation, got {caught}")
    secret = caught.identity_secret
    printer.step(
        "the provider slashes Mallory",
        lambda: participants.group.slash(secret),
        lambda made: f"{len(made)} leaf removed",
    )
    participants.submit(printer, "Mallory sends it again", over, b"buy cheap", Invalid, Reason.UNKNOWN_ROOT)
    return mallory.commitment, secret.commitment


class _Participants:
    """The provider and the members, with their stores in files of one folder.

    Args:
        folder: for the files.
        depth: levels of the membership tree.
        key: the proving key of all members.
        clock: shared by the provider and all members.
        threads: threads for one proof; None is one for each processor.
    """

    def __init__(
        self, folder: Path, depth: int, key: ProvingKey, clock: EpochClock, threads: int | None
    ) -> None:
        self.depth = depth
        self._folder = folder
        self._key = key
        self._clock = clock
        self._threads = threads
        self._open(new=True)

    def _open(self, new: bool) -> None:
        self.group = open_group(
            file_uri(self._folder / "members.db"), self.depth, now=self._clock.now, threads=self._threads
        )
        self._log = open_log(file_uri(self._folder / "log.db"), self._clock, new=new)
        self._ids = open_message_ids(file_uri(self._folder / "ids.db"))
        self.verifier = Verifier(
            self._key.verifying_key,
            roots=self.group.roots,
            log=self._log,
            clock=self._clock,
            was_member=self.group.was_member,
        )

    def close(self) -> None:
        """Close all files."""
        close_group(self.group)
        self._log.close()
        self._ids.close()

    def restart(self) -> int:
        """Close everything, open it again from the files, and return the number of members."""
        self.close()
        self._open(new=False)
        return len(self.group)

    def prover(self, identity: Identity, ids: MessageIdAllocator | None = None) -> Prover:
        """Make a prover whose message ids come from the file, unless `ids` is given."""
        self._ids.introduce(identity.commitment)
        member = self.group.membership(identity.commitment)
        return Prover(
            identity, member, self._key, ids=ids or self._ids, clock=self._clock, threads=self._threads
        )

    def submit(
        self,
        printer: _StepPrinter,
        name: str,
        proof: AnyProof,
        signal: bytes,
        expected: type[Verdict],
        reason: Reason | None = None,
    ) -> Verdict:
        """Submit a message as a step of the demo; any other verdict than the expected one is an error."""
        return printer.step(name, lambda: self.verifier.submit(proof, signal), _expect(expected, reason))


def _expect_refusal(prover: Prover) -> str:
    try:
        prover.prove(b"buy more")
    except RateLimitReached:
        return "RATE LIMIT REACHED"
    raise IntegrityAlarm("demo: expected the prover to refuse, got a proof above the limit")


_VERDICT_NAMES = {
    Valid: "VALID",
    Duplicate: "DUPLICATE",
    RateLimitViolation: "RATE_LIMIT_VIOLATION",
    Invalid: "INVALID",
}


def _expect(expected: type[Verdict], reason: Reason | None = None) -> Callable[[Verdict], str]:
    def describe(verdict: Verdict) -> str:
        if not isinstance(verdict, expected) or (reason and getattr(verdict, "reason", None) is not reason):
            raise IntegrityAlarm(f"demo: expected {_VERDICT_NAMES[expected]}, got {verdict}")
        words = _VERDICT_NAMES[type(verdict)]
        return f"{words}, {verdict.reason.value}" if isinstance(verdict, Invalid) else words

    return describe
