"""ProviderSettings: the file rln.toml."""

from pathlib import Path

import pytest

import rln
from rln.integrations.provider import Provider
from rln.integrations.provider_settings import HttpLimits, ProviderSettings
from rln.integrations.settings_file import absolute_uri
from tests.support.http_world import HttpWorld

LEAST = 'policy = "p"\nkey = "k"\nlog = "sqlite:///log.db"\nmembers = "sqlite:////m/m.db"\n'


def load(folder: Path, text: str = LEAST) -> ProviderSettings:
    (folder / "rln.toml").write_text(text)
    return ProviderSettings.load(folder / "rln.toml")


def test_paths_count_from_the_folder_of_the_file(tmp_path, monkeypatch):
    settings = load(tmp_path, f'audit = "a/b"\nupstream_authorization = "/etc/key"\n{LEAST}')
    assert settings.policy == tmp_path / "p" and settings.audit == tmp_path / "a/b"
    assert settings.upstream_authorization == Path("/etc/key")
    assert settings.log == f"sqlite:///{tmp_path}/log.db" and settings.members == "sqlite:////m/m.db"
    monkeypatch.chdir(tmp_path)
    assert ProviderSettings.load("rln.toml") == settings
    assert absolute_uri("redis://h", tmp_path) == "redis://h"
    assert absolute_uri("sqlite:///x?y", Path("/a b%/c?")) == "sqlite:////a%20b%25/c%3F/x?y"


def test_the_environment_names_the_file(tmp_path, monkeypatch):
    settings = load(tmp_path)
    monkeypatch.setenv("RLN_CONFIG", str(tmp_path / "rln.toml"))
    assert ProviderSettings.load() == settings
    for value in (None, ""):
        monkeypatch.setenv("RLN_CONFIG", value) if value is not None else monkeypatch.delenv("RLN_CONFIG")
        with pytest.raises(rln.ParameterError, match="RLN_CONFIG"):
            ProviderSettings.load()


def test_all_values_are_read_and_the_table_of_the_registrar_is_left_alone(tmp_path):
    settings = load(
        tmp_path,
        'exempt = ["/health", "/.well-known/x"]\nauthority = "a.b"\nprices = "x.json"\n'
        f"{LEAST}\n[limits]\nbody = 5\nsource_buffers = 6\nbuffers = 7\n[registrar]\nanything = 1\n",
    )
    assert (settings.exempt, settings.authority) == (("/health", "/.well-known/x"), "a.b")
    assert settings.prices == tmp_path / "x.json"
    assert settings.limits == HttpLimits(body=5, source_buffers=6, buffers=7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LEAST + "pollicy = 1\n", "policy.*got 'pollicy'"),
        (LEAST + "[limits]\nbodies = 1\n", "body.*got 'bodies'"),
        ('policy = "p"\n', "expected key, log, members"),
        (LEAST + "exempt = 5\n", "exempt"),
        (LEAST + 'exempt = ["/a?b"]\n', "exempt"),
        (LEAST + 'exempt = ["/%61"]\n', "exempt"),
        (LEAST + 'exempt = ["health"]\n', "exempt"),
        (LEAST + "exempt = [5]\n", "exempt"),
        (LEAST + "limits = 5\n", "limits"),
        (LEAST + "prices = true\n", "prices"),
        (LEAST + "units = 1\n", "got 'units'"),
        (LEAST + 'authority = "A"\n', "authority"),
        (LEAST + "[limits]\nbody = 100\nsource_buffers = 99\n", "source_buffers"),
        (LEAST + '[limits]\nseconds = "5"\n', "seconds"),
        (LEAST.replace('"k"', "5"), "key"),
        ("policy = ", "TOML"),
        ("\udcff", "TOML"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, text, message):
    (tmp_path / "rln.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(rln.InputError, match=message):
        ProviderSettings.load(tmp_path / "rln.toml")
    with pytest.raises(rln.ParameterError, match="missing"):
        ProviderSettings.load(tmp_path / "missing.toml")


def test_the_password_of_a_store_is_not_shown(tmp_path):
    settings = load(tmp_path, LEAST.replace("sqlite:///log.db", "redis://u:secret@h/0"))
    assert "secret" not in repr(settings)


def test_a_provider_opens_what_they_name_and_refuses_what_does_not_fit(tmp_path):
    world = HttpWorld(tmp_path, members=1)
    (tmp_path / "key.txt").write_text("Bearer upstream\n")
    text = f'audit = "audit"\nupstream_authorization = "key.txt"\n{(tmp_path / "rln.toml").read_text()}'
    settings = load(tmp_path, text)
    provider = Provider.open(settings)
    assert provider.upstream_authorization == b"Bearer upstream" and "Bearer" not in repr(provider)
    assert set(provider.context().roots) == set(world.group.roots)
    provider.close()
    provider.close()
    other = rln.setup(rln.circuit.rln(8, 8), threads=1)
    other.save(tmp_path / "other.rlnkey")
    for change, message in (
        (("provider.rlnkey", "other.rlnkey"), "verifying key digest"),
        (('audit = "audit"', 'authority = "example.com"'), "authority"),
        (('audit = "audit"', 'prices = "nothing"'), "prices: .*no such file; rln provider prices makes it"),
        (("policy.json", "provider.rlnkey"), "policy"),
        (("key.txt", "nothing"), "upstream_authorization"),
    ):
        with pytest.raises(rln.InputError, match=message):
            Provider.open(load(tmp_path, text.replace(*change)))
    (tmp_path / "key.txt").write_text("Bearer \xe9")
    with pytest.raises(rln.InputError, match="upstream_authorization") as caught:
        Provider.open(load(tmp_path, text))
    assert "Bearer" not in str(caught.value)
    world.close()
