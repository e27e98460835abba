"""Build and run the C tests: each test_*.c of this directory against the core.

    python tests/native/run.py             all tests
    python tests/native/run.py test_base   these tests
    python tests/native/run.py --valgrind  the tests that valgrind can run, under memcheck
    python tests/native/run.py --aarch64   base, math and engine, compiled by CROSS_CC and run by qemu

The core is compiled with RLN_VERIFY, which checks its contracts, and with the address and undefined behaviour
sanitizers if the compiler has them. A test of the engine's table (it includes engine/engine.h) runs every
engine that this processor supports. Another test of the mathematics (it includes math/portable.h) uses the
multiplication of mont_portable.h, and runs again with mont_adx.h, under a name such as test_field-adx. A test
that includes math/ifma/ needs eight lanes.

Objects are kept under build, and are compiled again if one of their files changes. CC names the compiler. A
test passes if it ends with status 0.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORE = ROOT / "native"
BUILD = ROOT / "build" / "native_tests"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fno-strict-aliasing"]
FLAGS += ["-DRLN_VERIFY"]
FLAGS += [f"-I{CORE / 'include'}", f"-I{CORE / 'src'}", f"-I{HERE}"]
ADX = "-adx"
"""The end of a test's name if the test is built with mont_adx.h."""


class BuildError(Exception):
    """The compiler failed; the message is its output."""


@cache
def ffi_build() -> ModuleType:
    """Return native/ffi_build.py, which has the flags of the release and of each engine."""
    spec = importlib.util.spec_from_file_location("ffi_build", CORE / "ffi_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiler() -> str:
    return os.environ.get("CC", "cc")


def compile_with(arguments: list[str], compiler_name: str | None = None) -> None:
    done = subprocess.run([compiler_name or compiler(), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise BuildError(done.stderr)


def includes(source: Path) -> str:
    return " ".join(re.findall(r'#include "(.*)"', source.read_text()))


def is_low(source: Path) -> bool:
    """Return whether a test includes nothing above floor 5."""
    return not re.search(r"(^| )(rln|groth16|api)\b", includes(source))


def is_newer(target: Path, listed: Path) -> bool:
    """Return whether an object is newer than the flags and than the files that the compiler listed for it."""
    if not (target.exists() and listed.exists()):
        return False
    parts = [Path(part) for part in listed.read_text().replace("\\\n", " ").split()[1:]]
    made = target.stat().st_mtime
    return all(p.exists() and p.stat().st_mtime < made for p in [*parts, CORE / "ffi_build.py"])


@dataclass(frozen=True)
class Build:
    """One way to compile the tests, and to run them."""

    directory: Path
    compiler: str
    flags: tuple[str, ...]
    runner: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    whole: bool = True
    """Whether to build the whole core; otherwise floors 0 to 5 with the portable engine alone."""

    @cached_property
    def lanes(self) -> frozenset[str]:
        """The engines, besides the portable one, that this processor can run."""
        if not (self.whole and ffi_build().X86):
            return frozenset()
        text = (
            '#include <stdio.h>\n#include "engine/cpu.h"\n'
            'int main(void) { puts(cpu_has_adx() ? "adx" : ""); puts(cpu_has_ifma() ? "ifma" : ""); }\n'
        )
        cpu = CORE / "src" / "engine" / "cpu.c"
        try:
            found = probe(text, [f"-I{CORE / 'src'}", str(cpu)], self.compiler)
        except (BuildError, FileNotFoundError):
            # the tests can still be listed; each reports why it fails
            return frozenset()
        found.check_returncode()
        return frozenset(found.stdout.split())

    def names(self) -> list[str]:
        """Return the tests that this build can run."""
        found: list[str] = []
        for path in sorted(HERE.glob("test_*.c")):
            headers = includes(path)
            if not (self.whole or is_low(path)):
                continue
            if "math/ifma/" in headers:
                found += [path.stem] if "ifma" in self.lanes else []
                continue
            found.append(path.stem)
            if "math/portable.h" in headers and "engine/engine.h" not in headers and "adx" in self.lanes:
                found.append(path.stem + ADX)
        return found

    def compiled(self, source: Path, name: str | None = None) -> Path:
        """Return the object of a source, compiled if one of its files is newer; `name` is that of a test."""
        flags = list(ffi_build().ENGINE_FLAGS.get(source.relative_to(ROOT).as_posix(), []))
        target = (self.directory / source.relative_to(ROOT)).with_suffix(".o")
        if name is not None:
            target = target.with_stem(name)
            flags += [*ffi_build().ADX, "-include", "math/mont_adx.h"] if name.endswith(ADX) else []
            flags += ffi_build().IFMA if "math/ifma/" in includes(source) else []
        if set(SANITIZERS) <= set(self.flags) and set(ffi_build().IFMA) <= set(flags):
            flags += brief()
        if "-mavx512ifma" in flags:
            flags.append("-fno-inline")  # with inlined lanes and sanitizers, gcc takes minutes
        listed, made = target.with_suffix(".d"), target.with_suffix(f".{os.getpid()}")
        if not is_newer(target, listed):
            target.parent.mkdir(parents=True, exist_ok=True)
            flags += ["-MMD", "-MF", str(listed), "-c", str(source), "-o", str(made)]
            compile_with([*self.flags, *flags], self.compiler)
            made.replace(target)
        return target

    def core(self, low: bool = False) -> list[Path]:
        """Return the objects of the core, or those of floors 0 to 5."""
        sources = sorted((CORE / "src").rglob("*.c"))
        if low or not self.whole:
            sources = [s for s in sources if s.parent.name in {"base", "engine"}]
        if not self.whole:
            sources = [s for s in sources if s.name not in {"engine_adx.c", "engine_ifma.c"}]
        with ThreadPoolExecutor(os.cpu_count()) as compilers:
            return list(compilers.map(self.compiled, sources))

    def program(self, name: str) -> Path:
        """Build and return the program of one test."""
        source = HERE / f"{name.removesuffix(ADX)}.c"
        objects = [self.compiled(source, name), *self.core(is_low(source))]
        made = self.directory / name
        compile_with([*self.flags, *map(str, objects), "-pthread", "-o", str(made)], self.compiler)
        return made

    def run(self, name: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Build a test and run it; `timeout` in seconds."""
        command = [*self.runner, str(self.program(name)), *self.arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)


def probe(text: str, flags: Sequence[str], by: str | None = None) -> subprocess.CompletedProcess[str]:
    """Compile and run a small program, in its own directory, because pytest workers do so at the same time.

    Raises:
        BuildError: the program does not compile.
    """
    with TemporaryDirectory(prefix="rln-probe-") as folder:
        source, program = Path(folder) / "probe.c", Path(folder) / "probe"
        source.write_text(text)
        compile_with([*flags, str(source), "-o", str(program)], by)
        return subprocess.run([program], capture_output=True, text=True)


def accepted(flags: Sequence[str]) -> list[str]:
    """Return the flags, or none if a program with them does not build or run."""
    try:
        done = probe("int main(void) { return 0; }\n", flags)
    except BuildError:
        return []
    return list(flags) if done.returncode == 0 else []


@cache
def sanitizers() -> list[str]:
    """Return the flags of the sanitizers, or none if a program with them does not build or run."""
    return accepted(SANITIZERS)


@cache
def brief() -> list[str]:
    """Return flags that check accesses by calls: with inline checks, gcc takes minutes for eight lanes."""
    flags = ["-g1", "--param", "asan-instrumentation-with-call-threshold=0"]
    return flags if accepted([*SANITIZERS, *flags]) else []


@cache
def sanitized() -> Build:
    return Build(BUILD / "sanitized", compiler(), (*FLAGS, "-O1", "-g", *sanitizers()))


MEMCHECKED = ["test_engine", "test_base"]


@cache
def memchecked() -> Build:
    """Return the build for valgrind, which runs adx but hides it, and cannot run ifma.

    At -O1 without checks gcc warns about arrays of n values: n could be 0 and leave them uninitialized.
    Valgrind itself reports the use of an uninitialized value. clang does not know gcc's name of this warning.
    """
    runner = ("valgrind", "-q", "--error-exitcode=1")
    engines = ("portable", *sorted({"adx"} & sanitized().lanes))
    flags = (*FLAGS, "-Wno-unknown-warning-option", "-Wno-maybe-uninitialized", "-O1", "-g")
    return Build(BUILD / "memchecked", compiler(), flags, runner, engines)


@cache
def aarch64() -> Build:
    """Return the build for qemu: static, so that it needs no libraries of the other architecture."""
    cross = os.environ.get("CROSS_CC", "aarch64-linux-gnu-gcc")
    flags = (*FLAGS, "-O2", "-static", "-DRLN_TESTS_EMULATED")
    return Build(BUILD / "aarch64", cross, flags, ("qemu-aarch64",), whole=False)


def main(arguments: list[str]) -> int:
    build, wanted = sanitized(), [name for name in arguments if not name.startswith("--")]
    if "--valgrind" in arguments:
        build, wanted = memchecked(), wanted or MEMCHECKED
    if "--aarch64" in arguments:
        build = aarch64()
    failed = 0
    for name in wanted or build.names():
        done = build.run(name)
        failed += done.returncode != 0
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name}", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
