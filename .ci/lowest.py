"""Print the lowest versions that pyproject.toml allows, one requirement on a line, for pip.

pyproject.toml is the only place with versions: here `>=` becomes `==`. A requirement without a lower bound
stops the script, because nobody could say which version it promises. Of the extra `dev`, only what the tests
in that environment import is printed; `bench` is left out, and `relay`, whose library is pinned to a release
that asks for later versions of the others (prometheus-client 0.24, cryptography 49, cffi 2) than we do.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
DEVELOPERS = ("dev", "bench")
"""Extras that no user installs."""
EXACT = ("relay",)
"""Extras with one release of a library. `make test` runs with it."""

TEST_TOOLS = ("pytest", "hypothesis", "httpx", "httpx2")
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,-]+\])?>=(?P<version>[0-9][0-9.]*)")


def promised(content: dict[str, Any]) -> list[str]:
    """Return the requirements of the build, of the library, of its extras, and of the tests.

    Args:
        content: of pyproject.toml.
    """
    extras: dict[str, list[str]] = content["project"]["optional-dependencies"]
    return [
        *content["build-system"]["requires"],
        *content["project"]["dependencies"],
        *(line for extra, lines in extras.items() if extra not in (*DEVELOPERS, *EXACT) for line in lines),
        *(line for line in extras["dev"] if re.split(r"[^A-Za-z0-9._-]", line)[0] in TEST_TOOLS),
    ]


def lowest(requirements: list[str]) -> list[str]:
    """Return the requirements, sorted, each pinned to its lower bound.

    Raises:
        ValueError: a requirement has another form than NAME>=VERSION, or two have different bounds.
    """
    pins: dict[str, str] = {}
    for requirement in requirements:
        found = _BOUND.fullmatch(requirement)
        if found is None:
            raise ValueError(f"{requirement}: expected NAME>=VERSION, the lowest version that is tested")
        pin = requirement.replace(">=", "==")
        if pins.setdefault(found["name"], pin) != pin:
            raise ValueError(f"{requirement}: expected one bound, got also {pins[found['name']]}")
    return sorted(pins.values())


if __name__ == "__main__":
    try:
        print(*lowest(promised(tomllib.loads(PYPROJECT.read_text()))), sep="\n")
    except ValueError as error:
        sys.exit(f"pyproject.toml: {error}")
