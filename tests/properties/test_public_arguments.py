"""Every parameter of the public API refuses values of a wrong type at the call, and the object stays usable.

The parameters come from the signatures of everything that docs/reference.md lists. A new function, class or
method without a valid call in one of the modules `public_….py` of `tests/support`
fails a test below.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rln.errors import RlnError
from tests.support.call_bench import CallBench
from tests.support.public_api import parameters, public_callables
from tests.support.public_gateway import GATEWAY
from tests.support.public_http import HTTP
from tests.support.public_light import LIGHT
from tests.support.public_members import MEMBER_SIDE
from tests.support.public_middleware import MIDDLEWARE
from tests.support.public_node import NODE
from tests.support.public_registrar import REGISTRAR
from tests.support.public_relay import RELAY
from tests.support.public_services import SERVICES
from tests.support.public_values import VALUES
from tests.support.public_waku import WAKU
from tests.support.wrong_values import coroutine_function, wrong_values

CALLS = {
    **VALUES,
    **SERVICES,
    **HTTP,
    **MIDDLEWARE,
    **MEMBER_SIDE,
    **REGISTRAR,
    **GATEWAY,
    **WAKU,
    **NODE,
    **LIGHT,
    **RELAY,
}
PUBLIC = public_callables()

REASONS = {
    "rln.group.root_window.RootHistory.accepts: root": "an object of any type is no acceptable root",
}
"""Parameters for which no value is of a wrong type, with the reason."""

RIGHT = {
    "rln.group.root_window.RootHistory.restore: forgotten": (-math.inf, "nothing was forgotten"),
    "rln.integrations.asgi.RlnMiddleware: app": (coroutine_function, "an application is awaited"),
    "rln.integrations.trio_guest.run_in_asyncio: function": (coroutine_function, "it is awaited"),
}
"""Values that look wrong for the annotation, and are right for this parameter, with the reason."""

REFUSING = {
    "rln.stores.memory.MemoryMessageIds.refuse_until": "ids in memory are forgotten",
}
"""Methods that refuse every call, with the reason."""


def plain(name: str) -> str:
    """Return the name of a callable without the adapter that is called."""
    return name.partition("[")[0]


def cases() -> list[tuple[str, str]]:
    """Return every parameter with the name of each call that has it."""
    return sorted((name, parameter) for name in CALLS for parameter in parameters(PUBLIC[plain(name)]))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CallBench]:
    with ExitStack() as stack:
        yield CallBench(tmp_path, stack)


def is_method(function: Callable[..., Any]) -> bool:
    """Tell whether a function belongs to an object, and not to a class."""
    return inspect.ismethod(function) and not inspect.isclass(function.__self__)


def called(runner: asyncio.Runner, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a function, and wait for the answer of a coroutine."""
    answer = function(**arguments)
    if not inspect.iscoroutine(answer):
        return answer

    async def awaited() -> Any:
        return await answer

    return runner.run(awaited())


def shown(value: object) -> str:
    """Return a value for a message."""
    return f"{type(value).__name__} {value!r:.40}" if type(value) is not int else f"int {value % 10**9}"


@pytest.mark.parametrize(("name", "parameter"), cases(), ids=lambda part: part)
def test_a_wrong_type_is_refused_at_the_call(bench: CallBench, name: str, parameter: str) -> None:
    function, arguments = CALLS[name](bench)
    annotation = parameters(PUBLIC[plain(name)])[parameter]
    right = RIGHT.get(f"{name}: {parameter}", ())[:1]
    wrong = [value for value in wrong_values(annotation, arguments[parameter]) if value not in right]
    assert wrong or f"{name}: {parameter}" in REASONS
    faults = []
    with asyncio.Runner() as runner:
        for value in wrong:
            try:
                called(runner, function, {**arguments, parameter: value})
            except RlnError as error:
                if not str(error):
                    faults.append(f"{shown(value)}: an error without a message")
            except BaseException as error:  # noqa: BLE001 - it is the finding
                faults.append(f"{shown(value)}: {type(error).__name__}: {error!s:.90}")
            else:
                faults.append(f"{shown(value)}: accepted")
        assert not faults, "\n".join([f"{name}({parameter}):", *faults])
        # An object must stay usable after each refusal. A function has no state, so one valid call will do.
        if name in REFUSING:
            with pytest.raises(RlnError):
                called(runner, function, arguments)
        elif is_method(function) or parameter == next(iter(arguments)):
            called(runner, function, arguments)


def test_every_public_callable_has_a_valid_call() -> None:
    needed = {name for name, function in PUBLIC.items() if parameters(function)}
    assert needed == {plain(name) for name in CALLS}, needed ^ {plain(name) for name in CALLS}


def test_every_valid_call_has_all_parameters(bench: CallBench) -> None:
    for name, build in CALLS.items():
        assert list(build(bench)[1]) == list(parameters(PUBLIC[plain(name)])), name


def test_every_reason_is_still_needed() -> None:
    assert set(CALLS) >= set(REFUSING)
    assert set(REASONS) | set(RIGHT) <= {f"{name}: {parameter}" for name, parameter in cases()}
