"""`rln setup` and `rln keys`: make, inspect, check and convert keys."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from rln.circuit.parameters import CircuitParameters
from rln.cli.digests import key_digests
from rln.cli.key_report import check_file, check_packaged
from rln.cli.keyfiles import (
    GraphOption,
    KeyContent,
    KeyForm,
    LimitBitsOption,
    R1csOption,
    open_verifying_key,
    read_proving_key,
)
from rln.cli.output import ForceOption, check_different, check_output, write_output
from rln.cli.report import AsJson, ProgressBar, Report, run
from rln.cli.table import format_facts
from rln.errors import NativeError, ParameterError
from rln.keys import table_cache
from rln.keys.constraint_matrix import build_circuit
from rln.keys.proving_key import ProvingKey
from rln.keys.setup import setup as make_key
from rln.keys.verifying_key import PACKAGED, VerifyingKey

app = typer.Typer(no_args_is_help=True)

_FILE_HELP = "Key file: in our format, a .zkey or an .arkzkey."
_ANY_KEY_HELP = "Key file, verification_key.json, or the built-in zerokit-20."

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help=_FILE_HELP)]
AnyKeyArgument = Annotated[str, typer.Argument(metavar="FILE", help=_ANY_KEY_HELP)]
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]
PinOption = Annotated[str | None, typer.Option("--sha256", help="Accept only the file with this SHA-256.")]


class Form(enum.StrEnum):
    """The formats that a key can be exported to."""

    ZKEY = "zkey"
    ARKZKEY = "arkzkey"
    GRAPH = "graph"
    R1CS = "r1cs"
    VK = "vk"


@app.callback()
def group() -> None:
    """Inspect, check and convert keys, and build the tables for fast proofs."""


def setup(
    out: OutOption,
    depth: Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")] = 20,
    limit_bits: Annotated[
        int, typer.Option(help="User message limits are 1 to 2^BITS; BITS is 1 to 16.", metavar="BITS")
    ] = 16,
    max_out: Annotated[
        int | None, typer.Option(help="Most message ids in one proof; default: a circuit for exactly one.")
    ] = None,
    force: ForceOption = False,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for each processor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a fresh key. Do this only if you also verify: the maker of a key can forge proofs."""

    def action() -> Report:
        circuit = build_circuit(CircuitParameters(depth, limit_bits, max_out))
        check_output(out, force)
        with ProgressBar("setup", as_json).running() as progress:
            key = make_key(circuit, threads=threads, progress=progress)
        data = key.encode()
        write_output(out, data, force=force)
        return _about(key, out, data, f"the key was written to {out}")

    run(action, as_json)


@app.command("info")
def info(
    file: AnyKeyArgument,
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    as_json: AsJson = False,
) -> None:
    """Print the data in a key file, unchecked; with --graph, a .zkey or .arkzkey is checked."""

    def action() -> Report:
        if file in PACKAGED:
            return _about_verifying(VerifyingKey.builtin(file), file, None)
        content = KeyContent.read(Path(file))
        content.check_graph(graph)
        if content.form is KeyForm.OWN:
            return _about(content.unchecked(), content.path, content.data)
        if content.form is KeyForm.JSON or graph is None:
            return _about_verifying(content.verifying_key(), file, content.data)
        return _about(content.proving_key(graph, limit_bits=limit_bits), content.path, content.data)

    run(action, as_json)


@app.command("check")
def check(
    file: AnyKeyArgument,
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    sha256: PinOption = None,
    as_json: AsJson = False,
) -> None:
    """Check that a key has no known fault, and print each check, what it means and its outcome.

    The checks find slips, not trapdoors: whoever made a key alone can forge proofs.
    """

    def action() -> Report:
        if file in PACKAGED:
            return check_packaged(file)
        content = KeyContent.read(Path(file))
        content.check_graph(graph)
        content.check_pin(sha256)
        return check_file(content, graph, limit_bits)

    run(action, as_json)


@app.command("import")
def import_key(
    file: FileArgument,
    out: OutOption,
    graph: GraphOption = None,
    r1cs: R1csOption = None,
    limit_bits: LimitBitsOption = 16,
    name: Annotated[
        str | None, typer.Option(help="Source to record in the provenance; default: the name of the file.")
    ] = None,
    sha256: PinOption = None,
    force: ForceOption = False,
    as_json: AsJson = False,
) -> None:
    """Check a .zkey or .arkzkey and its graph, and write both as one file in our format."""

    def action() -> Report:
        check_different({"FILE": file, "--out": out})
        check_different({"--graph": graph, "--r1cs": r1cs, "--out": out})
        check_output(out, force)
        key = read_proving_key(file).proving_key(graph, sha256, r1cs=r1cs, limit_bits=limit_bits, name=name)
        data = key.encode()
        write_output(out, data, force=force)
        return _about(key, out, data, f"the key was written to {out}")

    run(action, as_json)


@app.command("tables")
def tables(
    file: FileArgument,
    graph: GraphOption = None,
    r1cs: R1csOption = None,
    limit_bits: LimitBitsOption = 16,
    sha256: PinOption = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for each processor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the tables that make proofs fast, and keep them in the user's cache."""

    def action() -> Report:
        key = read_proving_key(file).proving_key(graph, sha256, threads, r1cs=r1cs, limit_bits=limit_bits)
        with ProgressBar("building tables", as_json).running() as progress:
            kept = key.build_tables(threads=threads, progress=progress)
        place = table_cache.directory()
        if not kept:
            got = "no absolute path in RLN_CACHE_DIR, and no home directory" if place is None else str(place)
            raise NativeError(
                f"tables: built, but not kept: expected a usable cache directory, got {got}; "
                "set RLN_CACHE_DIR to a directory that only you can write to"
            )
        data = {"key_digest": key.digest, "bytes": key.tables_size, "directory": str(place)}
        return Report(
            data, f"{key.tables_size} bytes in {place}", effect=f"the tables were written to {place}"
        )

    run(action, as_json)


@app.command("export")
def export(
    file: FileArgument,
    to: Annotated[Form, typer.Option("--to", help="Format to write.")],
    out: OutOption,
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    force: ForceOption = False,
    as_json: AsJson = False,
) -> None:
    """Write a key, or a part of it, in another format."""

    def action() -> Report:
        check_different({"FILE": file, "--graph": graph, "--out": out})
        check_output(out, force)
        if to is Form.VK:
            data = open_verifying_key(str(file)).to_json()
        else:
            data = _export(read_proving_key(file).proving_key(graph, limit_bits=limit_bits), to)
        write_output(out, data, force=force)
        return Report(
            {"file": str(out), "bytes": len(data)},
            f"{len(data)} bytes written to {out}",
            effect=f"the key was written to {out}",
        )

    run(action, as_json)


def _export(key: ProvingKey, to: Form) -> bytes:
    if to is Form.ZKEY:
        return key.to_zkey()
    if to is Form.ARKZKEY:
        return key.to_arkzkey()
    if to is Form.GRAPH:
        return key.graph_data
    circuit = build_circuit(key.parameters)
    if circuit.digest != key.circuit_digest:
        raise ParameterError(
            "--to r1cs: expected a key of a circuit that this version builds; "
            "the constraints of this key are unknown"
        )
    return circuit.r1cs.encode()


def _about(key: ProvingKey, path: Path, file: bytes, effect: str = "") -> Report:
    data: dict[str, object] = {
        "file": str(path),
        "depth": key.parameters.depth,
        "limit_bits": key.parameters.limit_bits,
        "max_out": key.parameters.max_out,
        "provenance": str(key.provenance),
        "circuit_digest": key.circuit_digest,
        **key_digests(key, file),
        **key.info(),
    }
    return Report(data, format_facts(data), effect=effect)


def _about_verifying(key: VerifyingKey, name: str, file: bytes | None) -> Report:
    data: dict[str, object] = {
        "file": name,
        "public_inputs": key.public_inputs,
        **key_digests(key, file),
    }
    return Report(data, format_facts(data))
