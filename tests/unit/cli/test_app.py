"""Exit statuses: 2 for wrong usage, 3 for the machine's failures."""

import rln
from tests.unit.cli.terminal import run, run_json


def test_machine_failures_are_three(files, tmp_path, monkeypatch):
    def no_entropy(out):
        raise rln.EntropyError("entropy: none")

    monkeypatch.setattr("rln.lowlevel.entropy.fill", no_entropy)
    assert run_json("identity", "new", "--out", tmp_path / "a", status=3)["error"] == "EntropyError"
    assert not (tmp_path / "a").exists()


def test_too_much_to_do_is_three(tmp_path, monkeypatch):
    def too_many(out):
        raise rln.Overloaded("verifier: 7 messages are pending; try later")

    monkeypatch.setattr("rln.lowlevel.entropy.fill", too_many)
    assert run_json("identity", "new", "--out", tmp_path / "a", status=3)["error"] == "Overloaded"


def test_usage_errors_are_two():
    for arguments in (
        ("prove",),
        ("nonsense",),
        ("setup", "--depth", "x", "--out", "y"),
        ("keys", "export", "x"),
    ):
        run(*arguments, status=2)
