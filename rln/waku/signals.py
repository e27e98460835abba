"""Signals of Waku messages: the bytes that a proof is about.

    waku-2025   payload ‖ content topic ‖ timestamp as int64 little-endian     nwaku
    waku-2023   payload ‖ content topic                                        go-waku, @waku/rln

A network uses one of them. Bytes do not tell which, so it is configured and never tried in turn. The parts
have no lengths: `rln.waku.topics` says which topics keep them apart.
"""

from __future__ import annotations

from typing import Final

from rln.base.arguments import instance
from rln.errors import ParameterError
from rln.waku.message import WakuMessage
from rln.waku.wire import LaxEncoding

SIGNAL_FORMATS: Final = ("waku-2023", "waku-2025")
"""The names of the signals."""


def check_signal_format(signal_format: str) -> str:
    """Return the name of a signal if there is such a signal.

    Raises:
        ParameterError: any other value.
    """
    if type(signal_format) is not str or signal_format not in SIGNAL_FORMATS:
        names = ", ".join(SIGNAL_FORMATS)
        raise ParameterError(f"signal_format: expected one of {names}, got {str(signal_format)[:40]!r}")
    return signal_format


def waku_signal(message: WakuMessage, signal_format: str) -> bytes:
    """Return the signal of a message.

    Args:
        message: the message; `proof` and what the signal does not cover are not looked at.
        signal_format: "waku-2025" or "waku-2023".

    Raises:
        ParameterError: there is no such signal, or `message` is not a message.
        LaxEncoding: the message has no timestamp, and the signal needs one; nwaku takes 0 for it.
    """
    instance(message, WakuMessage, "message")
    check_signal_format(signal_format)
    joined = message.payload + message.content_topic.encode()
    if signal_format == "waku-2023":
        return joined
    if message.timestamp is None:
        raise LaxEncoding("timestamp: expected one, because it is part of the signal, got none")
    return joined + message.timestamp.to_bytes(8, "little")
