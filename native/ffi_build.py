"""Hand native/include/rln.h to cffi as it stands, and get the extension module rln._native.

Also the one place for compiler flags: those of every file, and those of an engine's own.
"""

import os
import sysconfig
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
BEGIN, END = "/* cffi: begin */", "/* cffi: end */"


def declarations() -> str:
    """The text of rln.h between its two marks."""
    text = (ROOT / "include" / "rln.h").read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


X86 = sysconfig.get_platform().endswith(("-x86_64", "-amd64"))
"""Whether this build is for x86-64 alone; a universal one is not, as flags would reach both halves."""

FLAGS = [
    "-std=gnu11",
    "-O3",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fno-strict-aliasing",
    "-ffunction-sections",
    "-Wno-unused-function",
    # gcc 12 packs limbs into vectors and loses a third of the speed of a Poseidon hash
    "-fno-tree-vectorize",
    # Python's own flags ask for debug information, which would be nine tenths of the wheel
    "-g0",
    *([] if X86 else ["-DRLN_PORTABLE_ONLY"]),
    # for those who change the core: a user's compiler may warn of what ours does not
    *(["-Werror"] if os.environ.get("RLN_BUILD_WERROR") == "1" else []),
]

ADX = ["-mbmi2", "-madx"]
IFMA = [*ADX, *(f"-mavx512{part}" for part in ("f", "dq", "vl", "bw", "ifma", "vbmi2"))]
ENGINE_FLAGS = {"native/src/engine/engine_adx.c": ADX, "native/src/engine/engine_ifma.c": IFMA} if X86 else {}
"""What the engines of this build need beside FLAGS, by source; cpu.h knows the same engines."""


def sources() -> list[str]:
    """Every C file of the core that needs no flags of its own, relative to the project's root."""
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
