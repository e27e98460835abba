"""The story of a group whose members are in a file. Members are called by their secrets, small numbers.

register S,T      members join, in one step
remove S          a member leaves
slash S           a member is slashed; of two within a second the second leaf goes later
reopen            close and open again
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import rln
from rln.errors import AlreadyAMember, NotAMember, StoreUnavailable
from rln.stores.sqlite.members import SqliteRegistry
from tests.faults.scenario import Story, Told

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
    """The root after these steps, by a group in memory."""
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


class MembersStory(Story):
    plan = (
        "register 1", "register 2,3,4,5", "remove 2", "slash 3", "register 6", "slash 4", "reopen", "slash 1",
        "register 7,8", "register 9",
    )  # fmt: skip
    later = ("register 10", "slash 6", "register 11,12", "reopen", "remove 11")

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
            raise StoreUnavailable("he was refused before") from error

    def close(self) -> None:
        self._registry.close()

    def check(self, directory: Path, told: Told) -> None:
        registry, group = opened(directory, LATER)
        try:
            group.follow()
            steps = tuple(step for step in self.plan + self.later if self._happened(registry, step))
            assert {*steps} >= {step for step in told.done if step not in ("open", "reopen")}, "lost"
            assert {*steps} <= {*told.done, *told.unsure}, "nobody asked for it"
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
            assert group.root == root((*steps, "register 99")), "the registry was built again to another root"
        finally:
            registry.close()

    def _happened(self, registry: SqliteRegistry, step: str) -> bool:
        if step == "reopen":
            return False
        verb, named = step.split()[0], secrets(step)
        there = [happened(registry, verb, commitment(secret)) for secret in named]
        assert there in ([True] * len(there), [False] * len(there)), f"{step}: happened in parts"
        return there[0]


def happened(registry: SqliteRegistry, verb: str, who: int) -> bool:
    if verb == "register":
        return registry.was_member(who)
    if verb == "slash":
        return registry.is_slashed(who)
    registrations: Sequence[rln.ports.Registration] = registry.registrations(who)
    return bool(registrations) and registrations[0].removed_in is not None and not registry.is_slashed(who)


def opened(directory: Path, now: float) -> tuple[SqliteRegistry, rln.Group]:
    registry = SqliteRegistry(directory / "members.db", DEPTH, LIMIT_BITS)
    try:
        return registry, rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: now)
    except BaseException:
        registry.close()
        raise
