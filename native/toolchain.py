"""The programs and headers of the machine that a build needs, and the packages that have them.

A build asks for them before it compiles anything: the only file that needs Python's headers is the last one,
and a compiler's own message names no package.
"""

from collections.abc import Callable

PROBE = "#include <pthread.h>\nint main(void) { return 0; }\n"
"""A program that needs a compiler, and the headers of the C library."""

PACKAGES = {
    "Debian, Ubuntu": ("apt install", "gcc libc6-dev", "python3-dev"),
    "Fedora": ("dnf install", "gcc glibc-devel", "python3-devel"),
    "Alpine": ("apk add", "gcc musl-dev", "python3-dev"),
    "macOS": ("xcode-select", "--install", "--install"),
}
"""By system: the command, and what it installs for C programs and for Python's headers."""


def fault(compiles: Callable[[str], bool], compiler: str, header: str) -> str | None:
    """Return what the machine lacks and how to install it, in lines for a person; None if nothing.

    Args:
        compiles: whether the compiler accepts a C program.
        compiler: its command.
        header: where this Python says its Python.h is.
    """
    if not compiles(PROBE):
        lacking = f"the build needs a C compiler, and {compiler} is missing or finds no C library"
        hint, column = "Another compiler: name it in CC, for example CC=clang.", 1
    elif not compiles("#include <Python.h>\n"):
        lacking = f"the build needs the headers of this Python, and {header} is missing or unusable"
        hint, column = "A Python from elsewhere has its headers in a package of its own.", 2
    else:
        return None
    width = max(map(len, PACKAGES))
    lines = [f"    {system:{width}}  {row[0]} {row[column]}" for system, row in PACKAGES.items()]
    return "\n".join([f"rln: {lacking}. Install it, then repeat the command:", *lines, hint])
