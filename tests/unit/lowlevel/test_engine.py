"""The choice of an engine, and RLN_ENGINE."""

import os
import subprocess
import sys

import pytest

from rln import errors
from rln.lowlevel import engine, hashes


def test_the_portable_engine_is_always_there() -> None:
    assert "portable" in engine.names()
    assert "portable" in engine.supported()
    assert engine.name() in engine.supported()
    assert set(engine.supported()) <= set(engine.names())


def test_unknown_engine_is_refused_and_the_old_one_stays() -> None:
    before = engine.name()
    for name in ("", "nope", "portable\0", "é"):
        with pytest.raises(errors.NativeError, match=r"no such engine, or this processor cannot run it$"):
            engine.choose(name)
    assert engine.name() == before


@pytest.mark.parametrize("name", engine.supported())
def test_chosen_engine_is_used_and_hashes_alike(name: str) -> None:
    before, expected = engine.name(), hashes.poseidon([bytes(32)] * 2)
    try:
        engine.choose(name)
        assert engine.name() == name
        assert hashes.poseidon([bytes(32)] * 2) == expected
    finally:
        engine.choose(before)


def imported_with(value: str) -> subprocess.CompletedProcess[str]:
    code = "from rln.lowlevel import engine; print(engine.name())"
    environment = {**os.environ, "RLN_ENGINE": value, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_environment_names_the_engine() -> None:
    done = imported_with("portable")
    assert done.stdout.strip() == "portable", done.stderr


def test_environment_with_an_unknown_engine_is_an_error_at_import() -> None:
    done = imported_with("nope")
    assert done.returncode == 1
    assert "NativeError: engine 'nope': no such engine" in done.stderr
