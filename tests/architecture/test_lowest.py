"""pyproject.toml has the lowest version of each requirement once, and `.ci/run` tests with these versions."""

import re
import runpy
import tomllib

import pytest

from tests.architecture.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPT = runpy.run_path(str(ROOT / ".ci" / "lowest.py"))
promised, lowest = SCRIPT["promised"], SCRIPT["lowest"]


def name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0]


def test_every_requirement_of_the_build_the_library_and_its_extras_is_pinned():
    pinned = {name(line) for line in lowest(promised(PROJECT))}
    extras = PROJECT["project"]["optional-dependencies"]
    for extra in extras.keys() - {"dev", "bench", "relay"}:
        assert {name(line) for line in extras[extra]} <= pinned
    assert {name(line) for line in PROJECT["build-system"]["requires"]} == {"cffi", "setuptools"}
    assert {"cffi", "setuptools"} <= pinned


def test_the_extra_dev_repeats_no_other_bound():
    """Otherwise the usual environment has versions that a user's may not have."""
    repeated = {name(line): line for line in PROJECT["project"]["optional-dependencies"]["dev"]}
    for line in promised(PROJECT):
        assert repeated.get(name(line), line) == line


def test_the_usual_environment_has_the_one_release_that_the_relay_is_made_for():
    extras = PROJECT["project"]["optional-dependencies"]
    assert {line for line in extras["relay"] if "==" in line} == {"libp2p==0.8.1"}
    assert set(extras["relay"]) <= set(extras["dev"])


@pytest.mark.parametrize("requirement", ["redis", "redis==5.3", "redis<6", "redis>=5.3,<6", "redis~=5.3"])
def test_a_requirement_without_a_lower_bound_alone_is_refused(requirement):
    with pytest.raises(ValueError, match="expected NAME>=VERSION, the lowest version that is tested"):
        lowest(["cffi>=1.17", requirement])


def test_two_bounds_of_one_package_are_refused():
    with pytest.raises(ValueError, match=r"redis>=6: expected one bound, got also redis==5.3"):
        lowest(["redis>=5.3", "redis>=6"])
    assert lowest(["redis>=5.3", "cffi>=1.17", "redis>=5.3"]) == ["cffi==1.17", "redis==5.3"]


def test_ci_runs_the_tests_with_the_lowest_versions():
    assert re.search(r"^make .*\blowest$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    recipe = (ROOT / "Makefile").read_text().split("\nlowest: ")[1]
    assert "pytest" in recipe and "--requirement build/lowest.txt" in recipe
