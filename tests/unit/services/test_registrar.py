"""Registrar: threads may ask it at once, and closing it gives its files free."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rln.errors import ParameterError, StoreUnavailable
from rln.http.policy import Tier
from rln.services.api_keys import Account
from rln.services.provider_directory import create_provider
from rln.services.refusal import Refused
from rln.services.registrar import Registrar
from tests.support.registrar_office import Office
from tests.support.registrar_server import RegistrarWorld, api_key


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RegistrarWorld]:
    made = RegistrarWorld(tmp_path)
    yield made
    made.close()


def own_threads() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("rln-")} & {
        "rln-admission",
        "rln-webhooks",
    }


def test_a_block_starts_two_threads_and_ends_them(world: RegistrarWorld) -> None:
    with Registrar.open(world.config) as registrar:
        registrar.start()
        assert own_threads() == {"rln-admission", "rln-webhooks"}
    assert own_threads() == set()
    registrar.close()
    with pytest.raises(ParameterError, match="expected an open one"):
        registrar.start()


def test_a_closed_registrar_lets_another_one_open_its_files(world: RegistrarWorld) -> None:
    first = Registrar.open(world.config)
    with pytest.raises(StoreUnavailable):
        Registrar.open(world.settings)
    first.close()
    Registrar.open(world.settings).close()


def test_threads_ask_at_once_and_each_gets_a_nonce_of_its_own(tmp_path: Path) -> None:
    office = Office(tmp_path)
    accounts = [Account(f"account-{number}", ("basic",)) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        nonces = list(
            pool.map(lambda number: office.registrar.challenge(accounts[number % 4], "basic")[0], range(16))
        )
    office.close()
    assert len(set(nonces)) == 16


def test_exactly_one_bearer_field_names_an_account(world: RegistrarWorld) -> None:
    registrar = Registrar.open(world.config)
    field = f"Bearer {api_key('account-0')}"
    assert registrar.account([field]).name == "account-0"
    for fields in ([], [field, field], [field.removeprefix("Bearer ")], ["Bearer no-such-key-0000"]):
        with pytest.raises(Refused):
            registrar.account(fields)
    registrar.close()


def test_a_registry_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    """A wrong path in rln.toml gave the registrar an empty group of its own."""
    folder = tmp_path / "provider"
    tiers = [Tier("pro", 5)]
    create_provider(
        folder, "api.localhost", period=60, tiers=tiers, authorities=["127.0.0.1:8000"], depth=3, limit_bits=4
    )
    settings = folder / "rln.toml"
    settings.write_text(settings.read_text().replace("members.db", "member.db"))
    with pytest.raises(StoreUnavailable, match=r"member\.db"):
        Registrar.open(settings)
    assert not (folder / "member.db").exists()
