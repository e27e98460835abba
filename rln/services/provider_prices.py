"""Provider prices: a file that a person writes becomes the signed price list of a provider directory.

[[route]]
method = "POST"
path = "/v1/chat/completions"
adapter = "openai-chat"
models = { smollm2 = 1 }
prompt_bytes = 2048
output_tokens = 64
default_tokens = 128
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rln.atomic_files import write_file
from rln.base.arguments import file_path, flag, instance, instances, sequence
from rln.errors import EncodingError, ParameterError
from rln.http.policy import Policy, open_policy
from rln.http.price_list import PRICES, PriceList, open_prices
from rln.http.route import Route
from rln.integrations.settings_file import read_settings
from rln.services.provider_directory import POLICY_FILE, SIGNING_KEY_FILE, origin_of
from rln.sync.signing import RegistrarKey

PRICES_FILE: Final = "prices.json"

_TABLE: Final = "route"


@dataclass(frozen=True, slots=True)
class Published:
    """What `publish_prices` has written.

    Attributes:
        prices: the price list in force.
        policy: the policy in force.
        is_new_list: whether the price list has a new version.
        is_new_policy: whether the policy has one, because it had no price list before.

    Raises:
        ParameterError: a value of another type.
    """

    prices: PriceList
    policy: Policy
    is_new_list: bool
    is_new_policy: bool

    def __post_init__(self) -> None:
        instance(self.prices, PriceList, "prices")
        instance(self.policy, Policy, "policy")
        flag(self.is_new_list, "is_new_list")
        flag(self.is_new_policy, "is_new_policy")


def read_routes(path: Path | str) -> tuple[Route, ...]:
    """Read the routes of a TOML file.

    Raises:
        InputError: not TOML, a name that is unknown, or a value of another form; the message says which.
    """
    content = read_settings(file_path(path, "path"))
    for name in content:
        if name != _TABLE:
            raise ParameterError(f"prices: expected tables [[{_TABLE}]] and nothing else, got {name[:40]!r}")
    found = content.get(_TABLE)
    if not isinstance(found, list) or not found:
        raise ParameterError(f"prices: expected tables [[{_TABLE}]], one for each method and path, got none")
    return tuple(_route(one, f"route {number}") for number, one in enumerate(found, 1))


def _route(content: object, name: str) -> Route:
    if not isinstance(content, dict):
        raise ParameterError(f"{name}: expected a table, got {type(content).__name__}")
    try:
        return Route.read(content, name)
    except EncodingError as error:
        raise EncodingError(f"{name}: {error}") from error
    except ParameterError as error:
        raise ParameterError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from error


def publish_prices(directory: Path | str, routes: tuple[Route, ...]) -> Published:
    """Sign routes as the price list of a provider directory, and let the policy name it.

    Each change raises the version of the list. Routes that are in force already change nothing.

    Args:
        directory: made by `create_provider`, with the registrar's private key in it.
        routes: all that is served from now on.

    Raises:
        ParameterError: a route costs more than a credential of this provider can have; the policy names a
            list that is missing here; or a value is outside its range.
        GroupRefused: policy or price list are not signed by the registrar's key.
        OSError: a file cannot be read or written.
    """
    directory = file_path(directory, "directory")
    instances(sequence(routes, "routes"), Route, "routes")
    key = RegistrarKey.load(directory / SIGNING_KEY_FILE)
    policy = open_policy((directory / POLICY_FILE).read_bytes(), key.public_key)
    before = _published(directory / PRICES_FILE, policy)
    version = 1 if before is None else before.version
    made = PriceList(policy.application, version, tuple(routes))
    made.check_payable(policy.params.max_out or 1)
    is_new_list = made != before
    if is_new_list:
        if before is not None:
            made = replace(made, version=version + 1)
        write_file(directory / PRICES_FILE, made.sign(key), 0o644)
    # After the list: a policy that names none that exists would stop the service.
    is_new_policy = policy.prices is None
    if is_new_policy:
        place = f"{origin_of(policy.authorities[0])}{PRICES}"
        policy = replace(policy, version=policy.version + 1, prices=place)
        write_file(directory / POLICY_FILE, policy.sign(key), 0o644)
    return Published(made, policy, is_new_list, is_new_policy)


def _published(path: Path, policy: Policy) -> PriceList | None:
    """Return the list that is published, or None if none ever was."""
    if path.exists():
        return open_prices(path.read_bytes(), policy.registrar_key)
    if policy.prices is not None:
        raise ParameterError(
            f"{path}: the policy names a price list, but it is missing here, and members refuse a list of a "
            "lower version; put the last one back"
        )
    return None
