"""Build the extension module rln._native: cffi reads native/include/rln.h unchanged.

This file also holds all compiler flags: those for every file, and those for each engine.
"""

import os
import sysconfig
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
BEGIN, END = "/* cffi: begin */", "/* cffi: end */"


def declarations() -> str:
    """Return the text of rln.h between its two marks."""
    text = (ROOT / "include" / "rln.h").read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


X86 = sysconfig.get_platform().endswith(("-x86_64", "-amd64"))
"""Whether this build is for x86-64 alone. A universal build is not: flags would reach both halves."""

FLAGS = [
    "-std=gnu11",
    "-O3",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fno-strict-aliasing",
    "-ffunction-sections",
    "-Wno-unused-function",
    # with vectors, gcc 12 makes a Poseidon hash a third slower
    "-fno-tree-vectorize",
    # Python's own flags add debug information, which would be nine tenths of the wheel
    "-g0",
    *([] if X86 else ["-DRLN_PORTABLE_ONLY"]),
    # for developers of the core only: another compiler may give other warnings
    *(["-Werror"] if os.environ.get("RLN_BUILD_WERROR") == "1" else []),
]

ADX = ["-mbmi2", "-madx"]
IFMA = [*ADX, *(f"-mavx512{part}" for part in ("f", "dq", "vl", "bw", "ifma", "vbmi2"))]
ENGINE_FLAGS = {"native/src/engine/engine_adx.c": ADX, "native/src/engine/engine_ifma.c": IFMA} if X86 else {}
"""The flags that the engines of this build need besides FLAGS, by source; cpu.h lists the same engines."""


def sources() -> list[str]:
    """Return every C file of the core that needs no flags of its own, relative to the project's root."""
    found = (p.relative_to(ROOT.parent).as_posix() for p in (ROOT / "src").rglob("*.c"))
    engines = {f"native/src/engine/engine_{name}.c" for name in ("adx", "ifma")}
    return sorted(set(found) - engines)


ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "rln._native",
    '#include "rln.h"',
    sources=sources(),
    include_dirs=["native/include", "native/src"],
    depends=sorted(str(p.relative_to(ROOT.parent)) for end in ("h", "inc") for p in ROOT.rglob(f"*.{end}")),
    extra_compile_args=FLAGS,
    extra_link_args=["-pthread"],
    py_limited_api=True,
)
