"""`rln group`: what a registrar does: members in and out, and the bulletins that he publishes about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from rln.cli import numbers
from rln.cli.keyfiles import VkOption, open_verifying_key
from rln.cli.output import check_output, write_output
from rln.cli.registry import SnapshotOption, check_persistent, open_registry, open_tree
from rln.cli.report import AsJson, ProgressBar, Report, UnusableFile, name_in_errors, read_file, run
from rln.cli.table import format_table
from rln.errors import IntegrityAlarm, ParameterError
from rln.group.events import Change, Registration, Step
from rln.group.ports import RegistryReader
from rln.merkle.proof import MerkleProof
from rln.protocol.membership import Membership
from rln.stores import open_members
from rln.stores.copy_members import copy_members
from rln.sync.bulletin_folder import ENDING, read_bulletin
from rln.sync.signing import RegistrarKey, bulletin_since, open_bulletin, steps_between
from rln.verifying.evidence import MAX_BYTES, Evidence

app = typer.Typer(no_args_is_help=True)

_LIMIT_DIGITS = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z", re.ASCII)
_MEMBERS_LIMIT = 1 << 30
"""Bytes of a file of members, some ten million lines."""

UriArgument = Annotated[str, typer.Argument(metavar="URI", help="sqlite:///path or postgresql://…")]
DepthOption = Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")]
LimitBitsOption = Annotated[int, typer.Option("--limit-bits", help="Limits are 1 to 2^limit_bits.")]
IndexOption = Annotated[int, typer.Option("--index", help="Of the leaf.")]


@app.callback()
def group() -> None:
    """Groups: registries of members, and mirrors that members keep."""


@app.command("create")
def create(
    uri: UriArgument,
    depth: DepthOption = 20,
    limit_bits: LimitBitsOption = 16,
    as_json: AsJson = False,
) -> None:
    """Make a registry without members; one that is there with these parameters stays as it is."""

    def action() -> Report:
        check_persistent(uri)
        with closing(open_members(uri, depth, limit_bits)) as registry:
            head = registry.head()
        data = {"depth": depth, "limit_bits": limit_bits, "root": str(head.root)}
        return Report(data, f"root {numbers.hexadecimal(head.root)}")

    run(action, as_json)


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="URI of a registry; it stays as it is.")],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="URI of an empty registry; made when it is missing.")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy a registry to another place: the same indices, roots, times and slashings.

    It is all there at the end, or the target is still empty, and the command can be repeated. Nobody must
    change the source after that: what happens to one registry the other does not learn.
    """

    def action() -> Report:
        check_persistent(target)
        with (
            open_registry(source) as old,
            closing(open_members(target, old.depth, old.limit_bits)) as new,
            ProgressBar("copying", hidden=as_json).running() as progress,
        ):
            head = copy_members(old, new, progress)
        data = {"steps": head.number, "members": head.members, "root": str(head.root)}
        said = f"{head.number} steps copied, {head.members} members"
        return Report(data, f"{said}\nroot {numbers.hexadecimal(head.root)}")

    run(action, as_json)


@app.command("register")
def register(
    uri: UriArgument,
    commitment: Annotated[str | None, typer.Option(help="Identity commitment, decimal or 0x.")] = None,
    limit: Annotated[int | None, typer.Option(help="Messages in an epoch.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Lines of a commitment, or of a commitment, a comma and a limit.")
    ] = None,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Register a member, or all of a file in one step: all of them or none.

    The leaf is computed here. Whoever registers himself must show before that he knows the secret of the
    commitment; this command takes the operator's word.
    """

    def action() -> Report:
        if (commitment is None) == (file is None):
            raise ParameterError("register: expected --commitment or --file")
        with ProgressBar("registering", hidden=as_json or file is None).running() as progress:
            if file is not None:
                with name_in_errors(file):
                    members = list(_parse_members(read_file(file, _MEMBERS_LIMIT), limit))
            elif limit is None:
                raise ParameterError("register: expected --limit beside --commitment")
            else:
                members = [(numbers.parse(commitment or "", "--commitment"), limit)]
            progress(0.2)
            with open_tree(uri, True, snapshot) as opened:
                added = opened.register_many(members)
                progress(1.0)
                root = opened.root
        first = added[0].index
        data = {"registered": len(added), "first_index": first, "root": str(root)}
        said = f"index {first}" if len(added) == 1 else f"indices {first} to {first + len(added) - 1}"
        return Report(data, f"{said}\nroot {numbers.hexadecimal(root)}")

    run(action, as_json)


@app.command("remove")
def remove(
    uri: UriArgument,
    index: IndexOption,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a member go; until the roots with his leaf have left the window, he can still prove."""

    def action() -> Report:
        with open_tree(uri, as_json, snapshot) as opened:
            return _removal_report((opened.remove(index),), opened.root)

    run(action, as_json)


@app.command("slash")
def slash(
    uri: UriArgument,
    evidence: Annotated[Path, typer.Option(help="As verifiers and `rln log merge` write it.")],
    vk: VkOption,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Remove the member whom the evidence convicts, for good; twice is fine."""

    def action() -> Report:
        key = open_verifying_key(vk)
        with name_in_errors(evidence):
            secret = Evidence.decode(read_file(evidence, MAX_BYTES)).check(key)
        with open_tree(uri, as_json, snapshot) as opened:
            return _removal_report(opened.slash(secret), opened.root)

    run(action, as_json)


@app.command("list")
def list_members(
    uri: UriArgument,
    as_json: AsJson = False,
) -> None:
    """List the members: index, commitment, limit, and the step since which they are there."""

    def action() -> Report:
        with open_registry(uri) as registry:
            last = registry.head().number
            members = _current_members(registry, last)
        text = format_table(
            f"{len(members)} members at step {last}",
            ("index", "commitment", "limit", "since step"),
            [
                (
                    registration.index,
                    numbers.hexadecimal(registration.commitment),
                    registration.limit,
                    registration.joined,
                )
                for registration in members
            ],
        )
        listed = [
            {
                "index": registration.index,
                "commitment": str(registration.commitment),
                "limit": registration.limit,
                "since_step": registration.joined,
            }
            for registration in members
        ]
        return Report({"step": last, "members": listed}, text)

    run(action, as_json)


@app.command("key")
def key(
    out: Annotated[Path, typer.Option(help="New file for the private key; never an existing one.")],
    as_json: AsJson = False,
) -> None:
    """Make the key that signs a group's bulletins; print the public key, which members pin."""

    def action() -> Report:
        with name_in_errors(out):
            public = RegistrarKey.new(out).public_key.hex()
        return Report({"public_key": public, "file": str(out)}, public)

    run(action, as_json)


@app.command("export")
def export(
    uri: UriArgument,
    key_file: Annotated[Path, typer.Option("--key", help="As `rln group key` makes it.")],
    out: Annotated[Path, typer.Option(help="File to write; or a directory, which names it by its steps.")],
    after: Annotated[
        int | None,
        typer.Option(help="Step to continue from. Default: where the newest bulletin of the directory ends."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a signed bulletin: what changed after a step, and from step 0 on the whole tree."""

    def action() -> Report:
        with name_in_errors(key_file):
            signer = RegistrarKey.load(key_file)
        if not out.is_dir():
            check_output(out)
        bar = ProgressBar("exporting", hidden=as_json)
        with open_registry(uri) as registry, bar.running() as progress:
            begin = _last_published(out, signer, registry) if after is None and out.is_dir() else after or 0
            last = registry.head().number
            if begin == last and out.is_dir():
                return Report({"file": None, "after": begin, "last": last}, "nothing new")
            bulletin = bulletin_since(registry, begin, progress=progress)
        name = f"{bulletin.after:012d}-{bulletin.last:012d}{ENDING}"
        place = out / name if out.is_dir() else out
        signed = signer.sign(bulletin)
        write_output(place, signed)
        data = {
            "file": str(place),
            "after": bulletin.after,
            "last": bulletin.last,
            "root": str(bulletin.root),
            "bytes": len(signed),
        }
        said = f"steps {bulletin.after} to {bulletin.last}, {len(signed)} bytes, written to {place}"
        return Report(data, f"{said}\nroot {numbers.hexadecimal(bulletin.root)}")

    run(action, as_json)


def registry_root_report(uri: str, number: int | None) -> Report:
    """The report of a registry's root at a step, or at the newest one."""
    with open_registry(uri) as registry:
        head = registry.head()
        step = _step_at(registry, head.number if number is None else number)
    data = {"step": step.number, "root": str(step.root), "at": step.at / 1000}
    if number is None:
        data["members"] = head.members
    return Report(data, f"{numbers.hexadecimal(step.root)}\nstep {step.number}")


def registry_path_report(uri: str, index: int, snapshot: Path | None, quiet: bool) -> Report:
    """The report of a path, as the registry has it now."""
    with open_tree(uri, quiet, snapshot) as opened:
        return path_report(opened.proof(index))


def path_report(path: MerkleProof) -> Report:
    """The report of a path, with the names that circuits have for its parts."""
    data = {
        "leaf": str(path.leaf),
        "root": str(path.root),
        "pathElements": [str(sibling) for sibling in path.siblings],
        "identityPathIndex": [str(bit) for bit in path.bits],
    }
    lines = [f"leaf {numbers.hexadecimal(path.leaf)}"]
    lines += [
        f"{level:4} {numbers.hexadecimal(sibling)} {'left' if bit else 'right'}"
        for level, (sibling, bit) in enumerate(zip(path.siblings, path.bits, strict=True))
    ]
    return Report(data, "\n".join([*lines, f"root {numbers.hexadecimal(path.root)}"]))


def _removal_report(members: tuple[Membership, ...], root: int) -> Report:
    data = {
        "removed": [{"index": member.index, "commitment": str(member.commitment)} for member in members],
        "root": str(root),
    }
    lines = [f"removed index {m.index}, commitment {numbers.hexadecimal(m.commitment)}" for m in members]
    lines = lines or ["nobody left to remove"]
    return Report(data, "\n".join([*lines, f"root {numbers.hexadecimal(root)}"]))


def _current_members(registry: RegistryReader, last: int) -> list[Registration]:
    """The members at a step, without those who are slashed and whose leaves are still to go."""
    found: dict[int, Registration] = {}
    for step in steps_between(registry, 0, last):
        for event in step.events:
            if event.change is Change.REGISTERED:
                found[event.index] = Registration(event.index, event.commitment, event.limit, step.number)
            else:
                found.pop(event.index, None)
    slashed = {slashing.commitment for slashing in registry.root_changes_after(last).slashings}
    return [registration for registration in found.values() if registration.commitment not in slashed]


def _parse_members(data: bytes, limit: int | None) -> Iterator[tuple[int, int]]:
    """The members that a file names, one a line; empty lines count for nothing."""
    for number, line in enumerate(data.decode("ascii", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        name, comma, own = (part.strip() for part in line.partition(","))
        if not comma and limit is None:
            raise ParameterError(f"line {number}: expected a comma and a limit, or --limit for all")
        if comma and not _LIMIT_DIGITS.match(own):
            raise UnusableFile(f"line {number}: limit: expected 1 to 10 canonical digits, got other text")
        yield numbers.parse(name, f"line {number}"), int(own) if comma else limit or 0


def _last_published(folder: Path, signer: RegistrarKey, registry: RegistryReader) -> int:
    """The step where the bulletins of a directory end, when the registry still says the same of it.

    Raises:
        IntegrityAlarm: it does not: to publish on would show different groups to different people.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(ENDING))
    ends = [(name.removesuffix(ENDING).rpartition("-")[2], name) for name in names]
    known = [(int(end), name) for end, name in ends if end.isascii() and end.isdigit()]
    if not known:
        return 0
    _, name = max(known)
    with name_in_errors(folder / name):
        newest = open_bulletin(read_bulletin(folder / name), signer.public_key)
    if newest.last > registry.head().number or _step_at(registry, newest.last).root != newest.root:
        raise IntegrityAlarm(
            f"{folder / name}: expected the registry to have step {newest.last} with the same root: "
            "it has lost what was published"
        )
    return newest.last


def _step_at(registry: RegistryReader, number: int) -> Step:
    """A step of a registry.

    Raises:
        ParameterError: there is no such step.
    """
    head = registry.head().number
    if not 0 <= number <= head:
        raise ParameterError(f"--step: expected 0 to {head}, got {number}")
    return registry.steps_after(number - 1, 1)[0]
