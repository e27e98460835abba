"""Write every generated constants header of the C core from first principles.

    python native/gen            write the headers
    python native/gen --check    compare them with what is in the tree; exit 1 and name each that differs

Each topic is one module of this directory with `HEADERS: dict[str, Callable[[], str]]`, from a path below
native/src/math to the function that returns the file's text. Standard library alone; no network, no build.
"""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "math"
TOPICS = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in {"__main__", "curve", "text"})


def main(arguments: list[str]) -> int:
    """Write or check every header; 0 when all is well."""
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
        print(f"{name}: differs from what native/gen makes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))
