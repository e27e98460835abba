"""Make every vector file with the oracle, or check that the files are what the oracle makes.

    python vectors/make.py            write vectors/*.json
    python vectors/make.py --check    compare; name each file that differs, and exit with 1 if one does

Standard library alone. Each file is {"origin", "notation", "cases": [{"id", "why", "flags", "input",
"result", "output" | "error"}]}; result is "valid" or "invalid", and `error` is one word of the README's list.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import FILES  # noqa: E402


def text(name: str) -> str:
    """Return the whole text of one vector file."""
    document = FILES[name]()
    identifiers = [case["id"] for case in document["cases"]]
    if len(set(identifiers)) != len(identifiers):
        raise SystemExit(f"{name}: case ids repeat")
    refused = sum(case["result"] == "invalid" for case in document["cases"])
    if 2 * refused < len(identifiers):
        raise SystemExit(f"{name}: {refused} of {len(identifiers)} cases must fail; at least half should")
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the files; return 0 unless one differs."""
    if arguments not in ([], ["--check"]):
        print("usage: python vectors/make.py [--check]", file=sys.stderr)
        return 2
    stale = 0
    for name in FILES:
        path = HERE / f"{name}.json"
        made = text(name)
        if not arguments:
            path.write_text(made)
        elif not path.exists() or path.read_text() != made:
            print(
                f"{path.name}: differs from what the oracle makes; run python vectors/make.py",
                file=sys.stderr,
            )
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
