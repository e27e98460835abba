"""The core of retries: scripted answers, and what each credential is used for."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.client.answer import Answer
from rln.client.credential_source import CredentialSource, MadeCredential
from rln.client.requests import KEPT, MAX_CREDENTIALS, MAX_RENEWALS, MOST_WAITING, Requests, Sending
from rln.errors import AnswerLost, ParameterError, PolicyChanged, RequestRefused
from rln.http import problem
from rln.http.challenge import Challenge
from rln.http.policy import Policy, Tier
from rln.http.problem import Problem
from rln.http.signal import RequestParts
from rln.protocol.signal import hash_signal
from rln.stores.memory import MemoryMessageIds

LIMIT = 2000


def parts(number: int = 0) -> RequestParts:
    body = number.to_bytes(32, "big")
    return RequestParts(b"api.example.com", b"POST", b"/v1/chat", b"application/json", b"", body)


def policy(slots: int | None = None) -> Policy:
    params = rln.Params(
        "api.example.com", 60, 20, 16, slots, None, "0" * 64, "1" * 64, None, 60, _REGISTRAR, 20, "joined"
    )
    return Policy(1, params, ("api.example.com",), (Tier("pro", LIMIT),))


_REGISTRAR = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"


class Fake(CredentialSource):
    """Makes credentials with ids of a real allocator, and records which x each id was sent with."""

    def __init__(self, slots: int | None = None) -> None:
        self._policy = policy(slots)
        self.time = 1_700_000_000.0
        self.clock = rln.EpochClock("api.example.com", 60, now=lambda: self.time)
        self.ids = MemoryMessageIds()
        self.lines: dict[tuple[int, int], set[int]] = {}
        self.of: dict[str, tuple[int, range, int]] = {}
        self.group_step = 1
        self.made = self.renewed = 0
        self.failure: Exception | None = None

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def step(self) -> int:
        return self.group_step

    @property
    def patience(self) -> float:
        return 5.0

    def make(self, parts: RequestParts, units: int) -> MadeCredential:
        if self.failure is not None:
            raise self.failure
        self.made += 1
        nonce = self.made.to_bytes(16, "big")
        epoch, x = self.clock.current(), hash_signal(parts.signal(nonce))
        ids = self.ids.reserve(7, epoch, LIMIT, units, x)
        return self._made(epoch.index, ids, x, nonce)

    def renew(self, parts: RequestParts, made: MadeCredential) -> MadeCredential | None:
        self.renewed += 1
        epoch, ids, x = self.of[made.value]
        if self.clock.current().index != epoch:
            return None
        assert x == hash_signal(parts.signal(made.nonce))
        return self._made(epoch, ids, x, made.nonce)

    def _made(self, epoch: int, ids: range, x: int, nonce: bytes) -> MadeCredential:
        for one in ids:
            self.lines.setdefault((epoch, one), set()).add(x)
        value = f"{epoch} {ids.start} {x} {self.group_step}"
        self.of[value] = epoch, ids, x
        return MadeCredential(value, nonce, len(ids), self.group_step)


def refusal(found: Problem, source: Fake, units: int = 1) -> Answer:
    challenge = None
    if found.challenges:
        error = None if found is problem.CREDENTIAL_NEEDED else found.name
        challenge = Challenge("api.example.com", source.policy.digest, units, error)
    return Answer(found.status, False, found, challenge, found.retry)


def once(requests: Requests, *answers: Answer | None, number: int = 0, units: int = 1) -> list[str]:
    """Go through one sending with these answers; None is a lost connection. Return what was sent."""
    sent, sending = [], requests.begin(parts(number), units)
    try:
        for answer in answers:
            assert sending.pause() == 0
            sent.append(sending.prepare())
            if answer is None or not sending.answered(answer):
                break
    finally:
        sending.close()
    return sent


OK = Answer(200, True)
BUSY = Answer(503, False, may_be_retried=True)
FAILED = Answer(502, True, may_be_retried=True)


@pytest.fixture
def source() -> Fake:
    return Fake()


@pytest.mark.parametrize("first", [None, BUSY, refusal(problem.OVERLOADED, Fake())])
def test_a_request_without_an_answer_or_with_503_is_sent_again_with_the_same_bytes(
    source: Fake, first: Answer | None
) -> None:
    requests = Requests(source)
    assert once(requests, first) == once(requests, OK)
    assert source.made == 1


@pytest.mark.parametrize("answer", [OK, FAILED, Answer(503, True, may_be_retried=True), Answer(409, True)])
def test_what_was_spent_is_never_sent_again(source: Fake, answer: Answer) -> None:
    requests = Requests(source)
    assert once(requests, answer) != once(requests, OK)


def test_what_is_in_flight_is_not_shared(source: Fake) -> None:
    requests = Requests(source)
    first, second = requests.begin(parts()), requests.begin(parts())
    sent = {first.prepare(), second.prepare()}
    assert len(sent) == 2
    first.close()
    second.close()
    assert {*once(requests, OK), *once(requests, OK)} == sent
    assert source.made == 2


def test_another_request_takes_another_credential(source: Fake) -> None:
    requests = Requests(source)
    assert once(requests, None) != once(requests, OK, number=1)


def test_a_duplicate_is_sent_once_more_with_a_new_credential(source: Fake) -> None:
    requests = Requests(source)
    duplicate = refusal(problem.DUPLICATE, source)
    first, second = once(requests, duplicate, OK)
    assert first != second and source.made == 2
    assert once(requests, None) + once(requests, duplicate, None) != []
    with pytest.raises(RequestRefused, match="has had 2"):
        once(requests, duplicate, OK)


def test_a_duplicate_raises_if_the_caller_wants_that(source: Fake) -> None:
    time = 0.0
    requests = Requests(source, on_lost="raise", now=lambda: time)
    once(requests, None)
    with pytest.raises(AnswerLost):
        once(requests, refusal(problem.DUPLICATE, source), OK)
    for _ in range(3):  # an SDK takes the error for a lost connection, and sends the request again
        with pytest.raises(AnswerLost):
            once(requests, OK)
    assert source.made == 1
    time = KEPT + 1
    once(requests, OK)  # the caller has decided to send it again
    assert source.made == 2


@pytest.mark.parametrize("kind", [problem.DUPLICATE, problem.WRONG_EPOCH, problem.UNKNOWN_ROOT])
def test_an_answer_of_somebody_else_is_handed_on(source: Fake, kind: Problem) -> None:
    requests = Requests(source)
    assert len(once(requests, Answer(kind.status, False), OK)) == 1
    assert len(once(requests, Answer(kind.status, True, kind), OK)) == 1
    assert source.made == 2


def test_an_unknown_root_waits_for_the_group_and_is_renewed_with_the_same_ids(source: Fake) -> None:
    now = itertools.count()
    requests = Requests(source, now=lambda: float(next(now)))
    sending = requests.begin(parts())
    first = sending.prepare()
    assert sending.answered(refusal(problem.UNKNOWN_ROOT, source))
    assert sending.pause() > 0 and source.renewed == 0
    source.group_step += 1
    assert sending.pause() == 0
    second = sending.prepare()
    assert source.of[first] == source.of[second] and first != second
    assert not sending.answered(OK)
    sending.close()
    assert (source.made, source.renewed) == (1, 1)


def test_an_unknown_root_is_given_up_if_the_group_does_not_advance(source: Fake) -> None:
    now = itertools.count()
    requests = Requests(source, now=lambda: float(next(now)))
    sending = requests.begin(parts())
    first = sending.prepare()
    assert sending.answered(refusal(problem.UNKNOWN_ROOT, source))

    def wait() -> None:
        while sending.pause():
            pass

    with pytest.raises(RequestRefused, match="no newer step"):
        wait()
    sending.close()
    source.group_step += 1  # nothing was spent: the next sending has the same ids
    assert source.of[once(requests, OK)[0]] == source.of[first]


def test_a_request_has_three_renewals(source: Fake) -> None:
    requests = Requests(source)
    sending = requests.begin(parts())
    sending.prepare()

    def refused() -> None:
        assert sending.answered(refusal(problem.UNKNOWN_ROOT, source))
        source.group_step += 1
        sending.prepare()

    for _ in range(MAX_RENEWALS):
        refused()
    with pytest.raises(RequestRefused, match="3 renewed"):
        refused()
    sending.close()
    assert (source.made, source.renewed) == (1, MAX_RENEWALS)


def test_a_wrong_epoch_takes_a_new_credential_once(source: Fake) -> None:
    requests = Requests(source)
    wrong = refusal(problem.WRONG_EPOCH, source)
    with pytest.raises(RequestRefused, match="wrong-epoch; check the clock of this machine"):
        once(requests, wrong, wrong, OK)
    assert source.made == MAX_CREDENTIALS


def test_a_wrong_epoch_after_a_lost_answer_is_a_lost_answer(source: Fake) -> None:
    requests = Requests(source, on_lost="raise")
    once(requests, None)
    with pytest.raises(AnswerLost):
        once(requests, refusal(problem.WRONG_EPOCH, source), OK)
    assert source.made == 1


def test_a_wrong_epoch_after_503_is_no_lost_answer(source: Fake) -> None:
    requests = Requests(source, on_lost="raise")
    once(requests, BUSY)
    assert len(once(requests, refusal(problem.WRONG_EPOCH, source), OK)) == 2


def test_an_epoch_that_ended_before_a_renewal_takes_a_new_credential(source: Fake) -> None:
    requests = Requests(source)
    sending = requests.begin(parts())
    first = sending.prepare()
    sending.answered(refusal(problem.UNKNOWN_ROOT, source))
    source.group_step += 1
    source.time += 60
    assert source.of[sending.prepare()][0] == source.of[first][0] + 1
    sending.close()


def test_units_are_paid_up_to_the_bound() -> None:
    source = Fake(slots=16)
    requests = Requests(source)
    (sent,) = once(requests, OK, units=4)
    assert len(source.of[sent][1]) == 4
    with pytest.raises(RequestRefused, match=r"costs 5, more than max_units, 4; .*raise max_units"):
        requests.begin(parts(), 5)
    with pytest.raises(RequestRefused, match="one proof has 16; ask for less"):
        Requests(source, max_units=16).begin(parts(), 17)
    with pytest.raises(RequestRefused, match="one proof has 1; ask for less"):
        Requests(Fake()).begin(parts(), 2)
    assert source.made == 1


@pytest.mark.parametrize("units", [1, 3, 5, 16])
def test_no_challenge_raises_the_units(units: int) -> None:
    """It contradicts the pinned price list, whatever it asks for. What was refused is kept: it is unspent."""
    source = Fake(slots=16)
    requests = Requests(source)
    for _ in range(5):
        with pytest.raises(PolicyChanged, match=f"asks for {units}; nothing more was sent. The next sched"):
            once(requests, refusal(problem.UNITS_NEEDED, source, units=units), OK, units=2)
    with pytest.raises(PolicyChanged, match="asks for 3"):
        once(requests, refusal(problem.UNKNOWN_ROOT, source, units=3), OK, units=2)
    assert (source.made, source.renewed) == (1, 0)


def test_another_price_takes_a_new_credential_and_not_a_third_one() -> None:
    source = Fake(slots=16)
    requests = Requests(source)
    sent = []
    for units in (2, 3):
        with pytest.raises(PolicyChanged):
            once(requests, refusal(problem.UNITS_NEEDED, source, units=4), OK, units=units)
    sent = once(requests, BUSY, units=3)
    assert len(source.of[sent[0]][1]) == 3 and source.made == 2
    with pytest.raises(RequestRefused, match="has had 2"):
        once(requests, OK, units=4)


@pytest.mark.parametrize("on_lost", ["again", "raise"])
def test_another_price_after_a_lost_answer_is_a_lost_answer(on_lost: str) -> None:
    source = Fake(slots=16)
    requests = Requests(source, on_lost=on_lost)
    once(requests, None, units=2)
    if on_lost == "raise":
        with pytest.raises(AnswerLost):
            once(requests, OK, units=3)
    else:
        assert len(source.of[once(requests, OK, units=3)[0]][1]) == 3


def test_another_price_needs_no_newer_root_and_no_renewal() -> None:
    source = Fake(slots=16)
    requests = Requests(source)
    sending = requests.begin(parts(), 2)
    sending.prepare()
    sending.answered(refusal(problem.UNKNOWN_ROOT, source))
    sending.close()
    assert len(once(requests, OK, units=3)) == 1
    assert (source.made, source.renewed) == (2, 0)


def test_a_challenge_that_contradicts_the_pinned_policy_raises(source: Fake) -> None:
    requests = Requests(source)

    def challenged(realm: str, digest: bytes) -> Answer:
        return Answer(401, False, problem.UNKNOWN_ROOT, Challenge(realm, digest, 1, "unknown-root"))

    with pytest.raises(RequestRefused, match="realm"):
        once(requests, challenged("other.example.com", source.policy.digest))
    with pytest.raises(PolicyChanged, match="names another one"):
        once(requests, challenged("api.example.com", bytes(32)))
    with pytest.raises(PolicyChanged, match="another key"):
        once(requests, refusal(problem.UNKNOWN_KEY, source))
    assert (source.made, source.renewed) == (1, 0)


def test_an_error_of_the_member_spends_no_attempt(source: Fake) -> None:
    requests = Requests(source)
    source.failure = rln.RateLimitReached("no ids", retry_after=12.0)
    for _ in range(MAX_CREDENTIALS + 1):
        with pytest.raises(rln.RateLimitReached):
            once(requests, OK)
    source.failure = None
    assert once(requests, OK)


def test_a_sending_that_is_cancelled_while_its_proof_is_made_loses_nothing(source: Fake) -> None:
    requests = Requests(source)
    held, go = threading.Event(), threading.Event()
    make = source.make

    def slow(parts: RequestParts, units: int) -> MadeCredential:
        held.set()
        assert go.wait(10)
        return make(parts, units)

    source.make = slow  # type: ignore[method-assign]
    sending = requests.begin(parts())
    failures: list[Exception] = []

    def prepare() -> None:
        try:
            sending.prepare()
        except ParameterError as error:
            failures.append(error)

    thread = threading.Thread(target=prepare)
    thread.start()
    assert held.wait(10)
    sending.close()
    go.set()
    thread.join(10)
    assert failures
    source.make = make  # type: ignore[method-assign]
    once(requests, OK)
    assert source.made == 1, "the next sending takes the credential that nobody has sent"


def test_memory_is_bounded_in_number_and_age(source: Fake) -> None:
    time = 0.0
    requests = Requests(source, now=lambda: time)
    for number in range(MOST_WAITING + 10):
        once(requests, None, number=number)
    assert repr(requests) == f"Requests({MOST_WAITING} remembered)"
    time = KEPT + 1
    once(requests, OK, number=5)
    assert repr(requests) == "Requests(0 remembered)"


def test_a_mismatch_of_arguments_is_refused(source: Fake) -> None:
    with pytest.raises(ParameterError, match="on_lost"):
        Requests(source, on_lost="never")
    with pytest.raises(ParameterError, match="max_units"):
        Requests(source, max_units=17)


# ---- all sequences ---------------------------------------------------------------------------------


@dataclass
class Provider:
    """Judges as a provider does: an id is served once, and a second x on it is a violation."""

    source: Fake
    served: dict[tuple[int, int], int] = field(default_factory=dict)

    def judge(self, value: str) -> Problem | None:
        epoch, ids, x = self.source.of[value]
        if self.source.clock.current().index != epoch:
            return problem.WRONG_EPOCH
        if int(value.split()[3]) < self.source.group_step:
            return problem.UNKNOWN_ROOT
        for one in ids:
            before = self.served.get((epoch, one))
            assert before in (None, x), "two x on one id"
            if before is not None:
                return problem.DUPLICATE
        self.served |= {(epoch, one): x for one in ids}
        return None


EVENTS = st.sampled_from(
    ["ok", "drop", "drop-after", "503", "429", "502-spent", "409", "wrong-epoch", "unknown-root",
     "units-needed", "foreign-401", "foreign-409", "redirect", "epoch", "step", "500"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=6), min_size=1, max_size=8), st.booleans())
def test_no_sequence_of_answers_gives_two_x_on_one_id_or_breaks_a_bound(
    attempts: list[list[str]], again: bool
) -> None:
    source = Fake(slots=4)
    provider = Provider(source)
    requests = Requests(source, on_lost="again" if again else "raise")
    made_of_chain = renewed_of_chain = 0
    for events in attempts:  # each is one attempt of an SDK that repeats the same request
        made, renewed = source.made, source.renewed
        sending = requests.begin(parts())
        ended = False
        try:
            ended = _attempt(source, provider, sending, iter(events))
        except (RequestRefused, PolicyChanged):
            ended = True
        finally:
            sending.close()
        made_of_chain += source.made - made
        renewed_of_chain += source.renewed - renewed
        assert made_of_chain <= MAX_CREDENTIALS
        assert renewed_of_chain <= MAX_RENEWALS
        if ended and repr(requests) == "Requests(0 remembered)":
            made_of_chain = renewed_of_chain = 0
    assert all(len(found) == 1 for found in source.lines.values())
    used = sum(len(ids) for ids in {(e, r.start): r for e, r, _ in source.of.values()}.values())
    assert used == len(source.lines), "an id is in two credentials"


def _attempt(source: Fake, provider: Provider, sending: Sending, events: object) -> bool:
    """Go through one attempt; return whether the SDK gives up or is served."""
    assert hasattr(events, "__next__")
    while True:
        if sending.pause():
            source.group_step += 1
            assert sending.pause() == 0
        value = sending.prepare()
        event = next(events, "ok")
        if event == "epoch":
            source.time += 60
            event = "ok"
        if event == "step":
            source.group_step += 1
            event = "ok"
        if event == "drop":
            return False
        answer = _answer(source, provider, value, event)
        if answer is None:
            return False
        if not sending.answered(answer):
            return not answer.may_be_retried


def _answer(source: Fake, provider: Provider, value: str, event: str) -> Answer | None:
    forced = {
        "503": BUSY,
        "429": Answer(429, False, problem.QUOTA_EXCEEDED),
        "409": refusal(problem.DUPLICATE, source),
        "wrong-epoch": refusal(problem.WRONG_EPOCH, source),
        "unknown-root": refusal(problem.UNKNOWN_ROOT, source),
        "units-needed": refusal(problem.UNITS_NEEDED, source, units=2),
        "foreign-401": Answer(401, False),
        "foreign-409": Answer(409, False, may_be_retried=True),
        "500": Answer(500, False, may_be_retried=True),
    }
    if event in forced:
        return forced[event]
    judged = provider.judge(value)
    if event == "drop-after":
        return None
    if judged is not None:
        return refusal(judged, source)
    status = {"502-spent": 502, "redirect": 307}.get(event, 200)
    return Answer(status, True, may_be_retried=status == 502)
