"""The messages of tests/unit/waku: those of the vectors that js-waku and zerokit have made."""

from __future__ import annotations

import json
from typing import Final

from tests.architecture.tree import ROOT


def _case(noun: str, identifier: str) -> dict[str, str]:
    cases = json.loads((ROOT / "vectors" / f"{noun}.json").read_text())["cases"]
    (found,) = (case["input"] for case in cases if case["id"] == identifier)
    return found


WIRES: Final = {
    "message": bytes.fromhex(_case("waku-messages", "js-waku")["data"]),
    "proof": bytes.fromhex(_case("waku-proofs", "zerokit")["data"]),
    "shifted": bytes.fromhex(_case("waku-signals", "shift-1")["data"]),
}
