"""GossipJudge: ask a `Judge` from a trio loop, in batches, and park what needs newer roots.

One batch is ruled on at a time, in a thread. What arrives meanwhile is the next one, so batches grow with the
load, and no message waits for others.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, NoReturn

from rln.base.arguments import instance, text
from rln.base.extras import missing
from rln.base.injected import callback
from rln.errors import IntegrityAlarm
from rln.integrations.slasher import described
from rln.protocol.epoch import EpochClock
from rln.verifying.source_limit import SourceLimit
from rln.waku.judge import Judge
from rln.waku.parked import Parked, ParkedMessage
from rln.waku.ruling import Gossip, Ruling, Why

try:
    import trio
except ImportError as error:
    raise missing("trio", "relay", error) from error

LOGGER: Final = logging.getLogger("rln.relay")
"""Gets what the operator must know. No line holds a secret, a nullifier or an address."""

_BATCH: Final = 256
"""Messages of one batch; more would wait for the answer of the first."""
_BETWEEN_REFRESHES: Final = 2.0
"""Seconds between two refreshes, also if they bring nothing. Anybody can prove for a tree of their own, so a
pause that grows while refreshes bring nothing would lose the messages of others: they wait for 3 seconds."""

_WITHOUT_REFRESH: Final = 1.0
"""Seconds after which messages are ruled on again if somebody else refreshes the roots."""

MISCONDUCT_RATE: Final = 1.0
MISCONDUCT_BURST: Final = 100
"""Rejected or counted messages before a peer is disconnected: so many at once, and one each second."""


class _Question:
    """One message that waits for its ruling."""

    def __init__(self, pubsub_topic: str, data: bytes, peer: str) -> None:
        self.message, self.peer = (pubsub_topic, data), peer
        self.done = trio.Event()
        self.ruling: Ruling | None = None


class GossipJudge:
    """Rules on the messages of one node, in batches. It belongs to one trio loop; `run` must run meanwhile.

    Other threads, and a forked child, must not use it. Nothing is closed: cancel `run`.

    Args:
        judge: rules on messages.
        clock: of the network.
        refresh: brings the newest roots, in a thread, when messages wait for them. None: somebody else does,
            and the messages are ruled on again each second.

    Raises:
        ParameterError: an argument has the wrong type.
    """

    def __init__(
        self, judge: Judge, clock: EpochClock, *, refresh: Callable[[], object] | None = None
    ) -> None:
        instance(judge, Judge, "judge")
        instance(clock, EpochClock, "clock")
        if refresh is not None:
            callback(refresh, "refresh")
        self._judge = judge
        self._clock = clock
        self._refresh = refresh
        self._questions: list[_Question] = []
        self._asked = trio.Event()
        self._parked = Parked()
        self._has_parked = trio.Event()
        self._misconduct = SourceLimit(MISCONDUCT_RATE, MISCONDUCT_BURST)

    def __repr__(self) -> str:
        return f"GossipJudge({len(self._questions)} wait, {len(self._parked)} parked)"

    async def rule(self, pubsub_topic: str, data: bytes, peer: str, prefix: str | None = None) -> Ruling:
        """Return the ruling on a message of a peer.

        PARK means that it is parked now, if there is a place: `run` tells its end.

        Args:
            pubsub_topic: that the message was received on.
            data: the bytes.
            peer: its name, at most 256 characters.
            prefix: of the peer's network address. None: do not park.

        Raises:
            InputError: an argument has the wrong type.
        """
        text(pubsub_topic, "pubsub_topic")
        instance(data, bytes, "data")
        text(peer, "peer")
        ruling = await self._ask(pubsub_topic, data, peer)
        if ruling.gossip is Gossip.PARK and prefix is not None:
            message = ParkedMessage(pubsub_topic, data, peer, prefix, self._clock.now())
            if self._parked.park(message):
                self._has_parked.set()
        return ruling

    def is_misconduct(self, ruling: Ruling, peer: str) -> bool:
        """Count a ruling against its peer, and tell whether the peer has sent too many such messages."""
        if ruling.gossip is not Gossip.REJECT and not ruling.counts:
            return False
        return not self._misconduct.take(peer, self._clock.now())

    async def run(self, settled: Callable[[ParkedMessage, Ruling], Awaitable[None]]) -> NoReturn:
        """Rule on messages until cancelled.

        Args:
            settled: gets each parked message that is decided, with its ruling. Of one whose time is over,
                nothing is told: it is ignored.

        Raises:
            IntegrityAlarm: stop the node, and investigate.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._rule_on_parked, settled)
            while True:
                await self._rule_on_batch()

    # ---- batches

    async def _ask(self, pubsub_topic: str, data: bytes, peer: str) -> Ruling:
        question = _Question(pubsub_topic, data, peer)
        self._questions.append(question)
        self._asked.set()
        await question.done.wait()
        assert question.ruling is not None
        return question.ruling

    async def _rule_on_batch(self) -> None:
        await self._asked.wait()
        batch, self._questions = self._questions[:_BATCH], self._questions[_BATCH:]
        if not self._questions:
            self._asked = trio.Event()
        rulings = await trio.to_thread.run_sync(self._rulings, batch)
        for question, ruling in zip(batch, rulings, strict=True):
            question.ruling = ruling
            question.done.set()
        for ruling in rulings:
            if isinstance(ruling.error, IntegrityAlarm):
                raise ruling.error

    def _rulings(self, batch: list[_Question]) -> list[Ruling]:
        try:
            return self._judge.rule_many([one.message for one in batch], [one.peer for one in batch])
        except Exception as error:  # noqa: BLE001 - nothing was accepted; the node goes on
            return [Ruling(Why.UNSURE, detail=str(error), error=error)] * len(batch)

    # ---- parked messages

    async def _rule_on_parked(self, settled: Callable[[ParkedMessage, Ruling], Awaitable[None]]) -> NoReturn:
        last = -inf
        while True:
            await self._has_parked.wait()
            if self._refresh is None:
                await trio.sleep(_WITHOUT_REFRESH)
            else:
                await trio.sleep_until(last + _BETWEEN_REFRESHES)
            last = trio.current_time()
            self._has_parked = trio.Event()
            waiting = self._parked.take(self._clock.now())  # before the refresh, however long it takes
            if self._refresh is not None:
                # A source may be far away: the node ends without it.
                await trio.to_thread.run_sync(  # the stubs are those of an older trio
                    self._refreshed,
                    self._refresh,
                    abandon_on_cancel=True,  # type: ignore[call-arg]
                )
            await self._settle(waiting, settled)

    def _refreshed(self, refresh: Callable[[], object]) -> None:
        """Refresh the roots. While that fails, they stay as they are, and parked messages end in time."""
        try:
            refresh()
        except IntegrityAlarm:
            raise
        except Exception as error:  # noqa: BLE001 - the operator is told
            LOGGER.error("the roots cannot be refreshed: %s", described(error))

    async def _settle(
        self, waiting: list[ParkedMessage], settled: Callable[[ParkedMessage, Ruling], Awaitable[None]]
    ) -> None:
        """Rule on messages again, and park those for which it is still too early."""

        async def again(message: ParkedMessage) -> None:
            assert isinstance(message.peer, str)
            ruling = await self._ask(message.pubsub_topic, message.data, message.peer)
            if ruling.gossip is Gossip.PARK:
                if self._parked.park(message):
                    self._has_parked.set()
                return
            await settled(message, ruling)

        async with trio.open_nursery() as nursery:  # all in one batch
            for message in waiting:
                nursery.start_soon(again, message)
