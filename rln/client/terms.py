"""Terms: what a provider has signed for its members, as one of them has pinned it: policy and price list."""

from __future__ import annotations

from dataclasses import dataclass

from rln.base.arguments import instance
from rln.base.injected import implements
from rln.client.member_directory import MemberDirectory
from rln.client.origin import origin_of
from rln.client.pinned_policy import successor
from rln.client.pinned_prices import next_prices
from rln.client.web import Web
from rln.http.policy import MAX_POLICY_BYTES, WELL_KNOWN, Policy
from rln.http.price_list import MAX_PRICES_BYTES, PriceList


@dataclass(frozen=True, slots=True)
class Terms:
    """The pinned documents of one member. Immutable, so that a request sees a policy with its prices.

    Attributes:
        policy: pinned.
        prices: pinned; None: the policy names none, and each request costs one unit. None also if a policy
            names one that was never seen; then no request is made.
    """

    policy: Policy
    prices: PriceList | None

    @classmethod
    def read(cls, files: MemberDirectory) -> Terms:
        """Read them from the directory of a member.

        Raises:
            ParameterError: the directory has no member.
            GroupRefused, InputError: a file is damaged.
        """
        instance(files, MemberDirectory, "files")
        policy = files.read_policy()
        return cls(policy, None if policy.prices is None else files.read_prices(policy))

    def look(self, files: MemberDirectory, web: Web) -> Terms:
        """Fetch the documents, pin what is new, and return what is in force from now on.

        Raises:
            ProviderUnavailable: one of them could not be fetched. Then the other is not taken either.
            PolicyChanged: one of them is neither the pinned one nor its signed successor.
            OSError: a file was not written.
        """
        instance(files, MemberDirectory, "files")
        implements(web, Web, "web")
        signed = web.fetch(origin_of(self.policy.authorities[0]) + WELL_KNOWN, MAX_POLICY_BYTES)
        policy = successor(self.policy, signed)
        signed_prices = None if policy.prices is None else web.fetch(policy.prices, MAX_PRICES_BYTES)
        with files.locked():
            # Prices first, so that no process finds a policy without the prices that it names.
            prices = None if signed_prices is None else pin_prices(files, policy, signed_prices)
            if policy is not self.policy and files.read_policy().version < policy.version:
                files.write_policy(signed)
        return Terms(policy, prices)


def pin_prices(files: MemberDirectory, policy: Policy, signed: bytes) -> PriceList:
    """Pin a price list as fetched, if it is newer than the pinned one; return what is in force.

    The caller has the lock of the directory.

    Raises:
        ProviderUnavailable: the document is no price list.
        PolicyChanged: it is neither the pinned one nor its signed successor.
        OSError: the file was not written.
    """
    pinned = files.read_prices(policy)
    found = next_prices(policy, pinned, signed)
    if found is not pinned:
        files.write_prices(signed)
    return found
