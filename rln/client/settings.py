"""MemberSettings: how a member proves, fetches and retries."""

from __future__ import annotations

from dataclasses import dataclass

from rln.base.arguments import flag, thread_count, whole
from rln.base.bounds import MAX_LIMIT_BITS, MAX_SLOTS
from rln.base.injected import implements
from rln.client.requests import MAX_UNITS, OnLost, check_on_lost
from rln.client.web import PlainWeb, Web, check_proxy
from rln.errors import ParameterError


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """The settings of a member.

    Args:
        tokens: proofs to prepare in the background, see `Prover`; 0 to 65,536. Only with a key for a single
            message id.
        threads: for one proof; None is one for each processor.
        on_lost: "again": if a request was accepted and its answer is lost, it is sent once more and costs
            its units again. "raise": the caller gets `AnswerLost`.
        max_units: units that one request may cost, 1 to 16.
        proxy: `http://host:port` of a proxy that makes tunnels, for fetches and requests; None: none.
        web: fetches policy and bulletins in the place of the standard library; it must go the same way as the
            requests. None: the standard library, through the proxy.
        background: whether a thread looks at the provider. False: call `Member.follow` yourself, at times
            that do not depend on your requests.

    Raises:
        ParameterError: a value is outside its range.
    """

    tokens: int = 0
    threads: int | None = None
    on_lost: str = OnLost.AGAIN.value
    max_units: int = MAX_UNITS
    proxy: str | None = None
    web: Web | None = None
    background: bool = True

    def __post_init__(self) -> None:
        whole(self.tokens, "tokens", 0, 1 << MAX_LIMIT_BITS)
        thread_count(self.threads)
        check_on_lost(self.on_lost)
        whole(self.max_units, "max_units", 1, MAX_SLOTS)
        if self.proxy is not None:
            check_proxy(self.proxy)
        if self.web is not None:
            implements(self.web, Web, "web")
            if self.proxy is not None:
                raise ParameterError("proxy: expected None with web, which goes its own way; give one")
        flag(self.background, "background")

    def open_web(self) -> Web:
        """Return what fetches."""
        return PlainWeb(self.proxy) if self.web is None else self.web
