"""Build and run ctime.c, the test of constant time, with the flags that the release is built with.

    python tests/native/ctime.py

On the multiplication of mont_portable.h, and where the release has the adx engine on that of mont_adx.h.
Valgrind hides ADX from who asks the processor, though it runs it: so the portable engine's page is built on
mont_adx.h, which makes it the other engine's. What valgrind cannot run is the ifma engine.

It needs valgrind and its headers (Debian: valgrind). CC names the compiler.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.native import run

LEAK = 42
"""The exit status when something depends on a secret."""

SOURCE = run.HERE / "ctime.c"
LISTED = run.HERE / "not_constant_time.txt"
PARTS = ("base/*.c", "engine/engine.c", "engine/engine_portable.c", "rln/[!gw]*.c")
PARTS += ("api/identity.c", "api/hash.c")
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


def engines() -> list[str]:
    """The engines that can be tested."""
    return ["portable", "adx"] if run.ffi_build().X86 else ["portable"]


def build(level: str | None = None, engine: str = "portable") -> Path:
    """The program, with the release's optimisation or with another level of it."""
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
    """Run it; `leak` plants one: "branch" or "table"."""
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
