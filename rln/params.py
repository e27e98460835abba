"""Parameters: the one document that a provider publishes and a member pins.

It holds everything that member and provider must agree on. Its canonical JSON has one digest. Pinning it
means keeping this digest, and accepting no other document. This also pins the keys, because the document
holds their digests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from rln.base import canonical_json
from rln.base.arguments import check_digest, whole
from rln.base.file_kind import FileKind, expect
from rln.base.injected import implements
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, ParameterError
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.epoch import MAX_PERIOD, check_application, rln_identifier

_SIZE_LIMIT = 1 << 14


@runtime_checkable
class Key(Protocol):
    """The properties of a proving key that the document holds (`rln.ProvingKey`)."""

    @property
    def parameters(self) -> CircuitParameters:
        """The parameters of the relation."""

    @property
    def circuit_digest(self) -> str | None:
        """SHA-256 (hex) of the circuit, or None if it is unknown."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of key and graph."""

    @property
    def verifying_key(self) -> VerifyingKey:
        """The verifying key that belongs to the proving key."""


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters that an application and its members agree on.

    Args:
        application: domain name of the provider.
        period: length of an epoch in seconds.
        depth: of the membership tree, 1 to 32.
        limit_bits: a user message limit is at most 2^limit_bits.
        max_out: slots of a proof, or None for one message id a proof.
        circuit_digest: SHA-256 (hex) of the circuit's `.r1cs`, or None where it is not known.
        key_digest: SHA-256 (hex) of proving key and graph (`ProvingKey.digest`).
        verifying_key_digest: SHA-256 (hex) of the verifying key (`VerifyingKey.digest`).
        window_count: number of newest roots that are acceptable, 1 to 2^20; None: no such bound.
        window_seconds: seconds that a replaced root stays acceptable, 1 to 2^20; None: no such bound.

    Raises:
        ParameterError: a number is outside its range, the application is not a domain name, or the window has
            no bound.
        EncodingError: a digest has the wrong form.
    """

    application: str
    period: int
    depth: int
    limit_bits: int
    max_out: int | None
    circuit_digest: str | None
    key_digest: str
    verifying_key_digest: str
    window_count: int | None
    window_seconds: int | None

    def __post_init__(self) -> None:
        check_application(self.application)
        whole(self.period, "period", 1, MAX_PERIOD)
        CircuitParameters(self.depth, self.limit_bits, self.max_out)
        if self.circuit_digest is not None:
            check_digest(self.circuit_digest, "circuit_digest")
        check_digest(self.key_digest, "key_digest")
        check_digest(self.verifying_key_digest, "verifying_key_digest")
        if self.window_count is None and self.window_seconds is None:
            raise ParameterError("root window: expected window_count, window_seconds or both, got neither")
        for name, value in (("window_count", self.window_count), ("window_seconds", self.window_seconds)):
            if value is not None:
                whole(value, name, 1, 1 << 20)

    @classmethod
    def of(
        cls,
        key: Key,
        application: str,
        period: int,
        *,
        window_count: int | None = None,
        window_seconds: int | None = None,
    ) -> Params:
        """Return the parameters of an application that uses this key. Arguments are as for the class."""
        implements(key, Key, "key")
        relation = key.parameters
        return cls(
            application,
            period,
            relation.depth,
            relation.limit_bits,
            relation.max_out,
            key.circuit_digest,
            key.digest,
            key.verifying_key.digest,
            window_count,
            window_seconds,
        )

    @property
    def circuit(self) -> CircuitParameters:
        """The parameters of the relation."""
        return CircuitParameters(self.depth, self.limit_bits, self.max_out)

    @property
    def identifier(self) -> bytes:
        """The rln identifier before hashing."""
        return rln_identifier(self.application, self.period)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the encoded document."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """Return the document in canonical JSON: equal parameters give equal bytes."""
        return canonical_json.write({field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def decode(cls, data: bytes, digest: str | None = None) -> Params:
        """Read a document.

        Args:
            data: the whole document.
            digest: the pinned SHA-256 (hex) that the document must have; None: any.

        Raises:
            EncodingError: the document is not canonical, a name is missing or unknown, or the digest is not
                the pinned one.
            ParameterError: a value is outside its range.
        """
        expect(data, "parameters", FileKind.PARAMETERS)
        names = tuple(field.name for field in fields(cls))
        found = canonical_json.fields(
            canonical_json.read(data, "parameters", _SIZE_LIMIT), "parameters", names
        )
        if canonical_json.write(found) != data:
            raise EncodingError("parameters: expected canonical JSON, as Params.encode writes it")
        params = cls(**found)  # type: ignore[arg-type]  # __post_init__ checks each value's type
        if digest is not None and params.digest != check_digest(digest, "digest"):
            raise EncodingError(f"parameters: expected SHA-256 {digest}, got {params.digest}")
        return params

    def check_key(self, key: Key) -> None:
        """Check that a key is the one in the document.

        Raises:
            ParameterError: the relation, circuit, proving key or verifying key differs.
        """
        implements(key, Key, "key")
        for name, expected, got in (
            ("circuit", self.circuit, key.parameters),
            ("circuit digest", self.circuit_digest, key.circuit_digest),
            ("key digest", self.key_digest, key.digest),
            ("verifying key digest", self.verifying_key_digest, key.verifying_key.digest),
        ):
            if expected != got:
                raise ParameterError(f"{name}: expected {expected} as the parameters say, got {got}")
