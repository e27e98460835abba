"""A valid call of every public function and class of the registrar."""

from __future__ import annotations

from typing import Any

from rln.base import canonical_json
from rln.integrations.admission import Admitted
from rln.protocol.identity import Identity
from rln.services.api_keys import Account, AccountHook, ApiKeyFile
from rln.services.registrar import Registrar
from rln.services.registrar_app import app_of, router_of
from rln.services.registrar_settings import RegistrarSettings
from rln.services.slash_outbox import LABEL, check_webhook
from rln.sync.signing import RegistrarKey
from rln.verifying.verdict import Valid
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.registrar_office import BASIC, Office
from tests.support.registrar_server import RegistrarWorld, api_key

ACME = Account("acme", ("basic", "pro"))
API_KEY = "key-of-acme-0000"


def _account_of(key: str) -> Account | None:
    return ACME if key == API_KEY else None


def _account_named(name: str) -> Account | None:
    return ACME if name == ACME.name else None


def _office(bench: CallBench) -> Office:
    directory = bench.path("office")
    directory.mkdir()
    made = Office(directory)
    bench.stack.callback(made.close)
    made.account(ACME.name)
    return made


def _world(bench: CallBench) -> RegistrarWorld:
    directory = bench.path("provider")
    directory.mkdir()
    made = RegistrarWorld(directory)
    bench.stack.callback(made.close)
    return made


def _parts(bench: CallBench) -> dict[str, Any]:
    office = _office(bench)
    return {
        "policy": office.document,
        "verifying_key": office.key.verifying_key,
        "proving_key": office.directory / "provider.rlnkey",
        "group": office.group,
        "accounts": office.accounts,
        "signing_key": office.signing_key,
        "directory": AccountHook(_account_of, _account_named),
        "bulletins": bench.path("bulletins"),
        "clock": office.clock,
        "interval": 5,
        "batch": 5,
        "nonce_seconds": 60,
    }


def _registrar(bench: CallBench) -> Registrar:
    return Registrar(**_parts(bench))


def _opening(bench: CallBench) -> Call:
    def opened(**arguments: Any) -> Registrar:
        made = Registrar.open(**arguments)
        bench.stack.callback(made.close)
        return made

    return opened, {"config": _world(bench).config, "account_of": _account_of}


def _registering(bench: CallBench) -> Call:
    office = _office(bench)
    nonce, _, _ = office.registrar.challenge(ACME, "basic")
    parts, proof = office.proof(ACME, Identity.generate(), BASIC, nonce)
    return office.registrar.register, {
        "account": ACME,
        "tier": "basic",
        "commitment": parts.commitment,
        "server_nonce": nonce,
        "client_nonce": parts.client_nonce,
        "proof": proof,
    }


def _shown(bench: CallBench) -> Call:
    office = _office(bench)
    return office.registrar.shown, {"account": ACME, "row": office.register(ACME, Identity.generate())}


def _settings_fields(bench: CallBench) -> dict[str, object]:
    made = _world(bench).settings
    names = ("policy", "key", "members", "accounts", "signing_key", "bulletins", "api_keys", "webhooks")
    return {name: getattr(made, name) for name in (*names, "numbers")}


def _key_file(bench: CallBench) -> ApiKeyFile:
    return ApiKeyFile(_world(bench).directory / "api-keys.json")


def _checking(bench: CallBench) -> Call:
    key = RegistrarKey.new(bench.path("pem"))
    content = {
        "account": "acme", "application": "api.example.com", "event": "slashed-1", "tier": "pro",
        "time": 1_800_000_000, "type": "member-slashed",
    }  # fmt: skip
    body = canonical_json.write(content)
    signature = key.sign_statement(LABEL, body).hex()
    return check_webhook, {"body": body, "signature": signature, "registrar_key": key.public_key}


def _directory_calls(name: str, make: Any, key: str, account: str) -> Table:
    """Return the calls of a directory of accounts; `name` has a place for the method."""
    return {
        name.format("account_of"): lambda bench: (make(bench).account_of, {"api_key": key}),
        name.format("account_named"): lambda bench: (make(bench).account_named, {"name": account}),
    }


def _hook(_: CallBench) -> AccountHook:
    return AccountHook(_account_of, _account_named)


REGISTRAR: Table = {
    "rln.integrations.admission.Admitted": lambda bench: (
        Admitted,
        {"verdict": Valid(), "units": 1, "epoch": bench.epoch},
    ),
    "rln.services.api_keys.Account": lambda _: (
        Account,
        {"name": "acme", "tiers": ("basic", "pro"), "several": True},
    ),
    **_directory_calls("rln.services.api_keys.AccountDirectory.{}[hook]", _hook, API_KEY, "acme"),
    "rln.services.api_keys.AccountHook": lambda _: (
        AccountHook,
        {"of_key": _account_of, "named": _account_named},
    ),
    **_directory_calls("rln.services.api_keys.AccountHook.{}", _hook, API_KEY, "acme"),
    "rln.services.api_keys.ApiKeyFile": lambda bench: (
        ApiKeyFile,
        {"path": _world(bench).directory / "api-keys.json"},
    ),
    **_directory_calls("rln.services.api_keys.ApiKeyFile.{}", _key_file, api_key("account-0"), "account-0"),
    "rln.services.registrar.Registrar": lambda bench: (Registrar, _parts(bench)),
    "rln.services.registrar.Registrar.account": lambda bench: (
        _registrar(bench).account,
        {"authorization": [f"Bearer {API_KEY}"]},
    ),
    "rln.services.registrar.Registrar.challenge": lambda bench: (
        _registrar(bench).challenge,
        {"account": ACME, "tier": "basic"},
    ),
    "rln.services.registrar.Registrar.end": lambda bench: (
        _registrar(bench).end,
        {"account": ACME, "tier": "basic"},
    ),
    "rln.services.registrar.Registrar.end_account": lambda bench: (
        _registrar(bench).end_account,
        {"name": "acme"},
    ),
    "rln.services.registrar.Registrar.open": _opening,
    "rln.services.registrar.Registrar.register": _registering,
    "rln.services.registrar.Registrar.registrations": lambda bench: (
        _registrar(bench).registrations,
        {"account": ACME},
    ),
    "rln.services.registrar.Registrar.shown": _shown,
    "rln.services.registrar_app.app_of": lambda bench: (app_of, {"registrar": _registrar(bench)}),
    "rln.services.registrar_app.router_of": lambda bench: (router_of, {"registrar": _registrar(bench)}),
    "rln.services.registrar_settings.RegistrarSettings": lambda bench: (
        RegistrarSettings,
        _settings_fields(bench),
    ),
    "rln.services.registrar_settings.RegistrarSettings.read": lambda bench: (
        RegistrarSettings.read,
        {"path": _world(bench).config},
    ),
    "rln.services.slash_outbox.check_webhook": _checking,
}
"""As `VALUES` of `tests.support.public_values`."""
