"""Golden values of zerokit that need none of its files.

They are Poseidon's parameters, seeded generation from digest to element, a tree of Keccak hashes, slashing in
Python, and the bytes of proof values. tests/unit has hashes of single inputs, Poseidon trees and shares.
"""

import hashlib

import pytest

from rln.base import scalar
from rln.lowlevel import hashes
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.membership import rate_commitment
from rln.protocol.proof import RlnProof
from rln.protocol.recovery import recover_secret
from rln.protocol.share import Share

R = scalar.ORDER

# width: partial rounds, constants, SHA-256 of the round constants, SHA-256 of the matrix
PARAMETERS = {
    2: (
        56,
        128,
        "13b6a213e645ab836456e67c84f7ef3b71d32195c3a0e29f4dd2fa69fa28182c",
        "51124c2f99682ea63062df83a4a4a6da59e106ed15143f17acaf18bdeb4a28f5",
    ),
    3: (
        57,
        195,
        "9aefe557f9d948b83eba6d3fcf8ee7dbda4d404c708c902e729ee9c8c6b75f48",
        "ef4eb68f50a05e001d7def9dd58efb1f75300ca6d870fcd0a4eb09de466d9d5b",
    ),
    4: (
        56,
        256,
        "25af180539bf75a86466af62a861dd9e33cfc29c112d644a0dbf40f68dfc80b9",
        "2e0fabae3d36c0a74c4b46a7e80f10f5bf344d0b3c013328ce463341f2b628b2",
    ),
    5: (
        60,
        340,
        "4d08323125b48134806a91db36bb9b53a0e73581f81da2fcdc396cb5fe2b1c19",
        "375e678f7fa2d09f303c96b2f411439f6bb8f00dc6dd3e7949697723c7d11ef9",
    ),
    6: (
        60,
        408,
        "8245d17430343be6b32f66fdaab92d6008dfe80ff9c33e1254d41889af39584a",
        "56ed4cb1c76352a7be9512616264c90537e9ecbbdf16b8e7431ef17dea0e37d6",
    ),
    7: (
        63,
        497,
        "0748b1527d756ae861c43a8eedf0cf4123b9fb582900b275e2334b3716694d7a",
        "86990e4b8540d1c3a827091c3545eb325b82cdc45f137ec1e3ca3f48839f9ba7",
    ),
    8: (
        64,
        576,
        "7b5401bbb6612c749ecadbabc4586f748ebaced169655e2ff2d6a14fad4e3517",
        "abe50d936c2703c9b3f907b7331392551ef258ae42336d3a44e6b4501888b9a1",
    ),
    9: (
        63,
        639,
        "055cb5d9bb54ea6b207f768a282e40e1f8aa7cd39dd2db8e79ecad11b0b84ca3",
        "993824d6ab2c37e62f8dcf34e869f843977b16134cf86d4f60de34d0039c05ab",
    ),
}

MEMBER = hash_to_field(b"test-merkle-proof")
EXTERNAL = poseidon_hash([hash_to_field(b"test-epoch"), hash_to_field(b"test-rln-identifier")])
NULLIFIER = 0x1AA541A7AA63C04B7A0318640813A54B8DC64650FEF5E307B8994E07628278CD
SHARES = {
    b"hey hey": 0x0881C2B96E2D93DF44BF7DEB27CA794F9C11A28F5BF44FF9766104233904AF82,
    b"second signal": 0x0101DEF5DCD120C56E39CDFB4973A5353935879C58F0F21FCDD3470B51DF636E,
}
SLOPE = 0x042D932E6D255B11A9E1725C1531B007C1320FBE71161E140AFC2C2023121803


def digest(*values: int) -> str:
    return hashlib.sha256(b"".join(map(scalar.encode, values))).hexdigest()


@pytest.mark.parametrize("width", PARAMETERS)
def test_poseidon_parameters_of_every_width(width: int) -> None:
    full, partial, rounds, matrix = hashes.poseidon_parameters(width)
    assert full == 8
    assert (partial, len(rounds), digest(*rounds), digest(*matrix)) == PARAMETERS[width]
    assert len(matrix) == width * width


def test_first_parameters_of_width_three() -> None:
    _, _, rounds, matrix = hashes.poseidon_parameters(3)
    assert rounds[0] == 0x0EE9A592BA9A9518D05986D656F40C2114C4993C11BB29938D21D47304CD8E6E
    assert matrix[0] == 0x109B7F411BA0E4C9B2B70CAF5C36A7B194BE7C11AD24378BFEDB68592BA8118B


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (255, 0x2C466383D962D921A23A7B26AA170C812A398545111F7F23B4C2E0096E46063C),
        (65535, 0x1B52DF2BB3EFF08D57BA48B0D984C9309A65B7C62391204BABC9F4F73D3379AB),
    ],
)
def test_hashes_of_small_numbers(value: int, expected: int) -> None:
    assert poseidon_hash([value]) == expected


@pytest.mark.parametrize(
    ("seed", "key", "drawn"),
    [
        (
            b"A seed phrase example",
            "7c02e7704a86603d6e6cc3a90c42f1d9b9d9402091f2b81d96964432f67eca4a",
            0x0CED32179E4D6D8E231EC33984CD249A0177909D05459DA35F8D3CDFDAE8FD4D,
        ),
        (
            bytes(range(10)),
            "f0ae86a6257e615bce8b0fe73794934deda00c13d58f80b466a9354e306c9eb0",
            0x12A8400FFC3F8DAEA0D868E0EC38E79D82A1F97CAC29BEECFF34A60B23FEE6D5,
        ),
    ],
)
def test_the_drawn_number_is_the_montgomery_form_of_the_secret(seed: bytes, key: str, drawn: int) -> None:
    assert hashes.keccak256(seed).hex() == key
    assert Identity.from_seed(seed).secret().reveal() * 2**256 % R == drawn


def test_the_external_nullifier_of_the_examples() -> None:
    assert EXTERNAL == 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3
    assert poseidon_hash([MEMBER, EXTERNAL, 1]) == SLOPE
    assert poseidon_hash([SLOPE]) == NULLIFIER


def test_slashing_example() -> None:
    shares = [Share(hash_to_field(signal), y, NULLIFIER) for signal, y in SHARES.items()]
    first, second = shares
    assert recover_secret(first, second).reveal() == recover_secret(second, first).reveal() == MEMBER
    assert [(MEMBER + SLOPE * share.x) % R for share in shares] == list(SHARES.values())


VALUES_OF_THE_EXAMPLE = {
    "zerokit-2": "96e0196e19a35763f7bf49e8e80cf88c2a4dfe5e7c0b4698eccefd2cee0783ae",
    "zerokit-2-be": "62973d2af1ce97ddd42280c60e789dfc1b4ead74d42a6e7e1ad16ed2c5cdfa83",
    "zerokit-3": "af4c5b2df384cef9cb54770098abf8a7f96038f0e6e2c6dd3809a5a531b5aa06",
    "zerokit-3-mixed": "00a314e0f559241cf1ccb01966a34ca70c6a8074fc50f34c1e787e0b1223fb96",
}
"""SHA-256 of the values with their tag (zerokit-spec 7.6). They are derived: no peer has made them."""


def test_values_of_the_example_are_written_as_zerokit_writes_them() -> None:
    tree = MerkleTree(20)
    tree.set(3, rate_commitment(Identity.from_secret(MEMBER).commitment, 100))
    signal, y = next(iter(SHARES.items()))
    # Writing a message does not check its points.
    proof = RlnProof(bytes(128), y, tree.root, NULLIFIER, hash_to_field(signal), EXTERNAL)
    for codec, expected in VALUES_OF_THE_EXAMPLE.items():
        values = proof.encode(codec)[-161:]
        assert hashlib.sha256(values).hexdigest() == expected, codec
        assert RlnProof.decode(proof.encode(codec), codec) == proof


def test_keccak_tree_of_two_levels() -> None:
    """zerokit's generic tree tests: Keccak nodes, leaves 1 .. 4 set in turn, big-endian."""
    expected = [
        "b4c11951957c6f8f642c4af61cd6b24640fec6dc7fc607ee8206a99e92410d30",
        "c1ba1812ff680ce84c1d5b4f1087eeb08147a4d510f3496b2849df3a73f5af95",
        "893760ec5b5bee236f29e85aef64f17139c3c1b7ff24ce64eb6315fca0f2485b",
        "222ff5e0b5877792c2bc1670e2ccd0c2c97cd7bb1672a57d598db05092d3d72c",
        "a9bb8c3f1f12e9aa903a50c47f314b57610a3ab32f2d463293f58836def38d36",
    ]
    leaves, found = [bytes(32)] * 4, []
    for i in range(5):
        if i:
            leaves[i - 1] = i.to_bytes(32, "big")
        left, right = (hashes.keccak256(leaves[k] + leaves[k + 1]) for k in (0, 2))
        found.append(hashes.keccak256(left + right).hex())
    assert found == expected
