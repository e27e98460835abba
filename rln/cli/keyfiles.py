"""Keys as the command line names them: by file (ours, `.zkey`, `.arkzkey`, JSON) or built-in name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rln.cli.report import naming, read_file
from rln.errors import ParameterError
from rln.keys.key_file import is_key_file
from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import PACKAGED, VerifyingKey

GraphOption = Annotated[Path | None, typer.Option("--graph", help="Witness graph of a foreign key.")]
R1csOption = Annotated[
    Path | None, typer.Option("--r1cs", help="Constraints of a foreign key, for faster proofs.")
]
LimitBitsOption = Annotated[
    int, typer.Option("--limit-bits", help="Width of a foreign circuit's range check; zerokit's is 16.")
]
VkOption = Annotated[str, typer.Option("--vk", help="verification_key.json, a key file, or zerokit-20.")]

ARK, ZKEY, OWN = "arkzkey", "zkey", "rlnkey"


def kind_of(path: Path, data: bytes) -> str:
    """Which kind of proving key a file holds: by its first bytes, and an `.arkzkey`, which has none, by name.

    Raises:
        ParameterError: none of them.
    """
    if is_key_file(data):
        return OWN
    if data[:4] == b"zkey":
        return ZKEY
    if path.suffix == ".arkzkey":
        return ARK
    raise ParameterError("expected our key file, a .zkey or an .arkzkey")


def names_verifying_key(name: str) -> bool:
    """Is it a built-in name or a file of JSON, so a verifying key alone."""
    return name in PACKAGED or _is_json(Path(name), read_file(Path(name)))


def _is_json(path: Path, data: bytes) -> bool:
    return path.suffix == ".json" or data.lstrip()[:1] == b"{"


def open_proving_key(
    path: Path,
    graph: Path | None = None,
    sha256: str | None = None,
    threads: int | None = None,
    *,
    r1cs: Path | None = None,
    limit_bits: int = 16,
    name: str | None = None,
) -> ProvingKey:
    """The proving key in a file, checked; arguments as for `ProvingKey.load`.

    Raises:
        InputError: which file, and what is wrong with it.
    """
    if str(path) in PACKAGED and not path.exists():
        raise ParameterError(
            f"{path}: expected the file of a proving key; the package holds the verifying key"
        )
    with naming(path):
        kind_of(path, read_file(path)[:16])
        for other in (graph, r1cs):
            if other is not None:
                read_file(other)
        return ProvingKey.load(
            path,
            graph=graph,
            r1cs=r1cs,
            sha256=sha256,
            limit_bits=limit_bits,
            name=name,
            threads=threads,
        )


def open_verifying_key(name: str) -> VerifyingKey:
    """The verifying key of a built-in name, or in a JSON or key file.

    Raises:
        InputError: which file, and what is wrong with it.
    """
    if name in PACKAGED:
        return VerifyingKey.builtin(name)
    path = Path(name)
    with naming(path):
        data = read_file(path)
        if _is_json(path, data):
            return VerifyingKey.from_json(data)
        kind = kind_of(path, data)
        if kind == OWN:
            return ProvingKey.decode(data, check=False).verifying_key
        return VerifyingKey.from_proving_key(data, "zkey" if kind == ZKEY else "ark")
