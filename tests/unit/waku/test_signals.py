"""Signals: which there are; the vectors `waku-signals.json` have their bytes."""

from __future__ import annotations

import pytest

from rln.errors import ParameterError
from rln.waku.message import WakuMessage
from rln.waku.signals import SIGNAL_FORMATS, check_signal_format, waku_signal
from rln.waku.wire import LaxEncoding

MESSAGE = WakuMessage(b"a", "/app/1/chat/proto", timestamp=258)


def test_the_timestamp_is_behind_the_topic_or_nowhere() -> None:
    assert waku_signal(MESSAGE, "waku-2023") == b"a/app/1/chat/proto"
    assert waku_signal(MESSAGE, "waku-2025") == b"a/app/1/chat/proto\2\1\0\0\0\0\0\0"
    assert [check_signal_format(name) for name in SIGNAL_FORMATS] == list(SIGNAL_FORMATS)


def test_a_signal_without_the_timestamp_that_it_needs_is_refused() -> None:
    bare = WakuMessage(b"a", "/app/1/chat/proto")
    assert waku_signal(bare, "waku-2023") == b"a/app/1/chat/proto"
    with pytest.raises(LaxEncoding, match="timestamp: expected one"):
        waku_signal(bare, "waku-2025")


@pytest.mark.parametrize("name", ["", "waku", "waku-2024", None, 2025])
def test_no_other_signal_is_known(name: object) -> None:
    with pytest.raises(ParameterError, match="signal_format: expected one of waku-2023, waku-2025"):
        waku_signal(MESSAGE, name)  # type: ignore[arg-type]
