"""`rln provider`: make what a provider needs, and show and change the policy that it publishes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from rln.atomic_files import write_file
from rln.base import decimals
from rln.base.bounds import MAX_LIMIT_BITS
from rln.cli.paramsfile import parse_public_key
from rln.cli.report import AsJson, ProgressBar, Report, name_in_errors, read_file, run
from rln.cli.table import format_facts, format_table, stack
from rln.errors import EncodingError
from rln.http.credential import encode_base64url
from rln.http.policy import MAX_POLICY_BYTES, Policy, Tier, open_policy
from rln.http.price_list import MAX_PRICES_BYTES, PriceList, open_prices
from rln.services.api_keys import Account
from rln.services.new_account import add_account
from rln.services.provider_directory import (
    API_KEYS_FILE,
    POLICY_FILE,
    SETTINGS_FILE,
    create_provider,
    registrar_places,
)
from rln.services.provider_prices import PRICES_FILE, publish_prices, read_routes
from rln.sync.signing import RegistrarKey

app = typer.Typer(no_args_is_help=True)

_SETTING = f'prices = "{PRICES_FILE}"'
_TIER = re.compile(r"([a-z0-9-]+)=([0-9]+)\Z")

PolicyArgument = Annotated[
    Path, typer.Argument(metavar="POLICY", help="A signed policy, policy.json, or its directory.")
]
AuthoritiesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--authority",
        help="Host, with or without a port, at which the service answers; may be repeated.",
        metavar="HOST[:PORT]",
    ),
]


@app.callback()
def group() -> None:
    """Make what a provider over HTTP needs, and show and change its policy."""


@app.command("new")
def new(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="A new or an empty directory for all files.")
    ],
    application: Annotated[
        str,
        typer.Option(
            help="Domain name that the provider owns; for a trial on one machine, one in .localhost."
        ),
    ],
    period: Annotated[int, typer.Option(help="Length of an epoch in seconds.")],
    tier: Annotated[
        list[str],
        typer.Option(help="A kind of membership and its limit; may be repeated.", metavar="NAME=LIMIT"),
    ],
    authority: AuthoritiesOption = None,
    registrar: Annotated[
        str | None,
        typer.Option(help="URL of the registrar; default: /rln/ at the first authority.", metavar="URL"),
    ] = None,
    refresh: Annotated[
        int, typer.Option(help="Seconds between two looks of a member at the provider, 1 to 30.")
    ] = 30,
    depth: Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")] = 20,
    limit_bits: Annotated[
        int, typer.Option(help="Limits are 1 to 2^BITS; BITS is 1 to 16.", metavar="BITS")
    ] = 16,
    max_units: Annotated[
        int,
        typer.Option(help="Most units that one request may cost, 1 to 16; prices need 2 or more."),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Make key, signed policy, nullifier log, registry and settings in one directory.

    Run it once. Then start the service with the middleware, and `rln registrar`.
    """

    def action() -> Report:
        tiers = _tiers(tier)
        with ProgressBar("setup", as_json).running() as progress, name_in_errors(directory):
            policy = create_provider(
                directory,
                application,
                period=period,
                tiers=tiers,
                authorities=authority or (),
                registrar=registrar,
                refresh=refresh,
                depth=depth,
                limit_bits=limit_bits,
                max_units=max_units,
                progress=progress,
            )
        facts = {"directory": str(directory), **_facts(policy)}
        return Report(facts, _text(facts), effect=f"everything is in {directory}")

    run(action, as_json)


@app.command("account")
def account(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Made by `rln provider new`; or its api-keys.json.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the account, never used for another.")],
    tier: Annotated[
        list[str], typer.Option(help="A tier that the account may have; may be repeated.", metavar="NAME")
    ],
    several: Annotated[
        bool, typer.Option("--several", help="The account may have several tiers at the same time.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add an account, and print its new API key, with which the customer registers.

    The key is printed once; the file has only its digest.
    """

    def action() -> Report:
        file = directory / API_KEYS_FILE if directory.is_dir() else directory
        if (policy := file.parent / POLICY_FILE).is_file():
            known = _read(policy, None)
            with name_in_errors(policy):
                for one in tier:
                    known.tier(one)
        with name_in_errors(file):
            key = add_account(file, Account(name, tuple(tier), several))
        data = {"account": name, "api_key": key, "file": str(file)}
        return Report(data, key, effect=f"the account {name} was added to {file}")

    run(action, as_json)


@app.command("prices")
def prices(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Made by `rln provider new`, with its private key.")
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="PRICES.TOML", help="What is served, and what it costs: [[route]] tables."),
    ],
    as_json: AsJson = False,
) -> None:
    """Sign what a file says as the price list of a provider, and let the policy name it.

    Each change raises the version of the list; members take it at their next look. Restart the service
    afterwards.
    """

    def action() -> Report:
        with name_in_errors(file):
            routes = read_routes(file)
        with name_in_errors(directory):
            made = publish_prices(directory, routes)
        listed = directory / PRICES_FILE
        facts = {
            "file": str(listed),
            "setting": _SETTING,
            "policy_version": made.policy.version,
            "prices": made.policy.prices,
            "changed": made.is_new_list,
            **made.prices.document(),
        }
        text = stack(
            _price_table(made.prices),
            f"members find it at {made.policy.prices}; add to {SETTINGS_FILE}, before its first table:",
            _SETTING,
        )
        effect = f"{listed} has version {made.prices.version}" if made.is_new_list else ""
        return Report(facts, text, effect=effect)

    run(action, as_json)


@app.command("show")
def show(
    policy: PolicyArgument,
    registrar_key: Annotated[
        str | None,
        typer.Option(help="The pinned key, 64 hexadecimal digits; default: the key in the policy."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the signature of a policy, and print what it says; with the price list that is beside it."""

    def action() -> Report:
        pinned = None if registrar_key is None else parse_public_key(registrar_key, "--registrar-key")
        file = _file_of(policy)
        found = _read(file, pinned)
        facts = _facts(found)
        listed = file.with_name(PRICES_FILE)
        if found.prices is None or not listed.is_file():
            return Report(facts, _text(facts))
        with name_in_errors(listed):
            shown = open_prices(read_file(listed, MAX_PRICES_BYTES), found.registrar_key)
        return Report({**facts, "price_list": shown.document()}, stack(_text(facts), _price_table(shown)))

    run(action, as_json)


@app.command("update")
def update(
    policy: PolicyArgument,
    signing_key: Annotated[Path, typer.Option(help="The registrar's private key, registrar.pem.")],
    tier: Annotated[
        list[str] | None,
        typer.Option(help="All tiers from now on; default: as before.", metavar="NAME=LIMIT"),
    ] = None,
    authority: AuthoritiesOption = None,
    bound_field: Annotated[
        list[str] | None,
        typer.Option(help="All fields that a proof covers beside the usual ones; default: as before."),
    ] = None,
    registrar: Annotated[
        str | None, typer.Option(help="New URL of the registrar; default: as before.", metavar="URL")
    ] = None,
    refresh: Annotated[
        int | None, typer.Option(help="Seconds between two looks of a member; default: as before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the next version of a policy, and replace the file.

    Restart the service and the registrar afterwards. What is not named stays. Application, period, keys and
    depth never change: members of another application or key have to register again, so make another
    provider for them.
    """

    def action() -> Report:
        file = _file_of(policy)
        before = _read(file, None)
        changed = replace(
            before,
            version=before.version + 1,
            tiers=before.tiers if tier is None else _tiers(tier),
            authorities=before.authorities if authority is None else tuple(authority),
            bound_fields=before.bound_fields if bound_field is None else tuple(bound_field),
            refresh=before.refresh if refresh is None else refresh,
        )
        if registrar is not None:
            changed = replace(changed, **registrar_places(registrar))
        with name_in_errors(signing_key):
            key = RegistrarKey.load(signing_key)
        with name_in_errors(file):
            write_file(file, changed.sign(key), 0o644)
        facts = _facts(changed)
        return Report(facts, _text(facts), effect=f"{file} has version {changed.version}")

    run(action, as_json)


def _file_of(policy: Path) -> Path:
    return policy / POLICY_FILE if policy.is_dir() else policy


def _read(path: Path, pinned: bytes | None) -> Policy:
    with name_in_errors(path):
        return open_policy(read_file(path, MAX_POLICY_BYTES), pinned)


def _tiers(texts: list[str]) -> tuple[Tier, ...]:
    made = []
    for text in texts:
        found = _TIER.match(text)
        if found is None:
            raise EncodingError(f"--tier: expected NAME=LIMIT, for example pro=100, got {text[:80]!r}")
        made.append(Tier(found[1], decimals.whole(found[2], "--tier", 1, 1 << MAX_LIMIT_BITS)))
    return tuple(made)


def _facts(policy: Policy) -> dict[str, object]:
    return {
        "application": policy.application,
        "version": policy.version,
        "policy_digest": encode_base64url(policy.digest),
        "registrar_key": policy.params.registrar_key,
        "period": policy.params.period,
        "authorities": list(policy.authorities),
        "tiers": {tier.name: tier.limit for tier in policy.tiers},
        "bound_fields": list(policy.bound_fields),
        "registration": policy.registration,
        "bulletins": policy.bulletins,
        "proving_key": policy.proving_key,
        "prices": policy.prices,
        "max_units": policy.params.max_out or 1,
        "refresh": policy.refresh,
        "params_digest": policy.params.digest,
        "key_digest": policy.params.key_digest,
    }


def _price_table(prices: PriceList) -> str | RenderableType:
    """Return what is served, with the units of the cheapest request and of the cheapest without a limit."""
    rows = []
    for route in prices.routes:
        document = route.document()
        numbers = [
            f"{name}={value}"
            for name, value in document.items()
            if name not in ("method", "path", "adapter", "models", "units") and value is not None
        ]
        models = [f"{name}={units}" for name, units in route.models]
        price = " ".join([*models, *numbers])
        rows.append((route.method, route.path, route.adapter, route.least, route.usual, price))
    summary = f"version {prices.version} of the price list"
    headers = ("method", "path", "adapter", "least", "usual", "models and price")
    return format_table(summary, headers, rows)


def _text(facts: Mapping[str, object]) -> str | RenderableType:
    """Return the facts as a table; lists in one line, each tier as it is typed."""
    lines: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            value = [f"{tier}={limit}" for tier, limit in value.items()]
        lines[name] = (", ".join(value) or None) if isinstance(value, list) else value
    return format_facts(lines)
