"""A registrar without threads and HTTP, with a clock that a test sets: each round is a call."""

from __future__ import annotations

from pathlib import Path

import rln
from rln.http.policy import Policy, Tier
from rln.http.registration import RegistrationParts, RegistrationProof, prove_registration
from rln.merkle.proof import MerkleProof
from rln.services.account_rows import AccountRegistration
from rln.services.accounts import AccountStore
from rln.services.api_keys import Account, AccountHook
from rln.services.registrar import Registrar
from rln.services.replacement import ReplacementRules
from rln.stores.groups import open_group
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.sync.signing import RegistrarKey
from tests.support.http_world import APPLICATION, DEPTH, LIMIT_BITS, http_key

PERIOD, WINDOW, SKEW = 300, 60, 20
START = 1_800_000_000.0
BASIC, PRO = Tier("basic", 2), Tier("pro", 3)


class Office:
    """A registrar's files, its clock, and the accounts that its directory has.

    Args:
        directory: an empty one.
        replacements, after_slash: as for `ReplacementRules`.
        interval, batch: as for `Registrar`.
        webhooks: addresses.
    """

    def __init__(
        self,
        directory: Path,
        *,
        replacements: int = 3,
        after_slash: int = 0,
        interval: int = 10,
        batch: int = 8,
        webhooks: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self.time = START
        self.key = http_key()
        self.signing_key = RegistrarKey.new(directory / "registrar.pem")
        self.key.save(directory / "provider.rlnkey")
        params = rln.Params.of(
            self.key, APPLICATION, PERIOD, window_seconds=WINDOW,
            registrar_key=self.signing_key.public_key, skew=SKEW, signal_format="joined",
        )  # fmt: skip
        url = "http://127.0.0.1:1/rln"
        self.policy = Policy(
            1, params, ("127.0.0.1:1",), (BASIC, PRO),
            registration=f"{url}/registration", bulletins=f"{url}/bulletins/", proving_key=f"{url}/key",
        )  # fmt: skip
        self.document = self.policy.sign(self.signing_key)
        self.rules = ReplacementRules.of(params, replacements, 30, after_slash)
        self.numbers = {"interval": interval, "batch": batch}
        self.webhooks = webhooks
        self.known: dict[str, Account] = {}
        self.clock = params.clock(now=lambda: self.time)
        self.log = MemoryNullifierLog()
        self.open()

    def open(self) -> None:
        """Open the registrar, as after a start."""
        params = self.policy.params
        self.accounts = AccountStore(self.directory / "accounts.db", self.rules, self.webhooks)
        self.group = open_group(
            f"sqlite:///{self.directory}/members.db", DEPTH, LIMIT_BITS,
            params.window(self.clock.now), now=self.clock.now, interval=0,
        )  # fmt: skip
        self.registrar = Registrar(
            self.document, self.key.verifying_key, self.directory / "provider.rlnkey", self.group,
            self.accounts, self.signing_key, AccountHook(lambda _: None, self.known.get),
            self.directory / "bulletins", self.clock, **self.numbers,
        )  # fmt: skip

    def close(self) -> None:
        """Close what is open; what is on the disk stays, as after a kill."""
        self.accounts.close()
        self.group.registry.close()

    def account(self, name: str = "acme", *, several: bool = False) -> Account:
        """Return an account that may have both tiers; it is known from now on."""
        self.known[name] = Account(name, ("basic", "pro"), several)
        return self.known[name]

    def proof(
        self, account: Account, identity: rln.Identity, tier: Tier, nonce: bytes
    ) -> tuple[RegistrationParts, RegistrationProof]:
        """Return what an applicant sends."""
        return prove_registration(
            identity, APPLICATION, account.name, tier.name, tier.limit, nonce, self.key, threads=1
        )

    def send(
        self, account: Account, parts: RegistrationParts, proof: RegistrationProof, **other: object
    ) -> AccountRegistration:
        """Send a registration to the registrar, with other parts if a test says so."""
        values = {
            "tier": parts.tier,
            "commitment": parts.commitment,
            "server_nonce": parts.server_nonce,
            "client_nonce": parts.client_nonce,
            **other,
        }
        return self.registrar.register(account, proof=proof, **values)  # type: ignore[arg-type]

    def register(self, account: Account, identity: rln.Identity, tier: Tier = BASIC) -> AccountRegistration:
        """Register an identity, with a new nonce."""
        nonce, _, _ = self.registrar.challenge(account, tier.name)
        return self.send(account, *self.proof(account, identity, tier, nonce))

    def round(self, seconds: float = 0.0) -> None:
        """Let time pass, and do what is due then."""
        self.time += seconds
        self.registrar.admission.round()

    def states(self, account: Account) -> list[tuple[object, object]]:
        """Return tier and state of the registrations of an account, newest first."""
        return [(one["tier"], one["state"]) for one in self.registrar.registrations(account)]

    def leaves(self, account: Account) -> int:
        """Return how many leaves of an account the tree has."""
        commitments = {row.commitment for row in self.accounts.of_account(account.name)}
        return sum(self.group.is_member(commitment) for commitment in commitments)

    def verifier(self) -> rln.Verifier:
        """Return the verifier of the middleware, on the same registry and one log."""
        return rln.Verifier(
            self.key.verifying_key, roots=self.group.roots, log=self.log, clock=self.clock,
            params=self.policy.params,
        )  # fmt: skip


class Cheat:
    """Somebody who registers one identity after another, keeps every path, and sends all that can be sent.

    Args:
        office: the registrar.
        account: of the cheat.
        tier: that is registered.
    """

    def __init__(self, office: Office, account: Account, tier: Tier = BASIC) -> None:
        self.office = office
        self.account = account
        self.tier = tier
        self.identities: list[rln.Identity] = []
        self.paths: dict[int, tuple[int, MerkleProof]] = {}
        self.made: dict[tuple[int, int], list[tuple[rln.RlnProof, bytes]]] = {}
        self.served: dict[int, int] = {}
        self.verifier = office.verifier()

    def join(self) -> None:
        """Register a new identity."""
        self.identities.append(rln.Identity.generate())
        self.office.register(self.account, self.identities[-1], self.tier)

    def learn(self) -> None:
        """Note the paths of the identities that are members now."""
        for number, identity in enumerate(self.identities):
            if self.office.group.is_member(identity.commitment):
                index = self.office.group.membership(identity.commitment).index
                self.paths[number] = index, self.office.group.proof(index)

    def send(self) -> None:
        """Send messages of every identity for every acceptable epoch, and count what is served."""
        self.learn()
        for epoch in self.office.clock.acceptable():
            for number, (index, path) in self.paths.items():
                key = (number, epoch.index)
                if key not in self.made:
                    self.made[key] = self._prove(number, index, path, epoch)
                for message in [*self.made[key]]:
                    if isinstance(self.verifier.submit(*message), rln.Valid):
                        self.made[key].remove(message)
                        self.served[epoch.index] = self.served.get(epoch.index, 0) + 1

    def _prove(
        self, number: int, index: int, path: MerkleProof, epoch: rln.Epoch
    ) -> list[tuple[rln.RlnProof, bytes]]:
        identity = self.identities[number]
        ids = MemoryMessageIds()
        ids.introduce(identity.commitment)
        prover = rln.Prover(
            identity, rln.Membership(index, self.tier.limit, identity.commitment, lambda _: path),
            self.office.key, ids=ids, clock=self.office.policy.params.clock(now=lambda: epoch.start + 1.0),
            threads=1,
        )  # fmt: skip
        signals = [rln.join_signal("a test", [bytes([number, one])]) for one in range(self.tier.limit)]
        made = [(prover.prove(signal), signal) for signal in signals]
        prover.close()
        return made
