"""`rln group`: the registrar's commands: register and remove members, and publish bulletins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from rln.base import decimals
from rln.base.file_kind import without_mark
from rln.cli import numbers
from rln.cli.keyfiles import VkOption, open_verifying_key
from rln.cli.output import check_output, write_output
from rln.cli.registry import SnapshotOption, check_persistent, open_registry, open_tree
from rln.cli.report import AsJson, ProgressBar, Report, UnusableFile, name_in_errors, read_file, run
from rln.cli.table import format_table
from rln.errors import IntegrityAlarm, ParameterError
from rln.group.events import Change, Registration, Step
from rln.group.ports import RegistryReader
from rln.group.step_pages import read_step, read_steps
from rln.merkle.proof import MerkleProof
from rln.protocol.membership import Membership
from rln.stores import open_members
from rln.stores.copy_members import copy_members
from rln.sync.bulletin_folder import BULLETIN_SUFFIX, read_bulletin
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey, open_bulletin
from rln.verifying.evidence import MAX_BYTES, Evidence

app = typer.Typer(no_args_is_help=True)

_MOST = 10**10
"""The largest limit in a file; the registry has a smaller bound."""

_MEMBERS_LIMIT = 1 << 30
"""Bytes of the longest file of members, about ten million lines."""

UriArgument = Annotated[str, typer.Argument(metavar="URI", help="Registry: sqlite:///path or postgresql://…")]
DepthOption = Annotated[int, typer.Option(help="Levels of the membership tree, 1 to 32.")]
LimitBitsOption = Annotated[
    int, typer.Option("--limit-bits", help="User message limits are 1 to 2^BITS.", metavar="BITS")
]
IndexOption = Annotated[int, typer.Option("--index", help="Index of the leaf.")]


@app.callback()
def group() -> None:
    """Manage registries of members, and the mirrors that members keep."""


@app.command("create")
def create(
    uri: UriArgument,
    depth: DepthOption = 20,
    limit_bits: LimitBitsOption = 16,
    as_json: AsJson = False,
) -> None:
    """Create an empty registry; an existing one with the same parameters stays unchanged."""

    def action() -> Report:
        check_persistent(uri)
        with closing(open_members(uri, depth, limit_bits)) as registry:
            head = registry.head()
        data = {"depth": depth, "limit_bits": limit_bits, "root": str(head.root)}
        text = f"registry of depth {depth}, {numbers.counted(head.members, 'member')} at step {head.number}"
        effect = "the registry exists"
        return Report(data, f"{text}\nroot {numbers.hexadecimal(head.root)}", effect=effect)

    run(action, as_json)


@app.command("copy")
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="URI of a registry, which stays unchanged.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="URI of an empty registry; created if missing.")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy a registry to another database, with the same indices, roots, times and slashings.

    If the command fails, TARGET is complete or empty; if it is empty, run the command again. Do not change
    SOURCE afterwards: later changes to one registry do not reach the other.
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
        text = f"{numbers.counted(head.number, 'step')} copied, {numbers.counted(head.members, 'member')}"
        effect = "the registry was copied"
        return Report(data, f"{text}\nroot {numbers.hexadecimal(head.root)}", effect=effect)

    run(action, as_json)


@app.command("register")
def register(
    uri: UriArgument,
    commitment: Annotated[str | None, typer.Option(help="Identity commitment, decimal or 0x.")] = None,
    limit: Annotated[int | None, typer.Option(help="User message limit: messages in an epoch.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Lines of commitment,limit; or of a commitment alone, with --limit for all."),
    ] = None,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Register a member, or all members in a file in one step: all of them or none.

    The command computes the leaf. It does not check that the member knows the secret of the commitment; you
    must have checked that before.
    """

    def action() -> Report:
        if (commitment is None) == (file is None):
            raise ParameterError(
                "register: expected one of --commitment and --file, got "
                + ("neither" if file is None else "both")
            )
        with ProgressBar("registering", hidden=as_json or file is None).running() as progress:
            if file is not None:
                with name_in_errors(file):
                    members = list(_parse_members(without_mark(read_file(file, _MEMBERS_LIMIT)), limit))
                    if not members:
                        raise UnusableFile("expected at least one member, got none")
            elif limit is None:
                raise ParameterError("--limit: expected a limit for --commitment, got none")
            else:
                members = [(numbers.parse(commitment or "", "--commitment"), limit)]
            progress(0.2)
            with open_tree(uri, True, snapshot) as opened:
                added = opened.register_many(members)
                progress(1.0)
                root = opened.root
        first = added[0].index
        data = {"registered": len(added), "first_index": first, "root": str(root)}
        text = f"index {first}" if len(added) == 1 else f"indices {first} to {first + len(added) - 1}"
        effect = f"the {'member was' if len(added) == 1 else 'members were'} registered at {text}"
        return Report(data, f"registered at {text}\nroot {numbers.hexadecimal(root)}", effect=effect)

    run(action, as_json)


@app.command("remove")
def remove(
    uri: UriArgument,
    index: IndexOption,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Remove a member. They can still prove until the roots with their leaf have left the window."""

    def action() -> Report:
        with open_tree(uri, as_json, snapshot) as opened:
            return _removal_report((opened.remove(index),), opened.root)

    run(action, as_json)


@app.command("slash")
def slash(
    uri: UriArgument,
    evidence: Annotated[Path, typer.Option(help="Evidence, written by a verifier or by `rln log merge`.")],
    vk: VkOption,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Remove the member whom the evidence convicts, for good; a second time changes nothing."""

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
    """List the members: index, commitment, limit, and the step that registered them."""

    def action() -> Report:
        with open_registry(uri) as registry:
            last = registry.head().number
            members = _current_members(registry, last)
        text = format_table(
            f"{numbers.counted(len(members), 'member')} at step {last}",
            ("index", "commitment", "limit", "since step"),
            [
                (
                    registration.index,
                    numbers.hexadecimal(registration.commitment),
                    registration.limit,
                    registration.registered_in,
                )
                for registration in members
            ],
        )
        listed = [
            {
                "index": registration.index,
                "commitment": str(registration.commitment),
                "limit": registration.limit,
                "since_step": registration.registered_in,
            }
            for registration in members
        ]
        return Report({"step": last, "members": listed}, text)

    run(action, as_json)


@app.command("key")
def key(
    out: Annotated[Path, typer.Option(help="New file for the private key; an existing file is refused.")],
    as_json: AsJson = False,
) -> None:
    """Make the key that signs bulletins, and print its public key, which members pin."""

    def action() -> Report:
        with name_in_errors(out):
            public = RegistrarKey.new(out).public_key.hex()
        return Report(
            {"public_key": public, "file": str(out)}, public, effect=f"the key was written to {out}"
        )

    run(action, as_json)


@app.command("export")
def export(
    uri: UriArgument,
    key_file: Annotated[Path, typer.Option("--key", help="Private key, made by `rln group key`.")],
    out: Annotated[
        Path,
        typer.Option(help="File to write, or a directory; there the first and last step name the file."),
    ],
    after: Annotated[
        int | None,
        typer.Option(
            help="Step to continue from; default: the end of the newest bulletin in the directory, or 0."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a signed bulletin of what changed after a step; after step 0, it contains the whole tree."""

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
                return Report({"file": None, "after": begin, "last": last}, f"nothing new after step {begin}")
            bulletin = bulletin_since(registry, begin, progress=progress)
        name = f"{bulletin.after:012d}-{bulletin.last:012d}{BULLETIN_SUFFIX}"
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
        text = f"steps {bulletin.after} to {bulletin.last}, {len(signed)} bytes, written to {place}"
        effect = f"the bulletin was written to {place}"
        return Report(data, f"{text}\nroot {numbers.hexadecimal(bulletin.root)}", effect=effect)

    run(action, as_json)


def registry_root_report(uri: str, number: int | None) -> Report:
    """Report the root of a registry at a step; None is the newest one."""
    with open_registry(uri) as registry:
        head = registry.head()
        step = _step_at(registry, head.number if number is None else number)
    data = {"step": step.number, "root": str(step.root), "at": step.at / 1000}
    if number is None:
        data["members"] = head.members
    return Report(data, f"{numbers.hexadecimal(step.root)}\nstep {step.number}")


def registry_path_report(uri: str, index: int, snapshot: Path | None, quiet: bool) -> Report:
    """Report the path of a leaf in the current tree of a registry."""
    with open_tree(uri, quiet, snapshot) as opened:
        return path_report(opened.proof(index))


def path_report(path: MerkleProof) -> Report:
    """Report a path, its parts named as the inputs of the circuit."""
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
    lines = lines or ["removed already; nothing changed"]
    effect = f"{len(members)} leaves were removed"
    return Report(data, "\n".join([*lines, f"root {numbers.hexadecimal(root)}"]), effect=effect)


def _current_members(registry: RegistryReader, last: int) -> list[Registration]:
    """Return the members at a step, without slashed ones whose leaves are not removed yet."""
    found: dict[int, Registration] = {}
    for step, pages in read_steps(registry, 0, last):
        for event in chain.from_iterable(pages):
            if event.change is Change.REGISTERED:
                found[event.index] = Registration(event.index, event.commitment, event.limit, step.number)
            else:
                found.pop(event.index, None)
    slashed = {slashing.commitment for slashing in registry.root_changes_after(last).slashings}
    return [registration for registration in found.values() if registration.commitment not in slashed]


def _parse_members(data: bytes, limit: int | None) -> Iterator[tuple[int, int]]:
    """Yield commitment and limit from each line of a file; empty lines are skipped."""
    for number, line in enumerate(data.decode("ascii", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        name, comma, own = (part.strip() for part in line.partition(","))
        if not comma and limit is None:
            raise ParameterError(
                f"line {number}: expected COMMITMENT,LIMIT, got no comma; add the limit, or give --limit"
            )
        own_limit = decimals.whole(own, f"line {number}: limit", 0, _MOST) if comma else limit or 0
        yield numbers.parse(name, f"line {number}"), own_limit


def _last_published(folder: Path, signer: RegistrarKey, registry: RegistryReader) -> int:
    """Return the last step that the bulletins in a directory cover, 0 if there are none.

    Raises:
        IntegrityAlarm: the registry does not have this step with the same root. Publishing from it would show
            different groups to different members.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(BULLETIN_SUFFIX))
    ends = [(name.removesuffix(BULLETIN_SUFFIX).rpartition("-")[2], name) for name in names]
    known = [(int(end), name) for end, name in ends if end.isascii() and end.isdigit()]
    if not known:
        return 0
    _, name = max(known)
    with name_in_errors(folder / name):
        newest = open_bulletin(read_bulletin(folder / name), signer.public_key)
    if newest.last > registry.head().number or _step_at(registry, newest.last).root != newest.root:
        raise IntegrityAlarm(
            f"{folder / name}: expected a registry that has step {newest.last} with root "
            f"{numbers.hexadecimal(newest.root)}: this one has lost what was published, "
            "or is another registry; check the URI"
        )
    return newest.last


def _step_at(registry: RegistryReader, number: int) -> Step:
    """Return a step of a registry.

    Raises:
        ParameterError: there is no such step.
    """
    head = registry.head().number
    if not 0 <= number <= head:
        raise ParameterError(f"--step: expected 0 to {head}, got {number}")
    return read_step(registry, number)
