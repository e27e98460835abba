"""Provider: what one process needs to judge requests: policy, key, clock, roots, log, and who is slashed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rln.audit.files import AuditFiles
from rln.base.arguments import instance, text
from rln.base.injected import implements
from rln.errors import EncodingError, InputError, Overloaded, ParameterError
from rln.group.root_source import RootSource, root_source
from rln.http.credential import key_id
from rln.http.policy import Policy, open_policy
from rln.http.price_list import PriceList, open_prices
from rln.http.problem import BAD_PROOF, MALFORMED, Problem
from rln.http.signal import check_field
from rln.integrations.provider_settings import HttpLimits, ProviderSettings, check_exempt
from rln.integrations.slasher import Slasher
from rln.keys.verifying_key import VerifyingKey
from rln.keys.verifying_key_file import read_verifying_key
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.identity import IdentitySecret
from rln.protocol.proof import AnyProof
from rln.stores import open_log, open_mark
from rln.stores.groups import close_group, open_existing_group
from rln.verifying.ports import AuditTrail, NullifierLog, Observer
from rln.verifying.source_limit import Source, SourceLimit
from rln.verifying.verdict import RateLimitViolation, Verdict
from rln.verifying.verifier import Message, Verifier

__all__ = ["Provider"]

_SOURCES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Context:
    """The roots and epochs that were acceptable a moment ago. A request with others is refused early.

    It is frozen, so that the event loop asks no clock and no store. What the verifier finds decides.

    Attributes:
        roots: the acceptable roots.
        epochs: the acceptable epochs by external nullifier.
        ends: when the current epoch ends, by the monotonic clock.
    """

    roots: frozenset[int]
    epochs: dict[int, Epoch]
    ends: float


class Provider:
    """Judges requests for one application. Safe to use from several threads.

    A middleware asks it in threads, so that no event loop waits for its stores. Several loops may share it.
    In a forked child it goes on as its parts do: stores in files and databases open connections of their own.
    `close` ends the slashings; log and roots are closed by whoever opened them.

    Args:
        policy: the signed policy, as it is published.
        verifying_key: the one in the policy's parameters.
        clock: the one in the policy's parameters, with a mark.
        roots: acceptable roots, as for `Verifier`.
        log: remembers the shares of accepted messages; one for all workers and authorities.
        slash: removes the member with a recovered secret, for example `group.slash`; called in a thread.
            None: nobody is removed.
        was_member: as for `Verifier`.
        audit: keeps messages, for evidence.
        observer: as for `Verifier`.
        exempt: exact paths that need no credential.
        authority: of this listener, an entry of the policy; None: the entry that equals Host.
        prices: the signed price list, as it is published; None if the policy names none: each request then
            costs one unit, whatever its route.
        upstream_authorization: the `Authorization` that the application gets; None: it gets none.
        limits: of buffers and times.

    Raises:
        InputError: a value is wrong, or does not fit the policy.
        GroupRefused: the policy's signature is wrong.
    """

    def __init__(
        self,
        policy: bytes,
        verifying_key: VerifyingKey,
        *,
        clock: Clock,
        roots: RootSource,
        log: NullifierLog,
        slash: Callable[[IdentitySecret], object] | None = None,
        was_member: Callable[[int], bool] | None = None,
        audit: AuditTrail | None = None,
        observer: Observer | None = None,
        exempt: tuple[str, ...] = (),
        authority: str | None = None,
        prices: bytes | None = None,
        upstream_authorization: str | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self.policy = open_policy(policy)
        self.signed_policy = policy
        instance(verifying_key, VerifyingKey, "verifying_key")
        implements(clock, Clock, "clock")
        self.limits = HttpLimits() if limits is None else limits
        instance(self.limits, HttpLimits, "limits")
        self.exempt = frozenset(path.encode() for path in check_exempt(exempt))
        self.authority = _authority(authority, self.policy)
        self.prices = None if prices is None else open_prices(prices, self.policy.registrar_key)
        self.signed_prices = prices
        _check_prices(self.policy, self.prices, exempt)
        self.upstream_authorization = _upstream(upstream_authorization)
        self.verifying_key = verifying_key
        self.key_id = key_id(verifying_key.digest)
        self.sources = SourceLimit(1.0, self.limits.bad_proofs, _SOURCES)
        self.clock = clock
        self._roots = root_source(roots)
        self._slasher = None if slash is None else Slasher(slash)
        self._owned = ExitStack()
        self.verifier = _SlashingVerifier(
            self._slasher,
            verifying_key,
            roots=self._roots,
            log=log,
            clock=clock,
            was_member=was_member,
            sources=self.sources,
            audit=audit,
            observer=observer,
            threads=1,  # a worker process uses one processor; start as many as there are
            params=self.policy.params,
        )

    def __repr__(self) -> str:
        return f"Provider({self.policy.application})"

    @classmethod
    def open(cls, settings: ProviderSettings | Path | str | None = None) -> Self:
        """Open everything that settings name. End it with `close`.

        Args:
            settings: or the path of their file; None: the one that RLN_CONFIG names.

        Raises:
            InputError: a setting or a file is wrong, or they do not fit together.
            GroupRefused: the policy's signature is wrong.
            StoreUnavailable: a store or file cannot be used.
            IntegrityAlarm: the events of the registry do not give its roots.
        """
        if not isinstance(settings, ProviderSettings):
            settings = ProviderSettings.load(settings)
        signed = _content(settings.policy, "policy")
        policy = open_policy(signed)
        params = policy.params
        key = read_verifying_key(_content(settings.key, "key"))
        upstream = settings.upstream_authorization
        with ExitStack() as opened:
            has_file = settings.log.startswith(("sqlite:", "memory:"))
            clock = params.clock(mark=open_mark(settings.log) if has_file else None)
            log = open_log(settings.log, clock)
            opened.callback(log.close)
            group = open_existing_group(
                settings.members, params.depth, params.limit_bits, params.window(clock.now), now=clock.now
            )
            opened.callback(close_group, group)
            audit = None
            if settings.audit is not None:
                audit = AuditFiles(settings.audit, key)
                opened.callback(audit.close)
            provider = cls(
                signed,
                key,
                clock=clock,
                roots=group.roots,
                log=log,
                slash=group.slash,
                was_member=group.was_member,
                audit=audit,
                exempt=settings.exempt,
                authority=settings.authority,
                prices=None if settings.prices is None else _price_list(settings.prices),
                upstream_authorization=None if upstream is None else _secret_line(upstream),
                limits=settings.limits,
            )
            provider._owned = opened.pop_all()
        return provider

    def context(self) -> Context:
        """Read clock and roots. This may wait for a store: call it in a thread.

        Raises:
            StoreUnavailable: clock or roots cannot be read.
        """
        epochs = {epoch.external_nullifier: epoch for epoch in self.clock.acceptable()}
        left = self.clock.current().end - self.clock.now()
        return Context(frozenset(self._roots), epochs, time.monotonic() + left)

    def _check_proof(self, proof: AnyProof, source: Source) -> Problem | None:
        """Verify a proof alone, at the expense of its source. This takes long: call it in a thread.

        Raises:
            Overloaded: the source has sent too many bad proofs.
            StoreUnavailable: the clock cannot be read.
        """
        if not self.sources.take(source, self.clock.now()):
            raise Overloaded("source: too many bad proofs came from it; try later")
        good = True  # until there is an answer: a source does not pay for a verification that raises
        try:
            good = self.verifying_key.verify(proof.public_inputs, proof.proof)
        except InputError:
            good = False
            return MALFORMED
        finally:
            if good:
                self.sources.give_back(source)
        return None if good else BAD_PROOF

    def close(self) -> None:
        """Finish the slashings, and close what `open` has opened. A second call does nothing."""
        if self._slasher is not None:
            self._slasher.close()
        self._owned.close()


class _SlashingVerifier(Verifier):
    """A verifier that hands each recovered secret to a slasher, before anybody gets the verdict."""

    def __init__(self, slasher: Slasher | None, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._slasher = slasher

    def outcomes(
        self, messages: Sequence[Message], sources: Sequence[Source] | None = None
    ) -> list[Verdict | Exception]:
        """Judge messages; see `Verifier.outcomes`."""
        outcomes = super().outcomes(messages, sources)
        if self._slasher is not None:
            for outcome in outcomes:
                if isinstance(outcome, RateLimitViolation):
                    self._slasher.add(outcome.identity_secret)
        return outcomes


def _authority(authority: str | None, policy: Policy) -> bytes | None:
    if authority is None:
        return None
    if text(authority, "authority") not in policy.authorities:
        raise ParameterError(
            f"authority: expected one of {', '.join(policy.authorities)}, got {authority[:80]!r}"
        )
    return authority.encode()


def _check_prices(policy: Policy, prices: PriceList | None, exempt: tuple[str, ...]) -> None:
    """Refuse prices that members do not know, or that no member can pay."""
    if prices is None:
        if policy.prices is not None:
            raise ParameterError(
                f"prices: expected the price list that the policy names, {policy.prices}, got none; put "
                'prices = "prices.json" into the settings'
            )
        return
    if policy.prices is None:
        raise ParameterError(
            "prices: expected none, because the policy names no price list, and its members pay one unit; "
            "rln provider prices puts the list into the policy"
        )
    if prices.application != policy.application:
        raise ParameterError(
            f"prices: expected those of {policy.application}, got those of {prices.application}"
        )
    prices.check_payable(policy.params.max_out or 1)
    for route in prices.routes:
        if route.path in exempt:
            raise ParameterError(f"exempt: {route.path} has a price; take it out of one of the two")


def _upstream(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        return check_field(text(value, "upstream_authorization").encode("ascii"), "upstream_authorization")
    except UnicodeEncodeError:
        raise EncodingError("upstream_authorization: expected visible ASCII, got other characters") from None


def _price_list(path: Path) -> bytes:
    if not path.exists():
        raise ParameterError(f"prices: {path}: there is no such file; rln provider prices makes it")
    return _content(path, "prices")


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParameterError(f"{name}: {path}: {error.strerror}") from error


def _secret_line(path: Path) -> str:
    return _content(path, "upstream_authorization").decode("ascii", "replace").rstrip("\r\n")
