"""Edge: the one place where a command ends: with an exit status, and with a message instead of a traceback.

The statuses are those of `rln.cli.report`, and

130  interrupted by SIGINT
141  the reader of standard output closed it
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from rln.cli.confidential import hide
from rln.cli.report import FAILED, REFUSED, UNUSABLE, file_error, is_terminal
from rln.cli.table import format_paragraph
from rln.errors import (
    InputError,
    NativeError,
    Overloaded,
    ParameterError,
    RlnError,
    StoreError,
    StoreUnavailable,
)
from rln.lowlevel import engine

INTERRUPTED: Final = 130
OUTPUT_CLOSED: Final = 141

_USAGE_ERROR: Final = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""The base of all errors of the arguments; where its class is depends on the version of typer."""

_JSON: Final = "--json"


@dataclass(frozen=True, slots=True)
class Failure:
    """A command that failed.

    Attributes:
        status: the exit status.
        kind: name of the error, for `--json`.
        message: one line, or several for a fault of the library.
        usage: printed before the message.
        more: what the JSON holds beside kind and message.
    """

    status: int
    kind: str
    message: str
    usage: str = ""
    more: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what to say about an error, which is the one that is handled now."""
        if isinstance(error, _USAGE_ERROR):
            return _usage_failure(error)
        if isinstance(error, StoreUnavailable):
            more = {"retry_after": error.retry_after}
            return cls(FAILED, type(error).__name__, _message(error), more=more)
        if isinstance(error, RlnError):
            return cls(_status(error), type(error).__name__, _message(error))
        if isinstance(error, (KeyboardInterrupt, typer.Abort)):
            return cls(
                INTERRUPTED,
                "Interrupted",
                "interrupted; a change that was under way may have been made or not",
            )
        if isinstance(error, MemoryError):
            return cls(FAILED, NativeError.__name__, "out of memory")
        if isinstance(error, OSError) and error.strerror and isinstance(error.filename, (str, Path)):
            return cls.of(file_error(error.filename, error))
        if isinstance(error, OSError):
            return cls(FAILED, type(error).__name__, _message(error))
        return cls(
            FAILED,
            type(error).__name__,
            f"fault of rln: {type(error).__name__}: {_message(error)}; please report it with these lines:\n"
            + "".join(traceback.format_exception(error)).rstrip(),
        )


class Edge(TyperGroup):
    """The root of all commands. It is made for one run of the command, in the main thread.

    Help and errors have frames and colours only if standard output is a terminal.
    """

    def main(self, args: Sequence[str] | None = None, *_: object, **__: Any) -> NoReturn:
        """Run the command that the arguments name, and exit with its status."""
        _set_help(self, "rich" if is_terminal(sys.stdout) else None)
        sys.exit(finish(lambda: self._run(list(sys.argv[1:] if args is None else args)), args))

    def _run(self, arguments: list[str]) -> None:
        engine.name()  # refuses an engine that RLN_ENGINE names and that this machine does not have
        for number, argument in enumerate(arguments, 1):
            if not _is_argument(argument):
                raise ParameterError(f"argument {number}: expected text without NUL that can be encoded")
        with self.make_context("rln", arguments) as context:
            self.invoke(context)


def finish(work: Callable[[], object], arguments: Sequence[str] | None = None) -> int:
    """Do the work of a command and return its exit status; print a message if it fails.

    Args:
        work: ends by returning, by `typer.Exit`, or by an error.
        arguments: of the command line; with --json among them, the message is JSON on standard output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        return _end_of(work, sys.argv[1:] if arguments is None else arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _end_of(work: Callable[[], object], arguments: Sequence[str]) -> int:
    try:
        with _exceptions_of_exits():
            work()
        return 0
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        return OUTPUT_CLOSED
    except BaseException as error:  # noqa: BLE001  the edge: nothing passes it
        failure = Failure.of(error)
    try:
        _print(replace(failure, message=hide(failure.message, arguments)), _JSON in arguments)
    except BrokenPipeError:
        return OUTPUT_CLOSED
    return failure.status


@contextmanager
def _exceptions_of_exits() -> Iterator[None]:
    """Turn the exit by which rich ends a program whose output is closed into the error of the output."""
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise typer.Exit(end.code if isinstance(end.code, int) else FAILED) from end


def _is_argument(text: str) -> bool:
    """Return whether a program can be started with this argument; then it can be a path, too."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _usage_failure(error: Any) -> Failure:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        return Failure(UNUSABLE, "UsageError", "expected a command, got none", message)
    context = getattr(error, "ctx", None)
    usage = ""
    if context is not None:
        usage = f"{context.get_usage()}\nTry '{context.command_path} --help' for help."
    return Failure(UNUSABLE, "UsageError", " ".join(message.split()), usage)


def _status(error: RlnError) -> int:
    if isinstance(error, InputError):
        return UNUSABLE
    return FAILED if isinstance(error, (StoreError, NativeError, Overloaded)) else REFUSED


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _print(failure: Failure, as_json: bool) -> None:
    """Print a failure: JSON on standard output or, also if that fails, text on standard error."""
    if as_json:
        with suppress(OSError, ValueError):
            if sys.stdout is not None:
                data = {"error": failure.kind, "message": failure.message, **failure.more}
                typer.echo(json.dumps(data, indent=1))
                return
    usage = f"{failure.usage}\n\n" if failure.usage else ""
    message = f"rln: {failure.message}"
    if "\n" not in failure.message:  # a fault of the library has the lines of a traceback
        message = format_paragraph(failure.message, "rln: ", stream=sys.stderr)
    with suppress(OSError, ValueError):
        typer.echo(f"{usage}{message}", err=True)


def _flush(stream: TextIO | None) -> None:
    """Flush a stream; if that fails, throw away what it holds, so that the interpreter does not try again."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)


def _set_help(command: Any, markup: str | None) -> None:
    """Set how typer prints the help of a command and of all commands below it."""
    command.rich_markup_mode = markup
    # In a list of commands; without it, typer cuts a long line off where help is plain text.
    command.short_help = command.short_help or " ".join((command.help or "").partition("\n\n")[0].split())
    for child in getattr(command, "commands", {}).values():
        _set_help(child, markup)
