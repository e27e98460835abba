"""zerokit's WebAssembly build (0.2.1, wire form `zerokit-0.9`) and we accept each other's proofs."""

import pytest

import rln
from rln.errors import Reason
from rln.stores.memory import MemoryNullifierLog
from tests.interop import peers

ZKEY = "rln_final.zkey"


@pytest.fixture(scope="module")
def wires(ceremony_key):
    """The full assignments of the golden statement and of a second signal on the same message id."""
    signals = (peers.SIGNAL, b"second signal")
    return [peers.witness_of(ceremony_key, peers.statement(signal=signal)) for signal in signals]


@pytest.fixture(scope="module")
def our_proof(ceremony_key, wires):
    return rln.RlnProof(ceremony_key.prove(wires[0]), *ceremony_key.public_values(wires[0]))


def root_bytes(value: int) -> str:
    return value.to_bytes(32, "little").hex()


def test_zerokit_accepts_our_proof_and_refuses_changed_ones(node, ceremony, our_proof):
    message = our_proof.encode("zerokit-0.9")
    flipped = bytearray(message)
    flipped[31] ^= 0x80
    cases = [
        (peers.framed(message, peers.SIGNAL), root_bytes(our_proof.root), True),
        (peers.framed(message, peers.SIGNAL), root_bytes(our_proof.root + 1), False),
        (peers.framed(message, b"another signal"), root_bytes(our_proof.root), False),
        (peers.framed(bytes(flipped), peers.SIGNAL), root_bytes(our_proof.root), False),
    ]
    requests = [{"call": "verify", "message": m.hex(), "roots": roots} for m, roots, _ in cases]
    answers = peers.ask(node, "zerokit", requests, key=str(ceremony / ZKEY))
    assert answers == [expected for *_, expected in cases]


def test_we_accept_zerokits_proofs_and_both_recover_the_secret(node, ceremony, ceremony_key, wires):
    requests = []
    for witness, signal in zip(wires, (peers.SIGNAL, b"second signal"), strict=True):
        serialised = peers.serialised(peers.statement(signal=signal))
        requests.append({"call": "prove", "wires": peers.assignment(witness), "witness": serialised.hex()})
    first, second = (bytes.fromhex(m) for m in peers.ask(node, "zerokit", requests, key=str(ceremony / ZKEY)))
    proofs = [rln.RlnProof.decode(message, "zerokit-0.9") for message in (first, second)]
    for proof, message, witness in zip(proofs, (first, second), wires, strict=True):
        assert proof.public_inputs == ceremony_key.public_values(witness)
        assert proof.encode("zerokit-0.9") == message
        assert rln.VerifyingKey.builtin("zerokit-20").verify(proof.public_inputs, proof.proof) is True

    secret = rln.recover_secret(proofs[0].shares[0], proofs[1].shares[0])
    assert secret.reveal() == peers.SECRET
    request = {"call": "recover", "first": first.hex(), "second": second.hex()}
    (theirs,) = peers.ask(node, "zerokit", [request], key=str(ceremony / ZKEY))
    assert int.from_bytes(bytes.fromhex(theirs), "little") == peers.SECRET


def test_seeded_identities_equal_zerokits(node, ceremony):
    seeds = [b"", b"A seed phrase example", bytes(range(10)), *(i.to_bytes(2, "big") for i in range(40))]
    requests = [{"call": call, "seed": seed.hex()} for seed in seeds for call in ("seeded", "extended")]
    answers = peers.ask(node, "zerokit", requests, key=str(ceremony / ZKEY))
    for request, answer in zip(requests, answers, strict=True):
        numbers = [
            int.from_bytes(bytes.fromhex(answer)[i : i + 32], "little")
            for i in range(0, len(answer) // 2, 32)
        ]
        extended = request["call"] == "extended"
        with rln.Identity.from_seed(bytes.fromhex(request["seed"]), extended=extended) as identity:
            assert numbers[-2:] == [identity.secret().reveal(), identity.commitment]


def test_hashes_equal_zerokits(node, ceremony):
    messages = [b"", b"hey hey", bytes(200), "Grüße".encode()]
    requests = [{"call": "hash", "message": message.hex()} for message in messages]
    answers = peers.ask(node, "zerokit", requests, key=str(ceremony / ZKEY))
    assert [int.from_bytes(bytes.fromhex(a), "little") for a in answers] == [
        rln.hash_to_field(m) for m in messages
    ]


def test_our_verifier_accepts_a_proof_by_zerokit(node, ceremony, ceremony_key):
    clock = rln.EpochClock("interop.example", 3600, now=lambda: 1_800_000_000.0)
    inputs = {**peers.statement(), "externalNullifier": str(clock.current().external_nullifier)}
    numbers = peers.assignment(peers.witness_of(ceremony_key, inputs))
    request = {"call": "prove", "wires": numbers, "witness": peers.serialised(inputs).hex()}
    (message,) = peers.ask(node, "zerokit", [request], key=str(ceremony / ZKEY))
    proof = rln.RlnProof.decode(bytes.fromhex(message), "zerokit-0.9")
    key = rln.VerifyingKey.builtin("zerokit-20")
    verifier = rln.Verifier(key, roots=[proof.root], log=MemoryNullifierLog(), clock=clock)
    assert isinstance(verifier.submit(proof, peers.SIGNAL), rln.Valid)
    assert isinstance(verifier.submit(proof, peers.SIGNAL), rln.Duplicate)
    wrong_signal = verifier.submit(proof, b"another signal")
    assert isinstance(wrong_signal, rln.Invalid)
    assert wrong_signal.reason is Reason.WRONG_SIGNAL
