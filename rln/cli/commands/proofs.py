"""`rln witness`, `prove`, `verify`, `recover`, `poseidon`: single steps on files in snarkjs's formats."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rln.base import canonical_json
from rln.circuit.parameters import CircuitParameters
from rln.cli import numbers
from rln.cli.commands.identity import write_secret
from rln.cli.keyfiles import (
    GraphOption,
    KeyOption,
    LimitBitsOption,
    VkOption,
    open_verifying_key,
    read_proving_key,
)
from rln.cli.output import ForceOption, check_different, check_output, write_output
from rln.cli.report import REFUSED, AsJson, Report, name_in_errors, read_file, run
from rln.errors import ParameterError
from rln.formats import snarkjs, wtns
from rln.keys.proving_key import ProvingKey
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership
from rln.protocol.proof import AnyProof
from rln.protocol.recovery import recover_secret, recover_unverified
from rln.protocol.share import Share
from rln.protocol.statement import SECRET, Statement
from rln.proving.proof_builder import ProofBuilder

PinOption = Annotated[
    str | None,
    typer.Option(
        "--sha256",
        help="Accept only the key file with this SHA-256; if it is in our format, its checks are skipped.",
    ),
]
InputOption = Annotated[Path, typer.Option("--input", help="witness.json, the circom input.")]


def witness(
    key: KeyOption,
    input_file: InputOption,
    out: Annotated[Path, typer.Option(help="The .wtns file to write, of mode 0600: it contains the secret.")],
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    sha256: PinOption = None,
    force: ForceOption = False,
    as_json: AsJson = False,
) -> None:
    """Compute all values of the circuit (the witness), so that snarkjs can make the proof."""

    def action() -> Report:
        check_different({"--key": key, "--graph": graph, "--input": input_file, "--out": out})
        check_output(out, force)
        opened = read_proving_key(key).proving_key(graph, sha256, limit_bits=limit_bits)
        member, statement = _read_statement(input_file, opened.parameters)
        with (
            member,
            name_in_errors(graph or key),
            closing(opened.witness(statement.inputs(), member)) as made,
        ):
            values, size = opened.public_values(made), made.size
            data = wtns.write(made.read(0, size))
        write_output(out, data, 0o600, force)
        return Report(
            {"file": str(out), "wires": size, "public": [str(value) for value in values]},
            f"{size} wires written to {out}",
            effect=f"the witness was written to {out}",
        )

    run(action, as_json)


def prove(
    key: KeyOption,
    input_file: InputOption,
    proof: Annotated[Path, typer.Option(help="proof.json to write.")],
    public: Annotated[Path, typer.Option(help="public.json to write.")],
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    sha256: PinOption = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for each processor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a proof from witness.json. Its message id must never have been used in its epoch."""

    def action() -> Report:
        check_different(
            {"--key": key, "--graph": graph, "--input": input_file, "--proof": proof, "--public": public}
        )
        check_output(proof)
        check_output(public)
        opened = read_proving_key(key).proving_key(graph, sha256, threads, limit_bits=limit_bits)
        member, statement = _read_statement(input_file, opened.parameters)
        with member, name_in_errors(graph or key):
            made = _prove(opened, member, statement, threads)
        write_output(proof, snarkjs.write_proof(made.proof))
        write_output(public, snarkjs.write_public(made.public_inputs))
        return Report(
            {"proof": str(proof), "public": [str(value) for value in made.public_inputs]},
            f"proof written to {proof}, public values to {public}",
            effect=f"the proof was written to {proof}, the public values to {public}",
        )

    run(action, as_json)


def verify(
    vk: VkOption,
    proof: Annotated[Path, typer.Option(help="proof.json to read.")],
    public: Annotated[Path, typer.Option(help="public.json to read.")],
    as_json: AsJson = False,
) -> None:
    """Verify any Groth16 proof over BN254, in the files of snarkjs."""

    def action() -> Report:
        key = open_verifying_key(vk)
        with name_in_errors(public):
            values = snarkjs.read_public(read_file(public, canonical_json.MAX_BYTES))
            if len(values) != key.public_inputs:
                raise ParameterError(
                    f"expected {key.public_inputs} values, as the key has, got {len(values)}"
                )
        with name_in_errors(proof):
            points = snarkjs.read_proof(read_file(proof, canonical_json.MAX_BYTES))
        if key.verify(values, points):
            return Report({"accepted": True}, "accepted")
        reason = "the proof is not valid for these public values"
        return Report({"accepted": False, "reason": reason}, f"refused: {reason}", REFUSED)

    run(action, as_json)


def recover(
    share: Annotated[
        list[str], typer.Option("--share", metavar="X,Y", help="X,Y of one message; give it twice.")
    ],
    nullifier: Annotated[
        str | None, typer.Option(help="Nullifier of both messages; the recovered line must give it.")
    ] = None,
    commitment: Annotated[
        str | None, typer.Option(help="Commitment of the member; the recovered secret must have it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New file of mode 0600 for the secret.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recover a member's secret from two shares of one message id, and print its commitment.

    Any two shares are on some line. So without --nullifier or --commitment the result is unverified, and no
    file is written.
    """

    def action() -> Report:
        if len(share) != 2:
            raise ParameterError(f"--share: expected two, got {len(share)}")
        name = None if nullifier is None else numbers.parse(nullifier, "--nullifier")
        expected = None if commitment is None else numbers.parse(commitment, "--commitment")
        first, second = (_share(text, name) for text in share)
        if name is None and expected is None:
            if out is not None:
                raise ParameterError("--out: expected --nullifier or --commitment with it, got neither")
            found = recover_unverified(first, second).commitment
            return Report(
                {"commitment": str(found), "verified": False, "file": None},
                f"unverified commitment {numbers.hexadecimal(found)}\n"
                "It is a member's only if the group has it: check that, or pass --nullifier or --commitment.",
            )
        secret = recover_secret(first, second, expected)
        if out is not None:
            write_secret(out, secret.identity())
        found = secret.commitment
        data = {"commitment": str(found), "verified": True, "file": None if out is None else str(out)}
        effect = "" if out is None else f"the secret was written to {out}"
        return Report(data, f"commitment {numbers.hexadecimal(found)}", effect=effect)

    run(action, as_json)


def poseidon(
    values: Annotated[
        list[str], typer.Argument(help="1 to 8 field elements, decimal or 0x.", metavar="NUMBER")
    ],
    as_json: AsJson = False,
) -> None:
    """Hash field elements with Poseidon, the hash function of identities and of the Merkle tree."""

    def action() -> Report:
        result = poseidon_hash([numbers.parse(text, f"value {i}") for i, text in enumerate(values, 1)])
        return Report({"hash": str(result)}, numbers.hexadecimal(result))

    run(action, as_json)


def _read_statement(path: Path, parameters: CircuitParameters) -> tuple[Identity, Statement]:
    """Read a witness.json: the identity whose secret it contains, and the statement to prove."""
    with name_in_errors(path):
        inputs = snarkjs.read_witness(read_file(path, canonical_json.MAX_BYTES))
        secret = _take_secret(inputs)
        statement = Statement.from_inputs(parameters, inputs)
        return Identity.from_secret(secret), statement


def _prove(key: ProvingKey, member: Identity, statement: Statement, threads: int | None) -> AnyProof:
    """Return the proof of a statement; witness.json does not contain the leaf, so the path gets it here."""
    membership = Membership(statement.path.index, statement.limit, member.commitment)
    path = replace(statement.path, leaf=membership.rate_commitment)
    with closing(ProofBuilder(member, membership, key, path, True, threads)) as builder:
        return builder.prove_statement(replace(statement, path=path))


def _take_secret(inputs: dict[str, tuple[int, ...]]) -> int:
    values: Sequence[int] = inputs.pop(SECRET, ())
    if len(values) != 1:
        raise ParameterError(f"{SECRET}: expected 1 value, got {len(values)}")
    return values[0]


def _share(text: str, nullifier: int | None) -> Share:
    parts = text.split(",")
    if len(parts) != 2:
        raise ParameterError(
            f"--share: expected X,Y: two numbers with a comma, got {numbers.counted(len(parts), 'part')}"
        )
    return Share(numbers.parse(parts[0], "--share X"), numbers.parse(parts[1], "--share Y"), nullifier)
