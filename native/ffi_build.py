"""Hand native/include/rln.h to cffi as it stands, and get the extension module rln._native."""

from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
BEGIN, END = "/* cffi: begin */", "/* cffi: end */"


def declarations() -> str:
    """The text of rln.h between its two marks."""
    text = (ROOT / "include" / "rln.h").read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def sources() -> list[str]:
    """Every C file of the core, relative to the project's root."""
    return sorted(str(p.relative_to(ROOT.parent)) for p in (ROOT / "src").rglob("*.c"))


FLAGS = ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-strict-aliasing",
         "-ffunction-sections", "-Wno-unused-function",
         # gcc 12 packs limbs into vectors and loses a third of the speed of a Poseidon hash
         "-fno-tree-vectorize",
         # Python's own flags ask for debug information, which would be nine tenths of the wheel
         "-g0"]

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
