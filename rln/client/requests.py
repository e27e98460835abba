"""Requests: which credential a request is sent with, and what each answer means for it.

SDKs send a request again by themselves, as a new request with the same bytes. Sending a credential again with
its request reveals nothing and costs nothing. So the credentials are kept by request, without the nonce:

1. A credential belongs to one sending at a time.
2. No answer, or 503 without `RLN-Spent`: the next sending of the same request takes the same credential.
3. Any answer with `RLN-Spent`: the credential is never used again.
4. 409: the credential was accepted before, and that answer is lost. A new credential, or `AnswerLost`.
5. 401 unknown-root: the same message ids proved again, once the member knows a newer step of the group.
6. 401 wrong-epoch: a new credential. If the old one was ever sent without an answer, this is case 4, because
   it may have been accepted.
7. 401 units-needed: `PolicyChanged`. The price comes from the pinned price list alone, whatever a challenge
   says. If a scheduled look then takes another price list, the next sending has a new credential.
8. Anything else is handed on, and the credential is not used again.

Rules 4 to 7 need the problem type of the application and no `RLN-Spent`. One request takes at most
`MAX_CREDENTIALS` credentials and `MAX_RENEWALS` renewals, with all repetitions by the SDK. An answer after
which no SDK repeats a request ends the count, so an intended second request has its own. Equal requests that
run at the same time count separately.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rln.base import forks
from rln.base.arguments import instance, text, whole
from rln.base.bounds import MAX_SLOTS, MAX_STORED
from rln.base.injected import callback, implements
from rln.client.answer import Answer
from rln.client.credential_source import CredentialSource, MadeCredential
from rln.errors import AnswerLost, ParameterError, PolicyChanged, RequestRefused
from rln.http.challenge import Challenge
from rln.http.problem import DUPLICATE, UNITS_NEEDED, UNKNOWN_KEY, UNKNOWN_ROOT, WRONG_EPOCH
from rln.http.signal import RequestParts

MAX_CREDENTIALS: Final = 2
MAX_RENEWALS: Final = 3
MAX_UNITS: Final = 4
"""Units that one request may cost, by default: a provider must not empty the budget with one price."""

MOST_WAITING: Final = 1024
"""Requests that are remembered between two sendings; beyond that, the oldest is forgotten."""

KEPT: Final = 120.0
"""Seconds that a request is remembered after its last sending. SDKs wait for 60 at most."""

PAUSE: Final = 0.1
"""Seconds between two looks whether the group has advanced."""


class OnLost(enum.Enum):
    """What to do if a request was accepted before and its answer is lost."""

    AGAIN = "again"
    RAISE = "raise"


def check_on_lost(on_lost: str) -> OnLost:
    """Return what to do if an answer is lost.

    Raises:
        ParameterError: neither "again" nor "raise".
    """
    for one in OnLost:
        if text(on_lost, "on_lost") == one.value:
            return one
    raise ParameterError(f"on_lost: expected again or raise, got {on_lost[:40]!r}")


@dataclass(slots=True, eq=False)
class _Request:
    """One request of a caller, with all its sendings.

    Attributes:
        parts: what its signals cover.
        units: that it costs, by the price list of its last sending.
        credential: for the next sending; None: a new one is needed.
        made, renewed: how often.
        unanswered: the credential was sent once without an answer.
        is_stale: the provider does not know the root of the credential.
        is_lost: the caller was told that the answer is lost. An SDK may take this for a lost connection.
        touched: when the last sending ended.
        last: what the last answer said, for messages.
    """

    parts: RequestParts
    units: int
    credential: MadeCredential | None = None
    made: int = 0
    renewed: int = 0
    unanswered: bool = False
    is_stale: bool = False
    is_lost: bool = False
    touched: float = 0.0
    last: str = "no answer"


def _answer_lost() -> AnswerLost:
    return AnswerLost(
        "request: the provider may have accepted it before, and the answer is lost; the same request is "
        f"refused for {KEPT:.0f} seconds, because SDKs repeat it by themselves; then you can send it again"
    )


class Requests:
    """The credentials of one member, by request.

    Safe to use from several threads and event loops. A forked child forgets all requests, because the
    credentials belong to its parent. There is nothing to close.

    Args:
        source: makes the credentials.
        on_lost: "again": a request whose answer is lost is sent once more with a new credential. "raise":
            the caller gets `AnswerLost`.
        max_units: units that one request may cost, 1 to 16.
        now: returns seconds of a clock that is never set.

    Raises:
        ParameterError: an argument is outside its range.
    """

    def __init__(
        self,
        source: CredentialSource,
        *,
        on_lost: str = OnLost.AGAIN.value,
        max_units: int = MAX_UNITS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        implements(source, CredentialSource, "source")
        callback(now, "now")
        self.source = source
        self.on_lost = check_on_lost(on_lost)
        self.max_units = whole(max_units, "max_units", 1, MAX_SLOTS)
        self.now = now
        self._reset()
        forks.register(self)

    def _reset(self) -> None:
        self.lock = threading.Lock()
        self._waiting: dict[int, _Request] = {}  # in the order of their times
        self._process = object()

    def __repr__(self) -> str:
        return f"Requests({len(self._waiting)} remembered)"

    def begin(self, parts: RequestParts, units: int = 1) -> Sending:
        """Begin a sending of a request; end it with `close`.

        Args:
            parts: what its signal covers.
            units: that it costs, by the pinned price list; 1 without one.

        Raises:
            RequestRefused: it costs more than `max_units`, or than one proof has. Nothing was spent.
            StoreUnavailable: the process was forked by a program in another language.
        """
        instance(parts, RequestParts, "parts")
        self._check_units(whole(units, "units", 1, MAX_STORED))
        forks.refuse_unnoticed("requests")
        with self.lock:
            self._forget_old()
            own = [request for request in self._waiting.values() if request.parts == parts]
            # One that has a credential first: it costs nothing.
            found = max(own, key=lambda one: one.credential is not None, default=None)
            if found is not None:
                del self._waiting[id(found)]
                found.units = units
            return Sending(self, found or _Request(parts, units), self._process)

    def _check_units(self, units: int) -> None:
        slots = self.source.policy.params.max_out or 1
        if units > min(self.max_units, slots):
            raise RequestRefused(
                f"units: the request costs {units}, and one proof has {slots}; ask for less: fewer tokens of "
                "output, fewer choices, or a shorter prompt"
                if units > slots
                else f"units: the request costs {units}, more than max_units, {self.max_units}; ask for less "
                "or raise max_units if you want to pay that price"
            )

    def _put_back(self, request: _Request, process: object) -> None:
        """Remember a request for its next sending."""
        with self.lock:
            if process is not self._process:
                return  # of the parent
            request.touched = self.now()
            self._waiting[id(request)] = request
            self._forget_old()

    def _forget_old(self) -> None:
        newest = self.now()
        for key, request in list(self._waiting.items()):
            if len(self._waiting) <= MOST_WAITING and newest - request.touched <= KEPT:
                return
            del self._waiting[key]

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self.lock,)

    def _after_fork(self, torn: bool) -> None:
        self._reset()


class Sending:
    """One sending of a request. Belongs to one task or thread; only `close` may come from another one.

    A forked child must not go on with it.
    """

    def __init__(self, requests: Requests, request: _Request, process: object) -> None:
        self._requests = requests
        self._source = requests.source
        self._request = request
        self._process = process
        self._is_out = self._is_busy = self._is_closed = False
        self._deadline: float | None = None

    def pause(self) -> float:
        """Return how many seconds to wait before `prepare`; 0: it is time.

        Raises:
            RequestRefused: no newer step of the group came within the time of a scheduled look.
        """
        request, made = self._request, self._request.credential
        if (
            made is None
            or not request.is_stale
            or self._source.step > made.step
            or made.units != request.units
        ):
            self._deadline = None
            return 0.0
        if self._deadline is None:
            self._deadline = self._requests.now() + self._source.patience
        if self._requests.now() < self._deadline:
            return PAUSE
        self._deadline = None
        raise RequestRefused(
            f"group: the provider does not know the root of step {made.step}, and its bulletins lead to no "
            "newer step; try again later; if this lasts, the provider shows different groups"
        )

    def prepare(self) -> str:
        """Return the `Authorization` value to send. This computes a proof if one is needed.

        Raises:
            RequestRefused: the request has had all the credentials or renewals that one request may have.
            RlnError: what the source raises.
        """
        with self._requests.lock:
            self._refuse_closed()
            self._is_busy = True
        try:
            value = self._credential().value
        except BaseException:
            with self._requests.lock:
                self._is_busy = False
            raise
        with self._requests.lock:
            self._is_busy = False
            if not self._is_closed:
                self._is_out = True
                return value
        # Closed while it was made, by a task that was cancelled: the next sending takes it.
        self._requests._put_back(self._request, self._process)
        self._refuse_closed()
        return value

    def _credential(self) -> MadeCredential:
        request = self._request
        if request.is_lost:
            raise _answer_lost()
        if request.credential is not None and request.credential.units != request.units:
            self._replace()  # a scheduled look has found another price
        if request.credential is not None and request.is_stale:
            if request.renewed >= MAX_RENEWALS:
                raise RequestRefused(
                    f"root: the provider refused the request with {MAX_RENEWALS} renewed proofs; try later"
                )
            request.renewed += 1
            renewed = self._source.renew(request.parts, request.credential)
            if renewed is None:  # its epoch has ended
                self._replace()
            else:
                request.credential = renewed
            request.is_stale = False
        if request.credential is None:
            if request.made >= MAX_CREDENTIALS:
                clock = "; check the clock of this machine" if request.last == WRONG_EPOCH.name else ""
                raise RequestRefused(
                    f"credentials: this request has had {MAX_CREDENTIALS}, and gets no more for {KEPT:.0f} "
                    f"seconds; the last answer: {request.last}{clock}"
                )
            request.credential = self._source.make(request.parts, request.units)
            request.made += 1
            request.unanswered = request.is_stale = False
        return request.credential

    def answered(self, answer: Answer) -> bool:
        """Take the answer to what `prepare` returned; return whether to prepare and send again.

        Raises:
            AnswerLost, PolicyChanged, RequestRefused: the answer does not allow to go on.
        """
        request = self._request
        with self._requests.lock:
            self._is_out = False
        request.last = str(answer.status) if answer.problem is None else answer.problem.name
        if not answer.spent:
            if answer.status == 503:
                return False
            if answer.problem is DUPLICATE:
                self._replace(lost=True)
                return True
            if answer.challenge is not None and answer.problem is not None:
                self._check(answer.challenge)
                if answer.problem is UNKNOWN_ROOT:
                    request.is_stale = True
                    return True
                if answer.problem is UNKNOWN_KEY:
                    raise PolicyChanged(
                        "policy: the provider uses another key than the pinned policy names; wait for the "
                        "next scheduled look at its policy; if this lasts, ask the provider"
                    )
                if answer.problem is WRONG_EPOCH:
                    self._replace()
                    return True
        request.credential = None
        if not answer.may_be_retried:
            self._request = _Request(request.parts, request.units)  # the request is at its end
        return False

    def close(self) -> None:
        """End the sending; a second call does nothing. What `prepare` returned counts as sent."""
        with self._requests.lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._is_busy:
                return  # `prepare` puts it back
            if self._is_out:
                self._request.unanswered = True
        if self._request.made:
            self._requests._put_back(self._request, self._process)

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise ParameterError("sending: used after it was closed")

    def _replace(self, lost: bool = False) -> None:
        """Let the next credential be a new one; the old one is never sent again."""
        request = self._request
        request.credential = None
        if (lost or request.unanswered) and self._requests.on_lost is OnLost.RAISE:
            request.is_lost = True
            raise _answer_lost()

    def _check(self, challenge: Challenge) -> None:
        """Refuse a challenge that contradicts the pinned policy or price list."""
        policy = self._source.policy
        if challenge.realm != policy.application:
            raise RequestRefused(
                f"challenge: expected the realm {policy.application}, got {challenge.realm}; nothing was sent"
            )
        if challenge.policy != policy.digest:
            raise PolicyChanged(
                f"policy: version {policy.version} is pinned, and the provider names another one; the next "
                "scheduled look takes it if it is a signed higher version; then send the request again"
            )
        if challenge.error == UNITS_NEEDED.name or challenge.units > self._request.units:
            raise PolicyChanged(
                f"prices: the request costs {self._request.units} by the pinned price list, and the provider "
                f"asks for {challenge.units}; nothing more was sent. The next scheduled look takes a signed "
                "higher version of the list; then send the request again. If this lasts, the provider shows "
                "different prices to different members: ask it"
            )
