"""Settings of a provider: one file, `rln.toml`, for the middleware, the registrar and their worker processes.

    policy = "policy.json"               the signed policy
    key = "provider.rlnkey"              the proving key file; the verifying key is in it
    log = "sqlite:///log.db"             nullifier log; one for all workers and all authorities
    members = "sqlite:///members.db"     member registry; one for all workers
    exempt = ["/health"]                 exact paths that need no credential
    prices = "prices.json"               the signed price list, if the policy names one
    authority = "api.example.com"        the authority of this listener, whatever Host says; else by Host
    audit = "audit"                      directory that keeps messages, for evidence
    upstream_authorization = "key.txt"   file with the Authorization that the application gets

    [limits]
    body = 1048576                       bytes of a body
    seconds = 30                         until a body must be there
    buffers = 67108864                   bytes of all bodies that wait for a verdict
    source_buffers = 8388608             of them, those of one source
    pending = 1024                       requests that wait for a verdict
    bad_proofs = 256                     bad proofs of a source at a time; one a second grows back

    [registrar]                          read by the registrar

    [gateway]                            read by the gateway

Relative paths, also those of `sqlite:///`, count from the folder of the file. All but the first four may be
left out. Unknown names are refused.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from rln.base.arguments import file_path, instance, text, whole
from rln.errors import EncodingError, ParameterError
from rln.http.signal import check_authority
from rln.integrations.settings_file import absolute_uri, check_names, check_path, read_settings

__all__ = ["HttpLimits", "ProviderSettings"]

VARIABLE: Final = "RLN_CONFIG"
"""The environment variable that names the file."""

_LARGEST: Final = 1 << 40
_PATH: Final = re.compile(r"/[!$&'()*+,\-./0-9:;=@A-Z_a-z~]*\Z")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much a provider buffers, and for how long it waits.

    Args:
        body: bytes of the largest body, 0 to 2^40.
        seconds: until the whole body must be there, 1 to 3600.
        buffers: bytes of all bodies that wait for a verdict in one event loop, at least `body`.
        source_buffers: of them, those of one source; at least `body`.
        pending: requests that wait for a verdict in one event loop, 1 to 2^20.
        bad_proofs: bad proofs that one source may send at a time, 1 to 2^20; one a second grows back.

    Raises:
        ParameterError: a number is outside its range.
    """

    body: int = 1 << 20
    seconds: int = 30
    buffers: int = 1 << 26
    source_buffers: int = 1 << 23
    pending: int = 1024
    bad_proofs: int = 256

    def __post_init__(self) -> None:
        whole(self.body, "body", 0, _LARGEST)
        whole(self.seconds, "seconds", 1, 3600)
        whole(self.source_buffers, "source_buffers", self.body, _LARGEST)
        whole(self.buffers, "buffers", self.source_buffers, _LARGEST)
        whole(self.pending, "pending", 1, 1 << 20)
        whole(self.bad_proofs, "bad_proofs", 1, 1 << 20)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What `rln.toml` says, with absolute paths.

    Args:
        policy: file of the signed policy.
        key: file of the proving key.
        log: URI of the nullifier log.
        members: URI of the member registry.
        exempt: exact paths that need no credential.
        authority: of this listener; None: the entry of the policy that equals Host.
        prices: file of the signed price list; None: each request costs one unit.
        audit: directory for audit files; None: no audit.
        upstream_authorization: file with the `Authorization` that the application gets; None: it gets none.
        limits: of buffers and times.

    Raises:
        ParameterError, EncodingError: a value has another type or form, or is outside its range.
    """

    policy: Path
    key: Path
    log: str = field(repr=False)  # a URI may hold a password
    members: str = field(repr=False)
    exempt: tuple[str, ...] = ()
    authority: str | None = None
    prices: Path | None = None
    audit: Path | None = None
    upstream_authorization: Path | None = None
    limits: HttpLimits = HttpLimits()

    def __post_init__(self) -> None:
        check_path(self.policy, "policy")
        check_path(self.key, "key")
        text(self.log, "log")
        text(self.members, "members")
        check_exempt(self.exempt)
        if self.authority is not None:
            check_authority(text(self.authority, "authority").encode("ascii", "replace"))
        for name in ("prices", "audit", "upstream_authorization"):
            if getattr(self, name) is not None:
                check_path(getattr(self, name), name)
        instance(self.limits, HttpLimits, "limits")

    @classmethod
    def load(cls, path: Path | str | None = None) -> Self:
        """Read the file.

        Args:
            path: of the file; None: the one that RLN_CONFIG names.

        Raises:
            ParameterError: there is no such file, or a value is missing, unknown or outside its range.
            EncodingError: not TOML, or a text has another form.
        """
        place = _place(path)
        content = read_settings(place)
        required = {"policy", "key", "log", "members"}
        names = {one.name for one in fields(cls)}
        check_names(content, names | {"gateway", "registrar"}, required, place.name)
        folder = place.parent
        found: dict[str, Any] = {name: content[name] for name in names & content.keys()}
        for name in ("policy", "key", "prices", "audit", "upstream_authorization"):
            if name in found:
                found[name] = folder / file_path(text(found[name], name), name)
        for name in ("log", "members"):
            found[name] = absolute_uri(text(found[name], name), folder)
        if "exempt" in found:
            instance(found["exempt"], list, "exempt")
            found["exempt"] = tuple(found["exempt"])
        limits = found.get("limits", {})
        instance(limits, dict, "limits")
        check_names(limits, {one.name for one in fields(HttpLimits)}, set(), "[limits]")
        found["limits"] = HttpLimits(**limits)
        return cls(**found)


def check_exempt(exempt: tuple[str, ...]) -> tuple[str, ...]:
    """Return paths that need no credential, if each can be compared with the path of a request.

    Raises:
        ParameterError: not a tuple of text.
        EncodingError: a path that no request can have.
    """
    if type(exempt) is not tuple:
        raise ParameterError(f"exempt: expected a tuple of paths, got {type(exempt).__name__}")
    for path in exempt:
        if not _PATH.match(text(path, "exempt path")):
            raise EncodingError(
                "exempt: expected paths of plain characters that begin with a slash, without a query and "
                f"percent-encoding, got {path[:80]!r}"
            )
    return exempt


def _place(path: Path | str | None) -> Path:
    if path is None:
        named = os.environ.get(VARIABLE)
        if not named:
            raise ParameterError(f"config: expected the path of rln.toml, as argument or in {VARIABLE}")
        path = named
    return file_path(path, "config").absolute()
