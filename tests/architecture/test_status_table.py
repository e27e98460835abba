"""Every status of the C core has an exception, and the table has no other entries."""

from rln import errors
from rln._native import ffi, lib
from rln.lowlevel import _call

STATUSES = {name: value for value, name in ffi.typeof("rln_status").elements.items()}


def test_every_status_has_an_exception() -> None:
    assert set(_call.STATUS_ERRORS) == set(STATUSES.values()) - {lib.RLN_OK}


def test_every_exception_is_in_the_tree() -> None:
    for kind, words in _call.STATUS_ERRORS.values():
        assert issubclass(kind, errors.RlnError)
        assert kind is not errors.RlnError
        assert words


def test_statuses_are_numbered_without_gaps() -> None:
    assert sorted(STATUSES.values()) == list(range(len(STATUSES)))
