"""`rln demo`: the story on one screen: a key, members, a message, a copy, too many messages, a slashing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from rln import circuit as circuits
from rln import keys
from rln.cli.numbers import hexadecimal
from rln.cli.report import REFUSED, AsJson, Bar, Report, run
from rln.epoch import EpochClock
from rln.errors import IntegrityAlarm, RateLimitReached, Reason
from rln.group import Group
from rln.identity import Identity
from rln.lowlevel import engine
from rln.prover import Prover
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifier import Verifier

_Made = TypeVar("_Made")

_LIMIT = 2
_MEMBERS = 1000


@dataclass(slots=True)
class _Story:
    """Tells each step with its time, as it happens."""

    console: Console
    steps: list[dict[str, object]] = field(default_factory=list)

    def step(
        self, what: str, action: Callable[[], _Made], say: Callable[[_Made], str] = lambda _: ""
    ) -> _Made:
        start = time.perf_counter()
        made = action()
        milliseconds = (time.perf_counter() - start) * 1000
        said = say(made)
        self.steps.append({"step": what, "result": said, "milliseconds": round(milliseconds, 3)})
        self.console.print(f"{milliseconds:8.1f} ms  {what:35} {said}", markup=False, soft_wrap=True)
        return made


def demo(
    depth: Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")] = 20,
    threads: Annotated[int | None, typer.Option(help="Default: one for each processor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story with real times: register, prove, verify, overspend, slash."""

    def action() -> Report:
        story = _Story(Console(quiet=as_json, highlight=False))
        story.console.print(
            f"Rate-Limiting Nullifiers, RLN({depth}, 16), engine {engine.name()}\n", markup=False
        )
        commitment, recovered = _tell(story, depth, threads, as_json)
        matches = commitment == recovered
        data = {
            "steps": story.steps,
            "spammer": str(commitment),
            "recovered": str(recovered),
            "matches": matches,
        }
        text = (
            f"\nspammer's commitment    {hexadecimal(commitment)}\n"
            f"of the recovered secret {hexadecimal(recovered)}\n"
            f"{'they match' if matches else 'THEY DIFFER'}"
        )
        return Report(data, text, 0 if matches else REFUSED)

    run(action, as_json)


def _tell(story: _Story, depth: int, threads: int | None, quiet: bool) -> tuple[int, int]:
    circuit = story.step(
        "build the circuit", lambda: circuits.rln(depth), lambda made: f"{made.constraints} constraints"
    )
    with Bar("setup", quiet).running() as progress:
        key = story.step(
            "make a Groth16 key",
            lambda: keys.setup(circuit, threads=threads, progress=progress),
            lambda made: str(made.provenance),
        )
    # The clock stands still, so that no epoch ends in the middle of the story.
    now = time.time()
    clock = EpochClock("rln-demo.example", 60, now=lambda: now)
    group, log = Group(depth), MemoryNullifierLog()
    others = min(_MEMBERS, (1 << depth) - 2)
    story.step(
        f"register {others} members",
        lambda: group.register_many([(i + 1, _LIMIT) for i in range(others)]),
        lambda made: f"{len(made)} leaves",
    )
    alice, mallory = Identity.generate(), Identity.generate()
    story.step(
        "Alice and Mallory join",
        lambda: group.register_many([(alice.commitment, _LIMIT), (mallory.commitment, _LIMIT)]),
        lambda _: f"{_LIMIT} messages a minute each",
    )
    verifier = Verifier(
        key.verifying_key, roots=group.roots, log=log, clock=clock, was_member=group.was_member
    )

    def prover(identity: Identity) -> Prover:
        member = group.membership(identity.commitment)
        return Prover(
            identity, member, key, ids=MemoryMessageIds(), clock=clock, threads=threads
        )

    first = prover(alice)
    hello = story.step(
        "Alice proves", lambda: first.prove(b"hello"), lambda made: f"{len(made.encode())} bytes"
    )
    story.step("the provider verifies", lambda: verifier.submit(hello, b"hello"), _say(Valid))
    story.step("somebody sends the same again", lambda: verifier.submit(hello, b"hello"), _say(Duplicate))
    story.step("somebody changes the signal", lambda: verifier.submit(hello, b"hell"), _say(Invalid))

    honest = prover(mallory)
    spam = [
        story.step(f"Mallory proves, message {i + 1}", lambda: honest.prove(b"buy"))
        for i in range(_LIMIT - 1)
    ]
    spam.append(story.step(f"Mallory proves, message {_LIMIT}", lambda: honest.prove(b"buy now")))
    signals = [b"buy"] * (_LIMIT - 1) + [b"buy now"]
    messages = list(zip(spam, signals, strict=True))
    story.step(
        f"the provider verifies {_LIMIT} in one batch",
        lambda: verifier.submit_many(messages),
        lambda made: ", ".join(_say(Valid)(verdict) for verdict in made),
    )
    story.step("one more: her own prover refuses", lambda: _refusal(honest), lambda made: made)
    cheating = prover(mallory)
    over = story.step("she resets her counter and proves", lambda: cheating.prove(b"buy cheap"))
    caught = story.step(
        "the provider verifies", lambda: verifier.submit(over, b"buy cheap"), _say(RateLimitViolation)
    )
    if not isinstance(caught, RateLimitViolation):
        raise IntegrityAlarm("demo: expected a rate limit violation")
    secret = caught.identity_secret
    story.step("slash", lambda: group.slash(secret), lambda made: f"{len(made)} leaf removed")
    story.step(
        "she tries once more", lambda: verifier.submit(over, b"buy cheap"), _say(Invalid, Reason.UNKNOWN_ROOT)
    )
    return mallory.commitment, secret.commitment


def _refusal(prover: Prover) -> str:
    try:
        prover.prove(b"buy more")
    except RateLimitReached:
        return "RATE LIMIT REACHED"
    raise IntegrityAlarm("demo: expected the prover to keep the limit")


_WORDS = {
    Valid: "VALID",
    Duplicate: "DUPLICATE",
    RateLimitViolation: "RATE_LIMIT_VIOLATION",
    Invalid: "INVALID",
}


def _say(expected: type[Verdict], reason: Reason | None = None) -> Callable[[Verdict], str]:
    def say(verdict: Verdict) -> str:
        if not isinstance(verdict, expected) or (reason and getattr(verdict, "reason", None) is not reason):
            raise IntegrityAlarm(f"demo: expected {_WORDS[expected]}, got {verdict}")
        words = _WORDS[type(verdict)]
        return f"{words}, {verdict.reason.value}" if isinstance(verdict, Invalid) else words

    return say
