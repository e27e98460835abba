"""The dependency of FastAPI."""

from typing import Annotated

import fastapi
import pytest
from fastapi.testclient import TestClient

import rln
from rln.integrations.admission import Admitted
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.fastapi import admitted
from tests.support.http_world import HttpWorld
from tests.support.provider_objects import provider_of


def test_a_route_gets_what_was_admitted_and_fails_without_the_middleware(tmp_path):
    world = HttpWorld(tmp_path, members=1)
    app = fastapi.FastAPI()

    @app.post("/v1/x")
    async def route(ticket: Annotated[Admitted, fastapi.Depends(admitted)]) -> int:
        return ticket.epoch.index

    headers = {
        "authorization": world.credential(world.parts(target="/v1/x", body=b"{}")),
        "content-type": "application/json",
    }
    with TestClient(app, base_url="http://127.0.0.1") as client:
        with pytest.raises(rln.ParameterError, match="RlnMiddleware"):
            client.post("/v1/x", content=b"{}", headers=headers)
    app = fastapi.FastAPI(routes=app.routes)
    app.add_middleware(RlnMiddleware, provider=provider_of(world, exempt=("/v1/free",)))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/x", content=b"{}", headers=headers)
        assert answer.status_code == 200 and answer.json() == world.clock.current().index
        assert client.get("/v1/free").status_code == 404
        assert client.post("/v1/x", content=b"{}", headers=headers).status_code == 409
    world.close()
