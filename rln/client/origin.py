"""Origin: the scheme and authority at which a member talks to a provider."""

from __future__ import annotations

from urllib.parse import urlsplit

from rln.base.arguments import instance, text
from rln.errors import ParameterError
from rln.http.policy import Policy, check_url, host_of, is_loopback


def origin_of(authority: str) -> str:
    """Return the origin of an authority: https, and http for this machine."""
    scheme = "http" if is_loopback(host_of(authority)) else "https"
    return f"{scheme}://{authority}"


def authority_of(url: str) -> str:
    """Return the authority that a URL names.

    Args:
        url: `https://authority`, with nothing after it but a slash; http on this machine.

    Raises:
        ParameterError: another form.
    """
    found = urlsplit(check_url(url, "url"))
    if found.path not in ("", "/"):
        raise ParameterError(f"url: expected https://authority without a path, got {url[:80]!r}")
    return found.netloc.lower()


def check_origin(policy: Policy, scheme: str, authority: str) -> None:
    """Refuse an origin at which a credential of this application would unmask or rob the member.

    Raises:
        ParameterError: the authority is none of the policy's, or the connection is not private.
    """
    instance(policy, Policy, "policy")
    if text(authority, "authority") not in policy.authorities:
        raise ParameterError(
            f"url: expected an authority of the policy ({', '.join(policy.authorities)}), got "
            f"{authority[:80]}; no credential goes there"
        )
    if scheme != "https" and (scheme != "http" or not is_loopback(host_of(authority))):
        raise ParameterError(f"url: expected https, got {scheme[:20]}; no credential goes there")


def plain_authority(scheme: str, netloc: str) -> str:
    """Return the authority of a URL in small letters, without the name of a user and the default port."""
    default = {"https": ":443", "http": ":80"}.get(scheme, "\0")
    return netloc.rpartition("@")[2].lower().removesuffix(default)
