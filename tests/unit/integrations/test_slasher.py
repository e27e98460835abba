"""Slasher: every secret leads to one slashing, whatever happens."""

import logging
import threading

import pytest

import rln
from rln.integrations.slasher import Slasher


def secret() -> rln.IdentitySecret:
    return rln.Identity.generate().secret()


def test_a_member_is_slashed_once_however_often_they_exceed_the_limit():
    slashed, one, other = [], secret(), secret()
    slasher = Slasher(lambda found: slashed.append(found.commitment))
    for found in (one, other, one, one):
        slasher.add(found)
    slasher.close()
    assert slashed == [one.commitment, other.commitment]
    slasher.add(secret())
    assert len(slashed) == 2


def test_adding_waits_for_no_slashing():
    began, may_end = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        began.set()
        assert may_end.wait(30)

    slasher = Slasher(slow)
    slasher.add(secret())
    assert began.wait(30)
    slasher.add(secret())  # returns, although the first one is not slashed yet
    may_end.set()
    slasher.close()


def test_a_store_that_is_down_is_tried_again_and_others_go_first(caplog):
    slashed, first, second = [], secret(), secret()

    def slash(found: rln.IdentitySecret) -> None:
        slashed.append(found.commitment)
        if len(slashed) == 1:
            raise rln.StoreUnavailable("down")

    slasher = Slasher(slash)
    slasher.add(first)
    slasher.add(second)
    while len(slashed) < 3:
        pass
    slasher.close()
    assert slashed == [first.commitment, second.commitment, first.commitment]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("error", [rln.NotAMember("never"), rln.IntegrityAlarm("lost"), OSError("path")])
def test_what_cannot_be_slashed_is_told_and_the_next_one_is_slashed(caplog, error):
    slashed, bad, good = [], secret(), secret()

    def slash(found: rln.IdentitySecret) -> None:
        if found.commitment == bad.commitment:
            raise error
        slashed.append(found.commitment)

    slasher = Slasher(slash)
    slasher.add(bad)
    slasher.add(good)
    slasher.close()
    assert slashed == [good.commitment]
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL and "path" not in record.getMessage()


def test_a_slashing_that_failed_is_not_taken_for_done():
    tried, bad = [], secret()

    def slash(found: rln.IdentitySecret) -> None:
        tried.append(found.commitment)
        if len(tried) == 1:
            raise OSError("no file descriptors are left")

    slasher = Slasher(slash)
    while len(tried) < 2:
        slasher.add(bad)  # with each message of the member
    slasher.close()
    assert tried == [bad.commitment] * 2


def test_who_is_not_slashed_when_it_closes_is_named_without_the_secret(caplog):
    def down(_: object) -> None:
        raise rln.StoreUnavailable("down")

    found = secret()
    slasher = Slasher(down)
    slasher.add(found)
    slasher.close()
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert str(found.commitment) in text and str(found.reveal()) not in text
