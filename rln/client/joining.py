"""Joining: how somebody with an account becomes a member, in steps that can be repeated.

Each step leaves a file, or something at the registrar, that the next attempt finds. So after an error, join
again with the same directory. A new identity is introduced to the file of message ids before anything is
proved with it, because otherwise its first epoch would be refused.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Final

from rln.atomic_files import write_file
from rln.base.arguments import fixed_bytes, instance, whole
from rln.base.bounds import MAX_DEPTH
from rln.client.member_directory import MemberDirectory, MemberRecord
from rln.client.origin import authority_of, origin_of
from rln.client.pinned_policy import successor
from rln.client.registrar_client import RegistrarClient, Registration, check_api_key
from rln.client.settings import MemberSettings
from rln.client.terms import pin_prices
from rln.errors import ParameterError, PolicyChanged, ProviderUnavailable
from rln.http.policy import MAX_POLICY_BYTES, WELL_KNOWN, Policy, Tier, open_policy
from rln.http.price_list import MAX_PRICES_BYTES
from rln.http.registration import check_tier, prove_registration
from rln.keys.proving_key import ProvingKey
from rln.protocol.identity import Identity
from rln.stores import open_message_ids
from rln.sync.mirror import MIN_MEMBERS
from rln.sync.signing import PUBLIC_KEY_BYTES

MAX_KEY: Final = 1 << 30
"""Bytes of the largest proving key that is fetched."""


class Joining:
    """One attempt to join. Belongs to one thread; two processes that join with one directory take turns.

    Args:
        url: `https://` and an authority of the provider.
        directory: for the member's files.
        settings: of the member.
        registrar_key: 32 bytes, which the provider has given in another way; None: that of its policy.
        min_members: members that the group must have before the member proves in it, 1 or more.

    Raises:
        InputError: an argument is outside its range.
    """

    def __init__(
        self,
        url: str,
        directory: MemberDirectory,
        settings: MemberSettings,
        *,
        registrar_key: bytes | None = None,
        min_members: int = MIN_MEMBERS,
    ) -> None:
        self._authority = authority_of(url)
        instance(directory, MemberDirectory, "directory")
        instance(settings, MemberSettings, "settings")
        self._files = directory
        self._settings = settings
        self._web = settings.open_web()
        self._registrar_key = registrar_key
        if registrar_key is not None:
            fixed_bytes(registrar_key, PUBLIC_KEY_BYTES, "registrar_key")
        self._min_members = whole(min_members, "min_members", 1, 1 << MAX_DEPTH)

    def register(self, api_key: str, tier: str | None, identity: Identity | None) -> Registration:
        """Register, and write all files but the mirror; arguments and errors as for `Member.join`.

        Returns:
            What the registrar says about the registration.
        """
        check_api_key(api_key)
        if tier is not None:
            check_tier(tier)
        if identity is not None:
            instance(identity, Identity, "identity")
        self._files.create()
        with self._files.locked():
            policy = self._pin()
            chosen = _choose(policy, tier)
            if policy.registration is None:
                raise ParameterError(
                    "policy: this provider registers members in another way; ask it how, and make the "
                    "directory with what it gives you"
                )
            registrar = RegistrarClient(policy.registration, api_key, self._web)
            key = self._key(policy)
            own = self._identity(identity)
            found = self._existing(registrar, chosen, own)
            if found is None:
                found = self._apply(registrar, policy, chosen, own, key)
            digest = hashlib.sha256(self._files.key.read_bytes()).hexdigest()
            record = MemberRecord(chosen.name, found.limit, self._min_members, digest)
            self._files.write_record(record)
            return found

    def _pin(self) -> Policy:
        """Fetch policy and prices, and pin them or compare them with the pinned ones."""
        data = self._web.fetch(origin_of(self._authority) + WELL_KNOWN, MAX_POLICY_BYTES)
        if self._files.has("policy.json"):
            pinned = self._files.read_policy()
            if self._registrar_key not in (None, pinned.registrar_key):
                raise PolicyChanged(
                    "registrar_key: the directory has another key pinned; use another directory"
                )
            policy = successor(pinned, data)
        else:
            policy = open_policy(data, self._registrar_key)
        if self._authority not in policy.authorities:
            raise ParameterError(
                f"url: expected an authority of {policy.application} ({', '.join(policy.authorities)}), "
                f"got {self._authority}: this is the policy of somebody else"
            )
        if policy.prices is not None:  # before the policy that names it
            pin_prices(self._files, policy, self._web.fetch(policy.prices, MAX_PRICES_BYTES))
        if not self._files.has("policy.json") or policy.version > self._files.read_policy().version:
            self._files.write_policy(data)
        return policy

    def _key(self, policy: Policy) -> ProvingKey:
        """Return the proving key, which is fetched once, compared with the policy, and checked."""
        if self._files.key.exists():
            key = ProvingKey.load(self._files.key, threads=self._settings.threads)
            policy.params.check_key(key)
            return key
        if policy.proving_key is None:
            raise ParameterError(
                f"proving key: the policy does not say where it is; ask the provider, and save it as "
                f"{self._files.key}"
            )
        data = self._web.fetch(policy.proving_key, MAX_KEY)
        key = ProvingKey.decode(data)
        policy.params.check_key(key)
        key.check(self._settings.threads)
        write_file(self._files.key, data, 0o600)
        return key

    def _identity(self, given: Identity | None) -> Identity:
        """Return the identity of the directory; make it if there is none."""
        if self._files.identity.exists():
            found = Identity.load(self._files.identity)
            if given is not None and given.commitment != found.commitment:
                raise ParameterError(f"identity: {self._files.path} has another one; use another directory")
            return found
        if given is not None:
            given.save(self._files.identity)
            return given
        made = Identity.generate()
        with closing(open_message_ids(self._files.message_ids)) as ids:
            ids.introduce(made.commitment)
        made.save(self._files.identity)
        return made

    def _existing(self, registrar: RegistrarClient, tier: Tier, identity: Identity) -> Registration | None:
        """Return the registration of this identity, if the registrar has one that is still of use."""
        for found in registrar.registrations():
            if found.commitment != identity.commitment:
                continue
            if found.state == "slashed":
                raise ProviderUnavailable(
                    "registrar: this identity was slashed: its secret is public. Join with a new directory, "
                    "if the provider lets you, and find out which program used a message id twice"
                )
            if found.state != "ended":
                if found.tier != tier.name:
                    raise ParameterError(
                        f"tier: the member in {self._files.path} is registered for {found.tier}; to change "
                        f"to {tier.name}, join with another directory: the registrar then replaces this one"
                    )
                return found
        return None

    def _apply(
        self, registrar: RegistrarClient, policy: Policy, tier: Tier, identity: Identity, key: ProvingKey
    ) -> Registration:
        challenge = registrar.challenge(tier.name)
        if challenge.limit != tier.limit:
            raise ProviderUnavailable(
                f"registrar: expected the limit {tier.limit} of the policy for {tier.name}, "
                f"got {challenge.limit}"
            )
        parts, proof = prove_registration(
            identity,
            policy.application,
            challenge.account,
            tier.name,
            tier.limit,
            challenge.nonce,
            key,
            threads=self._settings.threads,
        )
        return registrar.register(parts, proof)


def _choose(policy: Policy, tier: str | None) -> Tier:
    if tier is not None:
        return policy.tier(tier)
    if len(policy.tiers) > 1:
        raise ParameterError(f"tier: expected one of {', '.join(one.name for one in policy.tiers)}, got none")
    return policy.tiers[0]
