"""Calls of C: each status has an exception, messages are complete, and handles are freed."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

from rln import errors
from rln.lowlevel import _call
from rln.lowlevel._call import ffi, lib

STUB = Path(_call.__file__).parent.parent / "_native.pyi"


def fault_of(field: bytes | None, index: int, expected: int, got: int) -> tuple[_call.CData, object]:
    fault = _call.new_fault()
    kept = ffi.NULL if field is None else ffi.new("char[]", field)
    fault.field, fault.index, fault.expected, fault.got = kept, index, expected, got
    return fault, kept


def test_table_holds_every_status_but_ok() -> None:
    statuses = {getattr(lib, name) for name in dir(lib) if name.startswith("RLN_ERR_")}
    assert set(_call.STATUS_ERRORS) == statuses
    assert lib.RLN_OK not in statuses
    assert len(statuses) == 12


@pytest.mark.parametrize("status", sorted(_call.STATUS_ERRORS))
def test_status_raises_its_class_and_names_the_thing(status: int) -> None:
    kind, words = _call.STATUS_ERRORS[status]
    with pytest.raises(errors.RlnError) as caught:
        _call.check(status, what="thing")
    assert type(caught.value) is kind
    assert str(caught.value) == f"thing: {words}"


def test_ok_raises_nothing() -> None:
    assert _call.check(lib.RLN_OK, _call.new_fault(), "thing") is None  # type: ignore[func-returns-value]


def test_unknown_status_is_a_native_error() -> None:
    with pytest.raises(errors.NativeError, match=r"^unknown status 99$"):
        _call.check(99)


@pytest.mark.parametrize(
    ("status", "fault", "message"),
    [
        (lib.RLN_ERR_LENGTH, (b"root", _call.WHOLE, 32, 31), "root: expected 32 bytes, got 31"),
        (lib.RLN_ERR_FORMAT, (b"sections", _call.WHOLE, 10, 9), "sections: expected 10, got 9"),
        (
            lib.RLN_ERR_POINT,
            (b"h_query", 17, 0, 0),
            "h_query[17]: not a point of the group, or not in canonical form",
        ),
        (lib.RLN_ERR_WITNESS, (b"node", 0, 0, 0), "node[0]: no witness can be computed from these inputs"),
        (lib.RLN_ERR_RANGE, (None, 0, 0, 0), "fallback: not a canonical number of its field"),
    ],
)
def test_fault_becomes_the_message(
    status: int, fault: tuple[bytes | None, int, int, int], message: str
) -> None:
    pointer, _kept = fault_of(*fault)
    with pytest.raises(errors.RlnError) as caught:
        _call.check(status, pointer, "fallback")
    assert str(caught.value) == message


def test_take_copies_and_wipes() -> None:
    out = _call.output(3)
    for i, value in enumerate(b"abc"):
        out[i] = value
    assert _call.take(out) == b"abc"
    assert bytes(ffi.buffer(out)) == bytes(3)
    assert _call.take(_call.output(0)) == b""


class TestHandle:
    def make(self, freed: list[int]) -> _call.Handle:
        return _call.Handle("thing", ffi.new("int *"), lambda pointer: freed.append(1))

    def test_close_frees_once_and_use_is_refused(self) -> None:
        freed: list[int] = []
        handle = self.make(freed)
        assert repr(handle) == "<thing>"
        handle.close()
        handle.close()
        assert freed == [1]
        assert handle.closed
        assert repr(handle) == "<thing (closed)>"
        with pytest.raises(errors.ParameterError, match=r"^thing: used after it was closed$"):
            _ = handle.pointer

    def test_pointer_outlives_close_while_a_call_holds_it(self) -> None:
        freed: list[int] = []
        handle = self.make(freed)
        pointer = handle.pointer
        handle.close()
        assert freed == []
        del pointer
        assert freed == [1]

    def test_cannot_be_copied_or_pickled(self) -> None:
        handle = self.make([])
        with pytest.raises(TypeError, match=r"^thing: a handle cannot be copied or pickled$"):
            pickle.dumps(handle)
        with pytest.raises(TypeError, match=r"^thing: a handle cannot be copied or pickled$"):
            copy.copy(handle)


def declared() -> dict[str, int | None]:
    """The names in the stub's class for lib: None for a number, the count of arguments for a function."""
    found: dict[str, int | None] = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "_Lib":
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    found[item.target.id] = None
                elif isinstance(item, ast.FunctionDef):
                    found[item.name] = len(item.args.posonlyargs + item.args.args) - 1
    return found


def test_stub_mirrors_the_library() -> None:
    actual: dict[str, int | None] = {}
    for name in dir(lib):
        value = getattr(lib, name)
        actual[name] = None if isinstance(value, int) else len(ffi.typeof(value).args)
    assert declared() == actual
