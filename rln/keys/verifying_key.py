"""Verifying key: the public part of a key, with which anybody verifies proofs."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, Self

from rln.base import scalar
from rln.base.arguments import fixed_bytes, flag, plain_bytes, sequence, shown, thread_count, whole
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError, InputError, InvalidProof, KeyFileError, ParameterError
from rln.formats import snarkjs
from rln.keys.key_checks import examine, examine_count, refuse_faults
from rln.lowlevel import curve, groth16
from rln.lowlevel.keys import FORMATS, Format, ProvingKeyHandle, VerifyingKeyHandle
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof

PACKAGED: Final = MappingProxyType(
    {
        # The ceremony of October 2023 for RLN(20,16), part of zerokit since 0.4.1: SHA-256 of the compressed
        # verifying key.
        "zerokit-20": "6668da9ce14bd110958ac1fec4b5e83645d5e3ea1e70145f9165c34e4f0f799e",
    }
)
"""The verifying keys that are part of the package, with their digests."""

CEREMONIES: Final = MappingProxyType(
    {PACKAGED["zerokit-20"]: "zerokit-20: the ceremony of October 2023 for RLN(20, 16)"}
)
"""Where a verifying key comes from, by its digest."""

PINNED: Final = frozenset(
    {
        # zerokit-20: rln_final.arkzkey with the graph.bin of zerokit 2.0.0 and later
        "f415aee863647adb8e89d5c609ba550fb33434a02c31bfcf33ef70fca2acff65",
    }
)
"""Digests of proving keys that, with their witness graphs, belong to a packaged verifying key."""


class VerifyingKey:
    """The key that verifies proofs. Make one with a named constructor.

    Every key has passed the checks of `rln.keys.key_checks`, so a key with which everybody could forge proofs
    does not exist as an object of this class. A key may belong to any circuit; where an RLN key is needed,
    `check_rln` refuses the others.

    Immutable, and safe to use from several threads and after a fork.
    """

    __slots__ = ("_digest", "_handle")

    _digest: str
    _handle: VerifyingKeyHandle

    def __init__(self) -> None:
        raise TypeError("VerifyingKey: use decode, from_json, builtin, or a ProvingKey")

    @classmethod
    def _from_handle(cls, handle: VerifyingKeyHandle) -> Self:
        """Make a key: the one door, through which every constructor goes (threats D14)."""
        refuse_faults(examine(handle.encode(False)))
        key = object.__new__(cls)
        key._handle = handle
        key._digest = hashlib.sha256(handle.encode(True)).hexdigest()
        return key

    @classmethod
    def decode(cls, data: bytes, *, compressed: bool = True) -> Self:
        """Read alpha ‖ beta ‖ gamma ‖ delta ‖ u64 count ‖ IC, in zerokit's encoding of points.

        Raises:
            EncodingError: a wrong length.
            FieldRangeError, PointError: an invalid coordinate or point.
            KeyFileError: a point at infinity, or a relation between points that lets everybody forge proofs;
                see docs/key-checks.md.
        """
        return cls._from_handle(
            VerifyingKeyHandle.decode(plain_bytes(data, "verifying key"), flag(compressed, "compressed"))
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read snarkjs's verification_key.json, of any circuit.

        Raises:
            InputError: as for `decode`, or the text is not exactly of this form.
            KeyFileError: `vk_alphabeta_12` is present, and is not the pairing of alpha and beta.
        """
        plain, alpha_beta = snarkjs.read_verifying_key(plain_bytes(data, "verifying key"))
        key = cls.decode(plain, compressed=False)
        if alpha_beta is not None and alpha_beta != _alpha_beta(plain):
            raise KeyFileError("vk_alphabeta_12: is not the pairing of alpha and beta")
        return key

    @classmethod
    def from_proving_key(cls, data: bytes, layout: Format) -> Self:
        """Read the verifying key in a proving key file of zerokit or snarkjs.

        Args:
            data: the whole file.
            layout: "ark" for zerokit's `.arkzkey`, "zkey" for snarkjs's `.zkey`.

        Raises:
            InputError: as for `decode`, or the file has another form.
        """
        if type(layout) is not str or layout not in FORMATS:
            raise ParameterError(f"layout: expected one of {', '.join(FORMATS)}, got {shown(layout)}")
        expect(data, "key", FileKind.ZKEY if layout == "zkey" else FileKind.ARKZKEY)
        handle = ProvingKeyHandle.load(layout, plain_bytes(data, "key"), None)
        return cls._from_handle(handle.verifying_key())

    @classmethod
    def builtin(cls, name: str) -> Self:
        """Return the packaged verifying key with this name.

        Raises:
            ParameterError: no packaged key has this name.
            KeyFileError: the packaged file is not the one of this version.
        """
        if type(name) is not str or name not in PACKAGED:
            raise ParameterError(f"verifying key: expected one of {', '.join(PACKAGED)}, got {shown(name)}")
        data = pkgutil.get_data("rln", f"data/{name}.vk") or b""
        check_pin(data, PACKAGED[name], f"packaged verifying key {name}")
        return cls.decode(data)

    @property
    def digest(self) -> str:
        """SHA-256 of the compressed encoding, 64 hexadecimal digits."""
        return self._digest

    @property
    def public_inputs(self) -> int:
        """Number of public values of a proof."""
        return self._handle.public_inputs

    def encode(self, *, compressed: bool = True) -> bytes:
        """Return the bytes that `decode` reads."""
        return self._handle.encode(flag(compressed, "compressed"))

    def to_json(self) -> bytes:
        """Return the key as a verification_key.json of snarkjs."""
        plain = self.encode(compressed=False)
        return snarkjs.write_verifying_key(plain, _alpha_beta(plain))

    def check_rln(self, public_inputs: int | None = None) -> None:
        """Check that the key can belong to an RLN circuit (threats D4, D14).

        Args:
            public_inputs: number of public values of one relation; None is any RLN relation.

        Raises:
            KeyFileError: the key has another number of public values.
        """
        if public_inputs is not None:
            whole(public_inputs, "public_inputs", 0, 2**32 - 2)
        refuse_faults((examine_count(self.public_inputs, public_inputs),))

    def verify(self, public_values: Sequence[int], proof: bytes) -> bool:
        """Return whether the equation holds for these public values; RLN's own rules are not checked.

        Raises:
            EncodingError: another number of values, or not 128 proof bytes.
            FieldRangeError, PointError: an invalid number or point.
        """
        return groth16.verify(self._handle, self._pack(public_values), fixed_bytes(proof, 128, "proof"))

    def verify_many(
        self, proofs: Sequence[AnyProof], threads: int | None = None
    ) -> list[InputError | InvalidProof | None]:
        """Verify several proofs, with a single pairing product if all are valid.

        Args:
            proofs: with their public values.
            threads: None is one for each processor.

        Returns:
            For each proof None if it is valid, otherwise the error that says why not.

        Raises:
            EntropyError: the random source failed, so no proof was verified.
            EncodingError: a proof has another number of public values.
        """
        thread_count(threads)
        for place, proof in enumerate(sequence(proofs, "proofs")):
            if not isinstance(proof, (RlnProof, MultiRlnProof)):
                raise ParameterError(f"proofs[{place}]: expected a proof, got {type(proof).__name__}")
        inputs = b"".join(self._pack(proof.public_inputs) for proof in proofs)
        statuses = groth16.verify_many(
            self._handle, inputs, b"".join(proof.proof for proof in proofs), threads
        )
        return [self._result(proof, status) for proof, status in zip(proofs, statuses, strict=True)]

    def _result(self, proof: AnyProof, status: int) -> InputError | InvalidProof | None:
        if status == groth16.ACCEPTED:
            return None
        if status != groth16.REFUSED:
            try:
                self.verify(proof.public_inputs, proof.proof)
            except InputError as error:
                return error
        return InvalidProof("proof: it does not verify with this verifying key")

    def _pack(self, values: Sequence[int]) -> bytes:
        if len(sequence(values, "public values")) != self.public_inputs:
            raise EncodingError(f"public values: expected {self.public_inputs}, got {len(values)}")
        return b"".join(scalar.encode(value, f"public value {i}") for i, value in enumerate(values))

    def __eq__(self, other: object) -> bool:
        return self._digest == other._digest if isinstance(other, VerifyingKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"VerifyingKey({self.public_inputs} public inputs, {self._digest[:16]}…)"


def _alpha_beta(plain: bytes) -> bytes:
    """Return the pairing of alpha and beta of an uncompressed key, as snarkjs computes it.

    snarkjs's final exponentiation gives the power 2x (6x^2 + 3x + 1) of the reduced optimal ate pairing,
    where x is the curve's parameter: Fuentes-Castaneda, Knapp, Rodriguez-Henriquez 2011, section 5.
    """
    x = 4965661367192848881
    power = scalar.encode(2 * x * (6 * x * x + 3 * x + 1) % scalar.ORDER)
    return curve.pairing(curve.msm(plain[:64], power), plain[64:192])


def check_pin(data: bytes, expected: str, name: str) -> None:
    """Refuse data that does not have the expected SHA-256 (hex).

    Raises:
        KeyFileError: another SHA-256.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise KeyFileError(f"{name}: expected SHA-256 {expected}, got {found}")
