"""PinnedPrices: which price lists a member accepts after the first one.

As with the policy, a newer list is taken only from a scheduled look, never because an answer asks for it. It
must be signed by the pinned key, for the same application, with a higher version. Two lists of one version
are evidence that the provider shows different prices to different people.
"""

from __future__ import annotations

from rln.base.arguments import instance
from rln.errors import EncodingError, GroupRefused, InputError, PolicyChanged, ProviderUnavailable
from rln.http.policy import Policy
from rln.http.price_list import PriceList, open_prices


def next_prices(policy: Policy, pinned: PriceList | None, data: bytes) -> PriceList:
    """Return the price list of a signed document if it may take the place of the pinned one.

    Args:
        policy: pinned; the list must have its application and key.
        pinned: the list in use; None: there is none yet.
        data: the signed document as fetched. An older version counts as the pinned one, because a cache may
            be behind.

    Raises:
        ProviderUnavailable: the document is no price list, but for example a page of a proxy.
        PolicyChanged: another key or application, or another document of the same version.
    """
    instance(policy, Policy, "policy")
    try:
        found = open_prices(data, policy.registrar_key)
    except EncodingError as error:
        raise ProviderUnavailable(f"prices: {error}") from error
    except GroupRefused as error:
        raise PolicyChanged(
            f"prices: expected a list that the pinned key has signed ({error}); do not send anything before "
            "you know why"
        ) from error
    except InputError as error:  # of the provider, because the signature was checked before
        raise PolicyChanged(
            f"prices: the provider has signed a list that this version of the library cannot read ({error}); "
            "install a newer one, or ask the provider"
        ) from error
    if found.application != policy.application:
        raise PolicyChanged(
            f"prices: expected those of {policy.application}, got those of {found.application}; do not send "
            "anything before you know why"
        )
    if pinned is None:
        return found
    instance(pinned, PriceList, "pinned")
    if found.version < pinned.version:
        return pinned
    try:
        pinned.check_next(found)
    except GroupRefused as error:
        raise PolicyChanged(str(error)) from error
    return pinned if found.version == pinned.version else found
