"""The floors of rln/ and of native/src, and what each file uses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rln"
SOURCES = ROOT / "native" / "src"

# The folders of rln/ from the top down. A module uses its own folder and those below it. Chain is a
# place for what is planned.
FLOORS = """
    __main__ cli services integrations client chain audit stores waku http ports proving verifying sync params
    group keys protocol formats merkle circuit atomic_files lowlevel base errors
""".split()

C_FLOORS = {"base": 0, "engine": 5, "groth16": 6, "rln": 7, "api": 8}
# The first that a file's name begins with decides; a name that fits none needs a line here.
MATH_FLOORS = {
    4: "all portable point batch buckets fixed msm ntt poseidon pairing comb subgroup spread_walk"
    " spread_pairing",
    3: "g1 g2 glv group multiply decompress coord",
    2: "fp2 fp6 fp12 tower spread inverse",
    1: "mont lanes field types fr fp",
}

PYTHON = sorted(PACKAGE.rglob("*.py"))
C_FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in {".c", ".h", ".inc"})


# ---- Python ----------------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    """Return the dotted name of a file of rln/."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(module: str) -> int:
    """Height of a module: that of its folder, or its own where it stands directly in rln/."""
    place = [*module.split("."), "__main__"][1]
    return len(FLOORS) - FLOORS.index("lowlevel" if place == "_native" else place)


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module or package of this project."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir() or name == "rln._native"


def imports(path: Path) -> Iterator[str]:
    """Go through the modules that a file imports, at any depth of its code."""
    here = module_name(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                yield name if is_module(name) else origin


# ---- C ---------------------------------------------------------------------------------------------


def c_floor(path: Path) -> int:
    """Return the height of a file of native/src."""
    floor = path.relative_to(SOURCES).parts[0]
    if floor != "math":
        return C_FLOORS[floor]
    for number, nouns in MATH_FLOORS.items():
        if re.match(rf"({'|'.join(nouns.split())})8?[_.]", path.name):  # the 8 of eight lanes
            return number
    raise AssertionError(f"{path.name} has no floor")


def includes(path: Path) -> Iterator[Path | str]:
    """Go through the files that a file includes: a path inside src, a name outside it."""
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE):
        for base in (path.parent, SOURCES):
            if (base / name).exists():
                yield (base / name).resolve()
                break
        else:
            yield name
