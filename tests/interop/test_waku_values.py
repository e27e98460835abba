"""Hashes and shards equal those of js-waku's packages, and keystores go both ways."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.errors import ParameterError
from rln.formats.keystore import Keystore
from rln.protocol.waku_membership import WakuMembership
from rln.waku.message import WakuMessage
from rln.waku.topics import ContentTopic
from tests.interop.peers import HERE

CHAIN, CONTRACT, INDEX, LIMIT = "59141", "0xb9cd878c90e49f797b4431fbf4fb333108cb90e6", 5, 100
PASSWORD = "a password for tests"


def asked(node: Path, question: str, **more: object) -> Any:
    done = subprocess.run(
        [node, "--import", "./polyfill.mjs", "waku_values.mjs"],
        cwd=HERE,
        input=json.dumps({"ask": question, **more}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_deterministic_hashes_equal_js_waku_s(node: Path) -> None:
    chance = random.Random(14)
    messages = [
        WakuMessage(
            chance.randbytes(chance.choice([0, 1, 40, 1000])),
            f"/app-{number}/1/name/proto",
            timestamp=chance.choice([None, 1, chance.randrange(1, 1 << 63)]),
            meta=chance.choice([None, b"", chance.randbytes(chance.randrange(65))]),
        )
        for number in range(300)
    ]
    described = [
        {
            "topic": f"/waku/2/rs/1/{number % 8}",
            "payload": one.payload.hex(),
            "contentTopic": one.content_topic,
            "meta": None if one.meta is None else one.meta.hex(),
            "timestamp": None if one.timestamp is None else str(one.timestamp),
        }
        for number, one in enumerate(messages)
    ]
    ours = [one.hash(f"/waku/2/rs/1/{number % 8}").hex() for number, one in enumerate(messages)]
    assert asked(node, "hashes", messages=described) == ours


@pytest.mark.parametrize("shards", [1, 2, 8, 1024])
def test_shards_equal_js_waku_s(node: Path, shards: int) -> None:
    chance = random.Random(shards)
    words = ["app", "chat", "waku", "toy-chat", "x", "long" * 20]
    topics = [
        f"/{chance.choice(words)}{number}/{chance.randrange(9)}/{chance.choice(words)}/proto"
        for number in range(400)
    ]
    assert asked(node, "shards", topics=topics, shards=shards) == [
        ContentTopic.parse(topic).shard(shards) for topic in topics
    ]


@pytest.fixture(scope="module")
def membership() -> WakuMembership:
    identity = rln.Identity.from_seed(b"a member of both programs", extended=True)
    return WakuMembership(identity, CHAIN, CONTRACT, INDEX, LIMIT)


def test_a_keystore_of_js_waku_is_unlocked_here(node: Path, membership: WakuMembership) -> None:
    identity = membership.identity
    trapdoor, nullifier = identity.secret().reveal_extended()
    values = {
        "IDTrapdoor": trapdoor,
        "IDNullifier": nullifier,
        "IDSecretHash": identity.secret().reveal(),
        "IDCommitment": identity.commitment,
    }
    made = asked(
        node,
        "lock",
        identity={name: value.to_bytes(32, "big").hex() for name, value in values.items()},
        membership={"treeIndex": INDEX, "chainId": CHAIN, "address": CONTRACT, "rateLimit": LIMIT},
        password=PASSWORD,
    )
    keystore = Keystore.decode(json.dumps(made).encode())
    assert WakuMembership.unlock(keystore, PASSWORD) == membership
    with pytest.raises(ParameterError, match="password"):
        WakuMembership.unlock(keystore, "another password")


def test_a_keystore_from_here_is_unlocked_by_js_waku(node: Path, membership: WakuMembership) -> None:
    keystore = json.loads(Keystore().with_entry(*membership.lock(PASSWORD)).encode())
    got = asked(node, "unlock", keystore=keystore, password=PASSWORD)
    assert int(got["secret"], 16) == membership.identity.secret().reveal()
    assert int(got["commitment"]) == membership.identity.commitment
    assert (got["membership"]["treeIndex"], got["membership"]["rateLimit"]) == (INDEX, LIMIT)
    refused = asked(node, "unlock", keystore=keystore, password="another password")
    assert "error" in refused and "secret" not in refused
