"""examples/llm: what its demo says, and what its programs have left on the disk."""

from __future__ import annotations

import json
import re
import sqlite3
import statistics
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import require_model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "example-llm.md"
STEP = re.compile(r"^ *\d+ ms  (.{48})(?:  (.*))?$", re.MULTILINE)

ALICE, MALLORY, CAROL, BOB = range(4)
UNITS = {ALICE: [1, 2, 4, 2, 3], MALLORY: [2], CAROL: [2], BOB: [2]}
"""What each of them pays, request by request."""
LIMITS = [32, 96, 32, 64, 32, 32, 32]
"""The limits of output tokens that reach the model, in order."""


@dataclass(frozen=True)
class Told:
    """The story: what was said, and the folder that has all files."""

    said: str
    folder: Path

    def steps(self) -> dict[str, str]:
        """The results of the steps by their names, in order."""
        return {name.strip(): result for name, result in STEP.findall(self.said)}

    def witnessed(self) -> list[dict[str, Any]]:
        """What passed between gateway and model, without the demo's own probe."""
        lines = map(json.loads, (self.folder / "witness.jsonl").read_text().splitlines())
        return [one for one in lines if one.get("target") != "/health"]

    def requests(self) -> list[dict[str, Any]]:
        """The requests among it."""
        return [one for one in self.witnessed() if "target" in one]


def rln(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "rln", *words, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(file: Path, statement: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    require_model()
    folder = tmp_path_factory.mktemp("llm") / "story"
    done = subprocess.run(
        [sys.executable, "-m", "examples.llm.demo", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Told(done.stdout, folder)


def test_the_page_has_the_transcript_of_these_steps(told: Told) -> None:
    """Times and the model's words differ from machine to machine."""
    written = [name.strip() for name, _ in STEP.findall(PAGE.read_text())]
    assert list(told.steps()) == written


def test_each_step_ends_as_it_must(told: Told) -> None:
    steps = told.steps()
    for name, result in {
        "the registrar admits them in batches": "40 leaves, after ",
        "1 unit: Alice lists the models": "['smollm2']",
        "rln join has waited for it": "two customers have a directory for rln connect",
        "no unit: too many tokens for a credential": "RequestRefused: units: the request costs 17",
        "no unit is left: Alice's own program refuses": "RateLimitReached: message ids: 12 of 12 ",
        "Mallory deletes the counter, and asks again": "429 The limit was exceeded.",
        "Mallory's leaf goes": "39 members are left",
        "the provider finds the evidence": "",
        "rln evidence verify agrees": "both messages are valid; commitment 0x",
        "Bob asks through it, from a hidden address": "the gateway saw 127.0.0.2: ",
    }.items():
        assert steps[name].startswith(result), (name, steps[name])
    for name in (
        "2 units: Alice asks",
        "curl asks it, as any program can",
        "4 units: Alice asks, and the answer streams",
    ):
        assert len(steps[name]) > 10, steps[name]


def test_ids_are_spent_exactly(told: Told) -> None:
    """Each member's file has one range for each paid request, without a gap; the log has as many shares."""
    for member, units in UNITS.items():
        spent = rows(
            told.folder / f"customer-{member}" / "message-ids.db",
            "SELECT first, stop FROM reservations ORDER BY first",
        )
        assert [stop - first for first, stop in spent] == units
        assert [first for first, _ in spent] == [sum(units[:place]) for place in range(len(units))]
    (shares,) = rows(told.folder / "provider" / "log.db", "SELECT count(*) FROM share")[0]
    assert shares == sum(map(sum, UNITS.values()))


def test_the_model_was_asked_once_for_each_valid_verdict(told: Told) -> None:
    """The audit files have all messages that were judged valid, and the one that was a violation."""
    lines = rln("log", "export", str(told.folder / "provider" / "audit"))["lines"]
    kept = [[share["nullifier"] for share in line["shares"]] for line in lines]
    valid = [
        nullifiers
        for place, nullifiers in enumerate(kept)
        if not any(set(nullifiers) & set(earlier) for earlier in kept[:place])
    ]
    assert len(valid) == len(kept) - 1
    assert sorted(map(len, valid)) == sorted(one for units in UNITS.values() for one in units)
    assert len(told.requests()) == len(valid)


def test_the_model_gets_what_was_paid_for_and_nothing_of_the_member(told: Told) -> None:
    listed, *asked = told.requests()
    assert (listed["method"], listed["target"], listed["body"]) == ("GET", "/v1/models", "")
    assert {(one["method"], one["target"]) for one in asked} == {("POST", "/v1/chat/completions")}
    bodies = [json.loads(one["body"]) for one in asked]
    assert [body["max_tokens"] for body in bodies] == LIMITS
    assert {name for body in bodies for name in body} <= {
        *("model", "messages", "max_tokens", "temperature", "stream"),
    }
    names = {name for one in told.requests() for name in one["fields"]}
    assert "authorization" in names  # the provider's own, for the model
    assert not {name for name in names if re.search("rln|user-agent|cookie|forwarded|via|x-", name)}, names


def test_pieces_of_a_stream_come_as_the_model_sends_them(told: Told) -> None:
    came = json.loads((told.folder / "chunks.json").read_text())
    lines = told.witnessed()
    place = next(
        place for place, one in enumerate(lines) if "target" in one and '"stream":true' in one["body"]
    )
    left = []
    for one in lines[place + 1 :]:
        if "target" in one:
            break
        left.append(one["time"])
    assert len(came) > 20 and len(left) == len(came) + 1  # [DONE] is none for the customer
    assert all(there < here for there, here in zip(left, came, strict=False))
    assert came[0] < left[-1], "the whole answer was there before its first piece came"
    early = sum(here < later for here, later in zip(came, left[2:], strict=False))
    assert early > len(came) / 2, "pieces are held back"
    added = [(came[i] - came[i - 1]) - (left[i] - left[i - 1]) for i in range(1, len(came))]
    assert statistics.median(map(abs, added)) < 0.05, statistics.quantiles(added)


def test_the_gateway_saw_the_relay_alone(told: Told) -> None:
    """The relay made all tunnels of a member who never calls by themselves, to gateway and registrar."""
    asked = re.findall(
        r"^127\.0\.0\.1 asked for a tunnel to 127\.0\.0\.1:(\d+)$",
        (told.folder / "relay.log").read_text(),
        re.MULTILINE,
    )
    policy = json.loads((told.folder / "provider" / "policy.json").read_text())
    assert len(set(asked)) == 2, (asked, policy)


def test_no_secret_is_in_a_log(told: Told) -> None:
    key = (told.folder / "provider" / "model-key.txt").read_text().removeprefix("Bearer ")
    token = (told.folder / f"customer-{CAROL}" / "connect-token").read_text().strip()
    for file in told.folder.glob("*.log"):
        text = file.read_text(errors="replace")
        assert key not in text and token not in text, file.name
