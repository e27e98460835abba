"""RelaySettings: what a file says, and that any other value is refused with its name."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from rln.errors import InputError
from rln.services.relay_settings import LightSettings, RelaySettings

USUAL = {
    "": {"key": '"zerokit-20"', "log": '"sqlite:///log.db"', "audit": '"audit"'},
    "network": {
        "cluster": "1",
        "shards": "8",
        "signal_format": '"waku-2025"',
        "identifier": '"rln/test"',
        "epoch_seconds": "600",
        "skew_seconds": "30",
        "five_parts": "true",
    },
    "roots": {
        "file": '"roots.txt"',
        "depth": "10",
        "limit_bits": "8",
        "window_seconds": "5",
        "slash": "false",
    },
    "node": {"listen": '["/ip4/127.0.0.1/tcp/0"]', "peers": "[]", "shards": "[1, 7]", "key": '"keys/node"'},
    "light": {"push": "false", "filter": "false", "store": "0", "store_bytes": "2000"},
    "limits": {"bad_proofs": "5"},
    "metrics": {"listen": '"[::1]:9464"'},
}
STRANGE = (
    *("0", "-1", "1.5", "nan", "inf", "99999999999999999999", "true", "1979-05-27T07:32:00Z"),
    *(
        '""',
        '"a\\u0000b"',
        '"é"',
        '"sqlite:///"',
        '"http://x/"',
        '"127.0.0.1:0"',
        '"::1:80"',
        f'"{"a" * 5000}"',
    ),
    *("[]", "[1]", '["a"]', "[[]]", "[true]", "{}", "{a = 1}"),
)


def written(folder: Path, tables: dict[str, dict[str, str]]) -> Path:
    lines = []
    for name, values in tables.items():
        lines += [f"[{name}]"] * bool(name) + [f"{key} = {value}" for key, value in values.items()]
    path = folder / "relay.toml"
    path.write_text("\n".join(lines))
    return path


def is_read(folder: Path, tables: dict[str, dict[str, str]]) -> bool:
    """Tell whether settings are read; if not, they are refused with an error of ours."""
    try:
        RelaySettings.read(written(folder, tables))
    except InputError:
        return False
    return True


def test_a_file_with_everything(tmp_path: Path) -> None:
    found = RelaySettings.read(written(tmp_path, USUAL))
    assert found.key == "zerokit-20"
    assert found.log == f"sqlite:///{tmp_path}/log.db"
    assert found.audit == tmp_path / "audit"
    assert found.network.clock().skew == 30
    assert found.network.raw_identifier == b"rln/test".ljust(32, b"\0")
    assert found.roots.file == tmp_path / "roots.txt"
    assert found.topics == ("/waku/2/rs/1/1", "/waku/2/rs/1/7")
    assert found.node.key == tmp_path / "keys/node"
    assert found.light == LightSettings(False, False, 0, 2000)
    assert (found.bad_proofs, found.metrics) == (5, ("::1", 9464))


def test_what_may_be_left_out(tmp_path: Path) -> None:
    least = {
        "": {"key": '"vk.json"', "log": '"redis://127.0.0.1"'},
        "network": {**USUAL["network"], "identifier": f'"0x{"ab" * 32}"'},
        "roots": {"bulletins": '"https://example.com/bulletins/"', "registrar_key": f'"{"11" * 32}"'},
        "node": {"listen": '["/ip4/127.0.0.1/tcp/0"]'},
    }
    found = RelaySettings.read(written(tmp_path, least))
    assert found.key == tmp_path / "vk.json"
    assert found.network.raw_identifier == bytes.fromhex("ab" * 32)
    assert found.roots.bulletins == "https://example.com/bulletins/"
    assert found.node.key == tmp_path / "node.key"
    assert (found.light, found.metrics, found.audit, len(found.topics)) == (None, None, None, 8)
    assert "redis" not in repr(found)


@pytest.mark.parametrize(
    ("table", "name"), [(table, name) for table, values in USUAL.items() for name in values]
)
def test_any_value_is_read_or_refused(tmp_path: Path, table: str, name: str) -> None:
    outcomes = {
        value: is_read(tmp_path, {**USUAL, table: {**USUAL[table], name: value}}) for value in STRANGE
    }
    assert not outcomes["1.5"] and not outcomes["[[]]"]


@pytest.mark.parametrize("table", [table for table in USUAL if table])
def test_a_table_that_is_none_is_refused(tmp_path: Path, table: str) -> None:
    for value in STRANGE:
        top = {**USUAL[""], table: value}
        rest = {name: values for name, values in USUAL.items() if name not in ("", table)}
        if value == "{}" and table in ("light", "limits"):
            continue
        with pytest.raises(InputError):
            RelaySettings.read(written(tmp_path, {"": top, **rest}))


def test_any_source_of_roots_is_read_or_refused(tmp_path: Path) -> None:
    for name, value in itertools.product(("members", "bulletins", "registrar_key"), STRANGE):
        roots = {"registrar_key": f'"{"11" * 32}"', "bulletins": '"board"', name: value}
        if name == "members":
            roots = {name: value}
        assert is_read(tmp_path, {**USUAL, "roots": roots}) <= value.startswith('"')
