"""Report: what a command has to say, to people or as JSON, and the exit status that goes with it.

0  done, accepted
1  well formed but refused: a proof that does not hold, shares that determine nothing, a vector that misses
2  unusable input: which file, which field
3  a store or the machine failed, or has too much to do
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """The end of a command.

    Attributes:
        data: for `--json`.
        text: for people, rich markup is not interpreted; or something that rich can draw.
        status: the exit status.
    """

    data: Mapping[str, object]
    text: str | RenderableType = ""
    status: int = ACCEPTED


_CHUNK = 1 << 20
"""Bytes that are read at once."""

_MACHINE_ERRORS = frozenset({errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})


class UnusableFile(InputError):
    """A file that is not there, or cannot be read or written as asked."""


def run(action: Callable[[], Report], as_json: bool) -> None:
    """Run a command and leave with its status; a failure is one line and never a traceback."""
    try:
        report = action()
    except BrokenPipeError:
        raise  # whoever reads our output has seen enough; typer ends without a word
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
    """The content of a file that a user named.

    Args:
        path: of the file.
        limit: the most bytes that whoever parses it takes; a longer file is not read further. None: a key,
            whose size is what its circuit makes it.

    Raises:
        UnusableFile: it is not there, not readable, or longer.
    """
    try:
        if limit is None:
            return path.read_bytes()
        with path.open("rb") as file:
            data = bytearray()
            # In parts: to ask for the limit at once would take the memory for it at once.
            while part := file.read(min(_CHUNK, limit + 1 - len(data))):
                data += part
    except OSError as error:
        raise _file_error(path, error) from error
    if len(data) > limit:
        raise UnusableFile(f"{path}: expected at most {limit} bytes, got more")
    return bytes(data)


@contextmanager
def name_in_errors(path: Path | str) -> Iterator[None]:
    """Put the file's name before the message of an input error, and make one of what the system refuses."""
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
    """A progress bar on a terminal's standard error, and nothing elsewhere."""

    label: str
    hidden: bool = False
    _progress: Progress = field(init=False)

    @contextmanager
    def running(self) -> Iterator[Callable[[float], None]]:
        """Show the bar; the value is called with the part done, 0.0 to 1.0."""
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn(self.label),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=self.hidden or not console.is_terminal,
            transient=True,
        )
        with self._progress:
            task = self._progress.add_task(self.label, total=1.0)
            yield lambda part: self._progress.update(task, completed=part)
