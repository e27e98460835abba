"""RegistrarSettings: one table of a provider's file, relative to its folder, with strict names and values."""

from __future__ import annotations

from pathlib import Path

import pytest

from rln.errors import InputError, ParameterError
from rln.services.registrar_settings import RegistrarSettings

TOP = 'policy = "policy.json"\nkey = "provider.rlnkey"\nmembers = "sqlite:///a%20b.db"\nlog = "redis://h"\n'


def read(folder: Path, table: str, top: str = TOP) -> RegistrarSettings:
    (folder / "rln.toml").write_text(f"{top}exempt = []\n[limits]\nbody = 1\n[registrar]\n{table}")
    return RegistrarSettings.read(folder / "rln.toml")


def test_defaults_and_relative_paths(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert (found.policy, found.key) == (tmp_path / "policy.json", tmp_path / "provider.rlnkey")
    assert found.members == f"sqlite:///{tmp_path}/a%20b.db".replace("sqlite:////", "sqlite:////")
    assert found.accounts == tmp_path / "accounts.db" and found.bulletins == tmp_path / "bulletins"
    assert found.api_keys is None and found.webhooks == ()
    assert found.numbers == {
        "interval": 60,
        "batch": 8,
        "nonce_seconds": 300,
        "replacements": 3,
        "replacement_days": 30,
        "replacements_after_slash": 0,
    }


def test_given_values(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'accounts = "sqlite:////var/x.db"\napi_keys = "/etc/keys.json"\ninterval = 5\n'
        'webhooks = ["https://a.example/rln"]\n',
        TOP.replace("sqlite:///a%20b.db", "postgresql://user:word@host/rln"),
    )
    assert (found.accounts, found.api_keys) == (Path("/var/x.db"), Path("/etc/keys.json"))
    assert found.numbers["interval"] == 5 and found.members == "postgresql://user:word@host/rln"
    assert found.webhooks == ("https://a.example/rln",)


@pytest.mark.parametrize(
    "table",
    [
        "intervals = 5",
        "interval = 5.0",
        'interval = "5"',
        "interval = true",
        "accounts = 7",
        'accounts = ""',
        'accounts = "postgresql://h/x"',
        'accounts = "accounts.db"',
        'webhooks = "https://a.example/"',
        'webhooks = ["http://a.example/"]',
        "api_keys = []",
        'bulletins = "a\\u0000b"',
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(ParameterError):
        read(tmp_path, table)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"registrar = 1", b"[registrar]", b"= word", b"a" * (1 << 17), TOP.encode()]
)
def test_wrong_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rln.toml").write_bytes(content)
    with pytest.raises(InputError):
        RegistrarSettings.read(tmp_path / "rln.toml")


def test_a_password_in_a_broken_file_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "", TOP + 'members = "postgresql://user:tulip rose@host/rln\n')
    assert "rose" not in str(caught.value) and caught.value.__cause__ is None
