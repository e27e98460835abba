import hashlib
import json

import pytest

import rln
from rln.base import scalar
from rln.errors import EncodingError, InvalidProof, KeyFileError, ParameterError
from rln.keys.verifying_key import PACKAGED
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key, small_multi_key

OTHER = rln.setup(rln.circuit.rln(DEPTH, LIMIT_BITS), threads=1)


@pytest.mark.parametrize(
    "part", ["delta=gamma", "delta=-gamma", "alpha=infinity", "gamma=infinity", "ic1=infinity"]
)
def test_unsound_verifying_keys_are_refused(part):
    """Threats D4."""
    plain = bytearray(small_key().verifying_key.encode(compressed=False))
    name, value = part.split("=")
    start, size = {"alpha": (0, 64), "gamma": (192, 128), "delta": (320, 128), "ic1": (456 + 64, 64)}[name]
    if value == "infinity":
        plain[start : start + size] = bytes(size - 1) + b"\x40"
    else:
        plain[start : start + size] = plain[192:320]
        if value == "-gamma":
            content = json.loads(rln.VerifyingKey.decode(small_key().verifying_key.encode()).to_json())
            y = [
                str((scalar.COORDINATE_MODULUS - int(c)) % scalar.COORDINATE_MODULUS)
                for c in content["vk_gamma_2"][1]
            ]
            content["vk_delta_2"] = [content["vk_gamma_2"][0], y, ["1", "0"]]
            with pytest.raises(KeyFileError, match="delta"):
                rln.VerifyingKey.from_json(json.dumps(content).encode())
            return
    with pytest.raises(KeyFileError, match=f"^{name[:2]}.*: the key is unsound"):
        rln.VerifyingKey.decode(bytes(plain), compressed=False)


def test_lints_for_rln_keys():
    plain = small_key().verifying_key.encode(compressed=False)
    twice = plain[: 456 + 64] + plain[456 + 128 : 456 + 192] + plain[456 + 128 :]
    with pytest.raises(KeyFileError, match=r"^ic\[2\]: .* equal or opposite to ic\[1\]"):
        rln.VerifyingKey.decode(twice, compressed=False)
    with pytest.raises(KeyFileError):
        small_key().verifying_key.check_rln(6)
    small_key().verifying_key.check_rln(5)
    small_key().verifying_key.check_rln()
    small_multi_key().verifying_key.check_rln()
    small_multi_key().verifying_key.check_rln(12)


def test_the_packaged_key():
    key = rln.VerifyingKey.builtin("zerokit-20")
    assert key.digest == PACKAGED["zerokit-20"] == hashlib.sha256(key.encode()).hexdigest()
    assert len(key.encode()) == 424
    assert key.public_inputs == 5
    key.check_rln()
    for name in ("zerokit-10", "", "../zerokit-20"):
        with pytest.raises(ParameterError, match="expected one of zerokit-20"):
            rln.VerifyingKey.builtin(name)


def test_a_changed_package_file_is_refused(monkeypatch):
    monkeypatch.setattr("pkgutil.get_data", lambda package, name: small_key().verifying_key.encode())
    with pytest.raises(KeyFileError, match="packaged verifying key zerokit-20"):
        rln.VerifyingKey.builtin("zerokit-20")


def test_verifying_keys_are_values():
    key = small_key().verifying_key
    assert rln.VerifyingKey.decode(key.encode()) == key
    assert hash(rln.VerifyingKey.decode(key.encode(compressed=False), compressed=False)) == hash(key)
    assert key != OTHER.verifying_key
    assert key != 1
    for cut in (0, 1, 100, len(key.encode()) - 1):
        with pytest.raises(EncodingError):
            rln.VerifyingKey.decode(key.encode()[:cut])
    with pytest.raises(EncodingError):
        rln.VerifyingKey.decode(key.encode() + b"\0")
    with pytest.raises(EncodingError, match="expected bytes"):
        rln.VerifyingKey.decode(bytearray(key.encode()))
    for kind in (rln.VerifyingKey, rln.ProvingKey):
        with pytest.raises(TypeError, match="use"):
            kind()


def test_verification_wants_exactly_its_public_values():
    """Threats C5: another number of values, and every other order."""
    world = World()
    proof = world.prover(world.join()).prove(b"hi")
    values, key = proof.public_inputs, world.key.verifying_key
    assert key.verify(values, proof.proof) is True
    for count in (0, 1, 4, 6, 10):
        with pytest.raises(EncodingError, match=f"expected 5, got {count}"):
            key.verify((values * 2)[:count], proof.proof)
    for i in range(5):
        for j in range(i):
            swapped = list(values)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            assert key.verify(swapped, proof.proof) is False


def test_batches_answer_like_singles():
    world = World()
    prover = world.prover(world.join(4))
    proofs = [prover.prove(bytes([i])) for i in range(4)]
    key = world.key.verifying_key
    wrong = rln.RlnProof(proofs[0].proof, *proofs[1].public_inputs)
    changed = bytes([proofs[0].proof[0] ^ 1]) + proofs[0].proof[1:]
    off_curve = rln.RlnProof(changed, *proofs[0].public_inputs)
    answers = key.verify_many([proofs[0], wrong, proofs[1], off_curve, proofs[2], proofs[2]])
    kinds = [type(answer) for answer in answers]
    assert kinds[0] is kinds[2] is kinds[4] is kinds[5] is type(None)
    assert kinds[1] is InvalidProof
    if kinds[3] is InvalidProof:
        assert key.verify(off_curve.public_inputs, off_curve.proof) is False
    else:
        with pytest.raises(kinds[3]):
            key.verify(off_curve.public_inputs, off_curve.proof)
    assert key.verify_many([]) == []
