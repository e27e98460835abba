import dataclasses
import hashlib
import json

import pytest

import rln
from rln.errors import EncodingError, ParameterError
from tests.support.small_world import PERIOD, World, small_key, small_multi_key

PARAMS = rln.Params.of(small_key(), "story.example", PERIOD, window_count=16, skew=5)


def changed(**change: object) -> bytes:
    content = {**json.loads(PARAMS.encode()), **change}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def test_the_document_reads_back_and_has_one_digest():
    assert rln.Params.decode(PARAMS.encode()) == PARAMS
    assert PARAMS.digest == hashlib.sha256(PARAMS.encode()).hexdigest()
    assert rln.Params.decode(PARAMS.encode(), PARAMS.digest) == PARAMS
    with pytest.raises(EncodingError, match="parameters: expected SHA-256"):
        rln.Params.decode(PARAMS.encode(), "00" * 32)
    with pytest.raises(EncodingError, match="64 lower-case"):
        rln.Params.decode(PARAMS.encode(), "x")


def test_the_document_is_canonical():
    for data in (PARAMS.encode() + b"\n", b" " + PARAMS.encode(), PARAMS.encode().replace(b":", b": ")):
        with pytest.raises(EncodingError, match="canonical"):
            rln.Params.decode(data)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"application": "localhost"}, ParameterError, "domain name"),
        ({"application": 1}, ParameterError, "expected str"),
        ({"period": 0}, ParameterError, "period"),
        ({"period": "60"}, ParameterError, "period"),
        ({"period": True}, ParameterError, "period"),
        ({"depth": 33}, ParameterError, "depth"),
        ({"limit_bits": 0}, ParameterError, "limit_bits"),
        ({"max_out": 0}, ParameterError, "max_out"),
        ({"key_digest": "ab"}, EncodingError, "key_digest"),
        ({"key_digest": None}, EncodingError, "key_digest"),
        ({"verifying_key_digest": "AB" * 32}, EncodingError, "verifying_key_digest"),
        ({"circuit_digest": 1}, EncodingError, "circuit_digest"),
        ({"window_count": None}, ParameterError, "root window"),
        ({"window_count": 0}, ParameterError, "window_count"),
        ({"window_seconds": -1}, ParameterError, "window_seconds"),
        ({"registrar_key": "AB" * 32}, EncodingError, "registrar_key"),
        ({"registrar_key": 5}, EncodingError, "registrar_key"),
        ({"skew": -1}, ParameterError, "skew"),
        ({"skew": "5"}, ParameterError, "skew"),
        ({"skew": True}, ParameterError, "skew"),
        ({"skew": PERIOD * 2049}, ParameterError, "skew"),
        ({"signal_format": "waku"}, ParameterError, "signal_format: expected one of bytes, joined"),
        ({"signal_format": None}, ParameterError, "signal_format"),
        ({"more": 1}, EncodingError, "unknown name 'more'"),
    ],
)
def test_wrong_documents_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        rln.Params.decode(changed(**change))


def test_every_name_is_needed():
    for field in dataclasses.fields(PARAMS):
        content = json.loads(PARAMS.encode())
        del content[field.name]
        with pytest.raises(EncodingError, match=f"{field.name} is missing"):
            rln.Params.decode(json.dumps(content).encode())


def test_a_prover_refuses_another_key_or_clock():
    world = World()
    member = world.join()
    world.prover(member, params=PARAMS)
    for name in ("key_digest", "verifying_key_digest", "circuit_digest"):
        other = dataclasses.replace(PARAMS, **{name: "ab" * 32})
        with pytest.raises(ParameterError, match=f"{name.replace('_', ' ')}: expected abab"):
            world.prover(member, params=other)
    with pytest.raises(ParameterError, match="circuit"):
        PARAMS.check_key(small_multi_key())
    for change in ({"application": "other.example"}, {"period": PERIOD + 1}, {"skew": 6}):
        with pytest.raises(ParameterError, match="clock"):
            world.prover(member, params=dataclasses.replace(PARAMS, **change))


def test_an_older_form_is_refused_by_its_number():
    """A document without registrar key, skew and signal format was the whole agreement before."""
    content = json.loads(PARAMS.encode())
    assert content["form"] == 2
    for name in ("form", "registrar_key", "skew", "signal_format"):
        del content[name]
    older = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(EncodingError, match="form: expected 2, got 1: an older version .*rln params make"):
        rln.Params.decode(older)
    for form in (1, 3, "2", True, None):
        with pytest.raises(EncodingError, match="form: expected 2, got"):
            rln.Params.decode(changed(form=form))


def agreed(**more):
    return rln.Params.of(small_key(), "story.example", PERIOD, window_count=16, skew=5, **more)


def test_member_and_verifier_of_one_document_agree():
    world = World()
    params = agreed(signal_format="joined")
    world.clock = params.clock(now=lambda: world.time)
    member = world.join()
    signal = params.signal([b"POST", b"/v1/chat"])
    assert signal == rln.join_signal("story.example", [b"POST", b"/v1/chat"])
    proof = world.prover(member, params=params).prove(signal)
    assert world.verifier(params=params).submit(proof, signal) == rln.Valid()
    assert params.window(world.clock.now).count == 16


def test_a_verifier_refuses_what_differs_by_its_name():
    """Only the member compared key and clock with the document; a verifier with another skew disagreed."""
    world = World()
    other = dataclasses.replace(PARAMS, verifying_key_digest="ab" * 32)
    with pytest.raises(ParameterError, match="verifying key digest: expected abab"):
        world.verifier(params=other)
    for change, words in (
        ({"skew": 6}, "clock: expected skew 6 as the parameters say, got 5"),
        ({"application": "other.example"}, "clock: expected application other.example"),
    ):
        with pytest.raises(ParameterError, match=words):
            world.verifier(params=dataclasses.replace(PARAMS, **change))


def test_a_signal_of_another_format_is_refused_and_spends_nothing():
    world = World()
    member = world.join(1)
    params = agreed(signal_format="joined")
    prover = world.prover(member, params=params)
    with pytest.raises(EncodingError, match="signal: expected one that join_signal made"):
        prover.prove(b"plain")
    signal = params.signal([b"once"])
    prover.prove(signal)  # the limit is 1, so the refused signal has spent no message id
    plain = world.prover(world.join()).prove(b"plain")
    verdict = world.verifier(params=params).submit(plain, b"plain")
    assert verdict == rln.Invalid(rln.Reason.WRONG_SIGNAL)
    assert "join_signal" in verdict.detail
    with pytest.raises(ParameterError, match="parts: expected 1, because signal_format is bytes, got 2"):
        PARAMS.signal([b"a", b"b"])
    assert PARAMS.signal([b"a"]) == b"a"


def test_a_wrong_type_is_refused_where_it_is_given():
    world = World()
    for call in (
        lambda: PARAMS.check_key(5),
        lambda: PARAMS.check_clock(5),
        lambda: PARAMS.check_verifier(5, world.clock),
        lambda: PARAMS.signal(b"bytes"),
        lambda: PARAMS.signal(5),
        lambda: rln.Params.of(5, "a.example", 60, window_count=1),
        lambda: world.verifier(params=5),
        lambda: world.prover(world.join(), params=5),
    ):
        with pytest.raises(ParameterError, match="expected"):
            call()
