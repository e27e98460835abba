import dataclasses
import hashlib
import json

import pytest

import rln
from rln.errors import EncodingError, ParameterError
from tests.support.small_world import PERIOD, World, small_key, small_multi_key

PARAMS = rln.Params.of(small_key(), "story.example", PERIOD, window_count=16)


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
    for change in ({"application": "other.example"}, {"period": PERIOD + 1}):
        with pytest.raises(ParameterError, match="clock"):
            world.prover(member, params=dataclasses.replace(PARAMS, **change))
