"""Round trips of all formats: reading gives back what was written, and other bytes are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, InputError
from rln.formats import snarkjs, wtns
from rln.formats.keystore import Keystore
from rln.lowlevel import curve, groth16
from rln.merkle.proof import MerkleProof
from rln.protocol.identity import Identity
from rln.protocol.proof import (
    CODECS,
    AnyProof,
    MultiRlnProof,
    RlnProof,
    decode_message,
    from_public_inputs,
)
from rln.protocol.waku_membership import WakuMembership
from tests.support.field_elements import COORDINATES, SCALARS, P, R, packed

EXAMPLES = settings(max_examples=60)
NONZERO = SCALARS.filter(bool)
INFINITY = bytes(31) + b"\x40"
G1 = packed([1, 2])
G2 = curve.decompress(
    packed(
        [
            10857046999023057135944570762232829481370756359578518086990519993285655852781,
            11559732032986387107991004021392285783925812861821192530917403151452391805634,
        ]
    ),
    group=2,
)


def bundle(coordinates: tuple[int, int, int, int], flags: tuple[bool, bool, bool]) -> bytes:
    """Return 128 bytes in the form of a proof; its points need not be on the curve."""
    data = bytearray(packed(list(coordinates)))
    for last, flag in zip((31, 95, 127), flags, strict=True):
        data[last] |= 0x80 * flag
    return bytes(data)


BUNDLES = st.builds(bundle, st.tuples(*[COORDINATES] * 4), st.tuples(*[st.booleans()] * 3))
PROOFS = st.builds(RlnProof, BUNDLES, SCALARS, SCALARS, SCALARS, NONZERO, SCALARS)


@st.composite
def multi_proofs(draw: st.DrawFn) -> MultiRlnProof:
    """Draw a proof with at least one used slot; the unused slots are zero."""
    used = draw(st.lists(st.booleans(), min_size=1, max_size=6).filter(any))
    names = draw(st.lists(NONZERO, min_size=len(used), max_size=len(used), unique=True))
    ys = [draw(SCALARS) if flag else 0 for flag in used]
    nullifiers = [name if flag else 0 for name, flag in zip(names, used, strict=True)]
    return MultiRlnProof(
        draw(BUNDLES), tuple(ys), draw(SCALARS), tuple(nullifiers), draw(NONZERO), draw(SCALARS), tuple(used)
    )


# ---- scalars ---------------------------------------------------------------------------------------


@EXAMPLES
@given(value=SCALARS)
def test_a_scalar_is_read_back_from_bytes_and_from_text(value: int) -> None:
    assert scalar.decode(scalar.encode(value)) == value
    assert scalar.parse(str(value)) == value


@EXAMPLES
@given(data=st.binary(min_size=32, max_size=32))
def test_bytes_are_a_scalar_or_refused(data: bytes) -> None:
    if int.from_bytes(data, "little") < R:
        assert scalar.encode(scalar.decode(data)) == data
    else:
        with pytest.raises(FieldRangeError):
            scalar.decode(data)


@EXAMPLES
@given(text=st.text(max_size=80) | st.from_regex(r"\A[+-]?0{0,2}[0-9]{1,78}\n?\Z"))
def test_text_is_a_scalar_in_its_one_spelling_or_refused(text: str) -> None:
    try:
        value = scalar.parse(text)
    except InputError:
        spelt = text.isascii() and text.isdigit() and str(int(text)) == text
        assert not spelt or int(text) >= R
    else:
        assert str(value) == text


# ---- messages --------------------------------------------------------------------------------------


@EXAMPLES
@given(proof=PROOFS)
def test_a_message_is_read_back(proof: RlnProof) -> None:
    for codec in CODECS:
        data = proof.encode(codec)
        assert 288 <= len(data) <= 290
        assert RlnProof.decode(data, codec) == proof
    assert from_public_inputs(proof.proof, proof.public_inputs) == proof


@EXAMPLES
@given(proof=multi_proofs())
def test_a_message_of_several_slots_is_read_back(proof: MultiRlnProof) -> None:
    for codec in CODECS[1:]:
        assert MultiRlnProof.decode(proof.encode(codec), codec) == proof
    assert len(proof.public_inputs) == 3 * len(proof.selector_used) + 3
    assert from_public_inputs(proof.proof, proof.public_inputs) == proof
    assert len(proof.shares) == sum(proof.selector_used)


@EXAMPLES
@given(proof=PROOFS | multi_proofs(), data=st.data())
def test_a_message_with_a_changed_byte_is_another_message_or_refused(
    proof: AnyProof, data: st.DataObject
) -> None:
    codec = data.draw(st.sampled_from(CODECS[1:] if isinstance(proof, MultiRlnProof) else CODECS))
    changed = bytearray(proof.encode(codec))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = decode_message(bytes(changed), codec)
    except InputError:
        return
    assert other != proof
    assert other.encode(codec) == changed


@EXAMPLES
@given(proof=PROOFS, data=st.data())
def test_a_message_of_one_layout_is_another_message_in_every_other_or_refused(
    proof: RlnProof, data: st.DataObject
) -> None:
    written, read = data.draw(st.permutations(CODECS))[:2]
    try:
        other = decode_message(proof.encode(written), read)
    except InputError:
        return
    assert other.encode(read) == proof.encode(written)


@EXAMPLES
@given(proof=PROOFS, data=st.data())
def test_a_message_has_one_length(proof: RlnProof, data: st.DataObject) -> None:
    whole = proof.encode()
    cut = whole[: data.draw(st.integers(0, 287))]
    longer = whole + data.draw(st.binary(min_size=1, max_size=8))
    for wrong in (cut, longer):
        with pytest.raises(EncodingError):
            RlnProof.decode(wrong)


# ---- keystores -------------------------------------------------------------------------------------

MEMBERSHIP = WakuMembership(Identity.from_seed(b"a member", extended=True), "59144", "0x00", 3, 20)
KEYSTORE = Keystore().with_entry(*MEMBERSHIP.lock("a password", 10_000)).encode()


@EXAMPLES
@given(data=st.data())
def test_a_keystore_with_a_changed_byte_holds_the_same_membership_or_is_refused(data: st.DataObject) -> None:
    changed = bytearray(KEYSTORE)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = WakuMembership.unlock(Keystore.decode(bytes(changed)), "a password")
    except InputError:
        return
    assert found == MEMBERSHIP  # a letter of a name or of a digit in the other case, for example


@EXAMPLES
@given(data=st.data())
def test_a_membership_with_a_changed_byte_keeps_its_identity_or_is_refused(data: st.DataObject) -> None:
    changed = bytearray(MEMBERSHIP.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = WakuMembership.decode(bytes(changed))
    except InputError:
        return
    assert found.identity == MEMBERSHIP.identity


@EXAMPLES
@given(
    secret=st.binary(min_size=16, max_size=16),
    texts=st.tuples(*[st.from_regex(r"\A[0-9A-Za-z:/._-]{1,60}\Z")] * 2),
    index=st.integers(0, 2**32 - 1),
    limit=st.none() | st.integers(1, 65_536),
)
def test_a_membership_is_read_back(
    secret: bytes, texts: tuple[str, str], index: int, limit: int | None
) -> None:
    made = WakuMembership(Identity.from_seed(secret, extended=True), *texts, index, limit)
    assert WakuMembership.decode(made.encode()) == made
    assert WakuMembership.decode(made.encode()).encode() == made.encode()


# ---- snarkjs ---------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(a=NONZERO, b=NONZERO, c=NONZERO)
def test_a_snarkjs_proof_is_read_back(a: int, b: int, c: int) -> None:
    points = curve.msm(G1, packed([a])) + curve.msm(G2, packed([b]), group=2) + curve.msm(G1, packed([c]))
    proof = groth16.compress(points)
    assert groth16.decompress(proof) == points
    assert snarkjs.read_proof(snarkjs.write_proof(proof)) == proof


@EXAMPLES
@given(values=st.lists(SCALARS, max_size=8))
def test_snarkjs_public_values_are_read_back(values: list[int]) -> None:
    assert snarkjs.read_public(snarkjs.write_public(values)) == tuple(values)


NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)


@EXAMPLES
@given(inputs=st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=4), max_size=4))
def test_snarkjs_inputs_are_read_back(inputs: dict[str, int | list[int]]) -> None:
    expected = {name: (value,) if isinstance(value, int) else tuple(value) for name, value in inputs.items()}
    assert snarkjs.read_witness(snarkjs.write_witness(inputs)) == expected


@EXAMPLES
@given(wires=st.lists(SCALARS, max_size=8))
def test_a_wtns_file_is_read_back(wires: list[int]) -> None:
    assignment = packed([1, *wires])
    data = wtns.write(assignment)
    assert wtns.read(data) == assignment
    assert wtns.write(wtns.read(data)) == data


# ---- paths -----------------------------------------------------------------------------------------


@EXAMPLES
@given(leaf=SCALARS, path=st.lists(st.tuples(SCALARS, st.integers(0, 1)), min_size=1, max_size=8))
def test_a_path_is_read_back_from_its_siblings_and_bits(leaf: int, path: list[tuple[int, int]]) -> None:
    siblings, bits = zip(*path, strict=True)
    proof = MerkleProof.from_path(leaf, siblings, bits)
    assert (proof.siblings, proof.bits, proof.depth) == (siblings, bits, len(path))
    assert proof.index == sum(bit << level for level, bit in enumerate(bits))
    assert MerkleProof(leaf, proof.index, siblings) == proof
    assert proof.root == proof.root_of(leaf)


# ---- points ----------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(k=SCALARS, group=st.sampled_from([1, 2]))
def test_a_point_is_read_back_from_its_compressed_form(k: int, group: int) -> None:
    point = curve.msm(G1 if group == 1 else G2, packed([k]), group=group)
    assert curve.decompress(curve.compress(point, group), group) == point


@EXAMPLES
@given(data=st.just(INFINITY) | st.binary(min_size=32, max_size=32) | COORDINATES.map(lambda x: packed([x])))
def test_compressed_bytes_are_a_point_in_its_one_form_or_refused(data: bytes) -> None:
    x = int.from_bytes(data, "little") & 2**254 - 1
    try:
        point = curve.decompress(data)
    except InputError:
        on_curve = x < P and pow(x**3 + 3, (P - 1) // 2, P) in (0, 1)
        assert not on_curve or data[31] & 0x40
        assert data != INFINITY
    else:
        assert curve.compress(point) == data
