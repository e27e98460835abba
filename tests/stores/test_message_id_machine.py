"""Random sequences of events on a member's machine: no message id is used for two messages.

A seeded machine sends from two open files at once, is killed, cloned, rolled back and restarted, and has its
clock set. A model in plain Python predicts the answer to each step. Everything that the machine ever sent
is recorded outside of it, where no backup can undo it.

One case cannot be noticed and is left out: a clock that is behind the newest used epoch and stays there,
together with a backup of the database and the intent file from before. Then nothing on the machine shows it.

Kills at a system call and copies by other programs are in `tests/threats/`. The files are in memory where the
system has such a place: what a commit does to a disk is tested elsewhere.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rln.errors import RateLimitReached, StoreUnavailable
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores import machine_time
from rln.stores.sqlite import guard_state, message_ids
from rln.stores.sqlite.guard_state import IntentRecord
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.effort import effort
from tests.support.kept_message import kept_in

STEPS = effort(10**5, 10**7)
LIFE = 5000
"""Steps in one directory."""

PERIODS = (60, 90)
MEMBERS = (7, 8, 9, 10)
FILES = ("ids.db", "ids.db-wal", "ids.db-guard", "ids.db-intent")
WAYS = {
    "in place": FILES,
    "replaced": FILES,
    "elsewhere": FILES,
    "database": FILES[:2],
    "guard": FILES[2:3],
    "intent": FILES[3:],
    "database and intent": (*FILES[:2], FILES[3]),
    "guard and intent": FILES[2:],
}

CHANGES = itertools.count(1)

Owner = tuple[int, int]
Key = tuple[int, int, int, int]
"""Member, period, epoch, id."""


class Killed(BaseException):
    """The end of a process."""


@dataclass
class Model:
    """What the database and the guard file must know.

    Attributes:
        spent: ids by owner and epoch.
        bound: x of each id that is remembered, 0 while it is not known.
        kept: x of each message that is remembered.
        since: for each identity in the file, the time before which its epochs are refused, and how far the
            clock was set then; None if that does not matter any more.
        burnt: the same for all identities.
        ahead: how far the clock is set now.
        reach, guard_reach: start of the newest epoch used, in the database and in the intent file.
        change, touch, intent: the last change that the database, the guard file and the intent file know;
            each is different from all others in any life.
        base: the change that was there when the intent was written, -1 for an intent that is done.
        announced: the last touch when the intent was announced, if its touch was not recorded; else None.
        boot, booted: the start of the machine that the database knows, and the current one.
    """

    spent: dict[Owner, dict[int, int]] = field(default_factory=dict)
    bound: dict[Key, int] = field(default_factory=dict)
    kept: set[tuple[int, int, int, int]] = field(default_factory=set)
    since: dict[int, tuple[int, int | None]] = field(default_factory=dict)
    burnt: tuple[int, int | None] = (0, None)
    ahead: int = 0
    reach: int = 0
    guard_reach: int = 0
    change: int = 0
    touch: int = 0
    intent: int = 0
    base: int = -1
    announced: int | None = None
    boot: int = 0
    booted: int = 0

    @property
    def doubt(self) -> bool:
        """Whether the next reservation must refuse the epoch."""
        recorded = self.announced is None
        sound = (recorded and self.change == self.intent) or self.base == self.change
        touches = (self.intent,) if recorded else (self.intent, self.announced)
        return not sound or self.touch not in touches or self.boot != self.booted

    def seal(self, begin: int, end: str = "done") -> None:
        """A transaction up to the end of its process: announced, touch, intent, commit, or when all is done.

        In doubt, nothing is announced.
        """
        change, was, doubt = next(CHANGES), self.change, self.doubt
        if not doubt:
            self.intent, self.base, self.announced = change, was, self.touch
            self.guard_reach = max(self.reach, self.guard_reach, begin)
        if end == "announced":
            return
        self.touch = change
        if end == "touch":
            return
        self.intent, self.base = change, -1 if doubt or end == "done" else was
        self.announced = None
        self.guard_reach = max(self.reach, self.guard_reach, begin)
        if end != "intent":
            self.change, self.reach, self.boot = change, self.guard_reach, self.booted

    def moved(self, burnt: tuple[int, int | None]) -> tuple[int, int | None]:
        """The end moves forward if the clock was set forward by more than a second."""
        end, ahead = burnt
        if ahead is None or end == 0 or self.ahead - ahead <= 1:
            return burnt
        return end + self.ahead - ahead, self.ahead

    def own_moved(self, end: tuple[int, int | None]) -> tuple[int, int | None]:
        """The same for an identity's end, which may be of a clock before a restart: it stays where it is."""
        if self.boot == self.booted or end[1] is None:
            return self.moved(end)
        return end[0], self.ahead

    def until(self, member: int) -> int:
        """The time before which no epoch may begin."""
        return max(self.moved(self.burnt)[0], self.moved(self.since.get(member, (0, None)))[0])

    def introduce(self, member: int) -> None:
        if member not in self.since:
            self.since[member] = (0, None)
            if not self.doubt:
                self.seal(0)

    def refuse_until(self, member: int, time: int) -> None:
        own = self.own_moved(self.since.get(member, (0, None)))
        self.since[member] = own if member in self.since and own[0] >= time else (time, self.ahead)
        if not self.doubt:
            self.seal(0)

    def reserve(
        self, member: int, epoch: Epoch, limit: int, count: int, x: int, end: str = "done"
    ) -> list[int] | type[Exception]:
        owner = (member, epoch.period)
        if self.doubt:
            self.burnt = max(self.burnt[0], epoch.end, self.reach + 1, self.guard_reach + 1), self.ahead
            ends = {known: self.own_moved(own) for known, own in self.since.items()}
            self.since = {
                known: end if end[0] > self.burnt[0] else (end[0], None) for known, end in ends.items()
            }
            self.since.setdefault(member, (epoch.end, self.ahead))
            self.seal(epoch.start, end)
            return StoreUnavailable
        was, self.burnt = self.burnt, self.moved(self.burnt)
        if member not in self.since:
            self.since[member] = epoch.end, self.ahead
            self.seal(epoch.start, end)
            return StoreUnavailable
        own, self.since[member] = self.since[member], self.moved(self.since[member])
        moved = (was, own) != (self.burnt, self.since[member])
        spent = self.spent.setdefault(owner, {})
        newest = max(spent, default=epoch.index)
        first = spent.get(epoch.index, 0)
        refusal: type[Exception] | None = None
        if epoch.start < self.until(member) or epoch.index < newest - 1:
            refusal = StoreUnavailable
        elif first + count > limit:
            refusal = RateLimitReached
        if refusal is not None:
            if moved:
                self.seal(epoch.start, end)
            return refusal
        spent[epoch.index] = first + count
        for old in [index for index in spent if index < max(newest, epoch.index) - 1]:
            del spent[old]
            self.bound = {key: x for key, x in self.bound.items() if key[:3] != (*owner, old)}
            self.kept = {key for key in self.kept if key[:3] != (*owner, old)}
        for number in range(first, first + count):
            self.bound[(*owner, epoch.index, number)] = x
        self.seal(epoch.start, end)
        return list(range(first, first + count))

    def keep(self, member: int, epoch: Epoch, ids: range, x: int) -> bool:
        keys = [(member, epoch.period, epoch.index, number) for number in ids]
        if self.doubt or epoch.start < self.until(member):
            return False
        if any(self.bound.get(key) not in (0, x) for key in keys):
            return False
        self.bound.update(dict.fromkeys(keys, x))
        self.kept.add((member, epoch.period, epoch.index, x))
        self.seal(epoch.start)
        return True


class Machine:
    """One member's computer, from a seed."""

    def __init__(self, seed: int, place: Path, boot: Path) -> None:
        self.chance = random.Random(seed)
        self.place, self.boot = place, boot
        boot.write_text("0\n")
        self.home = place / "home"
        self.home.mkdir()
        self.model = Model()
        self.handles: list[SqliteMessageIds | None] = [None, None]
        self.backups: list[tuple[Path, Model]] = []
        self.pending: list[tuple[int, Epoch, range, int]] = []
        self.given: set[Key] = set()
        self.sent: dict[Key, int] = {}
        self.clock = self.latest = 100_000
        self.x = self.number = 0
        self.epochs: dict[tuple[int, int], Epoch] = {}
        self.done = dict.fromkeys(RULES, 0)
        for member in MEMBERS[:2]:
            self.handle().introduce(member)
            self.model.introduce(member)

    def run(self, steps: int) -> None:
        names = list(RULES)
        weights = [weight for _, weight in RULES.values()]
        for name in self.chance.choices(names, weights, k=steps):
            RULES[name][0](self)
            self.done[name] += 1
        self.close()

    # ---- what the rules use

    def handle(self) -> SqliteMessageIds:
        at = self.chance.randrange(2)
        opened = self.handles[at]
        if opened is None:
            opened = self.handles[at] = SqliteMessageIds(self.home / "ids.db")
        return opened

    def close(self) -> None:
        for handle in self.handles:
            if handle is not None:
                handle.close()
        self.handles = [None, None]

    def epoch(self) -> Epoch:
        period = self.chance.choice(PERIODS)
        index = self.clock // period
        if (period, index) not in self.epochs:
            self.epochs[period, index] = Epoch.of(index, period, rln_identifier("example.com", period))
        return self.epochs[period, index]

    def draw(self) -> tuple[int, Epoch, int, int, int | None]:
        self.x += 1
        x = None if self.chance.random() < 0.4 else self.x
        limit, count = self.chance.choice((2, 4, 40)), self.chance.choice((1, 1, 3))
        return self.chance.choice(MEMBERS), self.epoch(), limit, count, x

    # ---- rules

    def reserve(self) -> None:
        member, epoch, limit, count, x = self.draw()
        expected = self.model.reserve(member, epoch, limit, count, x or 0)
        if not isinstance(expected, list):
            with pytest.raises(expected):
                self.handle().reserve(member, epoch, limit, count, x)
            return
        got = self.handle().reserve(member, epoch, limit, count, x)
        assert list(got) == expected
        self.latest = max(self.latest, self.clock)
        for number in got:
            key = (member, epoch.period, epoch.index, number)
            assert key not in self.given, "an id came twice"
            self.given.add(key)
        self.leaves(member, epoch, got, x)
        self.pending.append((member, epoch, got, x or self.x))
        del self.pending[:-8]

    def leaves(self, member: int, epoch: Epoch, ids: range, x: int | None) -> None:
        for number in ids:
            if x is not None:
                key = (member, epoch.period, epoch.index, number)
                assert self.sent.setdefault(key, x) == x, "an id went with two messages"

    def keep(self) -> None:
        if self.pending:
            member, epoch, ids, x = self.chance.choice(self.pending)
            if self.chance.random() < 0.2:
                x += 10**9
            if self.model.keep(member, epoch, ids, x):
                self.handle().keep(member, epoch, ids, x, b"%d" % x)
                self.leaves(member, epoch, ids, x)
                return
            with pytest.raises(StoreUnavailable):
                self.handle().keep(member, epoch, ids, x, b"%d" % x)

    def recall(self) -> None:
        if self.pending:
            member, epoch, _, x = self.chance.choice(self.pending)
            expected = b"%d" % x if (member, epoch.period, epoch.index, x) in self.model.kept else None
            assert kept_in(self.handle(), member, epoch, x) == expected

    def introduce(self) -> None:
        member = self.chance.choice(MEMBERS[:3])
        # To say this of an identity that was used before does not help, so it is said once.
        if member in self.model.since or not any(key[0] == member for key in self.given):
            self.handle().introduce(member)
            self.model.introduce(member)

    def refuse_until(self) -> None:
        """An identity comes from another program, whose clock may be ahead."""
        member, time = self.chance.choice(MEMBERS), self.clock + self.chance.randrange(200)
        self.handle().refuse_until(member, time)
        self.model.refuse_until(member, time)

    def time_passes(self) -> None:
        self.clock += self.chance.randrange(20)

    def clock_jumps(self) -> None:
        self.set_clock(self.chance.randrange(200))

    def clock_goes_back(self) -> None:
        self.set_clock(-self.chance.randrange(120))

    def set_clock(self, seconds: int) -> None:
        self.clock += seconds
        self.model.ahead += seconds

    def offset(self) -> int:
        return self.model.ahead * 10**9

    def ends(self) -> None:
        """A process ends normally, and another goes on."""
        self.close()
        self.pending.clear()

    def is_killed(self) -> None:
        """Kill a reservation at each of its steps to the disk."""
        member, epoch, limit, count, x = self.draw()
        end = self.chance.choice(("begin", "announced", "touch", "intent", "commit", "done"))
        if end == "announced" and self.model.doubt:
            end = "begin"
        handle = self.handle()
        guard, reached = handle._guard, []
        touch, write = guard.touch, guard._write

        def killed(*_: object) -> None:
            reached.append(end)
            raise Killed

        def written(intent: IntentRecord, *outcome: str) -> None:
            """The last write says that the commit is done."""
            if end == "touch" and not intent.announced:
                killed()
            write(intent, *outcome)
            if intent.announced:
                if end == "announced":
                    killed()
                return
            guard._write = killed if end == "commit" else write  # type: ignore[method-assign]

        def touched(*arguments: object) -> object:
            """Run up to the intent, or through it."""
            made = touch(*arguments)  # type: ignore[arg-type]
            if end == "intent":
                killed()
            return made

        guard.touch = killed if end == "begin" else touched  # type: ignore[assignment,method-assign]
        guard._write = written  # type: ignore[method-assign]
        with contextlib.suppress(Killed, StoreUnavailable, RateLimitReached):
            handle.reserve(member, epoch, limit, count, x)
        model = copy.deepcopy(self.model)
        model.reserve(member, epoch, limit, count, x or 0, end)
        if end in ("commit", "done"):
            self.model = model
        elif reached and end != "begin":
            self.model.seal(epoch.start, end)
        if end in ("announced", "touch", "intent") and reached and not self.is_fit():
            self.model.touch = next(CHANGES)
        self.ends()

    def is_fit(self) -> bool:
        """Whether nothing delayed a step of the change; else the files look like restored ones."""
        guard, written = ((self.home / name).stat().st_ctime_ns for name in FILES[2:])
        intent = IntentRecord.decode((self.home / FILES[3]).read_bytes(), written)
        return max(written, guard) - (intent.announced or guard) <= guard_state.INTENT_DELAY

    def is_cloned(self) -> None:
        self.number += 1
        target = self.place / f"backup {self.number}"
        target.mkdir()
        for name in FILES:
            if (self.home / name).exists():
                shutil.copyfile(self.home / name, target / name)
                (target / name).chmod(0o600)
        self.backups.append((target, copy.deepcopy(self.model)))
        if len(self.backups) > 3:
            shutil.rmtree(self.backups.pop(0)[0])

    def is_rolled_back(self) -> None:
        """Then a message is sent; a clock behind the newest used epoch is set before that or soon after."""
        if not self.backups:
            return
        self.ends()
        backup, model = self.chance.choice(self.backups)
        way = self.chance.choice(list(WAYS))
        unfinished = model.base >= 0 and (model.intent == self.model.touch or model.announced is not None)
        self.until_time_has_passed(unfinished)
        if way in ("replaced", "elsewhere"):
            shutil.rmtree(self.home)
            if way == "elsewhere":
                self.number += 1
                self.home = self.place / f"home {self.number}"
            self.home.mkdir()
        for name in WAYS[way]:
            put_back(backup / name, self.home / name)
        self.remember(model, WAYS[way])
        behind = self.latest - self.clock if {FILES[0], FILES[3]} <= set(WAYS[way]) else 0
        if behind > 0 and self.chance.random() < 0.5:
            self.set_clock(behind)
        self.reserve()
        if self.clock < self.latest and behind > 0:
            self.set_clock(behind + 2)
            self.reserve()

    def remember(self, model: Model, names: tuple[str, ...]) -> None:
        """What the model knows after these files were restored."""
        before, self.model = self.model, copy.deepcopy(model if FILES[0] in names else self.model)
        self.model.booted, self.model.ahead = before.booted, before.ahead
        self.model.touch = next(CHANGES) if FILES[2] in names else before.touch
        intent = model if FILES[3] in names else before
        self.model.intent, self.model.guard_reach = intent.intent, intent.guard_reach
        self.model.announced = intent.announced
        self.model.base = -1 if FILES[3] in names else before.base

    def until_time_has_passed(self, long: bool) -> None:
        """No restore is as fast as a tick of an old kernel's file system, or as an intent after a touch."""
        files = [path for path in self.place.rglob("ids.db-*") if path.name in FILES[2:]]
        newest = max(path.stat().st_ctime_ns for path in files) + long * guard_state.INTENT_DELAY
        probe = self.place / "probe"
        probe.write_bytes(b"")
        while probe.stat().st_ctime_ns <= newest:
            probe.write_bytes(b"x")

    def boots(self) -> None:
        self.ends()
        self.number += 1
        self.boot.write_text(f"{self.number}\n")
        self.model.booted = self.number
        self.model.ahead += self.chance.randrange(-1000, 1000)


def put_back(source: Path, target: Path) -> None:
    """Overwrite a file in place, or remove it if there was none."""
    if not source.exists():
        target.unlink(missing_ok=True)
        return
    with target.open("r+b" if target.exists() else "wb") as file:
        file.write(source.read_bytes())
        file.truncate()
    target.chmod(0o600)


RULES: dict[str, tuple[Callable[[Machine], None], float]] = {
    "reserve": (Machine.reserve, 30),
    "keep": (Machine.keep, 14),
    "recall": (Machine.recall, 14),
    "introduce": (Machine.introduce, 1),
    "refuse until": (Machine.refuse_until, 0.5),
    "time passes": (Machine.time_passes, 26),
    "clock jumps": (Machine.clock_jumps, 8),
    "clock goes back": (Machine.clock_goes_back, 5),
    "ends": (Machine.ends, 0.3),
    "is killed": (Machine.is_killed, 0.6),
    "is cloned": (Machine.is_cloned, 0.6),
    "is rolled back": (Machine.is_rolled_back, 0.4),
    "boots": (Machine.boots, 0.1),
}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory if the system has one, or a plain one."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="rln-ids-", dir=memory) as made:
        yield Path(made)


def test_no_id_is_spent_on_two_messages(
    ground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(machine_time, "_BOOT", str(boot))
    lives = STEPS // LIFE
    done, given = dict.fromkeys(RULES, 0), 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*a restart of the machine deletes it")
        for seed in range(lives):
            place = ground / str(seed)
            place.mkdir()
            machine = Machine(seed, place, boot)
            monkeypatch.setattr(message_ids, "clock_offset", machine.offset)
            machine.run(LIFE)
            shutil.rmtree(place)
            given += len(machine.given)
            done = {name: done[name] + machine.done[name] for name in RULES}
    assert sum(done.values()) == STEPS
    assert min(done.values()) > 0
    assert given > STEPS // 20
