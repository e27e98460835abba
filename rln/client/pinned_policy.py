"""PinnedPolicy: which policies a member accepts after the first one.

A newer policy is taken only from a scheduled look, never because an answer names one. It must be signed by
the pinned key, for the same application, with a higher version. Two documents of one version are evidence
that the provider shows different policies to different people.
"""

from __future__ import annotations

from rln.base.arguments import instance
from rln.errors import EncodingError, GroupRefused, InputError, PolicyChanged, ProviderUnavailable
from rln.http.policy import Policy, open_policy


def successor(pinned: Policy, data: bytes) -> Policy:
    """Return the policy of a signed document if it may take the place of the pinned one.

    Args:
        pinned: the policy in use.
        data: the signed document as fetched. An older version counts as the pinned one, because a cache may
            be behind.

    Raises:
        ProviderUnavailable: the document is no policy, but for example a page of a proxy.
        PolicyChanged: another key or application, another document of the same version, or parameters that
            need another key, group or clock.
    """
    instance(pinned, Policy, "pinned")
    try:
        found = open_policy(data, pinned.registrar_key)
    except EncodingError as error:
        raise ProviderUnavailable(f"policy: {error}") from error
    except (GroupRefused, InputError) as error:
        raise PolicyChanged(
            f"policy: expected one that the pinned key has signed ({error}); do not send anything before you "
            "know why"
        ) from error
    if found.version < pinned.version:
        return pinned
    try:
        pinned.check_next(found)
    except GroupRefused as error:
        raise PolicyChanged(str(error)) from error
    if found.params != pinned.params:
        raise PolicyChanged(
            f"policy: version {found.version} has other parameters than the pinned version "
            f"{pinned.version}: it needs a new membership; join again in a new directory"
        )
    return found
