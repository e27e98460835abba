"""RequestJudge: roots and epochs are read in a thread, once for all requests that wait for them."""

import asyncio
from collections.abc import Iterator

import pytest

from rln.http.credential import Credential
from rln.integrations.request_judge import RequestJudge
from rln.protocol.epoch import Epoch
from tests.support.http_world import HttpWorld
from tests.support.provider_objects import provider_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("http"))
    yield made
    made.close()


def test_a_reading_that_is_done_and_not_noted_yet_counts(world: HttpWorld) -> None:
    """One of 640 good requests was refused with wrong-epoch: it came between the end of the first reading and
    the call that notes it.
    """
    proof = Credential.decode(world.credential(world.parts()).encode(), None).proof
    provider = provider_of(world)

    async def ask() -> object:
        judge = RequestJudge(provider, asyncio.get_running_loop())
        judge._reading = asyncio.get_running_loop().create_future()
        judge._reading.set_result(provider.context())
        try:
            return await judge._find_epoch(proof)
        finally:
            await judge.close()

    found = asyncio.run(ask())
    provider.close()
    assert isinstance(found, Epoch) and found.external_nullifier == proof.external_nullifier
