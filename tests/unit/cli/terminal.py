"""A terminal for the tests of the command line, and the files that its commands take."""

import json
from pathlib import Path

from typer.testing import CliRunner

import rln
from rln.cli.app import app
from rln.formats import snarkjs
from rln.protocol.statement import Statement
from tests.support.small_world import World

SECRET = 123456789123456789123456789


def run(*arguments: object, status: int = 0, stdin: bytes | None = None) -> str:
    """Run a command and return its output, in which there is no secret."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == status, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    assert str(SECRET) not in result.output
    return result.output


def run_json(*arguments: object, status: int = 0, stdin: bytes | None = None) -> dict:
    return json.loads(run(*arguments, "--json", status=status, stdin=stdin))


def write_inputs(folder: Path) -> World:
    """Write key.rlnkey, and witness.json for a new member."""
    world = World()
    member = rln.Identity.from_secret(SECRET)
    world.group.register(member.commitment, 5)
    statement = Statement.spend(world.key.parameters, 5, (3,), world.group.proof(0), 1234, 5678)
    inputs = {"identitySecret": SECRET, **statement.inputs()}
    inputs = {
        name: value if isinstance(value, int) or len(value) > 1 else value[0]
        for name, value in inputs.items()
    }
    (folder / "witness.json").write_bytes(snarkjs.write_witness(inputs))
    world.key.save(folder / "key.rlnkey")
    return world


def change(path, tmp_path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    changed = tmp_path / path.name
    changed.write_text(json.dumps(content))
    return changed
