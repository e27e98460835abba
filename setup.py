"""What the extension module is built from; everything else about the package is in pyproject.toml."""

import sys
import sysconfig

from setuptools import setup

UNSUPPORTED = {
    "Windows is not supported yet": sys.platform == "win32",
    "free-threaded Python is not supported yet": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}
for reason, applies in UNSUPPORTED.items():
    if applies:
        sys.exit(f"rln: {reason}; use CPython 3.11 or later with the GIL, on Linux or macOS.")

setup(
    cffi_modules=["native/ffi_build.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
