"""`rln doctor`: known answers, and a machine that gives others."""

from tests.unit.cli.terminal import run, run_json


def test_doctor_knows_the_answers():
    data = run_json("doctor")
    assert data["self_test"] == dict.fromkeys(("poseidon", "keccak", "identity", "pairing"), "ok")
    assert data["engine"] in data["engines_supported"]
    assert "self-test pairing" in run("doctor")


def test_doctor_reports_a_wrong_answer(monkeypatch):
    monkeypatch.setattr("rln.cli.commands.doctor.poseidon_hash", lambda inputs: 0)
    assert run_json("doctor", status=3)["self_test"]["poseidon"] == "FAILED"
