"""A registry, its registrar's key, and a directory of bulletins: what the tests of several commands share."""

from tests.support.small_world import LIMIT_BITS
from tests.unit.cli.terminal import run_json

SIZE = ("--depth", 6, "--limit-bits", LIMIT_BITS)
MANY = 35


def publish(office):
    uri, folder, _ = office
    out = ("--key", folder / "registrar.pem", "--out", folder / "board")
    return run_json("group", "export", uri, *out)
