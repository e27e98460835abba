"""`rln group import`, `follow`, `root`, `path`: what a member does with the bulletins of his registrar."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from rln.cli import numbers
from rln.cli.commands.group import (
    DepthOption,
    IndexOption,
    LimitBitsOption,
    path_report,
    registry_path_report,
    registry_root_report,
)
from rln.cli.output import check_output
from rln.cli.registry import SnapshotOption, is_uri
from rln.cli.report import REFUSED, AsJson, ProgressBar, Report, name_in_errors, run
from rln.errors import EncodingError, GroupRefused, ParameterError
from rln.sync.bulletin_folder import BulletinFolder, read_bulletin
from rln.sync.mirror import MIN_MEMBERS, Mirror
from rln.sync.mirror_file import load_mirror, save_mirror
from rln.sync.signing import check_public_key, open_bulletin

IntoOption = Annotated[Path, typer.Option("--into", help="File of the mirror; made when it is missing.")]
PublicKeyOption = Annotated[
    str, typer.Option("--public-key", help="Of the registrar, 64 hexadecimal digits, as he says elsewhere.")
]
MinMembersOption = Annotated[
    int, typer.Option("--min-members", help="Fewer are too few to hide among: exit status 1.")
]
NameArgument = Annotated[str, typer.Argument(metavar="MIRROR", help="File of a mirror, or a registry's URI.")]


def import_bulletins(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bulletins, oldest first.")],
    into: IntoOption,
    public_key: PublicKeyOption,
    depth: DepthOption = 20,
    limit_bits: LimitBitsOption = 16,
    min_members: MinMembersOption = MIN_MEMBERS,
    expect_root: Annotated[
        str | None, typer.Option("--expect-root", help="From a second source: refuse to end at another root.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lead a mirror on through signed bulletins, or leave it as it is.

    Bulletins that it has taken before are passed over. Compare the root with a second source: a registrar
    who shows every member another group signs each of them.
    """

    def action() -> Report:
        pinned = _public_key(public_key)
        expected = None if expect_root is None else numbers.parse(expect_root, "--expect-root")
        check_output(into)
        mirror = _open_mirror(into, depth, limit_bits, min_members)
        applied = 0
        with ProgressBar("importing", hidden=as_json).running() as progress:
            for number, file in enumerate(files):
                applied += _apply_file(file, pinned, mirror)
                progress((number + 1) / len(files))
        if expected is not None and mirror.root != expected:
            raise GroupRefused(
                f"--expect-root: expected {numbers.hexadecimal(expected)} at step {mirror.step}, "
                f"got {numbers.hexadecimal(mirror.root)}; nothing was kept"
            )
        if applied:
            with name_in_errors(into):
                save_mirror(into, mirror)
        return _mirror_report(mirror, {"applied": applied, "file": str(into)}, min_members)

    run(action, as_json)


def follow(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where bulletins appear.")],
    into: IntoOption,
    public_key: PublicKeyOption,
    depth: DepthOption = 20,
    limit_bits: LimitBitsOption = 16,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lead a mirror on through the bulletins of a directory as they appear, until SIGINT or SIGTERM.

    A bulletin that contradicts the mirror, rightly signed, ends it with status 1: then the registrar shows
    different groups to different people. With --once a file that is no bulletin, or a missing one, does, too.
    """

    def action() -> Report:
        check_output(into)
        mirror = _open_mirror(into, depth, limit_bits, MIN_MEMBERS)
        folder = BulletinFolder(directory, mirror, _public_key(public_key))
        applied = 0
        with _stop_signals() as ended:
            while True:
                applied += _apply_new(folder, directory, mirror, into, as_json)
                if once or ended.wait(every):
                    break
        refused = {str(path): reason for path, reason in sorted(folder.refused.items())}
        gap = folder.newest if folder.newest > mirror.step else None
        more = {"applied": applied, "newest": folder.newest, "refused": refused, "file": str(into)}
        report = _mirror_report(mirror, more, 0)
        text = report.text if gap is None else f"{report.text}\n{_gap(mirror, folder)}"
        return Report(report.data, text, REFUSED if once and (refused or gap) else 0)

    run(action, as_json)


def root(
    name: NameArgument,
    step: Annotated[
        int | None, typer.Option(help="Of a registry; a mirror only knows the step that it is at.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the root of a mirror or of a registry, for comparison."""

    def action() -> Report:
        if is_uri(name):
            return registry_root_report(name, step)
        mirror = _load_mirror(Path(name), MIN_MEMBERS)
        if step is not None and step != mirror.step:
            raise ParameterError(f"--step: expected {mirror.step}, where the mirror is, got {step}")
        return _mirror_report(mirror, {}, 0)

    run(action, as_json)


def path(
    name: NameArgument,
    index: IndexOption,
    min_members: Annotated[
        int, typer.Option("--min-members", help="A mirror with fewer gives no path.")
    ] = MIN_MEMBERS,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the path of a leaf, out of a mirror.

    With a registry's URI it is for its operator. A member never asks a registrar for a path: he would say who
    he is, each time.
    """

    def action() -> Report:
        if is_uri(name):
            return registry_path_report(name, index, snapshot, as_json)
        if snapshot is not None:
            raise ParameterError("--snapshot: expected the URI of a registry, got the file of a mirror")
        return path_report(_load_mirror(Path(name), min_members).proof(index))

    run(action, as_json)


def _apply_file(file: Path, public_key: bytes, mirror: Mirror) -> bool:
    """Apply a bulletin, or pass over one that the mirror has taken before."""
    with name_in_errors(file):
        bulletin = open_bulletin(read_bulletin(file), public_key)
        try:
            if bulletin.last == mirror.step and bulletin.root != mirror.root:
                raise GroupRefused(f"another root for step {mirror.step} than is here")
            if bulletin.last <= mirror.step:
                return False
            mirror.apply(bulletin)
        except GroupRefused as error:
            raise GroupRefused(f"{file}: {error}; nothing was kept") from error
    return True


def _apply_new(folder: BulletinFolder, directory: Path, mirror: Mirror, into: Path, quiet: bool) -> int:
    """Look at a directory once, keep the mirror when it went on, and say what is new."""
    before, refused, newest, applied = mirror.step, set(folder.refused.items()), folder.newest, 0
    try:
        with name_in_errors(directory):
            applied = len(folder.look())
    finally:
        if mirror.step != before:
            with name_in_errors(into):
                save_mirror(into, mirror)
            if not quiet:
                typer.echo(f"step {mirror.step}  root {numbers.hexadecimal(mirror.root)}")
    for file, reason in sorted(set(folder.refused.items()) - refused):
        if not quiet:
            typer.echo(f"refused {file}: {reason}", err=True)
    if folder.newest > max(newest, mirror.step) and not quiet:
        typer.echo(_gap(mirror, folder), err=True)
    return applied


def _gap(mirror: Mirror, folder: BulletinFolder) -> str:
    return f"no bulletin continues from step {mirror.step}; others go to step {folder.newest}"


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_mirror(file: Path, depth: int, limit_bits: int, min_members: int) -> Mirror:
    if file.exists():
        return _load_mirror(file, min_members)
    return Mirror(depth, limit_bits, min_members=min_members)


def _load_mirror(file: Path, min_members: int) -> Mirror:
    with name_in_errors(file):
        return load_mirror(file, min_members=min_members)


def _public_key(text: str) -> bytes:
    try:
        return check_public_key(bytes.fromhex(text))
    except ValueError as error:
        raise EncodingError(f"--public-key: expected 64 hexadecimal digits of a key: {error}") from error


def _mirror_report(mirror: Mirror, more: dict[str, object], min_members: int) -> Report:
    """The report of where a mirror is; status 1 where it has too few members."""
    at = datetime.fromtimestamp(mirror.at / 1000, UTC).isoformat(timespec="seconds")
    data = {
        "step": mirror.step,
        "at": mirror.at / 1000,
        "members": len(mirror),
        "root": str(mirror.root),
        **more,
    }
    text = f"step {mirror.step} of {at}, {len(mirror)} members\nroot {numbers.hexadecimal(mirror.root)}"
    if len(mirror) < min_members:
        return Report(data, f"{text}\ntoo few members to hide among: expected {min_members}", REFUSED)
    return Report(data, text)
