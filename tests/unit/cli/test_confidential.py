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


@pytest.mark.parametrize("argument", ["sqlite:///members.db", "keys/main.rlnkey", "memory://", "example.com"])
def test_names_of_files_are_repeated(argument):
    path = argument.removeprefix("sqlite:///")
    assert hide(f"{path}: No such file", ["list", argument]) == f"{path}: No such file"
