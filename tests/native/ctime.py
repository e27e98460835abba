"""Build and run ctime.c, the test of constant time, with the flags that the release is built with.

    python tests/native/ctime.py

The test covers the multiplication of mont_portable.h and, if the release has the adx engine, that of
mont_adx.h. Valgrind runs ADX but hides it from code that asks the processor, so engine_portable.c is built
with mont_adx.h, which makes it the adx engine. Valgrind cannot run the ifma engine.

It needs valgrind and its headers (Debian: valgrind). CC names the compiler.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.native import run

LEAK = 42
"""The exit status if a branch or an address depends on a secret."""

SOURCE = run.HERE / "ctime.c"
LISTED = run.HERE / "not_constant_time.txt"
PARTS = ("base/*.c", "engine/engine.c", "engine/engine_portable.c", "rln/[!gw]*.c")
PARTS += ("api/identity.c", "api/hash.c")
"""The files that ctime.c calls: all of the core except graphs, witnesses, keys and proofs."""

HEADER = Path("valgrind/memcheck.h")


def missing() -> str | None:
    """Return why the test cannot run, or None if it can."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    probe = [run.compiler(), "-E", "-include", str(HEADER), "-x", "c", "/dev/null"]
    if subprocess.run(probe, capture_output=True).returncode:
        return f"{HEADER} is not installed"
    return None


def engines() -> list[str]:
    """Return the engines that can be tested."""
    return ["portable", "adx"] if run.ffi_build().X86 else ["portable"]


def build(level: str | None = None, engine: str = "portable") -> Path:
    """Build and return the program, with the optimisation of the release or with another level."""
    program = run.BUILD / f"ctime-{engine}{level or ''}"
    sources = [SOURCE, *(source for part in PARTS for source in sorted((run.CORE / "src").glob(part)))]
    headers = [p for p in run.CORE.rglob("*") if p.suffix in {".h", ".inc"}]
    newest = max(p.stat().st_mtime for p in [*sources, *headers, run.CORE / "ffi_build.py"])
    if not program.exists() or program.stat().st_mtime < newest:
        run.BUILD.mkdir(parents=True, exist_ok=True)
        flags = [*run.ffi_build().FLAGS, *([level, "-w"] if level else [])]
        flags += ["-DRLN_CTIME", "-DRLN_PORTABLE_ONLY"]
        flags += [f"-I{run.CORE / 'include'}", f"-I{run.CORE / 'src'}", f"-I{run.HERE}"]
        flags += [*run.ffi_build().ADX, "-include", "math/mont_adx.h"] if engine == "adx" else []
        run.compile_with([*flags, *map(str, sources), "-pthread", "-o", str(program)])
    return program


def check(program: Path, *leak: str) -> subprocess.CompletedProcess[str]:
    """Run the program; `leak`, "branch" or "table", plants a leak."""
    command = ["valgrind", "-q", f"--error-exitcode={LEAK}", str(program), *leak]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def main() -> int:
    reason = missing()
    if reason:
        print(reason)
        return 1
    status = 0
    for engine in engines():
        done = check(build(engine=engine))
        print(done.stdout + done.stderr, end="")
        status = status or done.returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
