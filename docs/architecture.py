"""Draw docs/architecture.svg from imports and includes, or check that it is current.

    python docs/architecture.py            write
    python docs/architecture.py --check    compare; exit 1 when they differ

A box is a folder of rln/, or a module that stands directly in it; its text is its docstring's first line.
The row of a box is the number of imports on the longest way down to errors.py. An arrow is an import; arrows
that follow from others are left out. Only the columns, and the bends of long arrows, are chosen by hand.
"""

from __future__ import annotations

import ast
import sys
from html import escape
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
sys.path.insert(0, str(ROOT))

from tests.architecture.floors import (  # noqa: E402
    C_FILES,
    FLOORS,
    PYTHON,
    SOURCES,
    imports,
    includes,
    module_name,
)

COLUMNS: Final = {
    "cli": 2.2, "integrations": 0.3, "client": 0.3, "services": 1.55, "audit": 2.8, "stores": 1.55,
    "http": 2.8, "ports": 4.05, "proving": 2.2, "verifying": 0.9, "params": 2.2, "sync": 4.4, "keys": 2,
    "group": 3.35, "protocol": 2.35, "formats": 0.9, "circuit": 2.0, "merkle": 3.1, "atomic_files": 4.4,
    "lowlevel": 2.4, "base": 2.4, "errors": 2.4,
}  # fmt: skip
"""Middle of each box; a room without a column stands in the middle."""

BENDS: Final = {
    ("ports", "verifying"): [(2.5, 0.6), (1.6, 0.72)],
    ("keys", "atomic_files"): [(3.1, 0.55)],
}
"""Points that a long arrow passes: a column, and the number of rows below its start."""

MIDDLE: Final = 2.2
COLUMN, ROW, WIDTH, HEIGHT, LEFT, TOP = 208, 98, 184, 62, 120, 56
STYLE: Final = """
    .page { fill: #ffffff } .room { fill: #f1f5f9; stroke: #475569; stroke-width: 1.2 }
    .core { fill: #fef3c7; stroke: #b45309 } .line { stroke: #64748b; stroke-width: 1.3; fill: none }
    .tip { fill: #64748b } text { fill: #0f172a; text-anchor: middle }
    .name { font-weight: 700; font-size: 14px }
    .small { font-size: 11.5px; fill: #334155 } .title { font-size: 13px; font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } .room { fill: #1c2430; stroke: #94a3b8 }
      .core { fill: #3b2f14; stroke: #fbbf24 }
      .line { stroke: #94a3b8 } .tip { fill: #94a3b8 } text { fill: #f1f5f9 } .small { fill: #cbd5e1 }
    }"""

Uses = dict[str, set[str]]


# ---- what there is ---------------------------------------------------------------------------------


def room(module: str) -> str:
    """Return the folder of a module of rln, or its own name where it stands directly in rln/."""
    return module.split(".")[1]


def rooms() -> Uses:
    """Return for each room of rln/ the rooms that it imports. The facade uses every room and is left out."""
    found: Uses = {}
    for path in PYTHON:
        name = module_name(path)
        if name in ("rln", "rln.__main__"):
            continue
        targets = {room(target) for target in imports(path) if target.startswith("rln.")}
        found.setdefault(room(name), set()).update(targets - {room(name), "_native"})
    return found


def core() -> Uses:
    """Return for each floor of native/src the floors that it includes."""
    found: Uses = {floor: set() for floor in CORE}
    for path in C_FILES:
        floor = path.relative_to(SOURCES).parts[0].removesuffix(".c").removesuffix(".h")
        for target in includes(path):
            if isinstance(target, Path):
                found[floor].add(target.relative_to(SOURCES).parts[0])
    return {floor: targets - {floor} for floor, targets in found.items()}


def description(name: str) -> str:
    """Return the first line of a room's docstring, without the room's name."""
    path = ROOT / "rln" / name / "__init__.py"
    source = path if path.exists() else ROOT / "rln" / f"{name}.py"
    first = str(ast.get_docstring(ast.parse(source.read_text()))).splitlines()[0]
    text = (first.partition(": ")[2] or first).replace("`", "").removesuffix(".")
    return text[0].lower() + text[1:]


def below(name: str, uses: Uses, without: str | None = None) -> set[str]:
    """Return all that can be reached from a room; `without` leaves out one of its own imports."""
    seen: set[str] = set()
    waiting = sorted(uses[name] - {without})
    while waiting:
        target = waiting.pop()
        if target not in seen:
            seen.add(target)
            waiting += sorted(uses[target])
    return seen


def arrows(uses: Uses) -> list[tuple[str, str]]:
    """Return the imports that do not follow from others."""
    return [
        (name, target)
        for name in sorted(uses, key=FLOORS.index)
        for target in sorted(uses[name], key=FLOORS.index)
        if target not in below(name, uses, without=target)
    ]


def height(name: str, uses: Uses) -> int:
    """Return the number of imports on the longest way down."""
    return 1 + max((height(target, uses) for target in uses[name]), default=-1)


# ---- the drawing -----------------------------------------------------------------------------------


def box(x: float, y: float, name: str, text: str, kind: str = "room", width: int = WIDTH) -> str:
    """Draw a box around its middle, with a name and up to two lines of text."""
    lines = wrap(text, width * 10 // 68, max_lines=3, placeholder=" …")
    top = y - HEIGHT / 2
    parts = [
        f'<rect class="{kind}" x="{x - width / 2:g}" y="{top:g}" width="{width}" height="{HEIGHT}" rx="7"/>',
        f'<text class="name" x="{x:g}" y="{top + (17 if lines else HEIGHT / 2 + 5):g}">{escape(name)}</text>',
    ]
    for number, line in enumerate(lines):
        parts.append(f'<text class="small" x="{x:g}" y="{top + 31 + 12.5 * number:g}">{escape(line)}</text>')
    return "".join(parts)


def curve(points: list[tuple[float, float]]) -> str:
    """Draw an arrow through points, vertical at each."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        path += f" C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}"
    return f'<path class="line" marker-end="url(#tip)" d="{path}"/>'


def picture() -> str:
    """Return the whole drawing."""
    uses, floors = rooms(), core()
    tallest = max(height(name, uses) for name in uses)

    def middle(name: str) -> tuple[float, float]:
        return LEFT + COLUMN * COLUMNS.get(name, MIDDLE), TOP + ROW * (
            tallest - height(name, uses)
        ) + HEIGHT / 2

    parts = []
    for name, target in arrows(uses):
        (x, y), (to_x, to_y) = middle(name), middle(target)
        ports = sorted((middle(other)[0], other) for start, other in arrows(uses) if start == name)
        start = x + 22 * ([other for _, other in ports].index(target) - (len(ports) - 1) / 2)
        bends = [(LEFT + COLUMN * column, y + ROW * rows) for column, rows in BENDS.get((name, target), ())]
        parts.append(curve([(start, y + HEIGHT / 2), *bends, (to_x, to_y - HEIGHT / 2 - 3)]))
    for name in sorted(uses, key=FLOORS.index):
        file = "" if (ROOT / "rln" / name).is_dir() else ".py"
        parts.append(box(*middle(name), name + file, description(name)))
    base = TOP + ROW * (tallest + 1) + 40
    order = list(CORE)
    width, step = 128, 160
    left = LEFT + COLUMN * MIDDLE - step * (len(order) - 1) / 2
    parts.append(
        f'<text class="title" x="{LEFT + COLUMN * MIDDLE:g}" y="{base - 46:g}">native/include/rln.h: '
        "lowlevel calls the C core through cffi; below, the floors of native/src</text>"
    )
    for number, floor in enumerate(order):
        x = left + step * number
        if number + 1 < len(order):
            assert any(lower in floors[floor] for lower in order[number + 1 :]), floor
            parts.append(
                f'<path class="line" marker-end="url(#tip)" '
                f'd="M{x + width / 2:g} {base:g}H{x + step - width / 2 - 3:g}"/>'
            )
        parts.append(box(x, base, floor, CORE[floor], "room core", width))
    total = base + HEIGHT / 2 + 24
    wide = LEFT + COLUMN * 5
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {total:g}" width="{wide:g}" '
        f'height="{total:g}" role="img" aria-labelledby="t" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\">"
        f'<title id="t">The folders of rln and what each imports</title><style>{STYLE}</style>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<rect class="page" width="{wide:g}" height="{total:g}" rx="10"/>'
        f'<text class="title" x="{LEFT + COLUMN * MIDDLE:g}" y="30">rln/: an arrow is an import; '
        "arrows that follow from others are left out</text>\n" + "\n".join(parts) + "\n</svg>\n"
    )


CORE: Final = {
    "api": "checks arguments, draws entropy",
    "rln": "identity, share, witness graph",
    "groth16": "keys, setup, prove, verify",
    "engine": "portable, adx, ifma: chosen at run time",
    "math": "fields, curves, pairing, sums",
    "base": "bytes, wiping, threads",
}
"""What each floor of native/src does."""


def main(arguments: list[str]) -> int:
    """Write the picture, or compare it."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = picture()
    if not arguments:
        PICTURE.write_text(made)
        return 0
    if PICTURE.exists() and PICTURE.read_text() == made:
        return 0
    print(f"{PICTURE.name}: not what the imports say; run python docs/architecture.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
