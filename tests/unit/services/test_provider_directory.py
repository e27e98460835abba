"""Provider directory: what a new provider needs, whole or not at all."""

import os
import stat
import tomllib

import pytest

import rln
from rln.http.policy import Tier, open_policy
from rln.services import provider_directory
from rln.services.provider_directory import create_provider
from rln.stores import open_log, open_members
from rln.sync.signing import RegistrarKey

USUAL = {
    "period": 60,
    "tiers": [Tier("pro", 5)],
    "authorities": ["127.0.0.1:8000"],
    "depth": 3,
    "limit_bits": 4,
}


def test_the_parts_belong_together_and_serve_at_once(tmp_path):
    parts: list[float] = []
    directory = tmp_path / "provider"
    policy = create_provider(directory, "api.localhost", progress=parts.append, **USUAL)
    assert parts[-1] == 1.0
    assert open_policy((directory / "policy.json").read_bytes()) == policy
    assert RegistrarKey.load(directory / "registrar.pem").public_key == policy.registrar_key
    key = rln.ProvingKey.load(directory / "provider.rlnkey")
    policy.params.check_key(key)
    assert policy.params.signal_format == "joined" and policy.params.window_seconds == 60
    assert policy.registration == "http://127.0.0.1:8000/rln/registration"
    settings = tomllib.loads((directory / "rln.toml").read_text())
    assert {settings["policy"], settings["key"]} < set(os.listdir(directory))
    clock = policy.params.clock()
    log = open_log(f"sqlite:///{directory}/log.db", clock)
    members = open_members(f"sqlite:///{directory}/members.db", 3, 4)
    try:
        # A log that a verifier makes itself refuses the epochs that are open.
        assert not log.insert_or_get(clock.current(), [rln.Share(1, 2, 3)])
        assert members.count() == 0
    finally:
        log.close()
        members.close()


def test_credentials_may_have_several_units(tmp_path):
    policy = create_provider(tmp_path / "provider", "api.localhost", max_units=3, **USUAL)
    key = rln.ProvingKey.load(tmp_path / "provider/provider.rlnkey")
    policy.params.check_key(key)
    assert (policy.params.max_out, key.parameters.max_out, policy.prices) == (3, 3, None)


def test_only_the_owner_may_read_it(tmp_path):
    create_provider(tmp_path / "provider", "api.localhost", **USUAL)
    assert stat.S_IMODE((tmp_path / "provider").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "provider/registrar.pem").stat().st_mode) == 0o600


def test_an_empty_directory_is_used_and_another_one_is_left_as_it_is(tmp_path):
    (tmp_path / "empty").mkdir()
    create_provider(tmp_path / "empty", "api.localhost", **USUAL)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    with pytest.raises(rln.ParameterError, match="expected a new or an empty directory"):
        create_provider(tmp_path / "full", "api.localhost", **USUAL)
    assert os.listdir(tmp_path / "full") == ["file"]


@pytest.mark.parametrize(
    ("application", "changed", "message"),
    [
        ("api.example.com", {}, "an address of this machine needs an application that ends in .localhost"),
        ("localhost", {}, "expected a domain name"),
        ("api.localhost", {"tiers": []}, "number of tiers: expected 1 to 32, got 0"),
        ("api.localhost", {"tiers": [Tier("pro", 17)]}, "limit of pro: expected 1 to 16, got 17"),
        ("api.localhost", {"tiers": [Tier("pro", 1), Tier("pro", 2)]}, "tiers: expected different ones"),
        ("api.localhost", {"registrar": "http://example.com/"}, "expected an absolute URL with https"),
        ("api.localhost", {"registrar": "https://example.com"}, "with a slash at its end"),
        ("api.localhost", {"depth": 33}, "depth"),
        ("api.localhost", {"max_units": 0}, "max_units: expected 1 to 16, got 0"),
        ("api.localhost", {"max_units": 17}, "max_units: expected 1 to 16, got 17"),
        ("api.localhost", {"period": 0}, "period"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing_behind(tmp_path, application, changed, message):
    with pytest.raises(rln.ParameterError, match=message):
        create_provider(tmp_path / "provider", application, **{**USUAL, **changed})
    assert os.listdir(tmp_path) == []


def test_a_failure_half_way_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(provider_directory, "open_group", no_space)
    with pytest.raises(OSError, match="No space left"):
        create_provider(tmp_path / "provider", "api.localhost", **USUAL)
    assert os.listdir(tmp_path) == []
