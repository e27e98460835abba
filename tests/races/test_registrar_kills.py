"""A registrar that is killed between any two durable steps: no second leaf, and no account is lost.

`Killed` is raised just before or just after the n-th durable step: a commit of the accounts or the registry,
or a file of the bulletins. Then everything in memory is dropped, and a new registrar goes on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.services import bulletin_site
from rln.stores.sqlite import database
from rln.sync.bulletin_folder import BulletinFolder
from tests.support.effort import effort
from tests.support.http_world import DEPTH, LIMIT_BITS
from tests.support.registrar_office import BASIC, PERIOD, PRO, Office
from tests.support.registrar_server import RegistrarServer, RegistrarWorld


class Killed(BaseException):
    """The end of a process."""


class Steps:
    """Counts durable steps, and kills at one of them.

    Args:
        monkeypatch: puts the counting in place.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.kill_at: int | None = None
        self.after = False
        for module, name in ((database, "commit"), (bulletin_site, "write_file")):
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> None:
            self.count += 1
            hit = self.count == self.kill_at
            if hit and not self.after:
                raise Killed
            step(*arguments, **more)
            if hit:
                raise Killed

        return counted


class Story:
    """Joins, a lost device, a change of tier, an end and a slashing, as something that can be repeated.

    Each part looks at what is there, as a customer or an operator does, and does what is missing.

    Args:
        office: the registrar.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        draw = random.Random(7)
        self.ids = [rln.Identity.from_secret(draw.randrange(1, 1 << 200)) for _ in range(8)]
        self.lost, self.change, self.leave, self.cheat = map(
            office.account, ("lost", "change", "leave", "cheat")
        )

    def parts(self) -> list[Callable[[], object]]:
        """Return the parts of the story, in order."""
        office, ids, go = self.office, self.ids, self.office.round
        return [
            lambda: office.register(self.lost, ids[0]),
            lambda: office.register(self.change, ids[1]),
            lambda: office.register(self.leave, ids[2]),
            lambda: office.register(self.cheat, ids[3]),
            lambda: go(11),
            lambda: office.register(self.lost, ids[4]),
            lambda: office.register(self.change, ids[1], PRO),
            lambda: office.registrar.end(self.leave, "basic"),
            lambda: office.group.slash(ids[3]),
            lambda: go(1),
            lambda: go(2 * PERIOD),
            lambda: go(11),
        ]

    def check_leaves(self) -> None:
        """Check that no account has two leaves."""
        for account in (self.lost, self.change, self.leave, self.cheat):
            assert self.office.leaves(account) <= 1

    def check_end(self) -> None:
        """Check that everybody has what they asked for, and that the bulletins lead there."""
        office = self.office
        assert office.states(self.lost) == [("basic", "member"), ("basic", "ended")]
        assert office.states(self.change) == [("pro", "member"), ("basic", "ended")]
        assert office.states(self.leave) == [("basic", "ended")]
        assert office.states(self.cheat) == [("basic", "slashed")]
        assert office.group.membership(self.ids[4].commitment).limit == BASIC.limit
        assert office.group.membership(self.ids[1].commitment).limit == PRO.limit
        assert len(office.group) == 2
        mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
        folder = BulletinFolder(office.directory / "bulletins", mirror, office.signing_key.public_key)
        folder.apply_new()
        assert folder.refused == {} and mirror.root == office.group.root


def told(story: Story, steps: Steps) -> int:
    """Tell the story; repeat a part that was killed, after a start. Return how many steps there were."""
    for part in story.parts():
        while True:
            try:
                part()
                break
            except Killed:
                story.office.close()
                story.office.open()
        story.check_leaves()
    story.check_end()
    return steps.count


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


def run(directory: Path, steps: Steps, kill_at: int | None, after: bool = False) -> int:
    """Tell the story in a new directory, and kill once."""
    directory.mkdir()
    office = Office(directory)
    steps.count, steps.kill_at, steps.after = 0, kill_at, after
    try:
        return told(Story(office), steps)
    finally:
        steps.kill_at = None
        office.close()


def test_killed_before_or_after_any_durable_step(tmp_path: Path, steps: Steps) -> None:
    total = run(tmp_path / "whole", steps, None)
    assert total > 30
    stride = effort(6, 1)
    for kill_at in range(random.randrange(1, stride + 1), total + 1, stride):
        for after in (False, True):
            run(tmp_path / f"{kill_at}-{after}", steps, kill_at, after)


def test_a_forgotten_settling_is_found_by_this_test(
    tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `settle`, a registrar that was killed before the step would leave its accounts for ever."""
    from rln.services.admission import Admission

    monkeypatch.setattr(Admission, "settle", lambda _: None)
    failures = 0
    for kill_at in range(8, 16):  # among them is the commit of the first step
        try:
            run(tmp_path / str(kill_at), steps, kill_at)
        except (AssertionError, rln.NotAMember):
            failures += 1
    assert failures


def test_kill_9_while_accounts_join(tmp_path: Path) -> None:
    world = RegistrarWorld(tmp_path, accounts=12, table="interval = 1\nbatch = 3\n")
    server = RegistrarServer(world)
    draw = random.Random(1)
    try:
        identities = {}
        for number, name in enumerate(world.accounts):
            identities[name] = rln.Identity.generate()
            assert server.register(name, "pro", identities[name]).status_code == 202
            if number % effort(4, 1) == 2 % effort(4, 1):
                server.client.get("/.well-known/rln")
                if draw.random() < 0.5:
                    server.states(name)
                server.kill()
                server.restart()
        for name in world.accounts:
            server.wait_for(name, [("pro", "member")])
        assert len(world.world.group) == len(world.accounts)
        for identity in identities.values():
            assert world.world.group.is_member(identity.commitment)
    finally:
        server.close()
        world.close()
