"""Builds the extension module rln._native from native/include/rln.h, which cffi reads unchanged.

This is also the only place for compiler flags: those of every file, and those of each engine.
"""

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
"""Whether this build is for x86-64 alone; a universal one is not: flags would apply to both parts."""

FLAGS = [
    "-std=gnu11",
    "-O3",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fno-strict-aliasing",
    "-ffunction-sections",
    "-Wno-unused-function",
    # with vectorization, gcc 12 packs limbs into vectors, and a Poseidon hash loses a third of its speed
    "-fno-tree-vectorize",
    # Python's own flags ask for debug information, which would fill nine tenths of the wheel
    "-g0",
    *([] if X86 else ["-DRLN_PORTABLE_ONLY"]),
]

ADX = ["-mbmi2", "-madx"]
IFMA = [*ADX, *(f"-mavx512{part}" for part in ("f", "dq", "vl", "bw", "ifma", "vbmi2"))]
ENGINE_FLAGS = {"native/src/engine/engine_adx.c": ADX, "native/src/engine/engine_ifma.c": IFMA} if X86 else {}
"""The flags that the source of each engine needs beside FLAGS; cpu.h lists the same engines."""


def sources() -> list[str]:
    """List the C files of the core that need FLAGS only, relative to the project's root."""
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
    depends=sorted(str(p.relative_to(ROOT.parent)) for p in ROOT.rglob("*.h")),
    extra_compile_args=FLAGS,
    extra_link_args=["-pthread"],
    py_limited_api=True,
)
