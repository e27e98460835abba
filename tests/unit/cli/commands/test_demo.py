"""The demo: a spammer is slashed, and their secret is recovered."""

from tests.unit.cli.terminal import run, run_json


def test_demo_ends_with_the_spammers_commitment():
    data = run_json("demo", "--depth", 2)
    assert data["matches"] is True
    assert data["spammer"] == data["recovered"]
    words = [step["result"] for step in data["steps"]]
    for verdict in (
        "VALID",
        "DUPLICATE",
        "RATE_LIMIT_VIOLATION",
        "INVALID, wrong signal",
        "INVALID, unknown root",
    ):
        assert verdict in words
    steps = [step["step"] for step in data["steps"]]
    restart = steps.index("provider and members restart")
    after = dict(zip(steps[restart + 1 :], words[restart + 1 :], strict=True))
    assert after["Alice asks for the message sent before"] == "the same bytes"
    assert after["somebody sends that message again"] == "DUPLICATE"
    assert after["Mallory's prover still refuses"] == "RATE LIMIT REACHED"
    assert after["the provider verifies"] == "RATE_LIMIT_VIOLATION"
    assert all(step["milliseconds"] >= 0 for step in data["steps"])
    text = run("demo", "--depth", 2)
    assert len(text.splitlines()) <= 28
    assert max(map(len, text.splitlines())) <= 100
    assert "they match" in text
