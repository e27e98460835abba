"""Floors: a file imports from its own folder and from the folders below it, never from one above."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.floors import (
    C_FILES,
    FLOORS,
    PACKAGE,
    PYTHON,
    ROOT,
    SOURCES,
    c_floor,
    floor,
    imports,
    includes,
    module_name,
)

ORACLES = {"py_ecc", "galois", "sympy", "groth16py", "light_poseidon", "numpy", "hypothesis", "pytest"}
OUTSIDE = {"time", "datetime", "socket", "ssl", "http", "urllib", "asyncio", "sqlite3", "subprocess"}


# ---- Python ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_no_import_climbs(path: Path) -> None:
    """The facade is above everything; what stands at the top of the house may use it as users do."""
    own = floor(module_name(path))
    uses_facade = module_name(path) != "rln" and own >= floor("rln.integrations")
    climbing = [
        name
        for name in imports(path)
        if name.split(".")[0] == "rln" and floor(name) > own and not (name == "rln" and uses_facade)
    ]
    assert climbing == []


def test_every_file_has_a_floor() -> None:
    """A new folder, or a module that stands flat in rln/, takes a place in the list first."""
    found = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py"}
    found |= {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")}
    assert found - {"__init__"} <= set(FLOORS)
    flat = {path.stem for path in PACKAGE.glob("*.py")}
    assert flat == {"__init__", "__main__", "ports", "params", "atomic_files", "errors"}


def test_no_circle_of_modules() -> None:
    """Imports at any depth of the code count, and those for type checkers, too."""
    graph = {
        module_name(path): {name for name in imports(path) if name.split(".")[0] == "rln"} for path in PYTHON
    }
    order = TopologicalSorter(
        {name: {target for target in targets if target in graph} for name, targets in graph.items()}
    )
    order.prepare()  # raises CycleError, which names the circle
    assert order.is_active()


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_a_module_is_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, "look for the second noun"


def test_the_extension_has_one_door() -> None:
    users = {module_name(p) for p in PYTHON if "rln._native" in set(imports(p))}
    assert users == {"rln.lowlevel._call"}


def test_errors_import_nothing_of_rln() -> None:
    assert not [name for name in imports(PACKAGE / "errors.py") if name.split(".")[0] == "rln"]


def test_rln_imports_no_oracle() -> None:
    found = {(module_name(p), name) for p in PYTHON for name in imports(p) if name.split(".")[0] in ORACLES}
    assert found == set()


def test_frameworks_are_imported_in_their_places_alone() -> None:
    """So that nobody has to install a package for what does not need it."""
    places = {
        "rln.integrations.aiohttp": {"aiohttp", "multidict"},
        "rln.integrations.aiohttp_tunnel": {"aiohttp"},
        "rln.integrations.fastapi": {"fastapi"},
        "rln.integrations.httpx": {"httpx"},
        "rln.integrations.httpx2": {"httpx2"},
        "rln.integrations.httpx_flows": {"anyio"},
        "rln.integrations.gossip_judge": {"trio"},
        "rln.integrations.libp2p": {"libp2p", "trio"},
        "rln.integrations.light": {"libp2p", "trio"},
        "rln.integrations.light_push": {"libp2p", "trio"},
        "rln.integrations.light_streams": {"libp2p", "trio"},
        "rln.integrations.multiaddresses": {"libp2p", "multiaddr"},
        "rln.integrations.peer_containment": {"libp2p", "trio"},
        "rln.integrations.prometheus": {"prometheus_client"},
        "rln.integrations.requests": {"requests", "urllib3"},
        "rln.integrations.trio_guest": {"outcome", "trio"},
        "rln.integrations.urllib3_tunnel": {"urllib3"},
        "rln.integrations.waku_host": {"libp2p", "multiaddr", "trio"},
        "rln.integrations.waku_node": {"libp2p", "trio"},
        "rln.cli.commands.relay": {"trio"},
        "rln.services.connect": {"httpx2"},
        "rln.services.reconnect": {"trio"},
        "rln.services.relay": {"prometheus_client", "trio"},
        "rln.services.relay_metrics": {"prometheus_client"},
        "rln.services.registrar_app": {"fastapi", "pydantic", "starlette"},
        "rln.services.upstream_connections": {"aiohttp"},
        "rln.cli.serving": {"uvicorn"},
        "rln.formats.keystore": {"cryptography"},
        "rln.sync.signing": {"cryptography"},
    }
    folders = {
        "rln.stores.redis": {"redis"},
        "rln.stores.postgres": {"psycopg"},
        "rln.cli": {"typer", "rich"},
    }
    outside = set().union(*places.values(), *folders.values())
    for path in PYTHON:
        module = module_name(path)
        allowed = places.get(module, set()).union(
            *(names for folder, names in folders.items() if f"{module}.".startswith(f"{folder}."))
        )
        used = {name.split(".")[0] for name in imports(path)} & outside
        assert used <= allowed, module


def test_the_oracle_does_not_import_rln() -> None:
    paths = sorted((ROOT / "vectors").rglob("*.py"))
    assert len(paths) > 10
    for path in paths:
        assert "rln" not in {name.split(".")[0] for name in imports(path)}, path.name


def below_the_stores(path: Path) -> bool:
    return floor(module_name(path)) < floor("rln.stores")


def test_no_clock_or_socket_below_the_stores() -> None:
    allowed = {
        "rln.base.forks": {"time"},  # measures how long a fork waits, and tells no epoch
        "rln.http.policy": {"urllib"},  # takes a URL apart, and opens none
        "rln.base.served_again": {"datetime"},  # writes a time that it is given as text
        "rln.protocol.epoch": {"time"},
        "rln.verifying.async_verifier": {"asyncio"},
    }
    found = {
        (module_name(p), name)
        for p in PYTHON
        if below_the_stores(p)
        for name in imports(p)
        if name.split(".")[0] in OUTSIDE - allowed.get(module_name(p), set())
    }
    assert found == set()


def test_no_file_is_opened_below_the_stores() -> None:
    """Proving keys, their table cache, bulletins and mirrors are files; `atomic_files` writes files whole."""

    def opens(path: Path) -> bool:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in {"open", "read_bytes", "read_text", "write_bytes", "write_text"}:
                    return True
        return False

    found = {module_name(p) for p in PYTHON if below_the_stores(p) and opens(p)}
    found = {name for name in found if not name.startswith("rln.sync.")}
    assert found <= {"rln.keys.proving_key", "rln.atomic_files", "rln.keys.table_cache"}


# ---- C ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", C_FILES, ids=lambda p: str(p.relative_to(SOURCES)))
def test_no_include_climbs(path: Path) -> None:
    own = c_floor(path)
    for target in includes(path):
        if isinstance(target, Path):
            assert c_floor(target) <= own, f"includes {target.name}"
        else:
            # rln_status and rln_fault are everybody's words for failure; nothing else comes from outside
            assert target == "rln.h"


def test_no_circle_of_includes() -> None:
    done: set[Path] = set()

    def visit(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " > ".join(p.name for p in (*way, path))
        if path not in done:
            for target in includes(path):
                if isinstance(target, Path):
                    visit(target, (*way, path))
            done.add(path)

    for path in C_FILES:
        visit(path, ())
    assert len(done) == len(C_FILES)


MOST_LINES = 600
MOST_COLUMNS = 120  # clang-format leaves comments as they are


@pytest.mark.parametrize(
    "path",
    [p for p in C_FILES if not p.name.endswith("_constants.h")],
    ids=lambda p: str(p.relative_to(SOURCES)),
)
def test_no_c_file_is_long_or_wide(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS


def test_entropy_is_drawn_by_the_api_floor_alone() -> None:
    entropy = SOURCES / "base" / "entropy.h"
    users = {p for p in C_FILES if entropy in set(includes(p))} - {SOURCES / "base" / "entropy.c"}
    assert {p.parent.name for p in users} <= {"api"}


@pytest.mark.parametrize(
    "path", [p for p in C_FILES if c_floor(p) >= 6], ids=lambda p: str(p.relative_to(SOURCES))
)
def test_the_upper_floors_name_no_processor(path: Path) -> None:
    assert not re.search(r"immintrin|__asm__|\basm\b|__x86_64__|__aarch64__|cpuid|_mm\d*_", path.read_text())


@pytest.mark.parametrize(
    "path",
    [p for p in C_FILES if (p.parent.name, p.stem) != ("base", "entropy")],
    ids=lambda p: str(p.relative_to(SOURCES)),
)
def test_c_reads_no_environment_and_no_file(path: Path) -> None:
    calls = r"\b(secure_)?getenv\s*\(|\bfopen\s*\(|\bopen\s*\(|\bsystem\s*\("
    assert not re.search(calls, path.read_text())
