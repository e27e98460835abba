"""Gateway: what a file says, put together; what does not fit together is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.errors import ParameterError
from rln.services.gateway import Gateway
from tests.support.http_world import HttpWorld
from tests.support.price_routes import CHAT, FLAT, UPLOAD


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    made = HttpWorld(
        tmp_path_factory.mktemp("gateway"),
        members=1,
        slots=8,
        routes=(CHAT, FLAT, UPLOAD),
        bound_fields=("x-style",),
    )
    yield made
    made.close()


def opened(world: HttpWorld, table: str, top: str = "") -> Gateway:
    config = world.directory / "gateway.toml"
    config.write_text(f"{(world.directory / 'rln.toml').read_text()}{top}[gateway]\n{table}")
    return Gateway.open(config)


def test_a_configuration_is_explained_without_its_secrets(world: HttpWorld) -> None:
    (world.directory / "key.txt").write_text("Bearer secret-word\n")
    gateway = opened(
        world,
        'upstream = "http://10.0.0.5:8080"\nauthorization_field = "x-api-key"\n'
        'fields = { anthropic-version = "2023-06-01" }\n',
        'upstream_authorization = "key.txt"\nexempt = ["/health"]\n',
    )
    found = gateway.explain()
    gateway.close()
    assert found == {
        "application": "api.localhost",
        "policy version": 1,
        "authority": "that of Host, one of 127.0.0.1",
        "prices version": 1,
        "routes": [
            "POST /v1/chat/completions: openai-chat, 3 units or more, base units: large 4, small 1",
            "GET /v1/models: flat, 1 units or more",
            "POST /v1/audio/transcriptions: flat, 2 units or more",
        ],
        "free paths": ["/health"],
        "upstream": "http://10.0.0.5:8080",
        "encryption": "none: what is sent to the upstream can be read",
        "upstream authorization": "in the field x-api-key",
        "fields from the client": ["accept", "content-encoding", "content-type", "x-style"],
        "fields from here": ["anthropic-version"],
        "body": "at most 1048576 bytes within 30 seconds",
        "answer": "within 600 seconds, and so each piece of it",
        "stop": "within 30 seconds",
    }


def test_an_encrypted_upstream_and_a_fixed_authority(world: HttpWorld) -> None:
    gateway = opened(world, 'upstream = "https://upstream.example"\n', 'authority = "127.0.0.1"\n')
    found = gateway.explain()
    gateway.close()
    assert found["encryption"] == "the certificates of the system are trusted"
    assert found["authority"] == "127.0.0.1" and found["upstream authorization"] == "none"


def test_a_provider_without_prices_is_refused(tmp_path: Path) -> None:
    world = HttpWorld(tmp_path, members=1)
    with pytest.raises(ParameterError, match="gateway: expected a price list, whose routes are all"):
        opened(world, 'upstream = "http://127.0.0.1:9"\n')
    world.close()


def test_settings_that_do_not_fit_the_policy_are_refused(world: HttpWorld) -> None:
    with pytest.raises(ParameterError, match="none that the policy binds, got 'x-style'"):
        opened(world, 'upstream = "http://127.0.0.1:9"\nfields = { x-style = "x" }\n')
    with pytest.raises(ParameterError, match=r"exempt: /v1/models has a price"):
        opened(world, 'upstream = "http://127.0.0.1:9"\n', 'exempt = ["/v1/models"]\n')
    with pytest.raises(ParameterError, match="ca: .*No such file"):
        opened(world, 'upstream = "https://127.0.0.1:9"\nca = "missing.pem"\n')


def test_an_upstream_that_is_the_gateway_itself_is_refused(world: HttpWorld) -> None:
    """A request to a free path would go round until nothing is left of the machine."""
    for upstream in ("http://127.0.0.1", "https://127.0.0.1"):
        with pytest.raises(ParameterError, match="at which the gateway itself answers"):
            opened(world, f'upstream = "{upstream}"\n', 'exempt = ["/health"]\n')


def test_a_field_that_turns_on_what_has_no_price_is_refused(tmp_path: Path) -> None:
    """With it a member gets longer answers, or tools that cost more, than the units have paid for."""
    for number, (routes, refused) in enumerate((((CHAT, FLAT), True), ((FLAT,), False))):
        (directory := tmp_path / str(number)).mkdir()
        world = HttpWorld(directory, members=1, slots=8, routes=routes, bound_fields=("anthropic-beta",))
        if refused:
            with pytest.raises(ParameterError, match="which no price counts, got anthropic-beta"):
                opened(world, 'upstream = "http://127.0.0.1:9"\n')
        else:
            opened(world, 'upstream = "http://127.0.0.1:9"\n').close()
        world.close()
