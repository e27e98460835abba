"""Epochs, external nullifiers, and `EpochClock`."""

from __future__ import annotations

import math

import pytest

from rln.base import scalar
from rln.errors import EncodingError, ParameterError
from rln.protocol.epoch import Epoch, EpochClock, external_nullifier, rln_identifier
from rln.protocol.hashing import hash_to_field, poseidon_hash


def clock_at(now: float, period: int = 60, skew: float = 5.0) -> EpochClock:
    return EpochClock("example.com", period, skew=skew, now=lambda: now)


def test_external_nullifier_of_zerokit() -> None:
    value = poseidon_hash([hash_to_field(b"test-epoch"), hash_to_field(b"test-rln-identifier")])
    assert value == 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3


def test_rln_identifier_is_length_prefixed() -> None:
    assert rln_identifier("example.com", 600) == (
        b"\x03"
        + bytes(7)
        + b"rln"
        + b"\x0b"
        + bytes(7)
        + b"example.com"
        + b"\x08"
        + bytes(7)
        + b"\x58\x02"
        + bytes(6)
    )


def test_external_nullifier_follows_the_formula() -> None:
    identifier = rln_identifier("example.com", 600)
    index = (2**40 + 7).to_bytes(8, "little") + bytes(24)
    expected = poseidon_hash([hash_to_field(index), hash_to_field(identifier)])
    assert external_nullifier(2**40 + 7, identifier) == expected
    assert Epoch.of(2**40 + 7, 600, identifier).external_nullifier == expected


def test_waku_takes_its_raw_identifier() -> None:
    name = b"rln/waku-rln-relay/v2.0.0".ljust(32, b"\0")
    clock = EpochClock.waku(name, 600, now=lambda: 6000.5)
    expected = poseidon_hash([hash_to_field(b"\x0a" + bytes(31)), hash_to_field(name)])
    assert clock.current() == Epoch(10, 600, name, expected)
    for wrong in (name[:-1], name + b"\0", bytearray(name), "rln"):
        with pytest.raises(EncodingError, match="^rln identifier: expected"):
            EpochClock.waku(wrong, 600)  # type: ignore[arg-type]


NOT_DOMAINS = [
    *(
        "",
        "localhost",
        "Example.com",
        "example.com.",
        ".com",
        "a..b",
        "exa mple.com",
        "-a.com",
        "a-.com",
        "1.2.3.4",
    ),
    *(
        "https://example.com",
        "example.com/chat",
        "exämple.com",
        "a" * 64 + ".com",
        "a." * 127 + "com",
        "a.com\n",
    ),
]


@pytest.mark.parametrize("name", NOT_DOMAINS)
def test_the_application_is_a_domain_name(name: str) -> None:
    with pytest.raises(ParameterError, match="^application: expected a domain name"):
        EpochClock(name, 60)


def test_there_is_no_default_application() -> None:
    with pytest.raises(TypeError):
        EpochClock()  # type: ignore[call-arg]
    for value in (None, b"example.com", 3):
        with pytest.raises(ParameterError, match="^application: expected str"):
            EpochClock(value, 60)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["example.com", "a.b", "xn--bcher-kva.example", "api-2.example.co.uk"])
def test_domain_names_are_accepted(name: str) -> None:
    assert EpochClock(name, 1).identifier == rln_identifier(name, 1)


@pytest.mark.parametrize("period", [0, -1, 1.0, True, 366 * 24 * 3600 + 1, None])
def test_the_period_is_whole_seconds(period: object) -> None:
    with pytest.raises(ParameterError, match="^period: "):
        EpochClock("example.com", period)  # type: ignore[arg-type]


@pytest.mark.parametrize("skew", [-1, math.nan, math.inf, True, "5", None, 1e9])
def test_the_skew_is_bounded(skew: object) -> None:
    with pytest.raises(ParameterError, match="^skew: "):
        EpochClock("example.com", 1, skew=skew)  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [-1.0, math.nan, math.inf, None, "7"])
def test_a_clock_without_time_is_refused(now: object) -> None:
    with pytest.raises(ParameterError, match="^now: "):
        EpochClock("example.com", 60, now=lambda: now).current()  # type: ignore[arg-type,return-value]


def test_the_current_epoch_and_its_bounds() -> None:
    epoch = clock_at(119.999).current()
    assert (epoch.index, epoch.start, epoch.end, epoch.period) == (1, 60, 120, 60)
    assert clock_at(120).current().index == 2
    assert clock_at(0).current().index == 0


def test_acceptable_epochs_second_by_second() -> None:
    period, skew = 10, 4
    for now in range(0, 60):
        overlapping = [
            index for index in range(10) if index * period <= now + skew and (index + 1) * period > now - skew
        ]
        clock = clock_at(now, period, skew)
        assert [epoch.index for epoch in clock.acceptable()] == overlapping
        assert clock.current().index in overlapping
        for index in range(10):
            found = clock.find(clock.epoch(index).external_nullifier)
            assert (found is not None) == (index in overlapping)
            assert found is None or found.index == index


def test_acceptable_epochs_with_a_skew_longer_than_the_period() -> None:
    assert [epoch.index for epoch in clock_at(100, 1, 3).acceptable()] == [97, 98, 99, 100, 101, 102, 103]


def test_nothing_acceptable_is_ever_beyond_the_horizon() -> None:
    for now in range(0, 400, 7):
        clock = clock_at(now, 10, 4)
        assert all(epoch.end > clock.horizon() for epoch in clock.acceptable())


def test_application_period_and_index_all_change_the_external_nullifier() -> None:
    values = {
        EpochClock(name, period).epoch(index).external_nullifier
        for name in ("example.com", "example.org")
        for period in (60, 600)
        for index in (0, 1, 10, 2**64 - 1)
    }
    assert len(values) == 16
    assert all(0 < value < scalar.ORDER for value in values)


def test_a_changed_period_cannot_bring_an_old_epoch_back() -> None:
    before = EpochClock("example.com", 60, now=lambda: 600.0).current()
    after = EpochClock("example.com", 600, now=lambda: 6000.0).current()
    assert before.index == after.index == 10
    assert before.external_nullifier != after.external_nullifier


@pytest.mark.parametrize("index", [-1, 2**64, 1.0, True])
def test_an_epoch_index_is_64_bits(index: object) -> None:
    clock = clock_at(60)
    assert clock.current().index == 1
    with pytest.raises(ParameterError, match="^epoch index: "):
        clock.epoch(index)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^epoch index: "):
        external_nullifier(index, b"")  # type: ignore[arg-type]


def test_the_real_clock_is_the_default() -> None:
    clock = EpochClock("example.com", 1)
    assert clock.now() > 1.7e9
    assert clock.current() in clock.acceptable()
