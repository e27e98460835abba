"""Scenarios: what two or three workers do at the same time, and a model of the allowed outcomes.

The model serves messages one at a time, with a dict as its log. In any interleaving the verifiers must answer
what the model answers in one of the serial orders.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import permutations

import rln
from rln.base.scalar import ORDER
from rln.errors import InputError, InvalidProof, StoreUnavailable
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize
from rln.ports import Claim, NullifierLog, Taken
from rln.protocol.proof import AnyProof, from_public_inputs
from tests.races.scheduler import Schedule, Scheduler, interleavings, step
from tests.races.stub_proofs import StubKey, members

ROOT = 17
LIMIT = 4
SLOTS = 3


@dataclass(frozen=True, slots=True)
class Send:
    """A message.

    Attributes:
        signal: of the message.
        ids: message ids that it spends.
        member: number of the sender.
        salt: a different salt makes another proof of the same statement.
        forged: "" for a true proof, "same" for a false proof of true values, "other" for a share off the
            line.
    """

    signal: bytes
    ids: tuple[int, ...] = (0,)
    member: int = 0
    salt: int = 0
    forged: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are submitted in one call."""

    sends: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """An operation: the log forgets the epoch."""


@dataclass(frozen=True, slots=True)
class Slash:
    """An operation: all roots so far are retired, as after a slashing."""


Operation = Send | Batch | Forget | Slash
Programs = tuple[tuple[Operation, ...], ...]
Outcome = tuple[tuple[str, ...], ...]
"""For each program and each message: valid, duplicate, violation 0 (of member 0), or a reason of refusal."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Programs that run at the same time, after the messages in `before` were submitted."""

    programs: Programs
    before: tuple[Send, ...] = ()

    @property
    def slots(self) -> int | None:
        """Message ids in a proof of the circuit; None for the circuit with one id."""
        sends = [one for program in (*self.programs, self.before) for one in sent(program)]
        return None if all(len(one.ids) == 1 for one in sends) else SLOTS


# ---- the model --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Model:
    """A verifier that serves one operation at a time.

    Attributes:
        insert_order: ids in the order in which shares are inserted, one by one, up to the first that is
            taken; the inserted shares remain. Empty: all shares of a message are inserted, or none.
    """

    insert_order: tuple[int, ...]
    log: dict[tuple[int, int], bytes] = field(default_factory=dict)
    forgotten: bool = False
    retired: bool = False

    def serve(self, one: Operation) -> str:
        if isinstance(one, Forget):
            self.forgotten = True
            return ""
        if isinstance(one, Slash):
            self.retired = True
            return ""
        assert isinstance(one, Send)
        if self.retired:
            return "unknown root"
        if self.forgotten:
            return "unavailable"
        keys = [(one.member, message_id) for message_id in one.ids]
        known = [self.log.get(key) for key in keys]
        if one.forged != "other" and all(signal == one.signal for signal in known):
            return "duplicate"
        if one.forged:
            return "bad proof"
        taken = [signal for signal in known if signal is not None]
        for message_id in one.ids if not taken else [i for i in self.insert_order if i in one.ids]:
            if (one.member, message_id) in self.log:
                break
            self.log[one.member, message_id] = one.signal
        if not taken:
            return "valid"
        return f"violation {one.member}" if any(signal != one.signal for signal in taken) else "duplicate"


@cache
def serial_outcomes(
    scenario: Scenario, whole: bool = False, partial_inserts: bool = False
) -> frozenset[Outcome]:
    """Return the allowed outcomes: those of the model in all orders of single operations.

    Args:
        scenario: the programs.
        whole: no operation comes between the messages of a batch.
        partial_inserts: new shares of a refused message may remain in the log, as the contract allows.
    """
    outcomes = set()
    for order in interleavings([len(program if whole else _flat(program)) for program in scenario.programs]):
        for insert_order in (*permutations(range(SLOTS)), ()) if partial_inserts else ((),):
            model = _Model(insert_order)
            for one in scenario.before:
                model.serve(one)
            left = [iter(program if whole else _flat(program)) for program in scenario.programs]
            results: list[list[str]] = [[] for _ in scenario.programs]
            for number in order:
                results[number] += filter(None, map(model.serve, _flat([next(left[number])])))
            outcomes.add(tuple(map(tuple, results)))
    return frozenset(outcomes)


def _flat(program: Sequence[Operation]) -> list[Operation]:
    return [part for one in program for part in (one.sends if isinstance(one, Batch) else (one,))]


def sent(program: Sequence[Operation]) -> list[Send]:
    """Return all messages of a program, in order."""
    return [one for one in _flat(program) if isinstance(one, Send)]


# ---- the verifiers ----------------------------------------------------------------------------------

# Whether this thread's program has verified, so that its next look at the roots is the second one.
_second_look = threading.local()


class SteppedKey(StubKey):
    """A stub key that waits for its turn before it verifies."""

    def verify(self, public_values: Sequence[int], proof: bytes) -> bool:
        step()
        _second_look.due = True
        return super().verify(public_values, proof)

    def verify_many(
        self, proofs: Sequence[AnyProof], threads: int | None = None
    ) -> list[InputError | InvalidProof | None]:
        step()
        _second_look.due = True
        refused = InvalidProof("proof: it does not verify with this verifying key")
        holds = [StubKey.verify(_PLAIN[self.slots], one.public_inputs, one.proof) for one in proofs]
        return [None if each else refused for each in holds]


class SteppedRoots:
    """Roots. The look after the verification waits for a turn, the look before it does not."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.history = RootHistory([ROOT], WindowSize(count=16))

    def retire(self) -> None:
        self.history.push(ROOT + 1, [range(self.history.step + 1)])

    def __contains__(self, root: object) -> bool:
        if getattr(_second_look, "due", False):
            step()
        return self.history.accepts(root)

    def __iter__(self) -> Iterator[int]:
        return iter(self.history.acceptable())

    def __len__(self) -> int:
        return len(self.history.acceptable())


class SteppedLog(NullifierLog):
    """A log that waits for its turn before it inserts."""

    def __init__(self, inner: NullifierLog) -> None:
        self.inner = inner

    def peek_many(self, keys: Sequence[tuple[rln.Epoch, int]]) -> list[rln.Share | StoreUnavailable | None]:
        return self.inner.peek_many(keys)

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        _second_look.due = False
        step()
        return self.inner.insert_or_get_many(claims)

    def forget(self, before: int) -> None:
        self.inner.forget(before)

    def close(self) -> None:
        self.inner.close()


_PLAIN = {slots: StubKey(slots) for slots in (None, SLOTS)}
_FORGER = {slots: StubKey(slots, secret=b"forger") for slots in (None, SLOTS)}


class ScenarioRunner:
    """Workers with a verifier each, which share a log and the roots.

    Args:
        open_log: opens a new log on a clock.
        fresh_log: whether each run has a new log; otherwise each run has its own members in the same log.
        partial_inserts: whether the log may keep shares of refused messages.
        workers: number of workers.
    """

    def __init__(
        self,
        open_log: Callable[[rln.EpochClock], NullifierLog],
        fresh_log: bool = True,
        partial_inserts: bool = False,
        workers: int = 2,
    ) -> None:
        self.partial_inserts = partial_inserts
        self.clock = rln.EpochClock("scenarios.example", 3600, past_gap=2)
        # The epoch has ended, because a server refuses to forget an epoch that has not.
        self.epoch = self.clock.epoch(self.clock.current().index - 1)
        self._open, self.has_fresh_logs = open_log, fresh_log
        self.log = SteppedLog(open_log(self.clock))
        self._roots, self._scheduler = SteppedRoots(), Scheduler(workers)
        self._members = members([LIMIT, LIMIT], ROOT)
        self._runs, self._forgot = 0, False
        self._made: dict[tuple[Send, int | None], tuple[AnyProof, bytes]] = {}
        self._verifiers = {
            slots: [self._verifier(SteppedKey(slots)) for _ in range(workers)] for slots in (None, SLOTS)
        }

    def _verifier(self, key: SteppedKey) -> rln.Verifier:
        return rln.Verifier(key, roots=self._roots, log=self.log, clock=self.clock, threads=1)

    def close(self) -> None:
        self._scheduler.close()
        self.log.close()

    def run(self, scenario: Scenario, schedule: Schedule) -> tuple[Outcome, list[int]]:
        """Run a scenario in the order of a schedule; return the outcome and who took the turns."""
        if self.has_fresh_logs or self._forgot:
            self.log.close()
            self.log.inner = self._open(self.clock)
        if not self.has_fresh_logs:
            self._made.clear()
            self._members = members([LIMIT, LIMIT], ROOT, 2 * self._runs)
        self._runs += 1
        self._forgot = False
        self._roots.reset()
        _second_look.due = False
        slots = scenario.slots
        for one in scenario.before:
            self._serve(self._verifiers[slots][0], one, slots)
        programs = [
            partial(self._run, verifier, program, slots)
            for verifier, program in zip(self._verifiers[slots], scenario.programs, strict=False)
        ]
        results, taken = self._scheduler.run(programs, schedule)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return tuple(results), taken  # type: ignore[arg-type]

    def logged_x(self, member: int, message_id: int) -> int | None:
        """Return the x that the log holds for a message id of the last run."""
        share = self._members[member].identity.share(1, self.epoch.external_nullifier, message_id)
        known = self.log.inner.peek(self.epoch, share.nullifier or 0)
        return None if known is None else known.x

    def _run(
        self, verifier: rln.Verifier, program: Sequence[Operation], slots: int | None
    ) -> tuple[str, ...]:
        results: list[str] = []
        for number, one in enumerate(program):
            _second_look.due = False
            if number:
                step()
            results += self._serve(verifier, one, slots)
        return tuple(results)

    def _serve(self, verifier: rln.Verifier, one: Operation, slots: int | None) -> list[str]:
        if isinstance(one, Forget):
            self.log.forget(self.epoch.end)
            self._forgot = True
            return []
        if isinstance(one, Slash):
            self._roots.retire()
            return []
        if isinstance(one, Batch):
            return [
                self._name(result)
                for result in verifier.outcomes([self._message(each, slots) for each in one.sends])
            ]
        try:
            return [self._name(verifier.submit(*self._message(one, slots)))]
        except StoreUnavailable as error:
            return [self._name(error)]

    def _message(self, one: Send, slots: int | None) -> tuple[AnyProof, bytes]:
        if (one, slots) not in self._made:
            self._made[one, slots] = self._prove(one, slots), one.signal
        return self._made[one, slots]

    def _prove(self, one: Send, slots: int | None) -> AnyProof:
        member, epoch, key = self._members[one.member], self.epoch, _PLAIN[slots]
        values = list(member.values(epoch, one.ids, one.signal, key.public_inputs))
        if one.forged == "other":
            values[0] = (values[0] + 1) % ORDER
        prover = _FORGER[slots] if one.forged else key
        return from_public_inputs(prover.prove(values, one.salt), tuple(values))

    def _name(self, result: rln.Verdict | Exception) -> str:
        match result:
            case rln.Valid():
                return "valid"
            case rln.Duplicate():
                return "duplicate"
            case rln.RateLimitViolation(identity_secret=secret):
                secrets = [member.secret for member in self._members]
                return f"violation {secrets.index(secret.reveal())}"
            case rln.Invalid(reason=reason):
                return reason.value
            case StoreUnavailable():
                return "unavailable"
        raise result
