"""The files of the project, as in a clone."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {".git", ".venv", "build", "dist", "node_modules", "__pycache__"}
MADE |= {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".benchmarks"}


def project_files() -> list[Path]:
    """Return paths relative to the root: the files that git has or would add, or all but build products."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return sorted({Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()})
    return sorted(
        path
        for path in (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
        if not MADE.intersection(path.parts)
        and path.suffix not in {".so", ".o", ".pyc"}
        and not any(part.endswith(".egg-info") for part in path.parts)
        and path.name not in {"_native.c", "PKG-INFO"}
    )
