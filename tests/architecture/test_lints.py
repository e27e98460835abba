"""pre-commit runs what `make lint` runs."""

import re

from tests.architecture.floors import ROOT


def test_the_hooks_are_the_lints() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (lints,) = re.findall(r"^LINTS := (.*)$", makefile, re.M)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"entry: make (\S+)", hooks) == lints.split()
    assert re.search(r"^lint: \$\(LINTS\)$", makefile, re.M)
    for lint in lints.split():
        assert re.search(rf"^{lint}: \$\(VENV\)/equipped\n\t", makefile, re.M), lint
