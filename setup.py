"""The build of the extension module; everything else about the package is in pyproject.toml."""

import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError
from setuptools.extension import Extension

sys.path.insert(0, str(Path(__file__).resolve().parent / "native"))
import toolchain
from ffi_build import ENGINE_FLAGS

UNSUPPORTED = {
    "Windows is not supported yet": sys.platform == "win32",
    "free-threaded Python is not supported yet": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}
for reason, applies in UNSUPPORTED.items():
    if applies:
        sys.exit(f"rln: {reason}; use CPython 3.11 or later with the GIL, on Linux or macOS.")


class BuildEngines(build_ext):
    """build_ext that first compiles the file of each engine with that engine's flags."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the engines, then the rest, and link both.

        Raises:
            SystemExit: the machine cannot compile for this Python; the message says what to install.
        """
        header = Path(sysconfig.get_paths()["include"]) / "Python.h"
        if fault := toolchain.fault(self.compiles, self.compiler.compiler[0], str(header)):
            sys.exit(fault)
        for source, flags in ENGINE_FLAGS.items():
            ext.extra_objects += self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=ext.include_dirs,
                extra_postargs=[*ext.extra_compile_args, *flags],
            )
        super().build_extension(ext)

    def compiles(self, program: str) -> bool:
        """Return whether the compiler accepts a C program."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program)
            try:
                self.compiler.compile([str(source)], output_dir=folder)
            except CompileError:
                return False
        return True


setup(
    cffi_modules=["native/ffi_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildEngines},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
