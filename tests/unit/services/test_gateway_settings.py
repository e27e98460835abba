"""GatewaySettings: one table of a provider's file, relative to its folder, with strict names and values."""

from pathlib import Path

import pytest

from rln.errors import EncodingError, InputError, ParameterError
from rln.integrations.provider_settings import ProviderSettings
from rln.services.gateway_settings import GatewaySettings

TOP = 'policy = "policy.json"\nkey = "provider.rlnkey"\nmembers = "sqlite:///m.db"\nlog = "redis://h"\n'
UPSTREAM = 'upstream = "http://127.0.0.1:8080"\n'


def read(folder: Path, table: str, name: str = "gateway") -> GatewaySettings:
    (folder / "rln.toml").write_text(f"{TOP}[{name}]\n{table}")
    return GatewaySettings.read(folder / "rln.toml")


def test_defaults(tmp_path: Path) -> None:
    found = read(tmp_path, UPSTREAM)
    assert found == GatewaySettings("http://127.0.0.1:8080", "authorization", (), None, 5, 600, 30)
    assert not found.is_encrypted
    assert ProviderSettings.load(tmp_path / "rln.toml").policy == tmp_path / "policy.json"


def test_given_values(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'upstream = "https://[::1]"\nauthorization_field = "x-api-key"\nca = "ca.pem"\nconnect_seconds = 1\n'
        'answer_seconds = 2\nstop_seconds = 3\nfields = { a-version = "2023-06-01", x-a = "hidden" }\n',
    )
    fields = (("a-version", "2023-06-01"), ("x-a", "hidden"))
    assert found == GatewaySettings("https://[::1]", "x-api-key", fields, tmp_path / "ca.pem", 1, 2, 3)
    assert found.is_encrypted and "hidden" not in repr(found)


@pytest.mark.parametrize(
    "upstream",
    [
        "127.0.0.1:8080", "ftp://host", "http://", "http://host/", "http://host/v1", "http://host?a", "http://host#a",
        "http://user@host", "http://Host", "HTTP://host", "http://host:0", "http://host:65536", "http://a..b",
        "http://host\n", "http://hö.st", "unix:///socket", "http://host:80:80", "http://a b", "",
    ],
)  # fmt: skip
def test_an_upstream_is_an_origin(upstream: str) -> None:
    with pytest.raises(EncodingError):
        GatewaySettings(upstream)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(EncodingError) as caught:
        GatewaySettings("https://user:secret-word@host")
    assert "secret-word" not in str(caught.value) and "user's name" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("", "expected upstream, the origin of your server, got none"),
        (UPSTREAM + "port = 1", r"\[gateway\]: expected some of .*, got 'port'$"),
        (UPSTREAM + 'prices = "p"', "got 'prices'; its line belongs before the first table of the file"),
        (
            "upstream = http://127.0.0.1",
            "expected TOML, .* line 6, column 12; is a text without quotation marks",
        ),
        ('upstream = "http://localhost:80800"', "upstream: expected a host .* port up to 65535, got"),
        ("upstream = 7", "upstream: expected str"),
        (UPSTREAM + "connect_seconds = 0", "connect_seconds: expected 1 to 300"),
        (UPSTREAM + "answer_seconds = 5.0", "answer_seconds: expected int"),
        (UPSTREAM + "stop_seconds = true", "stop_seconds: expected int"),
        (UPSTREAM + "fields = []", "fields: expected dict"),
        (UPSTREAM + "fields = { a = 1 }", "a: expected str"),
        (UPSTREAM + 'fields = { A = "x" }', "fields: expected a field in lower case"),
        (UPSTREAM + 'fields = { "a b" = "x" }', "fields: expected a field in lower case"),
        (UPSTREAM + 'fields = { host = "x" }', "does not write itself, got 'host'"),
        (UPSTREAM + 'fields = { content-length = "1" }', "does not write itself"),
        (UPSTREAM + 'fields = { transfer-encoding = "chunked" }', "does not write itself"),
        (UPSTREAM + 'fields = { rln-spent = "x" }', "does not write itself"),
        (UPSTREAM + 'fields = { a = "x\\r\\nb: y" }', "a: expected visible ASCII"),
        (UPSTREAM + 'fields = { a = "é" }', "a: expected visible ASCII"),
        (UPSTREAM + 'fields = { authorization = "x" }', "none that is the authorization_field"),
        (UPSTREAM + 'authorization_field = "cookie"', "authorization_field: expected a field"),
        (UPSTREAM + 'authorization_field = "Authorization"', "authorization_field: expected a field"),
        (UPSTREAM + 'ca = "ca.pem"', "ca: expected none for an upstream without encryption"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path: Path, table: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read(tmp_path, table)


def test_a_file_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"rln.toml: expected a table \[gateway\] .*, got \[gates\]"):
        read(tmp_path, UPSTREAM, "gates")
    with pytest.raises(ParameterError, match="No such file"):
        GatewaySettings.read(tmp_path / "other.toml")
