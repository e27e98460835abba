"""Open the registry that a URI names, and its tree."""

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
        "--snapshot", help="Load the tree from this file, and save it there afterwards; created if missing."
    ),
]


def is_uri(name: str) -> bool:
    """Return whether the name is the URI of a registry, and not the file of a mirror."""
    return "://" in name


def check_persistent(uri: str, expected: tuple[str, ...] = MEMBERS) -> StoreUri:
    """Parse the URI of a store that outlives the command.

    Raises:
        ParameterError: the scheme is not an expected one, or the store is in memory.
    """
    where = StoreUri.parse(uri, expected)
    if where.scheme == "memory":
        raise ParameterError(
            "store: expected a file or a server, got memory://, which is gone when the command ends; use "
            "sqlite:///path, for example"
        )
    return where


@contextmanager
def open_registry(uri: str) -> Iterator[MemberRegistry]:
    """Open an existing registry, and close it at the end."""
    where = check_persistent(uri)
    if where.scheme == "sqlite" and not where.path.exists():
        raise UnusableFile(f"{where.path}: No such file or directory")
    with closing(open_existing_members(uri)) as registry:
        yield registry


@contextmanager
def open_tree(uri: str, quiet: bool, snapshot: Path | None = None) -> Iterator[Group]:
    """Open the group of a registry, and close the registry at the end.

    Args:
        uri: an existing registry.
        quiet: show no progress bar.
        snapshot: the tree is loaded from this file if it exists, and saved there when the block ends without
            an error. It only saves time: a snapshot that cannot be used or written is reported on standard
            error, and the command goes on.

    Raises:
        UnusableFile: no file can be written at the snapshot's path, or another kind of file is there; it is
            left unchanged.
    """
    if snapshot is not None:
        check_output(snapshot)
        with name_in_errors(snapshot):
            if snapshot.exists() and not is_snapshot(snapshot):
                raise UnusableFile("it is not a snapshot, so it is not overwritten; choose another file")
    with open_registry(uri) as registry:
        with warnings.catch_warnings(record=True) as unusable:
            warnings.simplefilter("always")
            with ProgressBar("building the tree", hidden=quiet).running() as progress:
                # interval=0: the command ends before a delayed removal is due, so none is delayed.
                opened = build_group(
                    registry, now=time.time, interval=0, snapshot=snapshot, progress=progress
                )
        for warning in unusable:
            typer.echo(f"rln: {warning.message}; the tree was built from all steps", err=True)
        yield opened
        if snapshot is not None:
            try:
                write_snapshot(opened.picture(), snapshot)
            except StoreUnavailable as error:
                typer.echo(f"rln: snapshot not saved: {error}", err=True)
