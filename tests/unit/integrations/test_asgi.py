"""RlnMiddleware: each outcome, with an ASGI server in the same process."""

import asyncio
from collections.abc import Iterator

import pytest

from rln.integrations.asgi import RlnMiddleware
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_world import HttpWorld

BODY = b'{"prompt":"hello"}'


class Echo:
    """An application that counts its calls, and answers with the body that it got."""

    def __init__(self):
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": message["body"]})


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("http"))
    yield made
    made.close()


def exchange(world: HttpWorld, scope, chunks=(BODY,), app=None, **options):
    """Send one request through a middleware of its own."""

    async def run():
        echo = Echo() if app is None else app
        middleware = RlnMiddleware(echo, world.directory / "rln.toml")
        made = Exchange(scope, chunks, **options)
        await middleware(scope, made.receive, made.send)
        await middleware.close()
        return made, echo

    return asyncio.run(run())


def test_a_valid_request_reaches_the_application_once(world):
    credential = world.credential(world.parts(body=BODY))
    made, echo = exchange(world, http_scope(credential))
    assert (made.status, made.body) == (200, BODY)
    assert made.values(b"rln-spent") == [b"?1"] and made.values(b"x-app") == [b"1"]
    (scope,) = echo.scopes
    assert b"authorization" not in dict(scope["headers"]) and scope["rln"].units == 1
