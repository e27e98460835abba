"""Provider directory: all that a new provider needs to limit an HTTP service, made in one step.

    provider.rlnkey   the proving key; members get it too
    registrar.pem     the private key that signs policy and bulletins, mode 0600
    policy.json       the signed policy; the middleware publishes it
    log.db            the nullifier log
    members.db        the registry
    api-keys.json     accounts, with the digests of their API keys
    rln.toml          names all of these, for the middleware and the registrar

Keep registrar.pem, log.db and members.db; losing the log refuses one epoch, and losing the registry means
that every member has to register again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypedDict

from rln.atomic_files import write_new_file
from rln.base.arguments import file_path, instances, sequence, whole
from rln.base.bounds import MAX_SLOTS
from rln.base.injected import callback
from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError
from rln.http.policy import Policy, Tier, check_url, host_of, is_loopback
from rln.keys.constraint_matrix import build_circuit
from rln.keys.setup import setup
from rln.params import Params
from rln.protocol.epoch import check_application
from rln.services.new_account import EMPTY
from rln.stores import open_log
from rln.stores.groups import DEFAULT_WINDOW_SECONDS, close_group, open_group
from rln.stores.uri import file_uri
from rln.sync.signing import RegistrarKey


class _Places(TypedDict):
    """The URLs of a registrar in a policy."""

    registration: str
    bulletins: str
    proving_key: str


KEY_FILE: Final = "provider.rlnkey"
SIGNING_KEY_FILE: Final = "registrar.pem"
POLICY_FILE: Final = "policy.json"
API_KEYS_FILE: Final = "api-keys.json"
SETTINGS_FILE: Final = "rln.toml"

_SETTINGS: Final = """\
# Settings for the middleware, and in [registrar] for `rln registrar`. Paths are relative to this file.
policy = "policy.json"
key = "provider.rlnkey"
log = "sqlite:///log.db"
members = "sqlite:///members.db"
# prices = "prices.json"       # made by `rln provider prices`; without it, each request costs one unit
# audit = "audit"            # keeps accepted messages, so that a violation leaves evidence

[registrar]
signing_key = "registrar.pem"
accounts = "sqlite:///accounts.db"
api_keys = "api-keys.json"
bulletins = "bulletins"
"""


def create_provider(
    directory: Path | str,
    application: str,
    *,
    period: int,
    tiers: Sequence[Tier],
    authorities: Sequence[str] = (),
    registrar: str | None = None,
    refresh: int = 30,
    depth: int = 20,
    limit_bits: int = 16,
    max_units: int = 1,
    progress: Callable[[float], None] = lambda part: None,
) -> Policy:
    """Make the directory of a provider, whole or not at all.

    Args:
        directory: a new or empty one.
        application: domain name that the provider owns; for a trial on one machine, a name that ends in
            `.localhost`.
        period: length of an epoch in seconds.
        tiers: the kinds of membership.
        authorities: hosts, with or without a port, at which the service answers; none: the application.
        registrar: URL of the registrar, with a slash at its end; None: `/rln/` at the first authority.
        refresh: seconds between two looks of a member at the provider, 1 to 30.
        depth: of the membership tree; 20 is for a million members. It cannot change later.
        limit_bits: limits are 1 to 2^limit_bits.
        max_units: the most units that one request may cost, 1 to 16; prices need 2 or more. It cannot change
            later. A proof takes longer to make and to verify with more of them.
        progress: is called with the part of the key that is made, 0 to 1.

    Returns:
        The policy.

    Raises:
        ParameterError: an argument is outside its range, or the directory is not empty.
        OSError: the directory cannot be written.
    """
    directory = file_path(directory, "directory")
    check_application(application)  # first: it is the authority, too, if there is no other
    instances(sequence(tiers, "tiers"), Tier, "tiers")
    instances(sequence(authorities, "authorities"), str, "authorities")
    callback(progress, "progress")
    names = tuple(authorities) or (application,)
    base = f"{origin_of(names[0])}/rln/" if registrar is None else registrar
    places = registrar_places(base)
    whole(max_units, "max_units", 1, MAX_SLOTS)
    circuit = CircuitParameters(depth, limit_bits, None if max_units == 1 else max_units)
    whole(refresh, "refresh", 1, int(DEFAULT_WINDOW_SECONDS) // 2)
    if directory.exists() and any(directory.iterdir()):
        raise ParameterError(f"{directory}: expected a new or an empty directory; choose another one")
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.absolute().parent))
    try:
        policy = _fill(draft, application, (period, refresh), tuple(tiers), names, places, circuit, progress)
        draft.rename(directory)  # over an empty directory, too
    except BaseException:
        shutil.rmtree(draft)
        raise
    return policy


def _fill(
    draft: Path,
    application: str,
    times: tuple[int, int],
    tiers: tuple[Tier, ...],
    authorities: tuple[str, ...],
    places: _Places,
    circuit: CircuitParameters,
    progress: Callable[[float], None],
) -> Policy:
    registrar_key = RegistrarKey.new(draft / SIGNING_KEY_FILE)
    period, refresh = times
    key = setup(build_circuit(circuit), progress=progress)
    params = Params.of(
        key,
        application,
        period,
        window_seconds=int(DEFAULT_WINDOW_SECONDS),
        registrar_key=registrar_key.public_key,
        signal_format="joined",
    )
    policy = Policy(
        version=1,
        params=params,
        authorities=authorities,
        tiers=tiers,
        **places,
        refresh=refresh,
    )
    key.save(draft / KEY_FILE)
    write_new_file(draft / POLICY_FILE, policy.sign(registrar_key))
    os.chmod(draft / POLICY_FILE, 0o644)
    clock = params.clock()
    with closing(open_log(file_uri(draft.absolute() / "log.db"), clock, new=True)):
        pass
    members = file_uri(draft.absolute() / "members.db")
    close_group(open_group(members, circuit.depth, circuit.limit_bits, now=clock.now))
    write_new_file(draft / API_KEYS_FILE, EMPTY)
    write_new_file(draft / SETTINGS_FILE, _SETTINGS.encode())
    return policy


def registrar_places(base: str) -> _Places:
    """Return the URLs of a registrar as a policy names them.

    Args:
        base: URL of the registrar, with a slash at its end.

    Raises:
        ParameterError: another form.
    """
    if not check_url(base, "registrar").endswith("/"):
        raise ParameterError(f"registrar: expected a URL with a slash at its end, got {base[-80:]!r}")
    return {
        "registration": f"{base}registration",
        "bulletins": f"{base}bulletins/",
        "proving_key": f"{base}proving-key",
    }


def origin_of(authority: str) -> str:
    """Return the origin at which a provider answers to an authority: https, and http on this machine.

    Raises:
        ParameterError, EncodingError: not an authority.
    """
    scheme = "http" if is_loopback(host_of(authority)) else "https"
    return check_url(f"{scheme}://{authority}", "authorities")
