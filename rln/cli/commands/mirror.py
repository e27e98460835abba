"""`rln group import`, `follow`, `root`, `path`: a member's mirror, updated from the registrar's bulletins."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from rln.base.file_kind import FileKind, expect
from rln.base.served_again import utc_text
from rln.cli import numbers
from rln.cli.commands.group import (
    IndexOption,
    path_report,
    registry_path_report,
    registry_root_report,
)
from rln.cli.output import check_output
from rln.cli.paramsfile import parse_public_key, read_params
from rln.cli.registry import SnapshotOption, is_uri
from rln.cli.report import REFUSED, AsJson, ProgressBar, Report, name_in_errors, print_answer, run
from rln.errors import GroupRefused, ParameterError
from rln.sync.bulletin_folder import BulletinFolder, read_bulletin
from rln.sync.mirror import MIN_MEMBERS, Mirror
from rln.sync.mirror_file import load_mirror, save_mirror
from rln.sync.signing import open_bulletin

DepthOption = Annotated[
    int | None,
    typer.Option(
        help="Levels of the tree, 1 to 32; default for a new mirror: those of --params, or 20. An existing "
        "mirror must have them."
    ),
]
LimitBitsOption = Annotated[
    int | None,
    typer.Option(
        "--limit-bits",
        help="User message limits are 1 to 2^BITS; default for a new mirror: as in --params, or 16. An "
        "existing mirror must have them.",
        metavar="BITS",
    ),
]
IntoOption = Annotated[Path, typer.Option("--into", help="File of the mirror; created if missing.")]
PublicKeyOption = Annotated[
    str | None,
    typer.Option(
        "--public-key",
        help="Public key of the registrar, 64 hexadecimal digits, from a source that you trust.",
    ),
]
PinnedOption = Annotated[
    Path | None,
    typer.Option(
        "--params", help="Parameters of the application, instead of --public-key, --depth and --limit-bits."
    ),
]
MinMembersOption = Annotated[
    int,
    typer.Option(
        "--min-members",
        help="With fewer members, too few to hide among, the exit status is 1; the mirror is saved anyway.",
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="MIRROR|URI", help="File of a mirror, or the URI of a registry.")
]


def import_bulletins(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Bulletins, oldest first.")],
    into: IntoOption,
    public_key: PublicKeyOption = None,
    params: PinnedOption = None,
    depth: DepthOption = None,
    limit_bits: LimitBitsOption = None,
    min_members: MinMembersOption = MIN_MEMBERS,
    expect_root: Annotated[
        str | None,
        typer.Option("--expect-root", help="Root from a second source; any other final root is refused."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Update a mirror from signed bulletins. If one is refused, the mirror stays unchanged.

    Bulletins that the mirror has already applied are skipped. Compare the root with a second source: a
    registrar could show each member a different group, and the signatures would still be valid.
    """

    def action() -> Report:
        shape = _Shape.of(public_key, params, depth, limit_bits)
        expected = None if expect_root is None else numbers.parse(expect_root, "--expect-root")
        check_output(into)
        mirror = _open_mirror(into, shape, min_members)
        applied = 0
        with ProgressBar("importing", hidden=as_json).running() as progress:
            for number, file in enumerate(files):
                applied += _apply_file(file, shape.public_key, mirror)
                progress((number + 1) / len(files))
        if expected is not None and mirror.root != expected:
            raise GroupRefused(
                f"--expect-root: expected {numbers.hexadecimal(expected)} at step {mirror.step}, "
                f"got {numbers.hexadecimal(mirror.root)}; nothing was saved"
            )
        if applied:
            with name_in_errors(into):
                save_mirror(into, mirror)
        effect = f"the mirror was saved at step {mirror.step}" if applied else ""
        return _mirror_report(mirror, {"applied": applied, "file": str(into)}, min_members, effect)

    run(action, as_json)


def follow(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory in which bulletins appear.")
    ],
    into: IntoOption,
    public_key: PublicKeyOption = None,
    params: PinnedOption = None,
    depth: DepthOption = None,
    limit_bits: LimitBitsOption = None,
    every: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds between two checks of the directory.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Check once and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Update a mirror from the bulletins in a directory as they appear, until SIGINT or SIGTERM.

    A bulletin that is correctly signed but contradicts the mirror ends the command with status 1: the
    registrar shows different groups to different members. With --once, the status is also 1 if a file is not
    a bulletin, or if a bulletin is missing.
    """

    def action() -> Report:
        shape = _Shape.of(public_key, params, depth, limit_bits)
        check_output(into)
        mirror = _open_mirror(into, shape, MIN_MEMBERS)
        folder = BulletinFolder(directory, mirror, shape.public_key)
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
        effect = f"the mirror was saved at step {mirror.step}" if applied else ""
        return Report(report.data, text, REFUSED if once and (refused or gap) else 0, effect)

    run(action, as_json)


def root(
    name: NameArgument,
    step: Annotated[
        int | None,
        typer.Option(help="Step of a registry; default: the newest. A mirror has only its current step."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the root of a mirror or of a registry, so that you can compare them."""

    def action() -> Report:
        if is_uri(name):
            return registry_root_report(name, step)
        mirror = _load_mirror(Path(name), MIN_MEMBERS)
        if step is not None and step != mirror.step:
            raise ParameterError(f"--step: expected {mirror.step}, the mirror's current step, got {step}")
        return _mirror_report(mirror, {}, 0)

    run(action, as_json)


def path(
    name: NameArgument,
    index: IndexOption,
    min_members: Annotated[
        int, typer.Option("--min-members", help="A mirror of fewer members gives no path.")
    ] = MIN_MEMBERS,
    snapshot: SnapshotOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the Merkle path of a leaf, from a mirror or from a registry.

    A registry's URI is for its operator alone. Members do not ask a registrar for a path, because each
    request would reveal who they are.
    """

    def action() -> Report:
        if is_uri(name):
            return registry_path_report(name, index, snapshot, as_json)
        if snapshot is not None:
            raise ParameterError("--snapshot: expected the URI of a registry, got the file of a mirror")
        return path_report(_load_mirror(Path(name), min_members).proof(index))

    run(action, as_json)


def _apply_file(file: Path, public_key: bytes, mirror: Mirror) -> bool:
    """Apply a bulletin, and return True; return False for one that the mirror has already applied."""
    with name_in_errors(file):
        data = read_bulletin(file)
        expect(data, "bulletin", FileKind.BULLETIN)
        try:
            bulletin = open_bulletin(data, public_key)
            if bulletin.last == mirror.step and bulletin.root != mirror.root:
                raise GroupRefused(
                    f"bulletin: expected root {numbers.hexadecimal(mirror.root)} for step {mirror.step}, "
                    f"got {numbers.hexadecimal(bulletin.root)}"
                )
            if bulletin.last <= mirror.step:
                return False
            mirror.apply(bulletin)
        except GroupRefused as error:
            raise GroupRefused(f"{file}: {error}; nothing was saved") from error
    return True


def _apply_new(folder: BulletinFolder, directory: Path, mirror: Mirror, into: Path, quiet: bool) -> int:
    """Apply the new bulletins of a directory, save the mirror if it changed, and print what is new."""
    before, refused, newest, applied = mirror.step, set(folder.refused.items()), folder.newest, 0
    try:
        with name_in_errors(directory):
            applied = len(folder.apply_new())
    finally:
        if mirror.step != before:
            with name_in_errors(into):
                save_mirror(into, mirror)
            if not quiet:
                line = f"step {mirror.step}  root {numbers.hexadecimal(mirror.root)}"
                print_answer(line, f"the mirror was saved at step {mirror.step}")
    for file, reason in sorted(set(folder.refused.items()) - refused):
        if not quiet:
            typer.echo(f"refused {file}: {reason}", err=True)
    if folder.newest > max(newest, mirror.step) and not quiet:
        typer.echo(_gap(mirror, folder), err=True)
    return applied


def _gap(mirror: Mirror, folder: BulletinFolder) -> str:
    return (
        f"no bulletin continues from step {mirror.step}, but there are bulletins up to step {folder.newest}; "
        "get the missing one"
    )


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What bulletins of the group must have: the registrar's public key, depth and limit bits.

    Depth and limit bits are None if the user did not give them.
    """

    public_key: bytes
    depth: int | None
    limit_bits: int | None

    @classmethod
    def of(
        cls, public_key: str | None, params: Path | None, depth: int | None, limit_bits: int | None
    ) -> _Shape:
        """Return what the options say."""
        if params is None:
            if public_key is None:
                raise ParameterError("--public-key: expected it or --params, got neither")
            return cls(parse_public_key(public_key, "--public-key"), depth, limit_bits)
        if (public_key, depth, limit_bits) != (None, None, None):
            raise ParameterError(
                "--params: expected it alone, got also --public-key, --depth or --limit-bits, which it holds"
            )
        agreed = read_params(params)
        if agreed.registrar_key is None:
            raise ParameterError(
                f"{params}: registrar_key: expected the key that signs bulletins, got none; use --public-key"
            )
        return cls(parse_public_key(agreed.registrar_key, str(params)), agreed.depth, agreed.limit_bits)


def _open_mirror(file: Path, shape: _Shape, min_members: int) -> Mirror:
    """Open a mirror, or make an empty one if there is no file.

    Raises:
        ParameterError: the mirror has another depth or limit than the user gave.
    """
    if not file.exists():
        depth = 20 if shape.depth is None else shape.depth
        limit_bits = 16 if shape.limit_bits is None else shape.limit_bits
        return Mirror(depth, limit_bits, min_members=min_members)
    mirror = _load_mirror(file, min_members)
    for name, expected, got in (
        ("depth", shape.depth, mirror.depth),
        ("limit bits", shape.limit_bits, mirror.limit_bits),
    ):
        if expected not in (None, got):
            raise ParameterError(
                f"{file}: {name}: expected {expected}, got {got}: it is the mirror of another group; choose "
                "another file, or leave the option out"
            )
    return mirror


def _load_mirror(file: Path, min_members: int) -> Mirror:
    with name_in_errors(file):
        return load_mirror(file, min_members=min_members)


def _mirror_report(mirror: Mirror, more: dict[str, object], min_members: int, effect: str = "") -> Report:
    """Report the state of a mirror, with status 1 if it has fewer than `min_members`."""
    data = {
        "step": mirror.step,
        "at": mirror.at / 1000,
        "members": len(mirror),
        "root": str(mirror.root),
        **more,
    }
    state = f"step {mirror.step} at {utc_text(mirror.at / 1000)}, {numbers.counted(len(mirror), 'member')}"
    text = f"{state}\nroot {numbers.hexadecimal(mirror.root)}"
    if len(mirror) < min_members:
        saved = "the mirror was saved; " if more.get("applied") else ""
        return Report(
            data,
            f"{text}\ntoo few members to hide among: expected at least {min_members}, got {len(mirror)}; "
            f"{saved}wait until more have joined and import the next bulletins, or accept a smaller group "
            "(--min-members)",
            REFUSED,
            effect,
        )
    return Report(data, text, effect=effect)
