"""Parameters: the one document that a provider publishes and a member pins.

It holds everything that member and provider must agree on. Its canonical JSON has one digest. Pinning it
means keeping this digest, and accepting no other document. This also pins the keys, because the document
holds their digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Protocol, runtime_checkable

from rln.base import canonical_json
from rln.base.arguments import check_digest, fixed_bytes, instance, whole
from rln.base.file_kind import FileKind, expect
from rln.base.injected import callback, implements
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, ParameterError
from rln.group.window_size import WindowSize
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.epoch import Clock, EpochClock, HighWaterMark, rln_identifier
from rln.protocol.signal import check_format, check_signal, join_signal

_SIZE_LIMIT: Final = 1 << 14
"""Most bytes of a document."""

_FORM: Final = 2
"""Number of the form of the document. Form 1 had no registrar key, skew and signal format."""


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
        registrar_key: public key that signs the bulletins, 64 hexadecimal digits; None: there are none.
        skew: seconds by which the clocks of members and verifiers may differ, as for `EpochClock`; whole.
        signal_format: how a signal follows from a message, one of `rln.protocol.signal.SIGNAL_FORMATS`.

    Raises:
        ParameterError: a number is outside its range, the application is not a domain name, the window has no
            bound, or there is no such signal format.
        EncodingError: a digest or the registrar key has the wrong form.
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
    registrar_key: str | None
    skew: int
    signal_format: str

    def __post_init__(self) -> None:
        if type(self.skew) is not int:
            raise ParameterError(f"skew: expected int, got {type(self.skew).__name__}")
        self.clock()  # checks application, period and skew
        if self.registrar_key is not None:
            check_digest(self.registrar_key, "registrar_key")
        check_format(self.signal_format)
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
        registrar_key: bytes | None = None,
        skew: int = 20,
        signal_format: str = "bytes",
    ) -> Params:
        """Return the parameters of an application that uses this key.

        Args:
            key: the proving key.
            registrar_key: the 32 bytes of `rln.sync.signing.RegistrarKey.public_key`.
            application, period, window_count, window_seconds, skew, signal_format: as for the class.

        Raises:
            ParameterError, EncodingError: as for the class.
        """
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
            None if registrar_key is None else fixed_bytes(registrar_key, 32, "registrar_key").hex(),
            skew,
            signal_format,
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
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return canonical_json.write({"form": _FORM, **content})

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
        content = canonical_json.read(data, "parameters", _SIZE_LIMIT)
        form = content.get("form", 1) if isinstance(content, dict) else _FORM
        if type(form) is not int or form != _FORM:
            older = "an older" if form == 1 else "another"
            raise EncodingError(
                f"parameters: form: expected {_FORM}, got {str(form)[:20]}: {older} version of this library "
                "wrote it; make the document again (rln params make), and pin its new digest"
            )
        found = canonical_json.fields(content, "parameters", ("form", *names))
        if canonical_json.write(found) != data:
            raise EncodingError("parameters: expected canonical JSON, as Params.encode writes it")
        del found["form"]
        params = cls(**found)  # type: ignore[arg-type]  # __post_init__ checks each value's type
        if digest is not None and params.digest != check_digest(digest, "digest"):
            raise EncodingError(f"parameters: expected SHA-256 {digest}, got {params.digest}")
        return params

    def check_key(self, key: Key) -> None:
        """Check that a key is the one in the document.

        Raises:
            ParameterError: the relation, circuit, proving key or verifying key differs.
        """
        for difference in self.key_differences(key):
            raise ParameterError(difference)

    def key_differences(self, key: Key) -> list[str]:
        """Return what differs between a key and the one in the document, a sentence each."""
        implements(key, Key, "key")
        return [
            *self._compare("circuit", self.circuit, key.parameters),
            *self._compare("circuit digest", self.circuit_digest, key.circuit_digest),
            *self._compare("key digest", self.key_digest, key.digest),
            *self.verifying_key_differences(key.verifying_key),
        ]

    def verifying_key_differences(self, key: VerifyingKey) -> list[str]:
        """Return what differs between a verifying key and the one in the document."""
        instance(key, VerifyingKey, "verifying_key")
        return self._compare("verifying key digest", self.verifying_key_digest, key.digest)

    def clock(
        self, *, mark: HighWaterMark | None = None, now: Callable[[], float] | None = None
    ) -> EpochClock:
        """Return the clock of this application.

        Args:
            mark: as for `EpochClock`.
            now: returns unix time in seconds; None: the time of the system.
        """
        if now is None:
            return EpochClock(self.application, self.period, skew=self.skew, mark=mark)
        return EpochClock(self.application, self.period, skew=self.skew, mark=mark, now=now)

    def window(self, now: Callable[[], float]) -> WindowSize:
        """Return how long a replaced root stays acceptable; `now` is that of the clock."""
        callback(now, "now")
        return WindowSize(self.window_count, self.window_seconds, now)

    def signal(self, parts: list[bytes] | tuple[bytes, ...]) -> bytes:
        """Return the signal of a message.

        Args:
            parts: of the message, a list or tuple; in the format "bytes", exactly one.

        Raises:
            ParameterError: not a list or tuple; or several parts, or none, in the format "bytes".
            EncodingError: a part is not `bytes`.
        """
        if not isinstance(parts, (list, tuple)):
            raise ParameterError(f"parts: expected a list of bytes, got {type(parts).__name__}")
        if self.signal_format == "joined":
            return join_signal(self.application, parts)
        if len(parts) != 1:
            raise ParameterError(
                f"parts: expected 1, because signal_format is {self.signal_format}, got {len(parts)}"
            )
        return self.check_signal(parts[0])

    def check_signal(self, signal: bytes) -> bytes:
        """Return a signal if it has the format in the document.

        Raises:
            EncodingError: it has another one.
        """
        return check_signal(signal, self.signal_format)

    def check_clock(self, clock: Clock) -> None:
        """Check that a clock is the one in the document.

        Raises:
            ParameterError: application, period or skew differ.
        """
        implements(clock, Clock, "clock")
        identifier = clock.current().identifier
        if identifier != self.identifier:
            raise ParameterError(
                f"clock: expected application {self.application} and period {self.period}, "
                f"as in the parameters, got rln identifier {identifier.hex()}"
            )
        if clock.skew != self.skew:
            raise ParameterError(f"clock: expected skew {self.skew} as the parameters say, got {clock.skew}")

    def check_verifier(self, verifying_key: VerifyingKey, clock: Clock) -> None:
        """Check that the verifying key and the clock of a verifier are those in the document.

        Raises:
            ParameterError: one of them differs.
        """
        for difference in self.verifying_key_differences(verifying_key):
            raise ParameterError(difference)
        self.check_clock(clock)

    @staticmethod
    def _compare(name: str, expected: object, got: object) -> list[str]:
        return [] if expected == got else [f"{name}: expected {expected} as the parameters say, got {got}"]
