"""SafeObserver: the observer is called for every event, and its errors change no verdict."""

import logging

import pytest

import rln
from rln.errors import ParameterError, StoreUnavailable
from rln.lowlevel import entropy
from rln.ports import Observer
from rln.verifying.safe_observer import SafeObserver
from tests.support.small_world import World


class Listener(Observer):
    """Writes down what it is told, on a clock that ticks at every look."""

    def __init__(self) -> None:
        self.time = 0.0
        self.heard: list[tuple[object, ...]] = []

    def moment(self) -> float:
        self.time += 1
        return self.time

    def judged(self, outcome, since):
        self.heard.append(("judged", outcome, since))

    def stored(self, failed, since):
        self.heard.append(("stored", failed, since))

    def damaged(self, error):
        self.heard.append(("damaged", error))

    def waiting(self, messages):
        self.heard.append(("waiting", messages))


class Sick(Listener):
    """Fails whatever it is asked."""

    def moment(self):
        raise KeyError("moment")

    def judged(self, outcome, since):
        super().judged(outcome, since)
        raise ValueError("judged")

    def stored(self, failed, since):
        raise StoreUnavailable("stored")

    def damaged(self, error):
        raise TypeError("damaged")

    def waiting(self, messages):
        raise StopIteration


@pytest.fixture
def world() -> World:
    return World()


def test_it_hears_of_every_message_and_of_the_log(world):
    listener = Listener()
    verifier = world.verifier(observer=listener)
    proof = world.prover(world.join()).prove(b"x")
    messages = [(proof, b"x"), (proof, b"x"), (proof, b"y")]
    outcomes = verifier.outcomes(messages)
    assert listener.heard == [
        ("stored", False, 2.0), ("stored", False, 3.0), *(("judged", outcome, 1.0) for outcome in outcomes)
    ]  # fmt: skip


def test_it_hears_of_errors(world, monkeypatch):
    def gone(*_: object) -> None:
        raise StoreUnavailable("gone")

    listener = Listener()
    proof = world.prover(world.join()).prove(b"x")
    monkeypatch.setattr(world.log, "insert_or_get_many", gone)
    with pytest.raises(StoreUnavailable) as caught:
        world.verifier(observer=listener).submit(proof, b"x")
    assert listener.heard == [("stored", False, 2.0), ("stored", True, 3.0), ("judged", caught.value, 1.0)]


def test_it_hears_of_what_ends_a_whole_batch(world, monkeypatch):
    listener = Listener()
    prover = world.prover(world.join(2))
    messages = [(prover.prove(signal), signal) for signal in (b"a", b"b")]
    monkeypatch.setattr(entropy, "draw", bytes)
    with pytest.raises(rln.EntropyError) as caught:
        world.verifier(observer=listener).submit_many(messages)
    assert listener.heard[1:] == [("judged", caught.value, 1.0)] * 2


def test_one_that_fails_changes_no_verdict_and_is_reported_once(world, caplog):
    sick = Sick()
    verifier = world.verifier(observer=sick)
    proof = world.prover(world.join()).prove(b"x")
    assert verifier.submit_many([(proof, b"x"), (proof, b"x")]) == [rln.Valid(), rln.Duplicate()]
    assert verifier.submit(proof, b"x") == rln.Duplicate()
    assert len(sick.heard) == 3, "it is told what happens as before"
    (line,) = caplog.records
    assert (line.name, line.levelno) == ("rln", logging.ERROR)
    assert line.exc_info is not None and line.exc_info[0] is KeyError


def test_damage_of_the_audit_trail_is_never_lost(caplog):
    listener, damage = Listener(), StoreUnavailable("audit: gone")
    SafeObserver(listener).damaged(damage)
    assert listener.heard == [("damaged", damage)]
    assert caplog.records == []

    class Inherits(Observer):
        def moment(self) -> float:
            return 0.0

    for observer in (None, Sick(), Inherits()):
        caplog.clear()
        SafeObserver(observer).damaged(damage)
        line = caplog.records[-1]
        assert (line.name, line.levelno) == ("rln", logging.CRITICAL)
        assert line.getMessage() == "audit trail damaged: audit: gone"


def test_one_that_ends_the_process_is_not_held_back():
    class Ends(Listener):
        def waiting(self, messages):
            raise SystemExit

    with pytest.raises(SystemExit):
        SafeObserver(Ends()).waiting(1)


def test_what_is_no_observer_is_refused(world):
    with pytest.raises(ParameterError, match="observer: expected Observer"):
        world.verifier(observer=print)
    assert SafeObserver(None).moment() == 0.0
