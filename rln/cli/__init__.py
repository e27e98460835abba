"""Command line: the command `rln`, with tables, JSON and progress bars.

It needs the extra `cli`: typer and rich.
"""

import sys


def main() -> None:
    """Run the command line and exit with status 0, 1, 2 or 3."""
    try:
        from rln.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"rln: the command line needs {error.name}: install rln[cli]")
    app()
