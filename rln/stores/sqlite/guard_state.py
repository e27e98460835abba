"""GuardState: what a database and the files of its rollback guard show; is the database the newest?

A change writes the intent file (announced), touches the guard file, writes the intent file again (with the
guard file's new time), commits, and writes the intent file a third time (done). The system alone sets the
time of a file's last change (ctime): any write, and any restore of a file, sets it to the time of the clock.

A process may be killed anywhere in between. Then the database holds the previous record, and may go on, since
nobody got the result of the change. Two states allow this, and no restored state looks like them:

    the touch is recorded    The intent names the guard file's exact time. So the guard file is not restored.
                             The intent file was written at most a moment after the touch; a restored one is
                             later. So no later intent, and no "done", was overwritten.
    a touch was announced    The intent file's own time is at most a moment after the time that it contains,
                             so it is not restored, and nothing was written over it. A commit follows only
                             after the second intent; so there was none. The guard file either has the exact
                             time from before, or a time that is not before the intent file's and at most a
                             moment after the announcement: it was touched and not restored.

In both, the intent names the time and the generation in the record that the change replaces, so an older
database does not fit. A moment is a tenth of a second. So a restore is not detected if it puts back files
that were copied in the midst of a change, and is made within a tenth of a second of that change, or by a
clock that was set back to just that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INTENT_DELAY: Final = 100_000_000
"""Nanoseconds between two steps of a change, at most; if more have passed, a file was restored."""

_CLOCK_TICK: Final = 20_000_000
"""Nanoseconds by which the times of files may be behind the clock, at most."""

_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a database and its guard file look like from outside, after one change.

    Attributes:
        boot: id of the machine's boot; empty if the system has none.
        database: device and inode.
        guard: device and inode.
        changed: when the guard file's inode changed last, nanoseconds by the file system.
        generation: number of changes of the database.
        newest_start: start of the newest epoch that was used, unix time.
    """

    boot: str
    database: str
    guard: str
    changed: int
    generation: int
    newest_start: int

    def encode(self) -> str:
        """Encode the fingerprint as one line of text."""
        numbers = (self.changed, self.generation, self.newest_start)
        return " ".join((self.boot or "-", self.database, self.guard, *map(str, numbers)))

    @classmethod
    def decode(cls, line: str) -> Fingerprint:
        """Decode a line that `encode` wrote.

        Raises:
            ValueError: any other line.
        """
        boot, database, guard, *numbers = line.split(" ")
        changed, generation, newest_start = map(int, numbers)
        return cls("" if boot == "-" else boot, database, guard, changed, generation, newest_start)


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """The content of the intent file.

    Attributes:
        previous_change: the guard file's change time that the database recorded before, 0 for none.
        changed: the guard file's change time after the touch, or before it if the touch is only announced.
        generation, newest_start: of the change.
        is_done: the commit has returned.
        written: when the intent file's inode changed last; not part of the content.
        announced: unix time in nanoseconds at which the touch was announced; 0 if `changed` is after it.
    """

    previous_change: int = 0
    changed: int = 0
    generation: int = 0
    newest_start: int = 0
    is_done: bool = False
    written: int = 0
    announced: int = 0

    def encode(self) -> bytes:
        """Encode the content of the file, always of the same length."""
        done = int(self.is_done)
        numbers = (
            self.previous_change,
            self.changed,
            self.generation,
            self.newest_start,
            done,
            self.announced,
        )
        return b" ".join(b"%0*d" % (_DIGITS, number) for number in numbers) + b"\n"

    @classmethod
    def decode(cls, content: bytes, written: int) -> IntentRecord:
        """Decode the file. A damaged file fits no database; an empty one is from before the first change."""
        parts = content.split()
        if not content:
            return cls(written=written)
        if len(content) != INTENT_LENGTH or len(parts) != 6 or not all(part.isdigit() for part in parts):
            return cls(generation=-1, is_done=True, written=written)
        previous_change, changed, generation, newest_start, done, announced = map(int, parts)
        return cls(previous_change, changed, generation, newest_start, bool(done), written, announced)

    def replaces(self, recorded: Fingerprint | None) -> bool:
        """Tell whether this is an unfinished change of a database with this record."""
        previous = (0, 0) if recorded is None else (recorded.changed, recorded.generation)
        return not self.is_done and self.previous_change == previous[0] and self.generation > previous[1]

    def fits(self, guard_changed: int) -> bool:
        """Tell whether the files look as this unfinished change left them, and none was restored.

        Args:
            guard_changed: when the guard file's inode changed last.
        """
        if not self.announced:
            return self.changed == guard_changed and 0 <= self.written - self.changed <= INTENT_DELAY
        if not -_CLOCK_TICK <= self.written - self.announced <= INTENT_DELAY:
            return False
        return self.changed == guard_changed or self.written <= guard_changed <= self.announced + INTENT_DELAY


INTENT_LENGTH: Final = len(IntentRecord().encode())


@dataclass(frozen=True, slots=True)
class GuardState:
    """What the database, the guard file and the intent file show now.

    Attributes:
        fingerprint: fingerprint of the database and the guard file, with the numbers of the intent file.
        intent: the intent file.
        has_committed: whether a change through this guard was completed since the database was opened.
    """

    fingerprint: Fingerprint
    intent: IntentRecord
    has_committed: bool = True

    def reason_for_doubt(self, recorded: Fingerprint | None) -> str | None:
        """Return why a database with this record may be an old copy; None: it is the newest."""
        fingerprint, intent = self.fingerprint, self.intent
        interrupted = intent.replaces(recorded) and intent.fits(fingerprint.changed)
        if recorded is None:
            new = interrupted or intent.generation == 0
            return None if new else "the database was deleted, and a new one is in its place"
        if fingerprint.boot != recorded.boot:
            return "the machine was restarted"
        if not fingerprint.boot and not self.has_committed:
            return "the system has no boot id, so the machine may have been restarted"
        if (fingerprint.database, fingerprint.guard) != (recorded.database, recorded.guard):
            return "the database or its guard file was copied"
        if interrupted or (fingerprint == recorded and intent.changed == fingerprint.changed):
            return None
        if fingerprint.generation > recorded.generation:
            return "the database is older than its guard file, so it was restored"
        return "the guard file was restored, or changed by another program"
