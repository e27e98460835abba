"""The scenario of a group whose members are in a file. Its steps name members by small secrets:

register S,T      register members in one step
remove S          remove a member
slash S           slash a member; if two are slashed within a second, the second leaf is removed later
reopen            close and open again
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

import rln
from rln.errors import AlreadyAMember, NotAMember, StoreUnavailable
from rln.group.events import Registration
from rln.stores.sqlite.members import SqliteRegistry
from rln.stores.sqlite.slashed_file import SlashedFile
from tests.faults.scenario import Progress, Scenario

DEPTH, LIMIT_BITS, LIMIT = 5, 4, 7
NOW = 1_700_000_000.0
LATER = NOW + 3600


@cache
def commitment(secret: int) -> int:
    return rln.Identity.from_secret(secret).commitment


def secrets(step: str) -> list[int]:
    return [int(text) for text in step.split()[1].split(",")]


@cache
def root(steps: tuple[str, ...]) -> int:
    """Return the root after these steps, computed by a group in memory."""
    group = rln.Group(DEPTH, LIMIT_BITS)
    for step in steps:
        carry_out(group, step)
    return group.root


def carry_out(group: rln.Group, step: str) -> None:
    verb, named = step.split()[0], secrets(step)
    if verb == "register":
        group.register_many([(commitment(secret), LIMIT) for secret in named])
    elif verb == "remove":
        group.remove(group.membership(commitment(named[0])).index)
    else:
        group.slash(named[0])


class MembersScenario(Scenario):
    plan = (
        "register 1", "register 2,3,4,5", "remove 2", "slash 3", "register 6", "slash 4", "reopen", "slash 1",
        "register 7,8", "register 9",
    )  # fmt: skip
    second_plan = ("register 10", "slash 6", "register 11,12", "reopen", "remove 11")

    def open(self, directory: Path) -> None:
        self._directory = directory
        self._registry, self._group = opened(directory, NOW)

    def do(self, step: str) -> None:
        if step == "reopen":
            self.close()
            self.open(self._directory)
            return
        try:
            carry_out(self._group, step)
        except NotAMember as error:
            raise StoreUnavailable("the registration was refused before") from error

    def close(self) -> None:
        self._registry.close()

    def accept_copy(self, directory: Path) -> None:
        """Say that nobody was slashed meanwhile, after a look whether the list is complete."""
        path = directory / "members.db"
        try:
            SqliteRegistry.existing(path).close()
        except StoreUnavailable as error:
            if "restored or copied" not in str(error):
                return  # there is no registry yet
        else:
            return
        with closing(sqlite3.connect(path)) as connection:
            slashed = {bytes(row[0]) for row in connection.execute("SELECT commitment FROM rln_slashing")}
        listed = SlashedFile(path, "members").read(len(slashed))[1]
        assert slashed <= {known.to_bytes(32, "little") for known, _, _ in listed}, "not in the list"
        SqliteRegistry.accept_restored(path, (), int(NOW * 1000))

    def check(self, directory: Path, progress: Progress) -> None:
        registry, group = opened(directory, LATER)
        try:
            group.follow()
            steps = tuple(step for step in self.plan + self.second_plan if self._happened(registry, step))
            assert {*steps} >= {step for step in progress.done if step not in ("open", "reopen")}, "lost"
            assert {*steps} <= {*progress.done, *progress.unsure}, "never tried, but found"
            assert group.root == root(steps), f"another root than after {steps}"
            for secret in range(1, 13):
                if group.is_member(commitment(secret)) or registry.is_slashed(commitment(secret)):
                    with pytest.raises(AlreadyAMember):
                        group.register(commitment(secret), LIMIT)
            carry_out(group, "register 99")
            assert group.root == root((*steps, "register 99"))
        finally:
            registry.close()
        registry, group = opened(directory, LATER)
        try:
            assert group.root == root((*steps, "register 99")), (
                "the registry gives another root after it is opened again"
            )
        finally:
            registry.close()

    def _happened(self, registry: SqliteRegistry, step: str) -> bool:
        if step == "reopen":
            return False
        verb, named = step.split()[0], secrets(step)
        found = [happened(registry, verb, commitment(secret)) for secret in named]
        assert found in ([True] * len(found), [False] * len(found)), f"{step}: only a part of it happened"
        return found[0]


def happened(registry: SqliteRegistry, verb: str, member: int) -> bool:
    if verb == "register":
        return registry.was_member(member)
    if verb == "slash":
        return registry.is_slashed(member)
    registrations: Sequence[Registration] = registry.registrations(member)
    return bool(registrations) and registrations[0].removed_in is not None and not registry.is_slashed(member)


def opened(directory: Path, now: float) -> tuple[SqliteRegistry, rln.Group]:
    registry = SqliteRegistry(directory / "members.db", DEPTH, LIMIT_BITS)
    try:
        return registry, rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: now)
    except BaseException:
        registry.close()
        raise
