"""Build and run the C tests: each test_*.c of this directory against the whole core.

    python tests/native/run.py            all of them
    python tests/native/run.py test_base  these

The core is compiled with RLN_VERIFY, so that its promises are checked, and with the address and undefined
behaviour sanitizers where the compiler has them. Objects are kept in build/native_tests; a change to any
header compiles everything anew. CC names the compiler. A test passes when it ends with status 0.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORE = ROOT / "native"
BUILD = ROOT / "build" / "native_tests"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-function", "-fno-strict-aliasing"]
FLAGS += ["-DRLN_VERIFY"]
FLAGS += [f"-I{CORE / 'include'}", f"-I{CORE / 'src'}", f"-I{HERE}"]


class BuildError(Exception):
    """The compiler refused; the message is what it said."""


def compiler() -> str:
    return os.environ.get("CC", "cc")


def compile_with(arguments: list[str]) -> None:
    done = subprocess.run([compiler(), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise BuildError(done.stderr)


@cache
def sanitizers() -> list[str]:
    """The sanitizers' flags, or none when a program built with them does not run."""
    BUILD.mkdir(parents=True, exist_ok=True)
    source, program = BUILD / "probe.c", BUILD / "probe"
    source.write_text("int main(void) { return 0; }\n")
    try:
        compile_with([*SANITIZERS, str(source), "-o", str(program)])
    except BuildError:
        return []
    return SANITIZERS if subprocess.run([program], capture_output=True).returncode == 0 else []


def compiled(source: Path) -> Path:
    """The object of a source, compiled when the source or any header is newer."""
    target = BUILD / source.relative_to(ROOT).with_suffix(".o")
    headers = [*CORE.rglob("*.h"), *HERE.glob("*.h")]
    newest = max(p.stat().st_mtime for p in [source, Path(__file__), *headers])
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        compile_with([*FLAGS, *sanitizers(), "-c", str(source), "-o", str(target)])
    return target


def names() -> list[str]:
    return sorted(p.stem for p in HERE.glob("test_*.c"))


def core() -> list[Path]:
    """The objects of the core."""
    return [compiled(source) for source in sorted((CORE / "src").rglob("*.c"))]


def build(name: str) -> Path:
    """The program of one test."""
    objects = [compiled(HERE / f"{name}.c"), *core()]
    program = BUILD / name
    compile_with([*map(str, objects), *sanitizers(), "-pthread", "-o", str(program)])
    return program


def run(name: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Build a test and run it; `timeout` in seconds."""
    return subprocess.run([build(name)], capture_output=True, text=True, timeout=timeout, cwd=ROOT)


def main(arguments: list[str]) -> int:
    failed = 0
    for name in arguments or names():
        done = run(name)
        failed += done.returncode != 0
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name}")
        if done.returncode:
            print(done.stdout + done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
