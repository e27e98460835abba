"""Request judge: decides for one event loop which requests are admitted.

The checks go from cheap to expensive: route, form of request and credential, key, epoch, root; then the body
and its price; then signal, log and proof, in a batch with other requests. The loop waits for no store,
computes no proof, and reads no large body.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rln.base import forks
from rln.errors import InputError, Overloaded, StoreUnavailable
from rln.http.credential import Credential
from rln.http.policy import WELL_KNOWN
from rln.http.price_list import PRICES
from rln.http.problem import (
    CONTENT_TOO_LARGE,
    CREDENTIAL_NEEDED,
    INTERNAL,
    MALFORMED,
    NOT_FOUND,
    OVERLOADED,
    TIMEOUT,
    UNAVAILABLE,
    UNITS_NEEDED,
    UNKNOWN_KEY,
    UNKNOWN_ROOT,
    WRONG_EPOCH,
    Problem,
    problem_of_verdict,
)
from rln.http.route import Priced, Route
from rln.integrations.admission import Admission, Admitted, answer_fields
from rln.integrations.answers import SPENT, Answer, Answers
from rln.integrations.provider import Context, Provider
from rln.integrations.request_body import (
    BodyBudget,
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    Receive,
    WaitingBody,
)
from rln.integrations.request_head import HeadReader, RequestHead, Scope
from rln.integrations.slasher import LOGGER, described
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof
from rln.verifying.async_verifier import AsyncVerifier
from rln.verifying.verdict import Valid

_FRESH: Final = 0.1
"""Seconds for which roots and epochs are not read again."""

_WAIT: Final = 5.0
"""Seconds after which to try again when a store does not say how long it needs."""

_QUIET: Final = 10.0
"""Seconds between two lines about a store that cannot be used, however many requests need it."""

_THREADS: Final = 2

_IN_LOOP: Final = 1 << 14
"""Bytes of the largest body that is priced on the event loop, which takes some milliseconds at most."""

_FOR_ALL: Final = 1 << 16
"""Bytes of the largest body that is priced before the proof is verified."""

_UNPRICED: Final = Priced(1, None, None, None)
"""What each request costs without a price list."""


class RequestJudge:
    """Judges the requests of one event loop. A forked child makes a new one.

    Args:
        provider: judges for the whole process.
        loop: the event loop.
    """

    def __init__(self, provider: Provider, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._provider = provider
        published = {WELL_KNOWN: provider.signed_policy}
        if provider.signed_prices is not None:
            published[PRICES] = provider.signed_prices
        self._answers = Answers(provider.policy, published)
        self._needed = self._answers.of(CREDENTIAL_NEEDED)
        routes = () if provider.prices is None else provider.prices.routes
        self._routes = {(route.method, route.path.encode()): route for route in routes}
        self._reader = HeadReader(provider.policy, provider.authority)
        self._max_out = provider.policy.params.max_out
        self._limits = provider.limits
        self._verifier = AsyncVerifier(
            provider.verifier,
            window=0,
            queue=self._limits.pending,
            batch=min(256, self._limits.pending),
        )
        self._added = answer_fields(self._answers.rate_limit_policy)
        self._spent_fault = self._answers.of(INTERNAL).plus(SPENT)
        self._closing = self._answers.of(UNAVAILABLE).plus((b"retry-after", b"1"))  # by another worker
        self._closed = False
        self._threads = ThreadPoolExecutor(_THREADS, "rln-http")
        self._context: Context | None = None
        self._reading: asyncio.Future[Context] | None = None
        self._read_at = 0.0
        self._failure: Exception | None = None
        self._tell_at = 0.0
        self.budget = BodyBudget(self._limits)
        self._copy_watch = forks.CopyWatch()

    @property
    def is_copy(self) -> bool:
        """Whether this is a forked child's copy, which cannot be used."""
        return self._copy_watch.is_copy

    @property
    def fault(self) -> Answer:
        """The answer when an exception has stopped a request before its verdict."""
        return self._answers.of(INTERNAL)

    async def close(self) -> None:
        """Answer what is pending, and end the threads."""
        self._closed = True
        await self._verifier.close()
        self.abandon()

    def abandon(self) -> None:
        """End the threads; for an event loop that has ended with its requests."""
        if not self.is_copy:
            self._threads.shutdown(wait=False)

    def glance(self, scope: Scope) -> Answer | None:
        """Return the answer to a request that needs no judging.

        It is for a signed document, for something that is not sold, or without a credential.
        """
        path = scope.get("raw_path")
        published = self._answers.published.get(path)  # type: ignore[arg-type]
        if published is not None and scope["method"] in ("GET", "HEAD"):
            return published
        needed = self._needed
        if self._routes:
            route = self._routes.get((scope["method"], path))  # type: ignore[arg-type]
            if route is None:
                return self._answers.of(NOT_FOUND)
            needed = self._answers.of(CREDENTIAL_NEEDED, route.least)
        for name, _ in scope["headers"]:
            if name == b"authorization":
                return None
        return needed

    async def judge(self, scope: Scope, receive: Receive) -> Admission | Answer | None:
        """Judge one request.

        Returns:
            The admission, or the answer that refuses; None if the client has gone.

        Raises:
            Exception: a fault of this service; the application must not be called.
        """
        try:
            head = self._reader.read(scope)
            route = self._routes.get((scope["method"], head.path))
            if route is None and self._routes:
                return self._answers.of(NOT_FOUND)
            least = 1 if route is None else route.least
            if head.credential is None:
                return self._answers.of(CREDENTIAL_NEEDED, least)
            credential = Credential.decode(head.credential, self._max_out)
        except InputError:
            return self._answers.of(MALFORMED)
        if credential.key_id != self._provider.key_id:
            return self._answers.of(UNKNOWN_KEY, least)
        if route is None and credential.units > 1:
            return self._answers.of(MALFORMED)
        if (head.content_length or 0) > self._most_bytes(route):
            return self._answers.of(CONTENT_TOO_LARGE)
        return await self._judge_credential(head, credential, route, receive)

    async def _judge_credential(
        self, head: RequestHead, credential: Credential, route: Route | None, receive: Receive
    ) -> Admission | Answer | None:
        proof, least = credential.proof, 1 if route is None else route.least
        body = WaitingBody(self.budget, head.source, self._limits)
        try:
            epoch = await self._find_epoch(proof)
            if isinstance(epoch, Problem):
                return self._answers.of(epoch, least)
            is_checked = self.budget.is_short and head.content_length != 0
            if is_checked and (problem := await self._check_in_thread(proof, head)) is not None:
                return self._answers.of(problem)
            content = await body.read(receive)
            if head.content_length is not None and head.content_length != len(content):
                return self._answers.of(MALFORMED)
            digest = hashlib.sha256(content).digest()
            if head.content_digest is not None and not _is_digest(head.content_digest, digest):
                return self._answers.of(MALFORMED)
            priced = _UNPRICED
            if route is not None:
                is_long = len(content) > _FOR_ALL and route.prompt_bytes is not None
                if is_long and not is_checked:
                    if (problem := await self._check_in_thread(proof, head)) is not None:
                        return self._answers.of(problem)
                found = await self._price(route, head, content, credential.units)
                if isinstance(found, Answer):
                    return found
                priced = found
            if self._closed:
                return self._closing
            signal = head.signal(digest, credential.nonce)
            verdict = await self._verifier.submit(proof, signal, head.source)
        except Overloaded:
            return self._answers.of(OVERLOADED)
        except StoreUnavailable as error:
            return self._unavailable(error)
        except BodyTooLarge:
            return self._answers.of(CONTENT_TOO_LARGE)
        except BodyTooSlow:
            return self._answers.of(TIMEOUT)
        except ClientGone:
            return None
        finally:
            body.close()
        if isinstance(verdict, Valid):
            return Admission(
                Admitted(verdict, priced.units, epoch),
                head,
                content if priced.body is None else priced.body,
                priced.body is not None,
                self._provider.upstream_authorization,
                self._added,
                self._spent_fault,
            )
        problem = problem_of_verdict(verdict)
        return self._answers.of(INTERNAL if problem is None else problem, least)

    def _most_bytes(self, route: Route | None) -> int:
        """Return the bytes of the largest body that somebody can pay for; larger ones are not even read."""
        if route is None or route.prompt_bytes is None:
            return self._limits.body
        prompt_units = (self._max_out or 1) - route.least + 1
        return min(self._limits.body, prompt_units * route.prompt_bytes)

    async def _price(self, route: Route, head: RequestHead, content: bytes, units: int) -> Priced | Answer:
        """Return what a request costs, or the answer if its credential does not have that many units."""
        asked = (head.content_type, head.content_encoding, head.query, content)
        if len(content) > self._most_bytes(route):
            return self._answers.of(CONTENT_TOO_LARGE)
        try:
            if len(content) <= _IN_LOOP or route.prompt_bytes is None:  # no flat price looks at a body
                priced = route.price(*asked)
            else:
                priced = await self.loop.run_in_executor(self._threads, route.price, *asked)
        except InputError as error:
            return self._answers.explained(MALFORMED, str(error))
        if priced.units > (self._max_out or 1):
            return self._answers.of(CONTENT_TOO_LARGE)
        if units > priced.units:
            return self._answers.explained(
                MALFORMED, f"units: the request costs {priced.units}, and its credential has {units}"
            )
        return priced if units == priced.units else self._answers.of(UNITS_NEEDED, priced.units)

    # ---- roots and epochs

    async def _find_epoch(self, proof: AnyProof) -> Epoch | Problem:
        """Return the epoch of a proof, or why its epoch or root is refused. Before that, read both again."""
        context = self._context
        found = _find(context, proof)
        if not isinstance(found, Problem):
            return found
        if self._reading is not None and not self._reading.done():
            context = await asyncio.shield(self._reading)  # others wait for it too
        elif context is None or self.loop.time() >= self._read_at + _FRESH:
            self._reading = self.loop.run_in_executor(self._threads, self._provider.context)
            self._reading.add_done_callback(self._note)
            context = await asyncio.shield(self._reading)
        elif self._failure is not None:
            raise self._failure
        return _find(context, proof)

    def _note(self, reading: asyncio.Future[Context]) -> None:
        self._read_at = self.loop.time()
        if reading.cancelled():  # the loop ends
            return
        failure = reading.exception()
        self._failure = failure if isinstance(failure, Exception) else None
        if failure is None:
            self._context = reading.result()

    async def _check_in_thread(self, proof: AnyProof, head: RequestHead) -> Problem | None:
        return await self.loop.run_in_executor(self._threads, self._provider._check_proof, proof, head.source)

    def _unavailable(self, error: StoreUnavailable) -> Answer:
        """Tell the operator now and then, and return the answer with the seconds to wait.

        They end with the epoch at the latest.
        """
        if self.loop.time() >= self._tell_at:
            LOGGER.error("credentials cannot be checked now: %s", described(error))
            self._tell_at = self.loop.time() + _QUIET
        wait = _WAIT if error.retry_after is None else error.retry_after
        if self._context is not None:
            wait = min(wait, self._context.ends - time.monotonic())
        seconds = max(math.ceil(min(wait, self._provider.policy.params.period)), 1)
        return self._answers.of(UNAVAILABLE).plus((b"retry-after", str(seconds).encode()))


def _find(context: Context | None, proof: AnyProof) -> Epoch | Problem:
    epoch = None if context is None else context.epochs.get(proof.external_nullifier)
    if context is None or epoch is None:
        return WRONG_EPOCH
    return epoch if proof.root in context.roots else UNKNOWN_ROOT


def _is_digest(field: bytes, digest: bytes) -> bool:
    return field == b"sha-256=:" + b64encode(digest) + b":"
