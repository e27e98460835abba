"""What a message repeats of an argument that may hold a password is hidden, whatever stands before it."""

import pytest

from rln.cli.confidential import hide

ARGUMENTS = (
    "redis://:hunter/0",
    '"redis://:hunter/0"',
    "'postgresql://user:hunter'",
    "uri=redis://:hunter/0",
    "URI: valkey://:hunter",
    "redis//:hunter",
    "x/postgres:hunter",
    "mysql://root:hunter",
    "sqlite:///redis://:hunter",
    "sqlite:////srv/redis://:hunter",
    "user:hunter@host",
    "password=hunter",
)


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("option", ["", "--vk="])
def test_no_part_of_a_confidential_argument_is_repeated(argument, option):
    """A quotation mark or a name before the URI of a server was enough to show its password."""
    path = argument.removeprefix("sqlite:///").replace("//", "/")
    for repeated in (argument, repr(argument), repr(argument[:40]), path):
        told = hide(f"value: expected a key, got {repeated} today", [f"{option}{argument}"])
        assert told.startswith("value: expected a key, got ")
        assert "hunter" not in told and told.endswith(" today")


@pytest.mark.parametrize("argument", ["https://api.example.com/x", "http://127.0.0.1:8000"])
def test_the_address_of_a_web_server_without_a_user_is_repeated(argument: str) -> None:
    """`rln join` said "***: no answer": nobody sees a wrong port so."""
    assert hide(f"{argument}: no answer", ["join", argument]) == f"{argument}: no answer"


@pytest.mark.parametrize("argument", ["https://u:hunter@x", "https://u:hunter", "https://x/?key=hunter"])
def test_an_address_of_a_web_server_that_may_hold_a_password_is_hidden(argument: str) -> None:
    assert "hunter" not in hide(f"{argument}: no answer", ["join", argument])


@pytest.mark.parametrize("argument", ["sqlite:///members.db", "keys/main.rlnkey", "memory://", "example.com"])
def test_names_of_files_are_repeated(argument):
    path = argument.removeprefix("sqlite:///")
    assert hide(f"{path}: No such file", ["list", argument]) == f"{path}: No such file"
