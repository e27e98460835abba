"""File kinds: tell what a file is by its content, before anything parses it.

Every reader of a file asks `expect` first. So a file of another kind is called by its name, and no parser
reports "sections: expected 10, got 14" about a file that was never for it. A file of an unknown kind goes to
the parser, which refuses it with its own words.

An `.arkzkey` has no magic number. It is recognised by its counts, which no other kind has at these places.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Final

from rln.base.scalar import COORDINATE_MODULUS
from rln.errors import EncodingError

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""UTF-8's mark, which some editors and spreadsheets write first."""

_BLS12_381: Final = bytes.fromhex("abaafffffffffeb9ffff53b1feffab1e24f6b0f6a0d23067bf1285f3844b7764")
"""The lowest 32 bytes of the modulus of BLS12-381's base field, little-endian. Source: zkcrypto."""


class FileKind(enum.Enum):
    """The kinds of file that people have where this library reads one; the value is for messages."""

    KEY = "a key file of this library"
    ZKEY = "a Groth16 .zkey over BN254"
    ZKEY_PLONK = "a PLONK .zkey"
    ZKEY_FFLONK = "an FFLONK .zkey"
    ZKEY_BLS = "a .zkey over BLS12-381"
    ZKEY_OTHER = "a .zkey over another curve than BN254"
    ARKZKEY = "an .arkzkey"
    ARKZKEY_COMPRESSED = "a compressed .arkzkey"
    GRAPH = "a witness graph (wtns.graph.001)"
    GRAPH_OTHER = "a witness graph of another format than wtns.graph.001"
    R1CS = "an .r1cs file"
    WITNESS = "a .wtns file"
    POWERS = "a .ptau file"
    VERIFYING_KEY = "a Groth16 verification_key.json"
    VERIFYING_KEY_PLONK = "a PLONK verification_key.json"
    VERIFYING_KEY_FFLONK = "an FFLONK verification_key.json"
    PROOF = "a Groth16 proof.json"
    PROOF_PLONK = "a PLONK proof.json"
    PROOF_FFLONK = "an FFLONK proof.json"
    PUBLIC = "a public.json"
    INPUTS = "a witness.json"
    SECRET = "the secret of an identity"
    PRIVATE_KEY = "a private key in PEM"
    KEYSTORE = "a keystore of nwaku or js-waku"
    EVIDENCE = "evidence of a violation"
    PARAMETERS = "the parameters of an application"
    POLICY = "a signed policy"
    PRICES = "a signed price list"
    BULLETIN = "a mirror or a bulletin"
    SNAPSHOT = "a snapshot"
    TABLES = "a file of tables"
    AUDIT = "an audit file"
    SLASHED = "a list of slashed members"
    REGISTRY = "a member registry"
    LOG = "a nullifier log"
    MESSAGE_IDS = "a file of message ids"
    ACCOUNTS = "a registrar's file of accounts"
    SQLITE = "an SQLite file of another program"
    UNKNOWN = "a file of an unknown kind"


STORE_IDS: Final = {
    FileKind.LOG: 0x726C6E6C,  # "rlnl"
    FileKind.REGISTRY: 0x726C6E67,  # "rlng"
    FileKind.MESSAGE_IDS: 0x524C4E69,  # "RLNi"
    FileKind.ACCOUNTS: 0x726C6E61,  # "rlna"
}
"""The application ids of this library's SQLite files."""

_STORES: Final = {application_id: kind for kind, application_id in STORE_IDS.items()}

_MAGIC: Final = (
    (b"rln-key\n", FileKind.KEY),
    (b"wtns.graph.001", FileKind.GRAPH),
    (b"wtns.graph", FileKind.GRAPH_OTHER),
    (b"r1cs", FileKind.R1CS),
    (b"wtns", FileKind.WITNESS),
    (b"ptau", FileKind.POWERS),
    (b"rln-bul\n", FileKind.BULLETIN),
    (b"rln-tree", FileKind.SNAPSHOT),
    (b"rln-tab", FileKind.TABLES),
    (b"rln audit ", FileKind.AUDIT),
    (b"rln-slas", FileKind.SLASHED),
    (b"-----BEGIN PRIVATE KEY-----", FileKind.PRIVATE_KEY),
)

_NAMES: Final = (
    ({"nPublic"}, FileKind.VERIFYING_KEY),
    ({"protocol"}, FileKind.PROOF),
    ({"pi_a"}, FileKind.PROOF),
    ({"first", "second", "verifying_key"}, FileKind.EVIDENCE),
    ({"authorities", "signature"}, FileKind.POLICY),
    ({"routes", "signature"}, FileKind.PRICES),
    ({"application", "key_digest"}, FileKind.PARAMETERS),
    ({"identityPathIndex"}, FileKind.INPUTS),
    ({"appIdentifier", "credentials"}, FileKind.KEYSTORE),
    ({"identitySecret", "identityCommitment"}, FileKind.SECRET),
)
"""Names that a kind of JSON object has and the kinds below it have not."""

_PROTOCOLS: Final = {
    (FileKind.VERIFYING_KEY, b"plonk"): FileKind.VERIFYING_KEY_PLONK,
    (FileKind.VERIFYING_KEY, b"fflonk"): FileKind.VERIFYING_KEY_FFLONK,
    (FileKind.PROOF, b"plonk"): FileKind.PROOF_PLONK,
    (FileKind.PROOF, b"fflonk"): FileKind.PROOF_FFLONK,
}
"""The kinds of snarkjs's JSON files by the proof system that they state."""

_PROTOCOL: Final = re.compile(rb'"protocol"[ \t\r\n]*:[ \t\r\n]*"([a-z0-9]+)"')
_JSON_NAME: Final = re.compile(rb'"([A-Za-z_][A-Za-z0-9_]*)"[ \t\r\n]*:')
_LARGEST: Final = 1 << 27
"""More points than a key has."""


def sniff(data: bytes) -> FileKind:
    """Return the kind of a file. Nothing is checked beyond what tells the kinds apart.

    Args:
        data: the whole file.
    """
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"SQLite format 3\0"):
        return store_kind(int.from_bytes(data[68:72], "big"))
    if data.startswith(b"zkey"):
        return _zkey_kind(data)
    # Before JSON: an .arkzkey starts with a random number, whose first byte may be a bracket. No text has the
    # zero bytes of its counts.
    if (kind := _ark_kind(data)) is not FileKind.UNKNOWN:
        return kind
    start = data[: len(BYTE_ORDER_MARK) + 64].removeprefix(BYTE_ORDER_MARK).lstrip()[:1]
    if start == b"{":
        found = {name.decode() for name in _JSON_NAME.findall(data)}
        kind = next((kind for names, kind in _NAMES if names <= found), FileKind.UNKNOWN)
        protocol = _PROTOCOL.search(data)
        return kind if protocol is None else _PROTOCOLS.get((kind, protocol[1]), kind)
    return FileKind.PUBLIC if start == b"[" else FileKind.UNKNOWN


def expect(data: bytes, name: str, *kinds: FileKind, remedy: str = "") -> FileKind:
    """Refuse a file of a known kind that is not one of the expected ones.

    Args:
        data: the whole file; anything else than bytes is left to the parser.
        name: for the message.
        kinds: the kinds that the parser reads.
        remedy: what to do instead.

    Returns:
        The kind; UNKNOWN is left to the parser.

    Raises:
        EncodingError: the message names both kinds.
    """
    if type(data) is not bytes:
        return FileKind.UNKNOWN
    found = sniff(data)
    if found is not FileKind.UNKNOWN and found not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        advice = remedy or _REMEDIES.get(found, "check which file you named")
        raise EncodingError(f"{name}: expected {wanted}, got {found.value}; {advice}")
    return found


def store_kind(application_id: int) -> FileKind:
    """Return the kind of an SQLite file with this application id."""
    return _STORES.get(application_id, FileKind.SQLITE)


def without_mark(data: bytes) -> bytes:
    """Return a text file without UTF-8's byte-order mark, if it begins with one."""
    return data.removeprefix(BYTE_ORDER_MARK) if type(data) is bytes else data


_REMEDIES: Final = {
    FileKind.ZKEY_PLONK: "make a key for Groth16: snarkjs groth16 setup",
    FileKind.ZKEY_FFLONK: "make a key for Groth16: snarkjs groth16 setup",
    FileKind.ZKEY_BLS: "compile the circuit for bn128, and make its key again",
    FileKind.ZKEY_OTHER: "compile the circuit for bn128, and make its key again",
    FileKind.VERIFYING_KEY_PLONK: "use a key for Groth16: snarkjs zkey export verificationkey",
    FileKind.VERIFYING_KEY_FFLONK: "use a key for Groth16: snarkjs zkey export verificationkey",
    FileKind.PROOF_PLONK: "make a proof with snarkjs groth16 prove or rapidsnark",
    FileKind.PROOF_FFLONK: "make a proof with snarkjs groth16 prove or rapidsnark",
    FileKind.ARKZKEY_COMPRESSED: "use the uncompressed file, as zerokit ships it",
    FileKind.GRAPH_OTHER: "use a graph that zerokit 2.0 reads",
}
"""What to do about a file of some kinds, wherever they are."""


def zkey_sections(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and length of each section of a `.zkey`, as far as they lie inside the file."""
    count, at = int.from_bytes(data[8:12], "little"), 12
    for _ in range(min(count, 64)):
        number = int.from_bytes(data[at : at + 4], "little")
        length = int.from_bytes(data[at + 4 : at + 12], "little")
        at += 12
        if at + length > len(data):
            return
        yield number, at, length
        at += length


def _zkey_kind(data: bytes) -> FileKind:
    places = {number: start for number, start, _ in zkey_sections(data)}
    protocol = int.from_bytes(data[places[1] : places[1] + 4], "little") if 1 in places else 1
    if protocol != 1:
        return {2: FileKind.ZKEY_PLONK, 10: FileKind.ZKEY_FFLONK}.get(protocol, FileKind.UNKNOWN)
    if 2 not in places:
        return FileKind.ZKEY
    start = places[2]
    size = int.from_bytes(data[start : start + 4], "little")
    modulus = data[start + 4 : start + 4 + min(size, 64)]
    if int.from_bytes(modulus, "little") == COORDINATE_MODULUS:
        return FileKind.ZKEY
    return FileKind.ZKEY_BLS if modulus.startswith(_BLS12_381) else FileKind.ZKEY_OTHER


def _ark_kind(data: bytes) -> FileKind:
    """Tell an `.arkzkey` by the count of its IC points, which comes after alpha, beta, gamma and delta."""
    for header, point, kind in ((448, 64, FileKind.ARKZKEY), (224, 32, FileKind.ARKZKEY_COMPRESSED)):
        count = int.from_bytes(data[header : header + 8], "little")
        # Behind the IC points come beta and delta in group 1, and the count of the next points, one per wire.
        after = header + 8 + point * count + 2 * point
        if 2 <= count < _LARGEST and after + 8 <= len(data):
            wires = int.from_bytes(data[after : after + 8], "little")
            if count <= wires < _LARGEST:
                return kind
    return FileKind.UNKNOWN
