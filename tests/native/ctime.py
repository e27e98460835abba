"""Build and run ctime.c, the test of constant time, with the flags that the release is built with.

    python tests/native/ctime.py

It needs valgrind and its headers (Debian: valgrind). CC names the compiler.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tests.native import run

LEAK = 42
"""The exit status when something depends on a secret."""

SOURCE = run.HERE / "ctime.c"
LISTED = run.HERE / "not_constant_time.txt"
PARTS = ("base/*.c", "engine/*.c", "rln/[!gw]*.c", "api/identity.c", "api/hash.c")
"""What ctime.c calls: all of the core but graphs, witnesses, keys and proofs."""

HEADER = Path("valgrind/memcheck.h")


def missing() -> str | None:
    """What keeps the test from running, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    probe = [run.compiler(), "-E", "-include", str(HEADER), "-x", "c", "/dev/null"]
    if subprocess.run(probe, capture_output=True).returncode:
        return f"{HEADER} is not installed"
    return None


def release_flags() -> list[str]:
    """The compiler flags of native/ffi_build.py."""
    spec = importlib.util.spec_from_file_location("ffi_build", run.CORE / "ffi_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.FLAGS)


def build(level: str | None = None) -> Path:
    """The program, with the release's optimisation or with another level of it."""
    program = run.BUILD / f"ctime{level or ''}"
    sources = [SOURCE, *(source for part in PARTS for source in sorted((run.CORE / "src").glob(part)))]
    newest = max(p.stat().st_mtime for p in [*sources, *run.CORE.rglob("*.h"), run.CORE / "ffi_build.py"])
    if not program.exists() or program.stat().st_mtime < newest:
        run.BUILD.mkdir(parents=True, exist_ok=True)
        flags = [*release_flags(), *([level, "-w"] if level else []), "-DRLN_CTIME"]
        flags += [f"-I{run.CORE / 'include'}", f"-I{run.CORE / 'src'}", f"-I{run.HERE}"]
        run.compile_with([*flags, *map(str, sources), "-pthread", "-o", str(program)])
    return program


def check(program: Path, *leak: str) -> subprocess.CompletedProcess[str]:
    """Run it; `leak` plants one: "branch" or "table"."""
    command = ["valgrind", "-q", f"--error-exitcode={LEAK}", str(program), *leak]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def main() -> int:
    reason = missing()
    if reason:
        print(reason)
        return 1
    done = check(build())
    print(done.stdout + done.stderr, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
