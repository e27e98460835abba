"""`rln log`: nullifier logs, which hold the shares of accepted messages, and the verifiers' audit files."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

import typer
from rich.console import RenderableType

from rln.atomic_files import check_writable, write_file
from rln.audit.audit_reader import AuditReader
from rln.audit.audited_epoch import SUFFIX, AuditedEpoch, audit_paths, read_headers
from rln.audit.violators import Violators
from rln.base import canonical_json
from rln.base.served_again import utc_text
from rln.cli.keyfiles import VkOption, open_verifying_key
from rln.cli.logs import check_new, log_place, open_existing_log, open_read_only_log
from rln.cli.numbers import counted, hexadecimal
from rln.cli.output import check_output, write_output
from rln.cli.report import (
    REFUSED,
    AsJson,
    ProgressBar,
    Report,
    UnusableFile,
    name_in_errors,
    print_answer,
    run,
)
from rln.cli.table import format_facts, format_table, stack
from rln.errors import EncodingError, ParameterError, StoreUnavailable
from rln.protocol.epoch import EpochClock
from rln.stores import open_log
from rln.verifying.ports import NullifierLog

if TYPE_CHECKING:
    from rln.stores.redis.server_info import ServerDescription

app = typer.Typer(no_args_is_help=True)

UriArgument = Annotated[
    str,
    typer.Argument(
        metavar="URI",
        help="Log: sqlite:///path, redis://…, rediss://…, redis+sentinel://… or redis+cluster://…",
    ),
]
ApplicationOption = Annotated[str, typer.Option(help="Domain name of the application, as for the verifiers.")]
PeriodOption = Annotated[int, typer.Option(help="Length of an epoch in seconds, as for the verifiers.")]
SkewOption = Annotated[float, typer.Option(help="Seconds by which clocks may differ, as for the verifiers.")]
PastOption = Annotated[int, typer.Option("--past-gap", help="Acceptable epochs before the current one.")]
FutureOption = Annotated[int, typer.Option("--future-gap", help="Acceptable epochs after the current one.")]
FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="Audit files, or directories that contain them.")
]


@app.callback()
def group() -> None:
    """Manage nullifier logs, and read the audit files of verifiers."""


@app.command("create")
def create(
    uri: UriArgument,
    application: ApplicationOption,
    period: PeriodOption,
    skew: SkewOption = 20.0,
    past_gap: PastOption = 0,
    future_gap: FutureOption = 0,
    as_json: AsJson = False,
) -> None:
    """Create a nullifier log that accepts messages at once.

    Use it only if nothing was accepted in the current epochs before, here or elsewhere. A log that a verifier
    creates itself refuses the epochs that were open at that time, because an earlier log may have been lost.
    An existing log is never changed. A file that holds only the high-water mark of a clock gets a log beside
    the mark.
    """

    def action() -> Report:
        clock = EpochClock(application, period, skew=skew, past_gap=past_gap, future_gap=future_gap)
        check_new(uri, clock)
        with closing(open_log(uri, clock, new=True)) as log:
            return _log_report(log, clock, effect="the log was created")

    run(action, as_json)


@app.command("stats")
def stats(
    uri: UriArgument,
    application: ApplicationOption,
    period: PeriodOption,
    skew: SkewOption = 20.0,
    past_gap: PastOption = 0,
    future_gap: FutureOption = 0,
    as_json: AsJson = False,
) -> None:
    """Open a log as a verifier does, with all checks, and print which epochs it serves.

    If the log is on servers, the command also lists them: how they keep entries, and what they hold.
    """

    def action() -> Report:
        clock = EpochClock(application, period, skew=skew, past_gap=past_gap, future_gap=future_gap)
        with closing(open_read_only_log(uri, clock)) as log:
            return _log_report(log, clock, log.describe() if isinstance(log, _ServerLog) else ())

    run(action, as_json)


@app.command("purge")
def purge(
    uri: UriArgument,
    application: ApplicationOption,
    period: PeriodOption,
    skew: SkewOption = 20.0,
    past_gap: PastOption = 0,
    future_gap: FutureOption = 0,
    as_json: AsJson = False,
) -> None:
    """Delete the shares of epochs that are too old to be acceptable again.

    Verifiers do the same once per period.
    """

    def action() -> Report:
        clock = EpochClock(application, period, skew=skew, past_gap=past_gap, future_gap=future_gap)
        with closing(open_existing_log(uri, clock)) as log:
            horizon = clock.horizon()
            before = _share_count(log)
            log.forget(horizon)
            after = _share_count(log)
        dropped = None if before is None or after is None else max(before - after, 0)
        text = f"dropped the epochs that ended by {utc_text(horizon)}"
        text += "" if dropped is None else f": {counted(dropped, 'share')}"
        return Report({"horizon": horizon, "dropped": dropped}, text, effect=f"done: {text}")

    run(action, as_json)


@app.command("export")
def export(
    files: FilesArgument,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the messages of audit files as lines of JSON.

    With --json and without --out, they are printed as one JSON object.
    """

    def action() -> Report:
        if out is not None:
            check_output(out)
        audited, damaged = _open_audit_files(files)
        if out is None and as_json:
            messages = [json.loads(line) for line in _json_lines(audited, damaged)]
            return Report({"messages": len(messages), "lines": messages})
        if out is None:
            for line in _json_lines(audited, damaged):
                print_answer(line.decode(), "nothing was changed")
            return Report({}, "")
        lines = list(_json_lines(audited, damaged))
        write_output(out, b"".join(line + b"\n" for line in lines), 0o600)
        text = f"{counted(len(lines), 'message')} written to {out}"
        return Report({"messages": len(lines), "file": str(out)}, text, effect=text)

    run(action, as_json)


@app.command("merge")
def merge(
    files: FilesArgument,
    vk: VkOption,
    evidence: Annotated[
        Path | None,
        typer.Option(
            help="Directory for evidence: one file of mode 0600 per member, which reveals the secret."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find members who overspent across several nodes, and print their commitments.

    Only messages whose proofs verify count, so it does not matter who wrote the files. The command reads the
    files twice. It keeps about 80 bytes per message in a temporary file; its memory does not grow. Damaged
    records, and damaged files of a directory, are left out and reported.
    """

    def action() -> Report:
        key = open_verifying_key(vk)
        audited, damaged = _open_audit_files(files)
        for file in audited:
            if file.verifying_key != key.digest:
                raise ParameterError(
                    f"{file.path}: expected verifying key {key.digest[:16]}…, got {file.verifying_key[:16]}…"
                )
        if evidence is not None:
            with name_in_errors(evidence):
                evidence.mkdir(mode=0o700, exist_ok=True)
                check_writable(evidence / "any")
        counts: Counter[int] = Counter()
        with ProgressBar("reading", hidden=as_json).running() as progress:
            reading = AuditReader(audited, damaged, progress)
            violators = Violators(reading.messages, key)
            for violation in violators.find():
                counts[violation.commitment] += 1
                if evidence is not None and counts[violation.commitment] == 1:
                    with name_in_errors(evidence):
                        write_file(
                            _evidence_path(evidence, violation.commitment), violation.evidence.encode(), 0o600
                        )
        return _merge_report(counts, evidence, reading, violators)

    run(action, as_json)


def _merge_report(
    counts: Counter[int], evidence: Path | None, reading: AuditReader, found: Violators
) -> Report:
    places = {
        commitment: None if evidence is None else str(_evidence_path(evidence, commitment))
        for commitment in counts
    }
    notes = [f"{path}: {reason}; all other messages were read" for path, reason in reading.damaged.items()]
    summary = f"violators: {len(counts)}, in {found.messages} messages of {len(reading.files)} files"
    summary += f"; {found.refused} messages with invalid proofs" if found.refused else ""
    text = format_table(
        "\n".join([summary, *notes]),
        ("commitment", "violations", "evidence"),
        [(hexadecimal(commitment), counts[commitment], places[commitment]) for commitment in counts],
    )
    data = {
        "files": len(reading.files),
        "messages": found.messages,
        "refused": found.refused,
        "cut": [str(path) for path in reading.cut],
        "damaged": {str(path): reason for path, reason in reading.damaged.items()},
        "violators": [
            {"commitment": str(commitment), "violations": count, "evidence": places[commitment]}
            for commitment, count in counts.items()
        ],
    }
    effect = "" if evidence is None or not counts else f"the evidence was written to {evidence}"
    return Report(data, text, REFUSED if reading.damaged else 0, effect)


def _evidence_path(folder: Path, commitment: int) -> Path:
    return folder / f"{hexadecimal(commitment)}.json"


def _open_audit_files(paths: Iterable[Path]) -> tuple[list[AuditedEpoch], dict[Path, str]]:
    """Open the audit files at these paths, and all audit files in the directories among them.

    Returns:
        The files, and what is wrong with each file of a directory that cannot be read. If you name such a
        file, it is an error.
    """
    found: list[AuditedEpoch] = []
    damaged: dict[Path, str] = {}
    for path in paths:
        with name_in_errors(path):
            if not path.is_dir():
                found.append(AuditedEpoch.read(Path(os.path.realpath(path)) if path.is_symlink() else path))
                continue
            inside = audit_paths(path)
            if not inside:
                raise UnusableFile(f"{path}: expected files whose names end in {SUFFIX}, got none")
            intact, unreadable = read_headers(inside)
            found += intact
            damaged |= unreadable
    return found, damaged


def _json_lines(files: list[AuditedEpoch], damaged: dict[Path, str]) -> Iterator[bytes]:
    """Yield a line for each message, and raise an error at the end if a file cannot be read."""
    for file in files:
        with name_in_errors(file.path):
            for message in file.messages():
                yield canonical_json.write(
                    {
                        "epoch": file.epoch.index,
                        "period": file.epoch.period,
                        "external_nullifier": str(message.external_nullifier),
                        "root": str(message.root),
                        "x": str(message.x),
                        "shares": [
                            {"nullifier": str(share.nullifier), "y": str(share.y)} for share in message.shares
                        ],
                        "proof": message.proof.hex(),
                        "verifying_key": file.verifying_key,
                    }
                )
    for path, reason in damaged.items():
        raise EncodingError(f"{path}: {reason}")


def _share_count(log: NullifierLog) -> int | None:
    return len(log) if isinstance(log, Sized) else None


@runtime_checkable
class _ServerLog(Protocol):
    """A log on servers, which can describe them."""

    def describe(self) -> list[ServerDescription]: ...


def _log_report(
    log: NullifierLog, clock: EpochClock, servers: Sequence[ServerDescription] = (), effect: str = ""
) -> Report:
    """Report the acceptable epochs that a log serves, its number of shares if known, and its servers."""
    epochs = clock.acceptable()
    answers = log.peek_many([(epoch, 1) for epoch in epochs])
    states = {
        epoch.index: str(answer) if isinstance(answer, StoreUnavailable) else "served"
        for epoch, answer in zip(epochs, answers, strict=True)
    }
    shares = _share_count(log)
    facts: dict[str, object] = {
        "log": log_place(log),
        "shares": shares,
        "retention_seconds": clock.retention,
        "forgettable_before": clock.horizon(),
    }
    data = {
        **facts,
        "epochs": {str(index): state for index, state in states.items()},
        "servers": [asdict(server) for server in servers],
    }
    readable = {**facts, "forgettable_before": utc_text(clock.horizon())}
    table = format_table(format_facts(readable), ("epoch", "state"), states.items())
    return Report(data, stack(_server_table(servers), table) if servers else table, effect=effect)


def _server_table(servers: Iterable[ServerDescription]) -> str | RenderableType:
    """Return a table of the servers, one row each; settings have their names in Redis."""
    return format_table(
        "primaries; `keys` counts the whole database",
        (
            "name",
            "role",
            "version",
            "appendonly",
            "appendfsync",
            "maxmemory-policy",
            "min-replicas-to-write",
            "replicas",
            "clock",
            "keys",
            "memory",
        ),
        [
            (
                server.name,
                server.role,
                server.version,
                "yes" if server.appendonly else "no",
                server.appendfsync,
                server.eviction,
                server.least_replicas,
                server.replicas,
                f"{server.ahead:+.3f} s",
                server.keys,
                f"{server.memory / 2**20:.1f} MiB",
            )
            for server in servers
        ],
    )
