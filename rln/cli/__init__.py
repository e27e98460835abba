"""Command line: the command `rln`, with tables, JSON and progress bars.

It needs the extra `cli`: typer and rich.
"""

import sys


def main() -> None:
    """Run the command line and exit with a status of `rln.cli.edge`."""
    try:
        from rln.cli.app import app
    except ImportError as error:
        if (error.name or "rln").partition(".")[0] == "rln":
            raise
        from rln.base.extras import missing

        package = (error.name or "").partition(".")[0]
        print(f"rln: {missing(package, 'cli', error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    app()
