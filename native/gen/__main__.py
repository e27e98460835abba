"""Write every generated constants header of the C core from first principles.

    python native/gen            write the headers
    python native/gen --check    compare them with the files; if any differs, print its name and exit with 1

Each topic is one module of this directory with `HEADERS: dict[str, Callable[[], str]]`: it maps a path below
native/src/math to the function that returns the text of the file. The generator needs only the standard
library: no network, no build.
"""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "math"
TOPICS = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in {"__main__", "curve", "text"})


def main(arguments: list[str]) -> int:
    """Write or check every header; return 0 if none differs."""
    if arguments not in ([], ["--check"]):
        print("usage: python native/gen [--check]", file=sys.stderr)
        return 2
    stale = []
    for topic in TOPICS:
        for name, text in importlib.import_module(topic).HEADERS.items():
            path = TARGET / name
            if not arguments:
                path.write_text(text())
            elif not path.exists() or path.read_text() != text():
                stale.append(name)
    for name in stale:
        print(f"{name}: differs from the output of native/gen; run python native/gen", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))
