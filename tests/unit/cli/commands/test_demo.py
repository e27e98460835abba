"""The demo: a spammer is slashed, and their secret is recovered."""

import re

from tests.unit.cli.screen import draw, shown
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


def test_the_progress_bar_leaves_the_line_of_its_step_whole():
    """The step was printed behind the bar, which was still on the line, and drawn again below."""
    assert draw("ab\r\nc\rd\x1b[1A\r\x1b[2Kx\x1b[31my\x1b[0m") == ["xy", "d"]
    lines = shown("demo", "--depth", 2)
    assert not [line for line in lines if "━" in line or line.startswith("setup")]
    (step,) = [line for line in lines if "make a Groth16 key" in line]
    assert re.fullmatch(r" *[0-9.]+ ms  make a Groth16 key {2,}made here, alone", step)
    printed = run("demo", "--depth", 2).splitlines()
    assert [line[11:49] for line in lines[:22]] == [line[11:49] for line in printed[:22]]
