"""Threats E8, E9, E10: no output shows a member's secret, no memory keeps it, no timing depends on it."""

import copy
import dataclasses
import functools
import io
import json
import logging
import logging.handlers
import marshal
import os
import pickle
import pprint
import re
import reprlib
import shelve
import string
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import rln
from rln.errors import InputError, RlnError
from rln.protocol.statement import Statement
from tests.conftest import lacking
from tests.native import ctime
from tests.support.process_memory import PausedProcess, find_in_memory
from tests.support.small_world import World
from tests.threats.full_world import R, word

SECRET = rln.Identity.from_seed(b"a secret of the tests").secret().reveal()


def forms(secret: int) -> list[bytes]:
    """Return all common representations of a secret."""
    montgomery = secret * 2**256 % R
    raw = [word(secret), word(secret)[::-1], word(montgomery), word(montgomery + R)]
    texts = [
        str(secret),
        f"{secret:x}",
        f"{secret:X}",
        word(secret).hex(),
        word(montgomery).hex(),
        repr(word(secret)),
    ]
    return raw + [text.encode() for text in texts]


def holders(full_world: World) -> list[object]:
    """Return all objects that hold the secret, or held it."""
    identity = rln.Identity.from_secret(SECRET)
    full_world.group.register(identity.commitment, 4)
    prover = full_world.prover(identity)
    first, second = prover.prove(b"one"), full_world.prover(identity).prove(b"two")
    verifier = full_world.verifier()
    verifier.submit(first, b"one")
    violation = verifier.submit(second, b"two")
    assert isinstance(violation, rln.RateLimitViolation)
    assert violation.identity_secret.reveal() == SECRET
    statement = Statement.spend(full_world.key.parameters, 4, (0,), full_world.group.proof(0), 7, 8)
    witness = full_world.key.witness(statement.inputs(), identity)
    return [
        identity,
        identity.secret(),
        identity.handle,
        prover,
        violation,
        violation.identity_secret,
        witness,
        first,
    ]


def routes(thing: object) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the ways in which an object becomes text or bytes, most of them by accident."""
    yield "repr", lambda: repr(thing)
    yield "str", lambda: str(thing)
    yield "format", lambda: f"{thing} {thing!r} {thing!a}"
    yield "percent", lambda: "%s %r" % (thing, thing)  # noqa: UP031
    yield "ascii", lambda: ascii(thing)
    yield "string.Template", lambda: string.Template("$x").substitute(x=thing)
    yield "bytes", lambda: bytes(thing)  # type: ignore[call-overload]
    yield "int", lambda: int(thing)  # type: ignore[call-overload]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", lambda protocol=protocol: pickle.dumps(thing, protocol)
    yield "shelve", lambda: shelved(thing)
    yield "copy", lambda: copied(copy.copy(thing))
    yield "deepcopy", lambda: copied(copy.deepcopy(thing))
    yield "marshal", lambda: marshal.dumps(thing)  # type: ignore[arg-type]
    yield "json", lambda: json.dumps(thing)
    yield "json with default", lambda: json.dumps(thing, default=lambda o: getattr(o, "__dict__", str(o)))
    yield "vars", lambda: vars(thing)
    yield (
        "slots",
        lambda: [getattr(thing, name, None) for kind in type(thing).__mro__ for name in slots_of(kind)],
    )
    yield (
        "dir",
        lambda: [
            repr(getattr(thing, name, None))
            for name in dir(thing)
            if not callable(getattr(thing, name, None))
        ],
    )
    yield "asdict", lambda: dataclasses.asdict(thing)  # type: ignore[call-overload]
    yield "astuple", lambda: dataclasses.astuple(thing)  # type: ignore[call-overload]
    yield "pprint", lambda: pprint.pformat([thing, {"x": thing}])
    yield "reprlib", lambda: reprlib.repr([thing])
    yield "logging", lambda: logged(thing)
    yield "logging over a socket", lambda: logging.handlers.SocketHandler("", 0).makePickle(record(thing))
    yield "traceback with locals", lambda: trace(thing)
    yield "warning", lambda: warned(thing)
    yield "getstate", lambda: thing.__getstate__()
    yield "reduce", lambda: thing.__reduce_ex__(4)
    yield "hash", lambda: hash(thing)
    yield "partial", lambda: repr(functools.partial(print, thing))
    yield "exceptions", lambda: mistreated(thing)
    yield "memoryview", lambda: bytes(memoryview(thing))  # type: ignore[arg-type]
    yield "iteration", lambda: list(thing)  # type: ignore[call-overload]
    yield "sizeof", lambda: sys.getsizeof(thing)


def slots_of(kind: type) -> list[str]:
    slots = getattr(kind, "__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)


def shelved(thing: object) -> object:
    store: dict[bytes, bytes] = {}
    shelve.Shelf(store)["x"] = thing
    return store


def copied(made: object) -> object:
    """Show a copy. A verdict may be copied: the copy holds the same hidden secret, not a second one."""
    return repr(made)


def record(thing: object) -> logging.LogRecord:
    return logging.LogRecord("rln", logging.ERROR, "file", 1, "%s %r", (thing, thing), None)


def logged(thing: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.handle(record(thing))
    return stream.getvalue()


def trace(thing: object) -> str:
    try:
        locally = thing
        raise ValueError("a message", locally)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def warned(thing: object) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(str(thing), stacklevel=1)
    return str([str(warning.message) for warning in caught])


def mistreated(thing: object) -> list[str]:
    """Return the texts of the errors that a wrong use of the object raises."""
    said = []
    for attempt in (
        lambda: rln.poseidon_hash([thing]),  # type: ignore[list-item]
        lambda: rln.Identity.from_secret(thing),  # type: ignore[arg-type]
        lambda: rln.Share(thing, 1),  # type: ignore[arg-type]
        lambda: rln.hash_signal(thing),  # type: ignore[arg-type]
        lambda: rln.Group(4).register(thing, 1),  # type: ignore[arg-type]
        lambda: setattr(thing, "x", 1),
        lambda: thing < 1,  # type: ignore[operator]
        lambda: thing["x"],  # type: ignore[index]
        lambda: thing.nothing,  # type: ignore[attr-defined]
    ):
        try:
            attempt()
        except (RlnError, AttributeError, TypeError) as error:
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            said += [repr(error), repr(error.args), str(error.__cause__), str(error.__context__)]
            inside = [line for line in shown.format() if "rln/" in line and "tests/" not in line]
            said += inside
    return said


def test_e8_no_route_shows_the_secret() -> None:
    world = World()
    things = holders(world)
    tried = set()
    for thing in things:
        for name, route in routes(thing):
            tried.add(name)
            out: object = ""
            with suppress(
                TypeError, AttributeError, ValueError, KeyError, NotImplementedError, pickle.PicklingError
            ):
                out = route()
            shown = out if isinstance(out, bytes) else repr(out).encode()
            for form in forms(SECRET):
                assert form not in shown, (type(thing).__name__, name)
    assert len(tried) >= 20


@pytest.mark.parametrize(
    "make", [lambda: rln.Identity.from_secret(SECRET), lambda: rln.Identity.from_secret(SECRET).secret()]
)
def test_e8_an_identity_is_neither_copied_nor_serialised(make: Callable[[], object]) -> None:
    thing = make()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(thing, protocol)
    for attempt in (copy.copy, copy.deepcopy, json.dumps, hash, marshal.dumps):
        with pytest.raises((TypeError, ValueError)):
            attempt(thing)
    assert not hasattr(thing, "__dict__")
    assert thing == make()
    assert thing != rln.Identity.generate()


def test_e8_errors_about_a_secret_do_not_repeat_it() -> None:
    for attempt in (
        lambda: rln.Identity.from_secret(SECRET + R),
        lambda: rln.IdentitySecret(SECRET),
        lambda: rln.Identity(secret=SECRET),
        lambda: rln.formats.snarkjs.read_witness(json.dumps({"identitySecret": f" {SECRET}"}).encode()),
        lambda: rln.formats.snarkjs.read_witness(json.dumps({"identitySecret": str(SECRET + R)}).encode()),
        lambda: rln.formats.snarkjs.read_witness(f'{{"identitySecret": {SECRET}}}'.encode()),
        lambda: rln.formats.snarkjs.read_witness(f'{{"identitySecret": "{SECRET}",}}'.encode()),
    ):
        with pytest.raises((InputError, TypeError)) as caught:
            attempt()
        said = repr([caught.value, caught.value.args, caught.value.__cause__, caught.value.__dict__])
        assert not any(text in said for text in (str(SECRET), str(SECRET + R), f"{SECRET:x}"))


# ---- E9 ---------------------------------------------------------------------------------------------

MEMBER = """
import gc, sys, rln
from tests.support.small_world import World
world = World()
identity = rln.Identity.from_seed(bytes([97, 98, 99]) * 7, extended="extended" in sys.argv)
world.group.register(identity.commitment, 4)
prover = world.prover(identity, threads=int(sys.argv[1]))
proof = prover.prove(bytes([1, 2, 3]))
assert world.verifier().submit(proof, bytes([1, 2, 3])) == rln.Valid()
print("ready alive", flush=True)
sys.stdin.readline()
identity.close()
del prover
gc.collect()
print("ready closed", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("arguments", [("1",), ("2",), ("2", "extended")])
def test_e9_a_closed_identity_is_not_in_memory(arguments: tuple[str, ...]) -> None:
    """Proofs ran on one thread and on two. Core dumps, swap and forks contain at most what memory holds."""
    known = rln.Identity.from_seed(b"abc" * 7, extended="extended" in arguments)
    numbers = [known.secret().reveal()]
    if "extended" in arguments:
        numbers += known.secret().reveal_extended()
    needles = {}
    for i, number in enumerate(numbers):
        needles |= {f"plain {i}": word(number), f"big-endian {i}": word(number)[::-1]}
        needles |= {
            f"Montgomery {i}": word(number * 2**256 % R),
            f"Montgomery {i} + r": word(number * 2**256 % R + R),
        }
    child = PausedProcess(MEMBER, *arguments)
    with child as pid:
        assert find_in_memory(pid, needles) & {"plain 0", "Montgomery 0"}, (
            "the search must find what is there"
        )
        assert child.resume() == "ready closed"
        assert find_in_memory(pid, needles) == set()


def test_e9_pages_of_a_secret_are_locked_and_kept_out_of_dumps() -> None:
    """The pages of an identity carry the kernel's flags for locked and not dumped."""
    before = marks()
    kept = [rln.Identity.generate() for _ in range(3)]
    after = marks()
    assert after["dd"] > before["dd"]
    if after["lo"] == before["lo"]:
        pytest.skip("this system locks no memory (RLIMIT_MEMLOCK)")
    for identity in kept:
        identity.close()
    assert marks()["dd"] < after["dd"]


def marks() -> dict[str, int]:
    """Return the bytes of this process's memory that are marked as not dumped (dd) and locked (lo)."""
    sizes, size = {"dd": 0, "lo": 0}, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            size = int(line.split()[1]) * 1024
        if line.startswith("VmFlags:"):
            for flag in sizes:
                sizes[flag] += size * (flag in line.split())
    return sizes


# ---- E10 --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def valgrind() -> None:
    if reason := ctime.missing():
        lacking("valgrind", reason)


@pytest.mark.usefixtures("valgrind")
@pytest.mark.parametrize("level", [None, "-O2", "-Os"])
@pytest.mark.parametrize("engine", ctime.engines())
def test_e10_no_function_called_constant_depends_on_a_secret(engine: str, level: str | None) -> None:
    """The release level is tested always, other levels only if CI is set, because a build takes long."""
    if level and not os.environ.get("CI"):
        pytest.skip("other optimisation levels are for CI")
    done = ctime.check(ctime.build(level, engine))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("valgrind")
@pytest.mark.parametrize("leak", ["branch", "table"])
def test_e10_a_planted_leak_is_found(leak: str) -> None:
    done = ctime.check(ctime.build(), leak)
    assert done.returncode == ctime.LEAK, done.stdout + done.stderr
    assert f"leak_by_{leak}" in done.stderr


def test_e10_functions_that_are_not_constant_are_listed() -> None:
    """ctime.c runs every function of rln.h, or the list gives a reason; the list has no unknown name."""
    header = (ctime.run.CORE / "include" / "rln.h").read_text()
    functions = set(re.findall(r"\b(rln_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.S)))
    lines = [line for line in ctime.LISTED.read_text().splitlines() if line and not line.startswith("#")]
    listed = [line.split(maxsplit=1) for line in lines]
    assert all(len(parts) == 2 for parts in listed)
    names = [name for name, _ in listed]
    assert len(set(names)) == len(names)
    program = set(re.findall(r"\b(rln_\w+)\(", ctime.SOURCE.read_text()))
    assert functions - program == set(names)
