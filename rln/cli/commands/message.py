"""`rln message`: a member's proof for a message, and a verifier's verdict on it, on one machine's files.

A message file is the proof of one message, 288 bytes in zerokit 0.9's form. The message itself travels beside
it, as in an HTTP request, so both commands are given it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from rln.atomic_files import write_new_file
from rln.audit.files import AuditFiles
from rln.cli.commands.identity import read_identity
from rln.cli.keyfiles import GraphOption, KeyOption, VkOption, open_verifying_key, read_proving_key
from rln.cli.logs import check_exists, open_existing_log, sqlite_path
from rln.cli.numbers import hexadecimal
from rln.cli.output import check_different, check_output, write_output
from rln.cli.paramsfile import ParamsOption, read_params
from rln.cli.registry import check_persistent, open_registry
from rln.cli.report import REFUSED, AsJson, Report, name_in_errors, read_file, run
from rln.errors import ParameterError, RlnError
from rln.group.registry_roots import RegistryRoots
from rln.params import Params
from rln.protocol.proof import RlnProof
from rln.proving.prover import Prover
from rln.stores import FILES, open_message_ids
from rln.stores.sqlite.log import SqliteMark
from rln.sync.mirror import MIN_MEMBERS
from rln.sync.mirror_file import load_mirror
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifying.verifier import Verifier

app = typer.Typer(no_args_is_help=True)

_CODEC = "zerokit-0.9"
_MESSAGE_LIMIT = 1 << 30
"""Bytes of the longest file that is a part of a message."""
_PROOF_LIMIT = 1 << 16
"""Bytes that are read of a proof, which has 288; more, so that the error can say how many there are."""

TextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--text", metavar="TEXT", help="The message as text; with signal_format joined, once for each part."
    ),
]
FileOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", metavar="FILE", help="The message as a file; with signal_format joined, once for each part."
    ),
]


@app.callback()
def group() -> None:
    """Make the proof for a message as a member, or judge a message as a verifier."""


@app.command("prove")
def prove(
    params: ParamsOption,
    key: KeyOption,
    identity: Annotated[
        Path, typer.Option("--identity", help="Identity of the member, made by `rln identity new`.")
    ],
    mirror: Annotated[Path, typer.Option("--mirror", help="File of the member's mirror of the group.")],
    limit: Annotated[int, typer.Option(help="User message limit that the member was registered with.")],
    out: Annotated[Path, typer.Option(help="File to write: the proof, which goes with the message.")],
    text: TextOption = None,
    file: FileOption = None,
    ids: Annotated[
        str | None,
        typer.Option(
            "--ids",
            metavar="URI",
            help="Message ids of the member, sqlite:///path; default: in the user's state directory.",
        ),
    ] = None,
    never_sent: Annotated[
        bool,
        typer.Option(
            "--never-sent",
            help="The identity is new and has sent no message, here or elsewhere; otherwise the secret may "
            "be revealed. Without this, an unknown identity gets no message id before the next epoch.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Write the proof that was made for this message in this epoch; make no new one."
        ),
    ] = False,
    min_members: Annotated[
        int,
        typer.Option("--min-members", help="In a group of fewer members, too few to hide among, no proof."),
    ] = MIN_MEMBERS,
    graph: GraphOption = None,
    as_json: AsJson = False,
) -> None:
    """Make the proof for a message, which spends one message id of the epoch.

    All checks come first. Then the message id is recorded as spent, then the proof is made. If you do not
    know whether a message arrived, use --again: a second proof would spend another message id.
    """

    def action() -> Report:
        for option, path in (
            ("--params", params),
            ("--key", key),
            ("--graph", graph),
            ("--identity", identity),
            ("--mirror", mirror),
            *(("--file", part) for part in file or ()),
        ):
            check_different({option: path, "--out": out})
        check_output(out)
        if ids is not None:
            check_persistent(ids, FILES)
        agreed = read_params(params)
        signal = _signal(agreed, text, file)
        proving = read_proving_key(key).proving_key(graph, limit_bits=agreed.limit_bits)
        clock = agreed.clock()
        with ExitStack() as stack:
            member = stack.enter_context(read_identity(identity))
            with name_in_errors(mirror):
                copy = load_mirror(mirror, min_members=min_members)
            membership = copy.membership(member.commitment, limit)
            copy.proof(membership.index)  # a group that is too small is refused before an id is spent
            allocator = stack.enter_context(closing(open_message_ids(ids)))
            prover = stack.enter_context(
                Prover(member, membership, proving, ids=allocator, clock=clock, params=agreed)
            )
            if never_sent:
                allocator.introduce(member.commitment)
            proof = prover.again(signal) if again else prover.prove(signal)
        if not isinstance(proof, RlnProof):
            reason = "no proof was made for this message in this epoch; leave --again out"
            return Report({"file": None, "reason": reason}, f"--again: {reason}", REFUSED)
        try:
            write_output(out, proof.encode(_CODEC))
        except RlnError as error:
            raise type(error)(f"{error}; the message id is spent: write the proof with --again") from error
        epoch = clock.find(proof.external_nullifier)
        data = {
            "file": str(out),
            "epoch": None if epoch is None else epoch.index,
            "nullifier": str(proof.nullifier),
            "root": str(proof.root),
        }
        return Report(data, f"proof written to {out}", effect=f"the proof was written to {out}")

    run(action, as_json)


@app.command("check")
def check(
    proof: Annotated[
        Path, typer.Argument(metavar="FILE", help="Proof of a message, made by `rln message prove`.")
    ],
    params: ParamsOption,
    vk: VkOption,
    log: Annotated[
        str, typer.Option("--log", metavar="URI", help="Nullifier log, made by `rln log create`.")
    ],
    group_uri: Annotated[
        str, typer.Option("--group", metavar="URI", help="Registry: sqlite:///path or postgresql://…")
    ],
    text: TextOption = None,
    file: FileOption = None,
    audit: Annotated[
        Path | None,
        typer.Option("--audit", help="Directory that keeps accepted messages, so that there is evidence."),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            help="New file of mode 0600 for the evidence of a violation, from which anybody can compute the "
            "secret; needs --audit."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a message as a verifier does, and remember it if it is valid; status 1 if it must not be served.

    The verdict is valid, duplicate (the same message again), violation (the member exceeded the limit; their
    secret is known), or invalid.
    """

    def action() -> Report:
        agreed = read_params(params)
        if evidence is not None:
            if audit is None:
                raise ParameterError("--evidence: expected --audit with it, which keeps the first message")
            check_output(evidence, force=False)
        with name_in_errors(proof):
            message = RlnProof.decode(read_file(proof, _PROOF_LIMIT), _CODEC)
        signal = _signal(agreed, text, file)
        verifying = open_verifying_key(vk)
        check_exists(log, agreed.clock())  # before the mark, which would make the file
        path = sqlite_path(log)
        with ExitStack() as stack:
            mark = None if path is None else stack.enter_context(closing(SqliteMark(path)))
            clock = agreed.clock(mark=mark)
            registry = stack.enter_context(open_registry(group_uri))
            verifier = Verifier(
                verifying,
                roots=RegistryRoots(registry, agreed.window(clock.now), clock.now),
                log=stack.enter_context(closing(open_existing_log(log, clock))),
                clock=clock,
                was_member=registry.was_member,
                audit=None if audit is None else stack.enter_context(closing(AuditFiles(audit, verifying))),
                params=agreed,
            )
            verdict = verifier.submit(message, signal)
        return _verdict_report(verdict, evidence)

    run(action, as_json)


def _signal(params: Params, texts: Sequence[str] | None, files: Sequence[Path] | None) -> bytes:
    """Return the signal of the message that the user named."""
    if bool(texts) == bool(files):
        raise ParameterError(
            "message: expected one of --text and --file, got " + ("both" if texts else "neither")
        )
    if texts:
        return params.signal([part.encode() for part in texts])
    return params.signal([read_file(path, _MESSAGE_LIMIT) for path in files or ()])


def _verdict_report(verdict: Verdict, evidence: Path | None) -> Report:
    match verdict:
        case Valid():
            return Report({"verdict": "valid"}, "valid", effect="the message was accepted, and is in the log")
        case Duplicate():
            return Report(
                {"verdict": "duplicate"},
                "duplicate: this message was accepted before; do not serve it twice",
                REFUSED,
                "the message is a duplicate",
            )
        case Invalid(reason=reason, detail=detail):
            data: dict[str, object] = {"verdict": "invalid", "reason": reason.value, "detail": detail}
            return Report(data, f"invalid, {reason.value}: {detail}", REFUSED, "the message is invalid")
        case RateLimitViolation(identity_secret=secret, evidence=found):
            place = None
            if evidence is not None and found is not None:
                try:
                    with name_in_errors(evidence):
                        write_new_file(evidence, found.encode())
                except RlnError as error:
                    raise type(error)(
                        f"the message is a violation, but the evidence was not written: {error}; check the "
                        "message again"
                    ) from error
                place = str(evidence)
            commitment = secret.commitment
            data = {"verdict": "violation", "commitment": str(commitment), "evidence": place}
            kept = (
                f"evidence written to {place}"
                if place
                else "no evidence was kept; use --audit and --evidence"
            )
            text = f"violation: the member exceeded the limit; commitment {hexadecimal(commitment)}\n{kept}"
            return Report(data, text, REFUSED, f"the message is a violation; {kept}")
