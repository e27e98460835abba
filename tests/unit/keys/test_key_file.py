import hashlib
import json

import pytest

from rln.base import canonical_json
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, InputError, ParameterError
from rln.keys.key_file import FORMAT, MAGIC, KeyFile, Provenance, is_key_file

DIGEST = "ab" * 32
FILE = KeyFile(CircuitParameters(20, 16), DIGEST, Provenance(), b"the key", b"the graph")
DATA = FILE.encode()


def parts(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[17:21], "little")
    return data[21 : 21 + size], data[21 + size :]


def build(header: object, body: bytes, **change: object) -> bytes:
    text = header if isinstance(header, bytes) else canonical_json.write(header)
    rest = len(text).to_bytes(4, "little") + text + body
    length = change.get("length", len(rest))
    return MAGIC + bytes([change.get("format", FORMAT)]) + length.to_bytes(8, "little") + rest


def test_the_layout():
    assert DATA[:9] == b"rln-key\n\x01"
    assert int.from_bytes(DATA[9:17], "little") == len(DATA) - 17
    header, body = parts(DATA)
    assert body == (7).to_bytes(8, "little") + b"the keythe graph"
    assert json.loads(header) == {
        "circuit": {"depth": 20, "limit_bits": 16, "max_out": None},
        "circuit_digest": DIGEST,
        "imported_from": None,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert FILE.digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "file",
    [
        FILE,
        KeyFile(CircuitParameters(1, 1, 4), None, Provenance("ceremony of 2023"), b"", b""),
        KeyFile(CircuitParameters(32, 16, 16), None, Provenance("x"), bytes(1000), bytes(10)),
    ],
)
def test_files_read_back(file):
    assert KeyFile.decode(file.encode()) == file
    assert is_key_file(file.encode())


def test_an_unknown_format_is_refused_with_both_numbers_named():
    for number in (0, 2, 255):
        with pytest.raises(EncodingError, match=f"format: expected 1, got {number}"):
            KeyFile.decode(DATA[:8] + bytes([number]) + DATA[9:])


def test_every_truncation_and_extension_is_refused():
    for length in range(len(DATA)):
        with pytest.raises(EncodingError):
            KeyFile.decode(DATA[:length])
    with pytest.raises(EncodingError, match="after the length"):
        KeyFile.decode(DATA + b"\0")


def test_every_flipped_byte_is_noticed():
    """Threats D6: the bytes that are hashed are those that are parsed."""
    header, _ = parts(DATA)
    for position in range(len(DATA)):
        changed = bytearray(DATA)
        changed[position] ^= 1
        try:
            read = KeyFile.decode(bytes(changed))
        except InputError:
            continue
        # The digest covers the body only: a changed header is another well-formed statement.
        assert 21 <= position < 21 + len(header)
        assert (read.key, read.graph) == (FILE.key, FILE.graph)
        assert read != FILE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": "cd" * 32}, "SHA-256 cdcd"),
        ({"sha256": "CD" * 32}, "lower-case"),
        ({"sha256": 1}, "lower-case"),
        ({"extra": 1}, "unknown name 'extra'"),
        ({"circuit": {"depth": 20, "limit_bits": 16}}, "max_out is missing"),
        ({"circuit": {"depth": 33, "limit_bits": 16, "max_out": None}}, r"1 \.\. 32, got 33"),
        ({"circuit": {"depth": 20, "limit_bits": 0, "max_out": None}}, "limit_bits"),
        ({"circuit": {"depth": 20, "limit_bits": 16, "max_out": True}}, "max_out"),
        ({"circuit": []}, "an object, got array"),
        ({"circuit_digest": "ab"}, "64 lower-case"),
        ({"circuit_digest": 5}, "a string, got number"),
        ({"imported_from": 5}, "a string, got number"),
    ],
)
def test_headers_are_exact(change, words):
    header, body = parts(DATA)
    with pytest.raises(EncodingError, match=words):
        KeyFile.decode(build({**json.loads(header), **change}, body))


def test_the_header_is_canonical():
    header, body = parts(DATA)
    with pytest.raises(EncodingError, match="canonical"):
        KeyFile.decode(build(header.replace(b",", b", "), body))


def test_huge_lengths_allocate_nothing():
    header, body = parts(DATA)
    for length in (2**63, 2**64 - 1):
        with pytest.raises(EncodingError, match=str(length)):
            KeyFile.decode(build(header, body, length=length))
    with pytest.raises(EncodingError, match="header: expected at most"):
        KeyFile.decode(DATA[:17] + b"\xff\xff\xff\xff" + DATA[21:])
    changed = json.loads(header)
    for key_length in (2**64 - 1, 17):
        other = key_length.to_bytes(8, "little") + body[8:]
        changed["sha256"] = hashlib.sha256(other).hexdigest()
        with pytest.raises(EncodingError, match="a length, that many bytes"):
            KeyFile.decode(build(changed, other))


def test_provenance_is_plain_text():
    assert str(Provenance()) == "made here, alone"
    assert str(Provenance("a.zkey")) == "imported from a.zkey"
    for name in ("", "a" * 201, "a\nb", 'a"b', "a\\b", "\x1b[31m"):
        with pytest.raises(ParameterError, match="provenance"):
            Provenance(name)
