"""Fixtures and settings that all tests share; tests/README.md explains the folders.

Environment:
    RLN_ZEROKIT_DIR  a directory with zerokit's keys and graphs (tree_depth_20/graph.bin and so on). If it is
                     unset, the tests that need it are skipped with a reason.
    RLN_REQUIRE      a list such as `zerokit,node,valgrind`. If one of these is missing, the tests that need
                     it fail; without the entry they are skipped.
    CI               If it is set, hypothesis draws the same examples in every run.
"""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
INTEROP = ROOT / "tests" / "interop"
REQUIRED = {name.strip() for name in os.environ.get("RLN_REQUIRE", "").split(",") if name.strip()}

# Tests write nothing to the user's cache. Tests of the cache set their own directory.
os.environ["RLN_CACHE_DIR"] = ""

# A shell that starts the tests in the background tells them, and all their commands, to ignore SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def lacking(requirement: str, reason: str) -> None:
    """Skip the test, or fail if RLN_REQUIRE lists the requirement."""
    if requirement in REQUIRED:
        pytest.fail(f"RLN_REQUIRE lists {requirement}: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def zerokit_dir() -> Path:
    """The directory with zerokit's keys and graphs."""
    value = os.environ.get("RLN_ZEROKIT_DIR")
    if not value:
        lacking("zerokit", "RLN_ZEROKIT_DIR is unset")
    directory = Path(str(value))
    if not (directory / "tree_depth_20" / "graph.bin").is_file():
        lacking("zerokit", "RLN_ZEROKIT_DIR holds no tree_depth_20/graph.bin")
    return directory


@pytest.fixture(scope="session")
def node() -> Path:
    """The node binary. The packages of tests/interop must be there (run `npm ci` in tests/interop)."""
    found = shutil.which("node")
    if found is None:
        lacking("node", "node is not installed")
    wanted = json.loads((INTEROP / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        package = INTEROP / "node_modules" / name / "package.json"
        there = json.loads(package.read_text())["version"] if package.is_file() else "none"
        if there != version:
            lacking("node", f"tests/interop needs {name} {version} and has {there}: run `npm ci` there")
    return Path(str(found))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need other projects' programs or files, and run the slowest files first.

    With the slowest files first, several workers end at about the same time.
    """
    items.sort(key=lambda item: "native" not in item.path.parts)
    for item in items:
        if INTEROP in item.path.parents or {"zerokit_dir", "node"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("interop")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many interop tests ran, because a green run without them shows less."""
    ran, skipped = 0, 0
    for report in terminalreporter.getreports("skipped"):
        skipped += "interop" in report.keywords
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            ran += report.when == "call" and "interop" in report.keywords
    terminalreporter.write_line(f"interop tests: {ran} ran, {skipped} skipped")
