"""Report: what a command prints, as text or as JSON, and its exit status.

0  done, accepted
1  well formed but refused: for example an invalid proof, shares that determine no secret, a bulletin of
   another group, a commitment that is already registered, a test vector that fails
2  unusable input; the message names the file and the field
3  a store or the machine failed, or is overloaded
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rln.errors import InputError, NativeError, Overloaded, RlnError, StoreError

ACCEPTED, REFUSED, UNUSABLE, FAILED = 0, 1, 2, 3

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command.

    Attributes:
        data: what `--json` prints.
        text: what is printed otherwise: plain text, in which rich markup has no effect, or a rich object.
        status: the exit status.
    """

    data: Mapping[str, object]
    text: str | RenderableType = ""
    status: int = ACCEPTED


_CHUNK = 1 << 20
"""Bytes in one read."""

_MACHINE_ERRORS = frozenset({errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})
"""Errors of the machine (status 3); every other one is about the file that the user named (status 2)."""


class UnusableFile(InputError):
    """A file that does not exist, or that cannot be read or written."""


def run(action: Callable[[], Report], as_json: bool) -> None:
    """Run a command and exit with its status. A failure prints one line, never a traceback."""
    try:
        report = action()
    except BrokenPipeError:
        raise  # the reader of the output has closed it; typer exits without a message
    except (RlnError, OSError) as error:
        report = _failure(error)
    if as_json:
        typer.echo(json.dumps(dict(report.data), indent=1))
    elif isinstance(report.text, str):
        if report.text:
            typer.echo(report.text, err=report.status != ACCEPTED)
    else:
        Console(highlight=False).print(report.text)
    raise typer.Exit(report.status)


def _failure(error: RlnError | OSError) -> Report:
    if isinstance(error, InputError):
        status = UNUSABLE
    elif isinstance(error, (StoreError, NativeError, Overloaded, OSError)):
        status = FAILED
    else:
        status = REFUSED
    message = str(error) or type(error).__name__
    return Report({"error": type(error).__name__, "message": message}, f"rln: {message}", status)


def read_file(path: Path, limit: int | None = None) -> bytes:
    """Return the content of a file that the user named.

    Args:
        path: the file.
        limit: the most bytes that the parser accepts; reading stops there. None means no limit: the size of
            a key depends on its circuit.

    Raises:
        UnusableFile: the file does not exist, cannot be read, or is longer.
    """
    try:
        if limit is None:
            return path.read_bytes()
        with path.open("rb") as file:
            data = bytearray()
            # In parts: one read of the whole limit would allocate memory for all of it.
            while part := file.read(min(_CHUNK, limit + 1 - len(data))):
                data += part
    except OSError as error:
        raise _file_error(path, error) from error
    if len(data) > limit:
        raise UnusableFile(f"{path}: expected at most {limit} bytes, got more")
    return bytes(data)


@contextmanager
def name_in_errors(path: Path | str) -> Iterator[None]:
    """Put the file's name before the message of an input error; turn an `OSError` into one of ours."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise _file_error(path, error) from error


def _file_error(path: Path | str, error: OSError) -> RlnError:
    kind = NativeError if error.errno in _MACHINE_ERRORS else UnusableFile
    return kind(f"{path}: {error.strerror}")


@dataclass(slots=True)
class ProgressBar:
    """A progress bar on standard error; shown only on a terminal."""

    label: str
    hidden: bool = False

    @contextmanager
    def running(self) -> Iterator[Callable[[float], None]]:
        """Show the bar. Call the yielded function with the part that is done, 0.0 to 1.0."""
        console = Console(stderr=True)
        if self.hidden or not console.is_terminal:  # rich 13 ends even a disabled bar with an empty line
            yield lambda part: None
            return
        bar = Progress(
            TextColumn(self.label), BarColumn(), TimeElapsedColumn(), console=console, transient=True
        )
        with bar:
            task = bar.add_task(self.label, total=1.0)
            yield lambda part: bar.update(task, completed=part)
