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
        with pytest.raises(errors.ParameterError, match=r"^engine: expected one of .*portable.*, got "):
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


def imported_with(
    value: str, code: str = "from rln.lowlevel import engine; print(engine.name())"
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RLN_ENGINE": value, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_environment_names_the_engine() -> None:
    done = imported_with("portable")
    assert done.stdout.strip() == "portable", done.stderr


CALLS = """
import importlib, pkgutil, rln
for module in pkgutil.walk_packages(rln.__path__, "rln."):
    if module.name != "rln.__main__":
        importlib.import_module(module.name)
from rln.lowlevel import engine
for call in (
    engine.name,
    rln.Identity.generate,
    lambda: rln.poseidon_hash([1]),
    lambda: rln.hash_to_field(b""),
    lambda: rln.VerifyingKey.builtin("zerokit-20"),
    lambda: rln.Group(3),
):
    try:
        print("computed", call())
    except rln.RlnError as error:
        print(type(error).__name__, error)
engine.choose("portable")
print(engine.name(), rln.poseidon_hash([1, 2]) > 0)
"""


def test_environment_with_an_unknown_engine_is_an_error_of_every_call_and_not_of_the_import() -> None:
    """A program that cannot import the library cannot print its error."""
    done = imported_with("nope", CALLS)
    refusal = f"ParameterError RLN_ENGINE: expected one of {', '.join(engine.names())}, got 'nope'"
    assert done.stdout.splitlines() == [*[refusal] * 6, "portable True"], done.stderr


def test_an_engine_that_this_processor_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "supported", lambda: ["portable"])
    for name in set(engine.names()) - {"portable"}:
        with pytest.raises(errors.NativeError, match=rf"can run \(portable\), got {name}"):
            engine.choose(name)
