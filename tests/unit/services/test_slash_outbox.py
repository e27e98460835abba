"""SlashOutbox: a provider hears of each slashing at least once, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rln
from rln.errors import GroupRefused, InputError, ParameterError
from rln.services.slash_outbox import MOST_ATTEMPTS, check_addresses, check_webhook
from tests.support.registrar_office import Office
from tests.support.webhook_receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def office(tmp_path: Path, receiver: Receiver) -> Iterator[Office]:
    office = Office(tmp_path, webhooks=(f"{receiver.url}/rln/events",))
    yield office
    office.close()


@pytest.fixture
def slash(office: Office) -> Callable[[str], rln.Identity]:
    """A function that registers and slashes somebody, as another process does."""

    def slashed(name: str) -> rln.Identity:
        identity = rln.Identity.generate()
        office.register(office.account(name), identity)
        office.round(10)
        office.group.slash(identity)
        office.round()
        return identity

    return slashed


def test_the_provider_hears_which_account_and_no_secret(
    office: Office, receiver: Receiver, slash: Callable[[str], rln.Identity]
) -> None:
    identity = slash("acme")
    assert office.registrar.outbox.deliver() == 1 and office.registrar.outbox.deliver() == 0
    ((path, fields, body),) = receiver.got
    content = check_webhook(body, fields["RLN-Signature"], office.policy.registrar_key)
    assert path == "/rln/events"
    assert content == {
        "account": "acme", "application": office.policy.application, "event": "slashed-1", "tier": "basic",
        "time": int(office.time), "type": "member-slashed",
    }  # fmt: skip
    everything = f"{fields} {body!r}"
    for number in (identity.secret().reveal(), identity.commitment):
        assert str(number) not in everything and f"{number:x}" not in everything


def test_others_are_told_nothing_that_the_registrar_did_not_sign(
    office: Office, receiver: Receiver, slash: Callable[[str], rln.Identity]
) -> None:
    slash("acme")
    office.registrar.outbox.deliver()
    ((_, fields, body),) = receiver.got
    signature, key = fields["RLN-Signature"], office.policy.registrar_key
    with pytest.raises(GroupRefused):
        check_webhook(body.replace(b"acme", b"evil"), signature, key)
    with pytest.raises(GroupRefused):  # a signature under another label of the same key
        check_webhook(body, office.signing_key.sign_statement("rln policy", body).hex(), key)
    for wrong in ("", signature.upper(), signature[:-2], "z" * 128):
        with pytest.raises(InputError):
            check_webhook(body, wrong, key)


@pytest.mark.parametrize("status", [500, 404, 302, 307, 429])
def test_what_is_not_accepted_is_sent_again_with_pauses_and_no_redirect_is_followed(
    office: Office, receiver: Receiver, slash: Callable[[str], rln.Identity], status: int
) -> None:
    slash("acme")
    receiver.answers = [status] * 3
    times = []
    for _ in range(400):
        before = len(receiver.got)
        office.registrar.outbox.deliver()
        if len(receiver.got) > before:
            times.append(office.time)
        office.time += 0.1
    assert [round(later - times[0]) for later in times] == [0, 2, 6, 14]
    assert {path for path, _, _ in receiver.got} == {"/rln/events"}
    assert len({json.loads(body)["event"] for _, _, body in receiver.got}) == 1


def test_attempts_are_bounded_and_the_webhook_stays(
    office: Office, receiver: Receiver, slash: Callable[[str], rln.Identity], caplog: pytest.LogCaptureFixture
) -> None:
    slash("acme")
    receiver.close()
    for _ in range(MOST_ATTEMPTS + 5):
        office.time += 3600
        assert office.registrar.outbox.deliver() == 0
    with office.accounts.reading() as connection:
        assert connection.execute("SELECT attempts FROM webhook").fetchall() == [(MOST_ATTEMPTS,)]
    assert "slashed-1" in caplog.text and "acme" not in caplog.text


def test_a_webhook_outlives_a_restart(
    office: Office, receiver: Receiver, slash: Callable[[str], rln.Identity]
) -> None:
    slash("acme")
    office.close()
    office.open()
    assert office.registrar.outbox.deliver() == 1


@pytest.mark.parametrize(
    "urls",
    [
        ["http://provider.example/"], ["ftp://127.0.0.1/"], ["https://user:word@provider.example/"],
        ["https://provider.example/?key=1"], [""], "https://provider.example/", [7],
        ["https://provider.example/"] * 2, [f"https://provider.example/{n}" for n in range(9)],
    ],
)  # fmt: skip
def test_addresses_are_https_or_this_machine(urls: list[str]) -> None:
    with pytest.raises(ParameterError):
        check_addresses(urls)
    assert check_addresses(["https://a.example/x", "http://127.0.0.1:80/"])
