"""A keystore that js-waku made: `@waku/rln` 0.1.8, `Keystore.addCredential`, on 2026-11-30.

Its identity is zerokit's extended identity of the seed `keystore member`.
"""

import json
from pathlib import Path
from typing import Any

from rln.formats.keystore import Keystore
from rln.protocol.identity import Identity
from rln.protocol.waku_membership import WakuMembership

KNOWN: dict[str, Any] = json.loads((Path(__file__).parent / "waku_keystore.json").read_text())
FILE = json.dumps(KNOWN["keystore"]).encode()


def test_the_keystore_of_js_waku_is_read() -> None:
    found = WakuMembership.unlock(Keystore.decode(FILE), KNOWN["password"])
    assert found.identity == Identity.from_seed(b"keystore member", extended=True)
    assert found.identity.commitment == int(KNOWN["commitment"])
    assert (found.chain_id, found.index, found.limit) == ("59141", 5, 100)
    assert found.address == "0xb9cd878c90e49f797b4431fbf4fb333108cb90e6"
    assert found.label == next(iter(KNOWN["keystore"]["credentials"]))


def test_what_js_waku_encrypts_is_written_byte_for_byte() -> None:
    found = WakuMembership.decode(KNOWN["plaintext"].encode())
    assert found.encode() == KNOWN["plaintext"].encode()


def test_the_file_of_js_waku_is_written_again_with_the_same_values() -> None:
    assert json.loads(Keystore.decode(FILE).encode()) == KNOWN["keystore"]
