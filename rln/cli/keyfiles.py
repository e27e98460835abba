"""Read the key that an option names: a file (in our format, `.zkey`, `.arkzkey`, JSON) or a built-in key."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import typer

from rln.base.arguments import check_digest
from rln.base.file_kind import FileKind, expect
from rln.cli.report import name_in_errors, read_file
from rln.errors import ParameterError
from rln.formats import arkzkey, snarkjs, zkey
from rln.keys.key_file import KeyFile
from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import PACKAGED, VerifyingKey, check_pin

_KEY = typer.Option("--key", help="Proving key: in our format, a .zkey or an .arkzkey.")
_VK = typer.Option("--vk", help="verification_key.json, a key file, or the built-in zerokit-20.")

KeyOption = Annotated[Path, _KEY]
KeyIfAnyOption = Annotated[Path | None, _KEY]
VkOption = Annotated[str, _VK]
VkIfAnyOption = Annotated[str | None, _VK]
GraphOption = Annotated[
    Path | None,
    typer.Option(
        "--graph",
        help="Witness graph of a .zkey or .arkzkey; without it, only the verifying key can be read.",
    ),
]
R1csOption = Annotated[
    Path | None,
    typer.Option("--r1cs", help="Constraints of a .zkey or .arkzkey; with them, proofs are faster."),
]
LimitBitsOption = Annotated[
    int,
    typer.Option(
        "--limit-bits",
        help="User message limits are 1 to 2^BITS in the circuit of a .zkey or .arkzkey.",
        metavar="BITS",
    ),
]


class KeyForm(enum.Enum):
    """The format of a key file. `JSON` holds a verifying key alone, the others a proving key."""

    OWN = enum.auto()
    ZKEY = enum.auto()
    ARKZKEY = enum.auto()
    JSON = enum.auto()


@dataclass(frozen=True, slots=True)
class KeyContent:
    """A key file, read once: everything that is decoded comes from the same bytes. The file may be a pipe.

    Attributes:
        path: the file, as the user named it.
        form: its format.
        data: the whole file.
    """

    path: Path
    form: KeyForm
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key file and detect its format. Nothing is decoded yet.

        Raises:
            InputError: the file cannot be read or is not a key file; the message names it.
        """
        data = read_file(path)
        with name_in_errors(path):
            return cls(path, _form_of(path, data), data)

    def verifying_key(self) -> VerifyingKey:
        """Return the verifying key in the file; the checks of a whole proving key do not run.

        Raises:
            InputError: the file is invalid; the message names it.
        """
        with name_in_errors(self.path):
            match self.form:
                case KeyForm.JSON:
                    return VerifyingKey.from_json(self.data)
                case KeyForm.OWN:
                    return self.unchecked().verifying_key
                case KeyForm.ZKEY:
                    return VerifyingKey.from_proving_key(self.data, "zkey")
                case KeyForm.ARKZKEY:
                    return VerifyingKey.from_proving_key(self.data, "ark")

    def verifying_points(self) -> bytes:
        """Return the verifying key in the file, uncompressed. No point is checked.

        Raises:
            InputError: the file is invalid; the message names it.
        """
        with name_in_errors(self.path):
            match self.form:
                case KeyForm.JSON:
                    return snarkjs.read_verifying_key(self.data)[0]
                case KeyForm.OWN:
                    return arkzkey.read_verifying_key(KeyFile.decode(self.data).key)
                case KeyForm.ZKEY:
                    return zkey.read_verifying_key(self.data)
                case KeyForm.ARKZKEY:
                    return arkzkey.read_verifying_key(self.data)

    def check_pin(self, sha256: str | None) -> None:
        """Refuse a file that has not the SHA-256 that the user gave.

        Raises:
            InputError: it has another one, or the user gave no digest; the message names the file.
        """
        if sha256 is not None:
            with name_in_errors(self.path):
                check_pin(self.data, check_digest(sha256, "sha256"), "key file")

    def check_graph(self, graph: Path | None) -> None:
        """Refuse a witness graph beside a file that needs none.

        Raises:
            ParameterError: the user gave one; the message names the file.
        """
        if graph is not None and self.form in (KeyForm.OWN, KeyForm.JSON):
            has = "contains its own" if self.form is KeyForm.OWN else "is a verifying key"
            with name_in_errors(self.path):
                raise ParameterError(f"--graph: expected none; the key file {has}")

    def unchecked(self) -> ProvingKey:
        """Return the proving key in a file of our format, without running the checks.

        Raises:
            InputError: the file is invalid; the message names it.
        """
        with name_in_errors(self.path):
            return ProvingKey.decode(self.data, check=False)

    def proving_key(
        self,
        graph: Path | None = None,
        sha256: str | None = None,
        threads: int | None = None,
        *,
        r1cs: Path | None = None,
        limit_bits: int = 16,
        name: str | None = None,
    ) -> ProvingKey:
        """Return the proving key, checked; the arguments are those of `ProvingKey.load`.

        Raises:
            InputError: a file is invalid; the message names it.
        """
        graph_data, r1cs_data = (None if path is None else read_file(path) for path in (graph, r1cs))
        with name_in_errors(self.path):
            if self.form is KeyForm.JSON:
                raise ParameterError("expected a proving key, got the JSON of a verifying key")
            self.check_pin(sha256)
            self.check_graph(graph)
            if self.form is KeyForm.OWN:
                return ProvingKey.decode(self.data, r1cs=r1cs_data, check=sha256 is None, threads=threads)
            if graph_data is None:
                raise ParameterError(
                    "--graph: expected the witness graph of this key; only files in our format contain one"
                )
            read = ProvingKey.from_zkey if self.form is KeyForm.ZKEY else ProvingKey.from_arkzkey
            return read(
                self.data,
                graph_data,
                r1cs=r1cs_data,
                name=self.path.name if name is None else name,
                limit_bits=limit_bits,
                threads=threads,
            )


_FORMS = {
    FileKind.KEY: KeyForm.OWN,
    FileKind.ZKEY: KeyForm.ZKEY,
    FileKind.ARKZKEY: KeyForm.ARKZKEY,
    FileKind.VERIFYING_KEY: KeyForm.JSON,
}


def _form_of(path: Path, data: bytes) -> KeyForm:
    """Return the format by the content, or by the name if the content does not tell: its parser says why."""
    kind = expect(data, "key", *_FORMS)
    if kind in _FORMS:
        return _FORMS[kind]
    if path.suffix == ".arkzkey":
        return KeyForm.ARKZKEY
    if path.suffix == ".json" or data.lstrip()[:1] == b"{":
        return KeyForm.JSON
    raise ParameterError("expected a key file: in our format, a .zkey, an .arkzkey or JSON; got none of them")


def read_proving_key(path: Path) -> KeyContent:
    """Read the file of a proving key; a built-in name is not one. Nothing is decoded yet.

    Raises:
        InputError: the file cannot be read or is not a key file; the message names it.
    """
    if str(path) in PACKAGED and not path.exists():
        raise ParameterError(
            f"{path}: expected the file of a proving key; the package contains only the verifying key"
        )
    return KeyContent.read(path)


def open_verifying_key(name: str) -> VerifyingKey:
    """Return the verifying key with a built-in name, or the one in a JSON or key file.

    Raises:
        InputError: the file cannot be read or is invalid; the message names it.
    """
    return VerifyingKey.builtin(name) if name in PACKAGED else KeyContent.read(Path(name)).verifying_key()
