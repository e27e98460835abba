"""No file contains an absolute path of one machine or the host of a package registry."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, project_files

HOMES = "|".join(["work", "home", "root", "tmp", "Users", "mnt", "opt"])
ABSOLUTE = re.compile(rf"(?<![\w.~$)}}/-])/(?:{HOMES})/\w")
HOSTS = re.compile("|".join([r"pypi\." + "org", "python" + "hosted", r"registry\." + "(npmjs|yarnpkg)"]))
BINARY = {".bin", ".gz", ".zkey", ".r1cs", ".png", ".so", ".rlnkey", ".vk"}
TEXT = [p for p in project_files() if p.suffix not in BINARY]


@pytest.mark.parametrize("path", TEXT, ids=str)
def test_no_traces(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert ABSOLUTE.findall(text) == []
    assert HOSTS.findall(text) == []
    if path.name.endswith("lock.json"):
        assert '"resolved": "http' not in text


def test_npm_writes_no_addresses() -> None:
    settings = (ROOT / "tests" / "interop" / ".npmrc").read_text().split()
    assert "omit-lockfile-registry-resolved=true" in settings
