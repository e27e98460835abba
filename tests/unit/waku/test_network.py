"""WakuNetwork: its values; `test_judge` has the rulings on messages that break its rules."""

from __future__ import annotations

import hashlib

import pytest

from rln.errors import ParameterError
from rln.waku.network import OpenedMessage, WakuNetwork
from rln.waku.signals import waku_signal
from tests.support.waku_world import PUBSUB, WakuWorld


@pytest.mark.parametrize(
    "arguments", [(65536, 8, "waku-2025"), (1, 0, "waku-2025"), (1, 1025, "waku-2025"), (1, 8, "waku")]
)
def test_a_number_or_name_outside_its_range_is_refused(arguments: tuple[int, int, str]) -> None:
    with pytest.raises(ParameterError):
        WakuNetwork(*arguments)


def test_an_opened_message_has_what_a_verifier_needs() -> None:
    world = WakuWorld()
    message = world.message()
    opened = world.network.read(PUBSUB, message.encode(), world.clock)
    assert isinstance(opened, OpenedMessage)
    assert opened.message == message
    assert opened.epoch == world.clock.current()
    assert opened.signal == waku_signal(message, "waku-2025")
    assert opened.digest == hashlib.sha256(message.encode()).digest()
    world.verifier().check(opened.proof, opened.signal)
