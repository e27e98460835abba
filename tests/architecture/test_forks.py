"""Forks: what makes a lock, a thread or a connection registers with `rln.base.forks`, the one hook."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.floors import PYTHON, module_name

MECHANISM = "rln.base.forks"

MAKERS = {
    "threading": {"Lock", "RLock", "Event", "Condition", "Semaphore", "Barrier", "Thread", "Timer", "local"},
    "concurrent.futures": {"ThreadPoolExecutor", "ProcessPoolExecutor"},
    "sqlite3": {"connect"},
    "psycopg": {"connect"},
    "redis.connection": {"Connection", "ConnectionPool", "SSLConnection"},
    "socket": {"socket", "create_connection"},
    "queue": {"Queue", "SimpleQueue"},
}

REASONS = {
    "rln.stores.redis.primary.Primary": "the router of a forked child drops its primaries",
    "rln.stores.redis.resp.Server": "belongs to a primary, or to one question of a topology",
    "rln.stores.sqlite.database.Database": "puts the connection in a `ConnectionSlot`, which registers",
    "rln.stores.sqlite.read_only_database.ReadOnlyDatabase": "puts the connection in a `ConnectionSlot`",
    "rln.stores.sqlite.connection_slot.reading": "puts the connection in a `ConnectionSlot`",
    "rln.stores.postgres.sessions._Session": "the sessions of a forked child begin with new ones",
    "rln.base.torn_lock.in_child": "makes the lock that a child gets in place of a torn one",
    "rln.group.group_follower._Attempt": "belongs to the thread of a follower, which registers",
    "rln.lowlevel.progress.run_with_progress": "waits for its thread; a child has none, and reports a fault",
    "rln.integrations.multiaddresses.check_free": "closes its socket at once",
    "rln.cli.commands.mirror._stop_signals": "the command never forks",
}
"""Classes and functions that need not register."""

Place = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


def makers_of(tree: ast.Module) -> set[str]:
    """Return how a module names the makers: `threading.Lock` or `Lock`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                made = MAKERS.get(alias.name, set())
                names |= {f"{alias.asname or alias.name}.{maker}" for maker in made}
        elif isinstance(node, ast.ImportFrom) and node.module in MAKERS:
            names |= {a.asname or a.name for a in node.names if a.name in MAKERS[node.module]}
    return names


def places(path: Path) -> Iterator[tuple[str, Place]]:
    """Go through the classes and functions of a module, and the statements outside of them."""
    tree = ast.parse(path.read_text())
    rest = ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module_name(path)}.{node.name}", node
        else:
            rest.body.append(node)
    yield module_name(path), rest


def calls(place: Place) -> set[str]:
    """Return what a class or function calls or passes on, as it is written."""
    return {ast.unparse(node) for node in ast.walk(place) if isinstance(node, ast.Attribute | ast.Name)}


def makers() -> dict[str, Place]:
    """Return every class and function that makes a lock, a thread or a connection."""
    found = {}
    for path in PYTHON:
        if module_name(path) == MECHANISM:
            continue
        named = makers_of(ast.parse(path.read_text()))
        for name, place in places(path):
            made = [node for node in ast.walk(place) if isinstance(node, ast.Call)]
            passed = {ast.unparse(part) for node in made for part in (node.func, *_arguments(node))}
            if passed & named:
                found[name] = place
    return found


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    """Go through the arguments of a call, and the alternatives of a conditional one."""
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        yield from (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,)


FOUND = makers()


@pytest.mark.parametrize("name", sorted(FOUND.keys() - REASONS.keys()))
def test_what_makes_a_lock_a_thread_or_a_connection_registers(name: str) -> None:
    place = FOUND[name]
    assert isinstance(place, ast.ClassDef), "an object of a class makes it, so that the object can register"
    assert calls(place) & {"forks.register", "forks.CopyWatch"}, "see rln/base/forks.py"


def test_every_reason_is_still_needed() -> None:
    assert REASONS.keys() <= FOUND.keys()


def test_the_finder_finds() -> None:
    assert {
        "rln.stores.memory.MemoryMark",
        "rln.verifying.async_verifier.AsyncVerifier",
        "rln.stores.sqlite.connection_slot.ConnectionSlot",
        "rln.stores.redis.resp.Server",
    } <= FOUND.keys()


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_hooks_of_forks_and_process_ids_are_in_one_module(path: Path) -> None:
    if module_name(path) != MECHANISM:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.name for node in nodes if isinstance(node, ast.alias)}
        assert not names & {"register_at_fork", "getpid"}


def test_who_registers_says_which_locks_and_what_happens_in_a_child() -> None:
    for path in PYTHON:
        if module_name(path) == MECHANISM:
            continue
        for name, place in places(path):
            if "forks.register" in calls(place):
                assert isinstance(place, ast.ClassDef), name
                methods = {node.name for node in place.body if isinstance(node, ast.FunctionDef)}
                assert {"_fork_locks", "_after_fork"} <= methods, name
