"""Registrar: customers with an API key become members, and nobody else.

    with Registrar.open("rln.toml") as registrar:

`rln.services.registrar_app` answers HTTP for it.

A customer asks for a nonce, proves to know the secret of a commitment for this account, tier and nonce
(`rln.http.registration`), and is admitted with the next batch. docs/registrar.md has the whole protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from rln.base.arguments import file_path, instance, plain_bytes, sequence, text
from rln.base.injected import implements
from rln.errors import InputError, ParameterError, StoreUnavailable
from rln.group.group import Group
from rln.http.policy import Policy, Tier, open_policy
from rln.http.problem import BAD_PROOF
from rln.http.registration import RegistrationParts, RegistrationProof, check_account
from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.epoch import Clock
from rln.protocol.membership import check_commitment
from rln.services.account_rows import AccountRegistration, Place
from rln.services.accounts import AccountStore
from rln.services.admission import Admission, waits_until
from rln.services.api_keys import MOST_CHARACTERS, Account, AccountDirectory, AccountHook, ApiKeyFile
from rln.services.background import Background
from rln.services.bulletin_site import BulletinSite
from rln.services.nonces import Nonces
from rln.services.refusal import CONFLICT, NONCE_NOT_OPEN, TIER_NOT_ALLOWED, UNAUTHORIZED, Refused
from rln.services.registrar_settings import RegistrarSettings
from rln.services.replacement import ReplacementRules
from rln.services.slash_outbox import SlashOutbox
from rln.stores.groups import open_existing_group
from rln.sync.signing import RegistrarKey

MOST_LISTED: Final = 64
"""Registrations of an account in one answer, the newest ones."""

_BEARER: Final = re.compile(r"[Bb]earer ([A-Za-z0-9._~+/-]+=*)\Z")
_POLL_SECONDS: Final = 1.0

_WORDS: Final = {
    Place.ADMITTING: "pending",
    Place.MEMBER: "member",
    Place.ENDED: "ended",
    Place.SLASHED: "slashed",
}


class Registrar:
    """Registers members. Any thread may call it; two threads of its own admit members and send webhooks.

    `start` starts these threads, and `close` ends them; `with` does both. There is one registrar for a file
    of accounts, in one process: a second one is refused, and so are forked children. Its methods wait for the
    disk, so call them in a thread, not on an event loop.

    Args:
        policy: the signed policy, as served.
        verifying_key: of the application.
        proving_key: path of the proving key file, which is served as it is.
        group: the caller closes its registry, after this.
        accounts: the caller closes it, after this.
        signing_key: the registrar's key, the one in the policy's parameters.
        directory: tells whose an API key is.
        bulletins: directory of the bulletins.
        clock: of the application, the same as the group's.
        interval, batch: as for `Admission`.
        nonce_seconds: lifetime of a nonce.

    Raises:
        ParameterError: the parts do not belong together.
        IntegrityAlarm: a newer policy was served before, or the registry was restored.
        StoreUnavailable: a file cannot be used.
    """

    def __init__(
        self,
        policy: bytes,
        verifying_key: VerifyingKey,
        proving_key: Path | str,
        group: Group,
        accounts: AccountStore,
        signing_key: RegistrarKey,
        directory: AccountDirectory,
        bulletins: Path | str,
        clock: Clock,
        *,
        interval: int = 60,
        batch: int = 8,
        nonce_seconds: int = 300,
    ) -> None:
        instance(group, Group, "group")
        instance(accounts, AccountStore, "accounts")
        instance(signing_key, RegistrarKey, "signing_key")
        implements(directory, AccountDirectory, "directory")
        self.policy = _checked_policy(policy, signing_key, verifying_key, group)
        self.policy_document = plain_bytes(policy, "policy")
        self.proving_key = file_path(proving_key, "proving_key")
        self._verifying_key = verifying_key
        self._group = group
        self._accounts = accounts
        self._directory = directory
        self.policy.params.check_clock(clock)
        self._now = clock.now
        self._interval = interval
        self._nonces = Nonces(accounts, nonce_seconds)
        self.bulletins = BulletinSite(bulletins, group.registry, signing_key)
        accounts.note_policy(self.policy.version, self.policy.digest)
        self.admission = Admission(
            accounts, group, directory, self.bulletins, self._now, interval=interval, batch=batch
        )
        self.outbox = SlashOutbox(accounts, self.policy.application, signing_key, self._now)
        self._threads = (
            Background(self.admission.round, _POLL_SECONDS, "rln-admission"),
            Background(self.outbox.deliver, _POLL_SECONDS, "rln-webhooks"),
        )
        self._owned: list[Callable[[], None]] = []

    @classmethod
    def open(
        cls,
        config: Path | str | RegistrarSettings,
        account_of: AccountDirectory | Callable[[str], Account | None] | None = None,
    ) -> Self:
        """Open the registrar that a file describes; `close` closes everything that was opened.

        Args:
            config: path of `rln.toml`, or what was read from it.
            account_of: the directory of accounts, or a function that returns the account of an API key; None:
                the file `api_keys`.

        Raises:
            As the class, and for the file as `RegistrarSettings.read`.
        """
        settings = config if isinstance(config, RegistrarSettings) else RegistrarSettings.read(config)
        numbers = settings.numbers
        directory = _directory_of(settings, account_of)
        document = _read(settings.policy)
        policy = open_policy(document)
        params = policy.params
        key = ProvingKey.load(settings.key)
        params.check_key(key)
        rules = ReplacementRules.of(
            params,
            numbers["replacements"],
            numbers["replacement_days"],
            numbers["replacements_after_slash"],
        )
        signing_key = RegistrarKey.load(settings.signing_key)
        clock = params.clock()
        accounts = AccountStore(settings.accounts, rules, settings.webhooks)
        opened: list[Callable[[], None]] = [accounts.close]
        try:
            group = open_existing_group(
                settings.members, params.depth, params.limit_bits, params.window(clock.now), now=clock.now
            )
            opened.insert(0, group.registry.close)
            registrar = cls(
                document,
                key.verifying_key,
                settings.key,
                group,
                accounts,
                signing_key,
                directory,
                settings.bulletins,
                clock,
                interval=numbers["interval"],
                batch=numbers["batch"],
                nonce_seconds=numbers["nonce_seconds"],
            )
        except BaseException:
            for close in opened:
                close()
            raise
        registrar._owned = opened
        return registrar

    def start(self) -> None:
        """Start the threads; a second call does nothing."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads, and close what `open` has opened; a second call does nothing."""
        for thread in self._threads:
            thread.close()
        while self._owned:
            self._owned.pop(0)()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Registrar({self.policy.application})"

    # ---- what customers ask

    def account(self, authorization: Sequence[str]) -> Account:
        """Return the account that the `Authorization` fields of a request name.

        Raises:
            Refused: there is not exactly one, or no account has this key.
            StoreUnavailable: the accounts are not known now.
        """
        for value in sequence(authorization, "authorization"):
            text(value, "authorization")
        found = _BEARER.match(authorization[0]) if len(authorization) == 1 else None
        if found is None or len(found[1]) > MOST_CHARACTERS:
            raise Refused(UNAUTHORIZED)
        try:
            account = self._directory.account_of(found[1])
        except Exception as error:  # noqa: BLE001 - a hook of the provider
            # Neither text nor traceback of the error goes on: both may hold the key.
            kind = type(error).__name__
        else:
            if account is None:
                raise Refused(UNAUTHORIZED)
            return account
        raise StoreUnavailable(f"accounts: the directory has failed with {kind}")

    def challenge(self, account: Account, tier: str) -> tuple[bytes, int, Tier]:
        """Return a nonce for an attempt, when it expires in unix seconds, and the tier.

        Raises:
            Refused: the account may not have the tier, or has too many nonces.
        """
        found = self._tier(account, tier)
        nonce, expires = self._nonces.open(account.name, tier, self._milliseconds())
        return nonce, expires // 1000, found

    def register(
        self,
        account: Account,
        tier: str,
        commitment: int,
        server_nonce: bytes,
        client_nonce: bytes,
        proof: RegistrationProof,
    ) -> AccountRegistration:
        """Note that an account wants a leaf, after checking that it knows the secret.

        The nonce is used up first, whatever comes of it.

        Args:
            account: whose API key was shown.
            tier: one of its tiers.
            commitment: to register.
            server_nonce: from `challenge`, for this account and tier.
            client_nonce: of the applicant, 16 bytes.
            proof: for all of this.

        Raises:
            Refused: the nonce is not open, the commitment is none or taken, the proof is none, or the account
                gets no replacement.
            InvalidProof: the proof is for anything else.
            EncodingError: a nonce is not 16 bytes.
        """
        found = self._tier(account, tier)
        instance(proof, RegistrationProof, "proof")
        try:
            check_commitment(commitment)
        except InputError as error:
            raise Refused(CONFLICT) from error
        parts = RegistrationParts(
            self.policy.application, account.name, tier, server_nonce, client_nonce, commitment
        )
        if not self._nonces.spend(server_nonce, account.name, tier, self._milliseconds()):
            raise Refused(NONCE_NOT_OPEN)
        params = self.policy.params
        try:
            proof.check(parts, found.limit, params.depth, params.max_out, self._verifying_key)
        except InputError as error:  # its parts are no points of the curve
            raise Refused(BAD_PROOF) from error
        registry = self._group.registry
        known = bool(registry.registrations(commitment)) or registry.slashing(commitment) is not None
        if known and not any(row.account == account.name for row in self._accounts.of_commitment(commitment)):
            raise Refused(CONFLICT)  # somebody has registered it without this registrar
        if registry.slashing(commitment) is not None:
            raise Refused(CONFLICT)
        made = self._accounts.register(account, found, commitment, self._milliseconds())
        self._threads[0].wake()
        return made

    def registrations(self, account: Account) -> list[dict[str, object]]:
        """Return what an account has registered, newest first, as `GET` answers it."""
        instance(account, Account, "account")
        rows, now = self._accounts.of_account(account.name), self._milliseconds()
        return [self._shown(row, rows, now) for row in reversed(rows[-MOST_LISTED:])]

    def shown(self, account: Account, row: AccountRegistration) -> dict[str, object]:
        """Return one registration as answers state it."""
        instance(account, Account, "account")
        instance(row, AccountRegistration, "row")
        return self._shown(row, self._accounts.of_account(account.name), self._milliseconds())

    def end(self, account: Account, tier: str) -> bool:
        """End the membership of an account in a tier; return whether there was one."""
        instance(account, Account, "account")
        ended = self._accounts.end(account.name, text(tier, "tier"))
        self._threads[0].wake()
        return ended

    def end_account(self, name: str) -> bool:
        """End all memberships of an account; return whether there were any."""
        ended = self._accounts.end(check_account(name))
        self._threads[0].wake()
        return ended

    # ---- how

    def _tier(self, account: Account, tier: str) -> Tier:
        instance(account, Account, "account")
        if text(tier, "tier") not in account.tiers or tier not in {one.name for one in self.policy.tiers}:
            raise Refused(TIER_NOT_ALLOWED)
        return self.policy.tier(tier)

    def _shown(
        self, row: AccountRegistration, rows: Sequence[AccountRegistration], now: int
    ) -> dict[str, object]:
        # The limit is that of the leaf: the tier may have another one since.
        shown: dict[str, object] = {
            "tier": row.tier,
            "commitment": str(row.commitment),
            "limit": row.limit,
        }
        if row.place != Place.WANTED:
            # What ends is no membership any more, although its leaf may be there for another moment.
            state = _WORDS[Place.ENDED if row.ending else row.place]
            return {**shown, "state": state, "admission": None}
        waits, since = waits_until(self._accounts, row, rows, now)
        # The thread looks once a second, and the step takes a moment.
        admission = -(-since // 1000) + self._interval + 2
        return {**shown, "state": "waiting" if waits else "pending", "admission": admission}

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)


def _checked_policy(
    document: bytes, signing_key: RegistrarKey, verifying_key: VerifyingKey, group: Group
) -> Policy:
    """Return a policy that says where this registrar is, and belongs to the keys and the group."""
    policy = open_policy(document, signing_key.public_key)
    for name in ("registration", "bulletins", "proving_key"):
        if getattr(policy, name) is None:
            raise ParameterError(f"policy: expected a URL as {name}, which members need, got none")
    params = policy.params
    ReplacementRules.of(params)  # refuses a window without seconds
    for difference in params.verifying_key_differences(verifying_key):
        raise ParameterError(difference)
    if (group.depth, group.max_limit) != (params.depth, 1 << params.limit_bits):
        raise ParameterError(
            f"group: expected depth {params.depth} and {params.limit_bits} bits of limit as the policy says, "
            f"got {group.depth} and limits up to {group.max_limit}"
        )
    return policy


def _directory_of(settings: RegistrarSettings, given: Any) -> AccountDirectory:
    if given is None:
        if settings.api_keys is None:
            raise ParameterError("api_keys: expected the file of API keys, or a function in Python, got none")
        return ApiKeyFile(settings.api_keys)
    return given if isinstance(given, AccountDirectory) else AccountHook(given)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 20)
