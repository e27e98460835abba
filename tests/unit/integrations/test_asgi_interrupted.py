"""RlnMiddleware, interrupted at each of its suspensions: by an exception, and by a cancellation."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from rln.integrations.asgi import RlnMiddleware
from rln.integrations.provider_settings import HttpLimits
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_world import HttpWorld
from tests.support.interrupted import Interrupted
from tests.support.provider_objects import Verdicts, provider_of

BODY = b'{"prompt":"hello"}'
MOST = 60
"""Suspensions of a request, at most."""


class Slow(Exchange):
    """A server whose `receive` and `send` suspend each time."""

    async def receive(self):
        await asyncio.sleep(0)
        return await super().receive()

    async def send(self, message):
        await asyncio.sleep(0)
        await super().send(message)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("http"))
    yield made
    made.close()


class Interruptions:
    """Runs one request again and again, each time interrupted one suspension later.

    Args:
        limits: of the provider.
        short: bytes that other requests hold meanwhile.
    """

    def __init__(self, world, limits=None, short=0):
        self.world, self.limits, self.short = world, limits, short
        self.places = 0

    async def once(self, place, error):
        """Interrupt at one place, send the same request again, and check what must hold."""
        verdicts, calls = Verdicts(), []

        async def app(scope, receive, send):
            calls.append(verdicts.valid)  # how many verdicts were VALID when it was called
            message = await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": message["body"]})

        provider = provider_of(self.world, observer=verdicts, limits=self.limits)
        middleware = RlnMiddleware(app, provider=provider)
        await middleware._judge()
        judge = middleware._newest
        judge.budget.take("other", self.short)
        value = self.world.credential(self.world.parts(body=BODY))
        made = Slow(http_scope(value), (BODY[:3], BODY[3:]))
        interrupted = Interrupted(middleware(made.scope, made.receive, made.send), place, error)
        task = asyncio.create_task(interrupted.run())
        (result,) = await asyncio.gather(task, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0.01)  # a batch that has begun goes on
        assert len(calls) <= verdicts.valid <= 1 and all(calls)
        assert judge.budget.used == self.short
        answered = [message["type"] for message in made.sent].count("http.response.start")
        assert answered <= 1 and (not made.sent or made.status in (200, 408, 500))
        spent = verdicts.valid
        assert bool(made.sent and made.values(b"rln-spent")) <= bool(spent)
        again = Slow(http_scope(value), (BODY,))
        await middleware(again.scope, again.receive, again.send)
        assert again.status == (409 if spent else 200)
        assert verdicts.valid == 1 and len(calls) <= 1
        await middleware.close()
        provider.close()
        return interrupted.reached, result, calls

    def all_places(self, make_error):
        """Interrupt at each place until the request ends before it."""
        for place in range(MOST):
            reached, result, calls = asyncio.run(self.once(place, make_error()))
            if not reached:
                assert result is None and len(calls) == 1
                self.places = place
                return
        raise AssertionError(f"more than {MOST} suspensions")


@pytest.mark.parametrize("short", [0, 600])
@pytest.mark.parametrize("error", [None, RuntimeError, OSError, TimeoutError, asyncio.CancelledError])
def test_the_application_is_called_at_most_once_and_only_after_valid(world, error, short, caplog):
    caplog.set_level(logging.CRITICAL + 1)
    limits = HttpLimits(body=500, source_buffers=700, buffers=1000)
    runs = Interruptions(world, limits, short)
    runs.all_places(lambda: None if error is None else error("interrupted"))
    assert runs.places >= 6  # roots, two pieces of the body, the verdict, two messages of the answer


def test_the_driver_finds_an_await_that_leaks():
    held = []

    async def leaking():
        held.append(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.pop()

    async def left(place):
        held.clear()
        interrupted = Interrupted(leaking(), place, RuntimeError())
        await asyncio.gather(interrupted.run(), return_exceptions=True)
        return interrupted.reached, len(held)

    assert [asyncio.run(left(place)) for place in range(3)] == [(True, 1), (True, 1), (False, 0)]
