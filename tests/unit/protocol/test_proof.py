import dataclasses

import pytest

from rln import MultiRlnProof, RlnProof, Share
from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError, PointError
from rln.protocol.proof import CODECS, check_proof_bytes, decode_message, from_public_inputs

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
PROOF = bytes(31) + b"\x01" + bytes(63) + b"\x02" + bytes(31) + b"\x83"
VALUES = {"y": 10, "root": 11, "nullifier": 12, "x": 13, "external_nullifier": 14}
SINGLE = RlnProof(PROOF, **VALUES)
MULTI = MultiRlnProof(PROOF, (10, 0, 20), 11, (12, 0, 22), 13, 14, (True, False, True))
NAMES = tuple(VALUES)


def test_it_is_frozen_and_slotted():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SINGLE.y = 1
    assert not hasattr(SINGLE, "__dict__")
    assert not hasattr(MULTI, "__dict__")


def test_shares_and_public_values():
    assert SINGLE.shares == (Share(13, 10, 12),)
    assert SINGLE.public_inputs == (10, 11, 12, 13, 14)
    assert MULTI.shares == (Share(13, 10, 12), Share(13, 20, 22))
    assert MULTI.public_inputs == (10, 0, 20, 11, 12, 0, 22, 13, 14, 1, 0, 1)
    for proof in (SINGLE, MULTI):
        assert from_public_inputs(proof.proof, proof.public_inputs) == proof


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", range(1, 6))
def test_values_have_no_aliases(name, k):
    """Threats C1, C3."""
    with pytest.raises(FieldRangeError, match=name):
        RlnProof(PROOF, **{**VALUES, name: VALUES[name] + k * scalar.ORDER})
    data = SINGLE.encode()
    start = {"root": 128, "external_nullifier": 160, "x": 192, "y": 224, "nullifier": 256}[name]
    alias = (VALUES[name] + k * scalar.ORDER).to_bytes(32, "little")
    with pytest.raises(FieldRangeError, match=name):
        RlnProof.decode(data[:start] + alias + data[start + 32 :])


@pytest.mark.parametrize("value", [scalar.ORDER, scalar.ORDER + 1, P - 1, P, -1, True, 1.0, "1", None, b"1"])
@pytest.mark.parametrize("name", NAMES)
def test_values_are_scalars(name, value):
    with pytest.raises(FieldRangeError, match=name):
        RlnProof(PROOF, **{**VALUES, name: value})


def test_x_zero_is_refused():
    """Threats A8: y would be the secret."""
    with pytest.raises(ParameterError, match="x"):
        RlnProof(PROOF, **{**VALUES, "x": 0})
    data = SINGLE.encode()
    with pytest.raises(ParameterError, match="x"):
        RlnProof.decode(data[:192] + bytes(32) + data[224:])


def test_the_codec_is_that_of_zerokit():
    expected = PROOF + b"".join(scalar.encode(value) for value in (11, 14, 13, 10, 12))
    assert SINGLE.encode("zerokit-0.9") == expected
    assert len(expected) == 288
    assert RlnProof.decode(expected, codec="zerokit-0.9") == SINGLE


def test_every_length_but_288_is_refused():
    data = SINGLE.encode()
    for length in [*range(288), 289, 290, 320, 1000]:
        with pytest.raises(EncodingError, match="expected 288 bytes"):
            RlnProof.decode((data * 4)[:length])
    for value in (bytearray(data), memoryview(data), data.hex(), None):
        with pytest.raises(EncodingError, match="expected bytes"):
            RlnProof.decode(value)


def test_codecs_have_names_and_nothing_is_guessed():
    assert CODECS == ("zerokit-0.9", "zerokit-2", "zerokit-2-be", "zerokit-3", "zerokit-3-mixed")
    for name in ("", "zerokit", "zerokit-4", "ZEROKIT-3", None, b"zerokit-3", ["zerokit-3"]):
        with pytest.raises(ParameterError, match=r"codec: expected one of zerokit-0\.9, zerokit-2, "):
            RlnProof.decode(SINGLE.encode(), codec=name)
        with pytest.raises(ParameterError, match="codec"):
            SINGLE.encode(name)
        with pytest.raises(ParameterError, match="codec"):
            MULTI.encode(name)


def test_a_message_of_the_other_kind_is_refused_by_name():
    for codec in CODECS[1:]:
        assert decode_message(SINGLE.encode(codec), codec) == SINGLE
        assert decode_message(MULTI.encode(codec), codec) == MULTI
        with pytest.raises(EncodingError, match=r"expected one message id \(tag 0\), got several"):
            RlnProof.decode(MULTI.encode(codec), codec)
        with pytest.raises(EncodingError, match=r"expected several slots \(tag 1\), got one"):
            MultiRlnProof.decode(SINGLE.encode(codec), codec)
    assert decode_message(SINGLE.encode(), "zerokit-0.9") == SINGLE
    with pytest.raises(ParameterError, match=r"zerokit-0\.9 has no form for a proof with several slots"):
        MULTI.encode("zerokit-0.9")


@pytest.mark.parametrize("flag", [0x40, 0xC0])
@pytest.mark.parametrize("last", [31, 95, 127])
def test_infinity_is_refused(last, flag):
    """Threats D1, C2."""
    data = bytearray(PROOF)
    data[last] = data[last] & 0x3F | flag
    with pytest.raises(PointError, match="infinity"):
        check_proof_bytes(bytes(data))


@pytest.mark.parametrize("start", [0, 32, 64, 96])
def test_coordinates_are_canonical(start):
    for value, good in ((P - 1, True), (P, False), (P + 1, False), (2**254 - 1, False)):
        data = PROOF[:start] + value.to_bytes(32, "little") + PROOF[start + 32 :]
        if good:
            assert check_proof_bytes(data) == data
        else:
            with pytest.raises(FieldRangeError, match="below p"):
                check_proof_bytes(data)


def test_the_first_half_of_b_has_no_flags():
    for flag in (0x40, 0x80):
        with pytest.raises(FieldRangeError, match=r"B\.x\.c0"):
            check_proof_bytes(PROOF[:63] + bytes([flag]) + PROOF[64:])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"ys": (10, 0)}, ParameterError, "slots"),
        ({"nullifiers": (12,)}, ParameterError, "slots"),
        ({"ys": (), "nullifiers": (), "selector_used": ()}, ParameterError, "slots"),
        ({"ys": [10, 0, 20]}, ParameterError, "tuple"),
        ({"selector_used": (1, 0, 1)}, ParameterError, "bool"),
        (
            {"selector_used": (False,) * 3, "ys": (0,) * 3, "nullifiers": (0,) * 3},
            ParameterError,
            "at least one",
        ),
        ({"ys": (10, 1, 20)}, ParameterError, "slot 1"),
        ({"nullifiers": (12, 1, 22)}, ParameterError, "slot 1"),
        ({"nullifiers": (12, 0, 12)}, ParameterError, "different"),
        ({"ys": (scalar.ORDER, 0, 20)}, FieldRangeError, r"ys\[0\]"),
        ({"x": 0}, ParameterError, "x"),
        ({"proof": PROOF[:-1]}, EncodingError, "128 bytes"),
    ],
)
def test_multi_proofs_exist_in_right_states_only(change, error, words):
    with pytest.raises(error, match=words):
        dataclasses.replace(MULTI, **change)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 10, 11])
def test_public_values_have_an_exact_number(count):
    """Threats C5."""
    with pytest.raises(EncodingError, match="public values"):
        from_public_inputs(PROOF, (1,) * count)


def test_selectors_are_bits():
    with pytest.raises(EncodingError, match="selectors"):
        from_public_inputs(PROOF, (*MULTI.public_inputs[:-1], 2))
