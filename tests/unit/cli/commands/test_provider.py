"""`rln provider`: the directory of a provider, and its policy."""

import pytest

from rln.http.policy import open_policy
from rln.http.price_list import open_prices
from rln.services.api_keys import Account, ApiKeyFile
from tests.unit.cli.terminal import run, run_json

LOCAL = ("--application", "api.localhost", "--period", 60, "--authority", "127.0.0.1:8000", "--depth", 3)


@pytest.fixture
def provider(tmp_path):
    run("provider", "new", tmp_path / "provider", *LOCAL, "--tier", "basic=2", "--tier", "pro=10")
    return tmp_path / "provider"


def test_what_is_made_is_what_is_shown(tmp_path):
    made = run_json("provider", "new", tmp_path / "one", *LOCAL, "--tier", "pro=10")
    shown = run_json("provider", "show", tmp_path / "one/policy.json")
    assert shown == {name: value for name, value in made.items() if name != "directory"}
    assert (made["version"], made["tiers"], made["authorities"]) == (1, {"pro": 10}, ["127.0.0.1:8000"])
    text = run("provider", "show", tmp_path / "one/policy.json", "--registrar-key", made["registrar_key"])
    assert "tiers          pro=10\n" in text and "bound_fields   -\n" in text


def test_an_update_raises_the_version_and_keeps_what_is_not_named(provider):
    policy = provider / "policy.json"
    before = open_policy(policy.read_bytes())
    run("provider", "update", policy, "--signing-key", provider / "registrar.pem", "--tier", "pro=20")
    after = open_policy(policy.read_bytes(), before.registrar_key)
    assert (after.version, [tier.limit for tier in after.tiers]) == (2, [20])
    assert (after.params, after.authorities, after.bulletins) == (
        before.params, before.authorities, before.bulletins,
    )  # fmt: skip
    more = ("--bound-field", "openai-beta", "--registrar", "http://127.0.0.1:8001/rln/")
    run("provider", "update", policy, "--signing-key", provider / "registrar.pem", *more)
    third = open_policy(policy.read_bytes(), before.registrar_key)
    assert (third.version, third.bound_fields) == (3, ("openai-beta",))
    assert third.registration == "http://127.0.0.1:8001/rln/registration"


def test_another_key_or_a_wrong_value_leaves_the_policy_as_it_is(provider, tmp_path):
    policy = provider / "policy.json"
    before = policy.read_bytes()
    run("group", "key", "--out", tmp_path / "other.pem")
    for more, message in (
        (("--signing-key", tmp_path / "other.pem"), "key: expected"),
        (("--signing-key", tmp_path / "missing.pem"), "missing.pem: No such file"),
        (("--signing-key", provider / "registrar.pem", "--tier", "pro"), "expected NAME=LIMIT"),
        (("--signing-key", provider / "registrar.pem", "--tier", "pro=0"), "--tier: expected 1 to 65536"),
        (
            ("--signing-key", provider / "registrar.pem", "--authority", "example.com"),
            "authorities: expected",
        ),
        (("--signing-key", provider / "registrar.pem", "--bound-field", "host"), "bound_fields: expected"),
        (
            ("--signing-key", provider / "registrar.pem", "--registrar", "http://127.0.0.1:1/rln"),
            "registrar: expected a URL with a slash at its end",
        ),
    ):
        assert message in run_json("provider", "update", policy, *more, status=2)["message"]
    assert policy.read_bytes() == before


def test_a_policy_of_another_key_is_refused(provider):
    said = run_json("provider", "show", provider / "policy.json", "--registrar-key", "ab" * 32, status=1)
    assert "not signed by the key that was pinned" in said["message"]


def test_a_new_account_has_a_key_of_which_the_file_knows_the_digest_alone(provider):
    key = run_json("provider", "account", provider, "acme", "--tier", "pro")["api_key"]
    file = provider / "api-keys.json"
    assert key not in file.read_text()
    other = run("provider", "account", file, "beta", "--tier", "basic", "--tier", "pro", "--several").strip()
    accounts = ApiKeyFile(file)
    assert accounts.account_of(key) == Account("acme", ("pro",))
    assert accounts.account_of(other) == Account("beta", ("basic", "pro"), True)
    before = file.read_bytes()
    said = run_json("provider", "account", provider, "acme", "--tier", "pro", status=2)
    assert "acme exists already" in said["message"]
    assert file.read_bytes() == before and file.stat().st_mode & 0o777 == 0o600


def test_an_account_with_a_tier_that_the_policy_lacks_is_refused(provider):
    """The customer would find out, who cannot register."""
    for place in (provider, provider / "api-keys.json"):
        said = run_json("provider", "account", place, "acme", "--tier", "prp", status=2)
        assert "policy.json" in said["message"] and "expected one of basic, pro, got 'prp'" in said["message"]
    assert "acme" not in (provider / "api-keys.json").read_text()


def test_the_directory_stands_for_its_policy(provider):
    assert run_json("provider", "show", provider) == run_json("provider", "show", provider / "policy.json")
    key = provider / "registrar.pem"
    assert run_json("provider", "update", provider, "--signing-key", key, "--refresh", 5)["version"] == 2
    assert open_policy((provider / "policy.json").read_bytes()).refresh == 5


@pytest.mark.parametrize("application", ["Api.example", "https://api.example", "api", "127.0.0.1"])
def test_an_application_that_is_no_domain_is_called_by_its_name(tmp_path, application):
    words = ("provider", "new", tmp_path / "one", "--application", application)
    said = run_json(*words, "--period", 60, "--tier", "pro=1", status=2)
    assert "application: expected a domain name" in said["message"]


PRICES = """
[[route]]
method = "POST"
path = "/v1/chat/completions"
adapter = "openai-chat"
models = { smollm2 = 1, large = 3 }
prompt_bytes = 2048
output_tokens = 64
default_tokens = 128

[[route]]
method = "GET"
path = "/v1/models"
adapter = "flat"
units = 1
"""


def test_prices_are_signed_and_shown(tmp_path):
    directory, file = tmp_path / "provider", tmp_path / "prices.toml"
    made = run_json("provider", "new", directory, *LOCAL, "--tier", "pro=10", "--max-units", 4)
    assert (made["max_units"], made["prices"]) == (4, None)
    file.write_text(PRICES)
    said = run_json("provider", "prices", directory, file)
    assert (said["version"], said["policy_version"], said["changed"]) == (1, 2, True)
    assert said["prices"] == "http://127.0.0.1:8000/rln/prices"
    assert said["setting"] == 'prices = "prices.json"'
    found = open_prices((directory / "prices.json").read_bytes(), bytes.fromhex(made["registrar_key"]))
    assert [route.least for route in found.routes] == [3, 1]
    shown = run_json("provider", "show", directory)
    assert shown["prices"] == "http://127.0.0.1:8000/rln/prices"
    assert shown["price_list"] == found.document()
    text = run("provider", "show", directory)
    assert "/v1/chat/completions\topenai-chat\t3\t4\tlarge=3 smollm2=1 prompt_bytes=2048" in text
    again = run("provider", "prices", directory, file)
    assert again.endswith('add to rln.toml, before its first table:\nprices = "prices.json"\n')
    file.write_text(PRICES.replace("units = 1", "units = 2"))
    assert run_json("provider", "prices", directory, file)["version"] == 2
    assert run_json("provider", "show", directory)["version"] == 2  # of the policy


def test_wrong_prices_leave_everything_as_it_is(provider, tmp_path):
    before = (provider / "policy.json").read_bytes()
    file = tmp_path / "prices.toml"
    for text, message in (
        (PRICES, "costs 3 units at least, and a credential of this provider has 1 at most"),
        (PRICES.replace("flat", "Flat"), "route 2: adapter: expected one of flat"),
        ("", "expected tables [[route]]"),
    ):
        file.write_text(text)
        assert message in run_json("provider", "prices", provider, file, status=2)["message"]
    for path in (tmp_path / "missing.toml", tmp_path):
        run("provider", "prices", provider, path, status=2)
    file.write_text(PRICES)
    run("provider", "prices", tmp_path / "nowhere", file, status=2)
    assert (provider / "policy.json").read_bytes() == before
    assert not (provider / "prices.json").exists()


def test_a_list_of_another_key_is_not_shown(provider, tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(PRICES[PRICES.rindex("[[route]]") :])
    run("provider", "prices", provider, file)
    (provider / "prices.json").write_bytes(
        (provider / "prices.json").read_bytes().replace(b"models", b"model5")
    )
    said = run_json("provider", "show", provider, status=1)
    assert "not signed by the key that was pinned" in said["message"]
