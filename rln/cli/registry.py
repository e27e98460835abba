"""The registry that a URI names, as commands open it, and its tree."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rln.cli.output import check_output
from rln.cli.report import ProgressBar, UnusableFile, name_in_errors
from rln.errors import ParameterError, StoreUnavailable
from rln.group.group import Group
from rln.group.ports import MemberRegistry
from rln.stores import MEMBERS, open_existing_members
from rln.stores.groups import build_group
from rln.stores.snapshot import is_snapshot, write_snapshot
from rln.stores.uri import StoreUri

SnapshotOption = Annotated[
    Path | None,
    typer.Option(
        "--snapshot", help="File to begin the tree with, and to keep it in; made when it is missing."
    ),
]


def is_uri(name: str) -> bool:
    """Tell a registry from the file of a mirror."""
    return "://" in name


def check_persistent(uri: str, expected: tuple[str, ...] = MEMBERS) -> StoreUri:
    """Read the URI of something that is there when the command has ended.

    Raises:
        ParameterError: it has none of the schemes that are expected, or is gone then.
    """
    where = StoreUri.parse(uri, expected)
    if where.scheme == "memory":
        raise ParameterError("store: memory:// is gone when a command has ended")
    return where


@contextmanager
def open_registry(uri: str) -> Iterator[MemberRegistry]:
    """A registry that is there, closed at the end."""
    where = check_persistent(uri)
    if where.scheme == "sqlite" and not where.path.exists():
        raise UnusableFile(f"{where.path}: No such file or directory")
    with closing(open_existing_members(uri)) as registry:
        yield registry


@contextmanager
def open_tree(uri: str, quiet: bool, snapshot: Path | None = None) -> Iterator[Group]:
    """The group of a registry, which is closed at the end.

    Args:
        uri: of a registry that is there.
        quiet: without a bar.
        snapshot: begins the tree where it is there, and has it when the block has ended without an error. It
            is a short cut and no truth, so what is wrong with it is said on standard error, and no failure.

    Raises:
        UnusableFile: the snapshot is no place for a file, or another kind of file, which stays as it is.
    """
    if snapshot is not None:
        check_output(snapshot)
        with name_in_errors(snapshot):
            if snapshot.exists() and not is_snapshot(snapshot):
                raise UnusableFile("no snapshot, and never overwritten")
    with open_registry(uri) as registry:
        with warnings.catch_warnings(record=True) as unusable:
            warnings.simplefilter("always")
            with ProgressBar("opening", hidden=quiet).running() as progress:
                # A command has ended when a removal would be due: each makes the step of its own.
                opened = build_group(
                    registry, now=time.time, interval=0, snapshot=snapshot, progress=progress
                )
        for warning in unusable:
            typer.echo(f"rln: {warning.message}; the tree was built of all events", err=True)
        yield opened
        if snapshot is not None:
            try:
                write_snapshot(opened.picture(), snapshot)
            except StoreUnavailable as error:
                typer.echo(f"rln: not kept: {error}", err=True)
