"""The build of the extension module; everything else about the package is in pyproject.toml."""

import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.extension import Extension

sys.path.insert(0, str(Path(__file__).resolve().parent / "native"))
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
        """Compile the engines, then the rest, and link both."""
        for source, flags in ENGINE_FLAGS.items():
            ext.extra_objects += self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=ext.include_dirs,
                extra_postargs=[*ext.extra_compile_args, *flags],
            )
        super().build_extension(ext)


setup(
    cffi_modules=["native/ffi_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildEngines},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
