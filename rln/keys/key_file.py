r"""The file of a proving key: its relation, its provenance, key and graph, under one digest.

    8 bytes   rln-key\n
    1 byte    format, 1
    u64       number of bytes that follow
    u32       length of the header
    header    canonical JSON: circuit parameters, circuit digest, provenance, SHA-256 of the body
    body      u64 length of the key, the key in zerokit's uncompressed layout, the witness graph

Numbers are little-endian. A file is read into memory once, so the bytes that are hashed are those that are
parsed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rln.base import canonical_json
from rln.base.arguments import check_digest
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_SLOTS
from rln.base.file_kind import FileKind, expect
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, ParameterError

MAGIC = b"rln-key\n"
FORMAT = 1

_HEADER_LIMIT = 1 << 16
_CIRCUIT = ("depth", "limit_bits", "max_out")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a key comes from: `imported_from` names its source; None means made here, by one party alone.

    A party that makes a key alone can forge proofs for it, so the maker must be the verifier.
    """

    imported_from: str | None = None

    def __post_init__(self) -> None:
        name = self.imported_from
        if name is not None and not (
            0 < len(name) <= 200 and name.isprintable() and "\\" not in name and '"' not in name
        ):
            raise ParameterError(
                "provenance: expected 1 .. 200 printable characters without quotes or backslashes, "
                f"got {name[:200]!a}"
            )

    def __str__(self) -> str:
        return "made here, alone" if self.imported_from is None else f"imported from {self.imported_from}"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of a proving key file.

    Attributes:
        parameters: of the relation.
        circuit_digest: SHA-256 (hex) of the circuit's `.r1cs`, or None if it is not known (imported keys).
        provenance: where the key comes from.
        key: the proving key, in zerokit's uncompressed layout.
        graph: the witness graph file.
    """

    parameters: CircuitParameters
    circuit_digest: str | None
    provenance: Provenance
    key: bytes
    graph: bytes

    def __post_init__(self) -> None:
        if self.circuit_digest is not None:
            check_digest(self.circuit_digest, "circuit digest")

    @property
    def body(self) -> bytes:
        """Key and graph, as in the file."""
        return len(self.key).to_bytes(8, "little") + self.key + self.graph

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the body."""
        return hashlib.sha256(self.body).hexdigest()

    def encode(self) -> bytes:
        """Return the whole file."""
        body = self.body
        header = canonical_json.write(
            {
                "circuit": {name: getattr(self.parameters, name) for name in _CIRCUIT},
                "circuit_digest": self.circuit_digest,
                "imported_from": self.provenance.imported_from,
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
        rest = len(header).to_bytes(4, "little") + header + body
        return MAGIC + bytes([FORMAT]) + len(rest).to_bytes(8, "little") + rest

    @classmethod
    def decode(cls, data: bytes) -> KeyFile:
        """Read a whole file.

        Raises:
            EncodingError: a wrong magic, format or length, a header of another form, or a body whose SHA-256
                is not that of the header.
        """
        expect(data, "key file", FileKind.KEY)
        start = len(MAGIC) + 9
        if not is_key_file(data):
            raise EncodingError(f"key file: expected {MAGIC!r} at the start, got {data[: len(MAGIC)]!r}")
        if len(data) < start + 4:
            raise EncodingError(f"key file: expected at least {start + 4} bytes, got {len(data)}")
        if data[len(MAGIC)] != FORMAT:
            raise EncodingError(f"key file: format: expected {FORMAT}, got {data[len(MAGIC)]}")
        length = int.from_bytes(data[len(MAGIC) + 1 : start], "little")
        if len(data) - start != length:
            raise EncodingError(
                f"key file: expected {length} bytes after the length, got {len(data) - start}"
            )
        header_length = int.from_bytes(data[start : start + 4], "little")
        if header_length > min(_HEADER_LIMIT, length - 4):
            raise EncodingError(
                f"key file: header: expected at most {min(_HEADER_LIMIT, length - 4)} bytes, "
                f"got {header_length}"
            )
        body_start = start + 4 + header_length
        return cls._from_parts(data[start + 4 : body_start], data[body_start:])

    @classmethod
    def _from_parts(cls, header: bytes, body: bytes) -> KeyFile:
        found = canonical_json.fields(
            canonical_json.read(header, "key file header"),
            "key file header",
            ("circuit", "circuit_digest", "imported_from", "sha256"),
        )
        if canonical_json.write(found) != header:
            raise EncodingError("key file header: expected canonical JSON")
        digest = check_digest(found["sha256"], "key file header: sha256")
        if hashlib.sha256(body).hexdigest() != digest:
            raise EncodingError(
                f"key file: body: expected SHA-256 {digest}, got {hashlib.sha256(body).hexdigest()}"
            )
        circuit = canonical_json.fields(found["circuit"], "key file header: circuit", _CIRCUIT)
        depth, limit_bits, max_out = (circuit[name] for name in _CIRCUIT)
        parameters = CircuitParameters(
            canonical_json.integer(depth, "depth", 1, MAX_DEPTH),
            canonical_json.integer(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS),
            None if max_out is None else canonical_json.integer(max_out, "max_out", 1, MAX_SLOTS),
        )
        source, circuit_digest = found["imported_from"], found["circuit_digest"]
        if len(body) < 8 or int.from_bytes(body[:8], "little") > len(body) - 8:
            raise EncodingError("key file: body: expected a length, that many bytes of key, and a graph")
        end = 8 + int.from_bytes(body[:8], "little")
        return cls(
            parameters,
            None
            if circuit_digest is None
            else canonical_json.text(circuit_digest, "key file header: circuit_digest"),
            Provenance(
                None if source is None else canonical_json.text(source, "key file header: imported_from")
            ),
            body[8:end],
            body[end:],
        )


def is_key_file(data: bytes) -> bool:
    """Return whether the data starts like a key file of ours."""
    return data[: len(MAGIC)] == MAGIC
