"""A provider over HTTP for tests: keys, a signed policy, a registry with members, and their credentials.

Everything is in one directory, as `rln.toml` describes it, so that servers in other processes can use it.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import rln
from rln.http.credential import Credential, key_id
from rln.http.policy import Policy, Tier
from rln.http.price_list import PRICES, PriceList
from rln.http.route import Route
from rln.http.signal import RequestParts
from rln.stores import open_log, open_mark, open_message_ids
from rln.stores.groups import open_group
from rln.sync.signing import RegistrarKey

APPLICATION = "api.localhost"
AUTHORITY = "127.0.0.1"
PERIOD = 3600
DEPTH, LIMIT_BITS = 8, 8
MEMBERS = 40
LIMIT = 100


@cache
def http_key(slots: int | None = None) -> rln.ProvingKey:
    """Return a key of the depth of these tests, made once in each process."""
    make = rln.circuit.rln if slots is None else rln.circuit.rln_multi
    sizes = (DEPTH, LIMIT_BITS) if slots is None else (DEPTH, LIMIT_BITS, slots)
    return rln.setup(make(*sizes), threads=1)


class HttpWorld:
    """A provider's directory, and members who make credentials without any network.

    Args:
        directory: an empty one; gets keys, policy.json, log.db, members.db and rln.toml.
        authority: of the policy, with the port if there is one.
        period: of an epoch in seconds.
        members: how many are registered at once, with the limit `LIMIT`.
        slots: of a proof; None: one message id a proof.
        bound_fields: of the policy.
        base: URL under which registrar, bulletins and key are found; None: none of them.
        routes: of the price list; none: there is no list, and each request costs one unit.
    """

    def __init__(
        self,
        directory: Path,
        *,
        authority: str = AUTHORITY,
        period: int = PERIOD,
        members: int = MEMBERS,
        slots: int | None = None,
        bound_fields: tuple[str, ...] = (),
        base: str | None = None,
        routes: tuple[Route, ...] = (),
    ) -> None:
        self.directory = directory
        self.authority = authority
        self.key = http_key(slots)
        self.key.save(directory / "provider.rlnkey")
        self.registrar_key = RegistrarKey.new(directory / "registrar.pem")
        params = rln.Params.of(
            self.key,
            APPLICATION,
            period,
            window_seconds=60,
            registrar_key=self.registrar_key.public_key,
            signal_format="joined",
        )
        self.policy = Policy(
            version=1,
            params=params,
            authorities=(authority,),
            tiers=(Tier("basic", 2), Tier("pro", LIMIT)),
            bound_fields=bound_fields,
            registration=None if base is None else f"{base}/rln/registration",
            bulletins=None if base is None else f"{base}/rln/bulletins/",
            proving_key=None if base is None else f"{base}/rln/proving-key",
            prices=f"{base or f'http://{authority}'}{PRICES}" if routes else None,
        )
        self.prices = PriceList(APPLICATION, 1, routes) if routes else None
        (directory / "policy.json").write_bytes(self.policy.sign(self.registrar_key))
        self.log_uri = f"sqlite:///{directory}/log.db"
        self.members_uri = f"sqlite:///{directory}/members.db"
        self.clock = params.clock(mark=open_mark(self.log_uri))
        open_log(self.log_uri, self.clock, new=True).close()
        self.group = open_group(
            self.members_uri, DEPTH, LIMIT_BITS, params.window(self.clock.now), now=self.clock.now, interval=0
        )
        self.identities = [rln.Identity.generate() for _ in range(members)]
        self.memberships = self.group.register_many([(one.commitment, LIMIT) for one in self.identities])
        self._provers: dict[int, rln.Prover] = {}
        (directory / "rln.toml").write_text(
            'policy = "policy.json"\nkey = "provider.rlnkey"\nlog = "sqlite:///log.db"\n'
            'members = "sqlite:///members.db"\n' + ('prices = "prices.json"\n' if routes else "")
        )
        if self.prices is not None:
            (directory / "prices.json").write_bytes(self.prices.sign(self.registrar_key))

    def prover(self, member: int = 0) -> rln.Prover:
        """Return the prover of a member; its message ids are in memory."""
        if member not in self._provers:
            self._provers[member] = rln.Prover(
                self.identities[member],
                self.memberships[member],
                self.key,
                ids=open_message_ids("memory://"),
                clock=self.policy.params.clock(),
                params=self.policy.params,
                threads=1,
            )
        return self._provers[member]

    def parts(
        self,
        method: str = "POST",
        target: str = "/v1/chat/completions",
        body: bytes = b"",
        content_type: str = "application/json",
        content_encoding: str = "",
        bound: tuple[bytes, ...] = (),
    ) -> RequestParts:
        """Return what the signal of a request covers."""
        return RequestParts(
            self.authority.encode(),
            method.encode(),
            target.encode(),
            content_type.encode(),
            content_encoding.encode(),
            hashlib.sha256(body).digest(),
            bound,
        )

    def credential(
        self, parts: RequestParts, member: int = 0, units: int = 1, nonce: bytes | None = None
    ) -> str:
        """Return the `Authorization` value of a request, which spends a message id of a member."""
        nonce = os.urandom(16) if nonce is None else nonce
        prover, signal = self.prover(member), parts.signal(nonce)
        many = self.key.parameters.max_out is not None
        proof = prover.prove_multi(signal, units) if many else prover.prove(signal)
        return Credential(key_id(self.key.verifying_key.digest), nonce, proof).encode()

    def close(self) -> None:
        """Close the provers and the registry."""
        for prover in self._provers.values():
            prover.close()
        self.group.registry.close()
