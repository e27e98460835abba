"""The extension exports exactly the functions that rln.h declares and its own entry."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rln import _native

ROOT = Path(__file__).resolve().parents[2]


def declared() -> set[str]:
    text = (ROOT / "native" / "include" / "rln.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return set(re.findall(r"\b(rln_\w+)\s*\(", text))


def test_the_header_declares_something() -> None:
    assert {"rln_proof_verify", "rln_graph_load", "rln_identity_new"} <= declared()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads ELF symbols")
@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
def test_the_exported_symbols_are_those_of_the_header() -> None:
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", str(_native.__file__)], capture_output=True, text=True, check=True
    ).stdout
    exported = {line.split()[-1] for line in listing.splitlines()} - {"_init", "_fini"}
    assert exported == declared() | {"PyInit__native"}


def test_python_sees_every_function() -> None:
    assert declared() <= set(dir(_native.lib))


def test_the_type_stub_mirrors_the_header() -> None:
    stub = (ROOT / "rln" / "_native.pyi").read_text()
    assert set(re.findall(r"def (rln_\w+)", stub)) == declared()
