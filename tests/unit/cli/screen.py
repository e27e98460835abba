"""A terminal's screen: what a person sees when a program has ended that ran in a pseudo-terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

_CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


def shown(*arguments: object, columns: int = 100, status: int = 0) -> list[str]:
    """Run a command on a terminal of this width, and return the lines on its screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    command = [sys.executable, "-m", "rln", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env={**environment, "TERM": "xterm"}
    )
    os.close(slave)
    written = b""
    while True:
        try:
            part = os.read(master, 1 << 16)
        except OSError:  # the program has ended, and closed the terminal
            break
        if not part:
            break
        written += part
    os.close(master)
    assert process.wait(60) == status, written
    return draw(written.decode())


def draw(written: str) -> list[str]:
    """Return the lines of a screen after a program has written to it; wide enough that no line wraps."""
    lines, row, column, at = [""], 0, 0, 0
    while at < len(written):
        control = _CONTROL.match(written, at)
        if control is not None:
            at = control.end()
            count = int(control[1] or 1) if control[1].isdigit() or not control[1] else 1
            match control[2]:
                case "A":
                    row = max(0, row - count)
                case "K":
                    assert control[1] == "2", control[0]
                    lines[row] = ""
                case "m" | "h" | "l":  # colours, and the cursor's visibility
                    pass
                case _:
                    raise AssertionError(f"unknown control {control[0]!r}")
            continue
        character = written[at]
        at += 1
        if character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    return lines
