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
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rln.errors import InputError, NativeError, RlnError

ACCEPTED, REFUSED, UNUSABLE, FAILED = 0, 1, 2, 3

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command.

    Attributes:
        data: what `--json` prints.
        text: what is printed otherwise: plain text, in which rich markup has no effect, or a rich object.
        status: the exit status.
        effect: what the command has changed, as the beginning of a sentence: it is printed if the answer
            cannot be. Empty if the command changes nothing.
    """

    data: Mapping[str, object]
    text: str | RenderableType = ""
    status: int = ACCEPTED
    effect: str = ""


_CHUNK = 1 << 20
"""Bytes in one read."""

_MACHINE_ERRORS = frozenset(
    {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
)
"""Errors of the machine (status 3); every other one is about the file that the user named (status 2)."""


class UnusableFile(InputError):
    """A file that does not exist, or that cannot be read or written."""


class AnswerLost(NativeError):
    """The answer could not be written to standard output; the message says what the command has done."""


def run(action: Callable[[], Report], as_json: bool) -> None:
    """Run a command, print its report, and exit with its status. `rln.cli.edge` prints what fails.

    Raises:
        AnswerLost: the command has ended, but its report could not be written.
    """
    report = action()
    if as_json:
        print_answer(json.dumps(dict(report.data), indent=1), report.effect)
    elif report.status != ACCEPTED and isinstance(report.text, str):
        if report.text:
            typer.echo(report.text, err=True)
    elif report.text:
        print_answer(report.text, report.effect)
    raise typer.Exit(report.status)


def print_answer(text: str | RenderableType, effect: str = "") -> None:
    """Print to standard output, at once.

    Args:
        text: plain text, or a rich object.
        effect: what the command has done before, as in `Report`.

    Raises:
        AnswerLost: the disk is full, for example, or standard output is closed.
        BrokenPipeError: the reader of the output has closed it.
    """
    try:
        if sys.stdout is None or sys.stdout.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if isinstance(text, str):
            _write_line(text, sys.stdout)
        else:
            Console(highlight=False).print(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        done = effect or "the command was carried out"
        raise AnswerLost(
            f"{done}, but the answer could not be written: standard output: {error.strerror}"
        ) from error


def _write_line(text: str, stream: TextIO) -> None:
    """Write all of a line; a stream without a buffer (PYTHONUNBUFFERED) may take a part in each write."""
    stream.flush()
    data = f"{text}\n".encode(stream.encoding or "utf-8", "backslashreplace")
    if not hasattr(stream, "buffer"):  # it is not a file: an editor's console, for example
        stream.write(data.decode(stream.encoding or "utf-8"))
        return
    while data:
        data = data[stream.buffer.write(data) :]
    stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal, so that frames, colours and progress bars may be drawn there."""
    return stream is not None and not stream.closed and stream.isatty()


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
            with path.open("rb") as file:
                if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):  # /dev/zero has no end
                    raise UnusableFile(f"{path}: expected a file or a pipe, got a device")
                return file.read()
        with path.open("rb") as file:
            data = bytearray()
            # In parts: one read of the whole limit would allocate memory for all of it.
            while part := file.read(min(_CHUNK, limit + 1 - len(data))):
                data += part
    except OSError as error:
        raise file_error(path, error) from error
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
        raise file_error(path, error) from error


def file_error(path: Path | str, error: OSError) -> RlnError:
    """Return the error for a file that the user named: of the machine, or of the file."""
    kind = NativeError if error.errno in _MACHINE_ERRORS else UnusableFile
    advice = ""
    if error.strerror == os.strerror(errno.EEXIST):  # the texts of ours with this number say what to do
        advice = "; it was not replaced: choose another file"
    return kind(f"{path}: {error.strerror}{advice}")


@dataclass(slots=True)
class ProgressBar:
    """A progress bar on standard error; shown only on a terminal."""

    label: str
    hidden: bool = False

    @contextmanager
    def running(self) -> Iterator[Callable[[float], None]]:
        """Show the bar. Call the yielded function with the part that is done, 0.0 to 1.0."""
        console = Console(stderr=True)
        if self.hidden or not is_terminal(sys.stderr):  # rich 13 ends even a disabled bar with an empty line
            yield lambda part: None
            return
        bar = Progress(
            TextColumn(self.label), BarColumn(), TimeElapsedColumn(), console=console, transient=True
        )
        with bar:
            task = bar.add_task(self.label, total=1.0)
            yield lambda part: bar.update(task, completed=part)
