"""The keys, the command line and the input file that the interop tests share."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import rln
from rln.cli.app import app
from tests.interop import peers


class Command:
    """Runs the command `rln ... --json` in this process and checks its exit status."""

    def __call__(self, *arguments: str | Path, status: int = 0) -> Any:
        result: Result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="session")
def command() -> Command:
    """A function that runs `rln ... --json` and returns the parsed output."""
    return Command()


@pytest.fixture(scope="session")
def ceremony(zerokit_dir: Path) -> Path:
    """The directory of the depth-20 ceremony key."""
    return zerokit_dir / "tree_depth_20"


@pytest.fixture(scope="session")
def ceremony_key(ceremony: Path) -> rln.ProvingKey:
    """The imported ceremony key."""
    return rln.ProvingKey.load(ceremony / "rln_final.arkzkey", graph=ceremony / "graph.bin")


@pytest.fixture(scope="session")
def own_key() -> rln.ProvingKey:
    """A key from our own setup for RLN(20, 16)."""
    return rln.setup(rln.circuit.rln(depth=20))


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    """The statement of `peers.statement` in a file witness.json."""
    path = tmp_path / "witness.json"
    path.write_text(json.dumps(peers.statement()))
    return path
