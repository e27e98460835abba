"""`rln identity import` and `export`: identities from and for the keystores of nwaku and js-waku.

Another program that uses an identity keeps its own count of message ids. Two messages on one id publish the
secret. So an identity that comes or goes gets no message id here in any epoch in which the other program may
have sent, also by a clock that is ahead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from rln.atomic_files import check_writable, write_new_file
from rln.cli import numbers
from rln.cli.commands.identity import read_identity, read_input, write_secret
from rln.cli.output import check_different
from rln.cli.registry import check_persistent
from rln.cli.report import AsJson, Report, file_error, name_in_errors, read_file, run
from rln.cli.table import format_facts
from rln.errors import ParameterError
from rln.formats.keystore import MAX_BYTES, Keystore
from rln.ports import MessageIdAllocator
from rln.protocol.epoch import EpochClock
from rln.protocol.waku_membership import WakuMembership
from rln.stores import FILES, open_message_ids

_PASSWORD_LIMIT: Final = 1 << 12
"""Bytes of the longest file with a password."""

PasswordOption = Annotated[
    str,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="File whose first and only line is the password; - reads standard input.",
    ),
]
IdsOption = Annotated[
    str | None,
    typer.Option(
        "--ids",
        metavar="URI",
        help="Message ids of the member, sqlite:///path; default: in the user's state directory.",
    ),
]
SkewOption = Annotated[
    float, typer.Option("--skew", help="Seconds by which the other program's clock may be ahead.")
]


def import_keystore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Keystore of nwaku or js-waku.")],
    password_file: PasswordOption,
    out: Annotated[Path, typer.Option(help="New file for the secret; an existing file is refused.")],
    credential: Annotated[
        str | None, typer.Option("--credential", metavar="LABEL", help="Which entry, if there are several.")
    ] = None,
    leaf: Annotated[
        str | None,
        typer.Option(
            "--leaf", help="Leaf of the member in the group's tree, decimal or 0x, to compare with."
        ),
    ] = None,
    ids: IdsOption = None,
    period: Annotated[
        int | None,
        typer.Option("--period", help="Length of the network's epochs in seconds; or --never-sent."),
    ] = None,
    skew: SkewOption = 20.0,
    never_sent: Annotated[
        bool,
        typer.Option(
            "--never-sent",
            help="The identity has sent no message anywhere, and no other program will use it; otherwise the "
            "secret may be revealed. Without this, it gets no message id of the running epoch.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take an identity out of a keystore, and write its secret to a new file of mode 0600.

    Stop the other program first: if both send in one epoch, they reveal the secret.
    """

    def action() -> Report:
        if never_sent == (period is not None):
            got = "both" if never_sent else "neither"
            raise ParameterError(
                f"--period: expected the length of the network's epochs, or else --never-sent, got {got}"
            )
        expected = None if leaf is None else numbers.parse(leaf, "--leaf")
        until = None if period is None else _end_of_epoch(period, skew)
        check_different({"FILE": file, "--out": out})
        _check_new(out)
        password = _password(password_file)
        with name_in_errors(file):
            keystore = Keystore.decode(read_file(file, MAX_BYTES))
            found = WakuMembership.unlock(keystore, password, credential)
        with found.identity as identity:
            if expected is not None:
                found.check_leaf(expected)
            _tell(ids, lambda allocator: _imported(allocator, identity.commitment, until))
            write_secret(out, identity)
            return _about(found, out, until, f"the secret was written to {out}")

    run(action, as_json)


def export_keystore(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Identity, made by `rln identity new --extended` or import."),
    ],
    password_file: PasswordOption,
    chain_id: Annotated[
        str, typer.Option("--chain-id", help="Chain of the membership contract, as a number.")
    ],
    contract: Annotated[str, typer.Option("--contract", help="Address of the membership contract.")],
    index: Annotated[int, typer.Option("--index", help="Index of the member's leaf.")],
    limit: Annotated[
        int, typer.Option("--limit", help="User message limit that the member was registered with.")
    ],
    period: Annotated[int, typer.Option("--period", help="Length of the network's epochs in seconds.")],
    out: Annotated[Path, typer.Option(help="New keystore; an existing file is refused.")],
    ids: IdsOption = None,
    skew: SkewOption = 20.0,
    as_json: AsJson = False,
) -> None:
    """Write an identity to a new keystore for nwaku or js-waku, and give it no more message ids here for now.

    The other program may send from the printed time on, and nothing may be sent with this identity here.
    """

    def action() -> Report:
        until = _end_of_epoch(period, skew)
        check_different({"FILE": file, "--out": out})
        _check_new(out)
        password = _password(password_file)
        with read_identity(file) as identity:
            found = WakuMembership(identity, chain_id, contract, index, limit)
            data = Keystore().with_entry(*found.lock(password)).encode()
            _tell(ids, lambda allocator: allocator.refuse_until(identity.commitment, until))
            with name_in_errors(out):
                write_new_file(out, data)
            return _about(found, out, until, f"the keystore was written to {out}")

    run(action, as_json)


def _end_of_epoch(period: int, skew: float) -> int:
    """Return the end of the newest epoch in which a program may send whose clock is ahead by the skew."""
    return EpochClock.waku(bytes(32), period, skew=skew).acceptable()[-1].end


def _check_new(path: Path) -> None:
    """Refuse a path at which no new file can be made, before anything is recorded."""
    with name_in_errors(path):
        check_writable(path)
    if os.path.lexists(path):
        raise file_error(path, FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)))


def _password(name: str) -> str:
    """Return the password in a file, without the end of its line."""
    data = read_input(name, _PASSWORD_LIMIT)
    try:
        password = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ParameterError(f"{name}: expected a password in UTF-8") from None
    if not password or "\n" in password:
        raise ParameterError(f"{name}: expected one line with a password")
    return password


def _tell(uri: str | None, record: Callable[[MessageIdAllocator], None]) -> None:
    """Let a file of message ids record something about an identity."""
    if uri is not None:
        check_persistent(uri, FILES)
    with closing(open_message_ids(uri)) as allocator:
        record(allocator)


def _imported(allocator: MessageIdAllocator, commitment: int, until: int | None) -> None:
    if until is None:
        allocator.introduce(commitment)
    else:
        allocator.refuse_until(commitment, until)


def _about(found: WakuMembership, path: Path, until: int | None, effect: str) -> Report:
    commitment, leaf = found.identity.commitment, found.leaf
    data = {
        "commitment": str(commitment),
        "file": str(path),
        "credential": found.label,
        "chain_id": found.chain_id,
        "contract": found.address,
        "index": found.index,
        "limit": found.limit,
        "leaf": None if leaf is None else str(leaf),
        "no_ids_before": until,
    }
    facts = {
        "commitment": numbers.hexadecimal(commitment),
        "chain id": found.chain_id,
        "contract": found.address,
        "index": found.index,
        "limit": found.limit,
        "leaf": None if leaf is None else numbers.hexadecimal(leaf),
        "no ids before": None if until is None else f"unix time {until}",
    }
    return Report(data, format_facts(facts), effect=effect)
