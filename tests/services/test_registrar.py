"""`rln registrar` in a process of its own: members join over HTTP, follow the bulletins, and are served."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import rln
from rln.group.registry_roots import RegistryRoots
from rln.http.policy import open_policy
from rln.services.slash_outbox import check_webhook
from rln.stores import open_existing_members, open_log, open_message_ids
from rln.sync.signing import open_bulletin
from tests.support.http_world import DEPTH, LIMIT_BITS
from tests.support.registrar_server import RegistrarServer, RegistrarWorld, body_of
from tests.support.webhook_receiver import Receiver

JOINING = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistrarServer]:
    world = RegistrarWorld(tmp_path, accounts=JOINING, table="interval = 2\nbatch = 8\n")
    server = RegistrarServer(world)
    yield server
    server.close()
    world.close()


def followed(server: RegistrarServer, mirror: rln.Mirror) -> int:
    """Apply the bulletins that are new, as a client does, and return how many."""
    index = server.client.get("/rln/bulletins/index.json").json()
    assert mirror.step <= index["step"]
    applied = 0
    while mirror.step < index["step"]:
        part = max(
            (one for one in index["bulletins"] if one["after"] == mirror.step), key=lambda one: one["last"]
        )
        data = server.client.get(f"/rln/bulletins/{part['name']}").content
        mirror.apply(open_bulletin(data, server.world.policy.registrar_key))
        applied += 1
    return applied


def test_forty_accounts_join_in_batches_and_their_proofs_verify(server: RegistrarServer) -> None:
    world = server.world
    mirror = rln.Mirror(DEPTH, LIMIT_BITS)
    identities = {name: rln.Identity.generate() for name in world.accounts}
    for name, identity in identities.items():
        answer = server.register(name, "pro", identity)
        assert answer.status_code == 202, answer.text
        assert answer.json()["state"] in ("pending", "member")
    for name in identities:
        server.wait_for(name, [("pro", "member")])
    followed(server, mirror)
    registry = open_existing_members(world.world.members_uri)
    # Batches of 8 or more: no step has one member alone, unless it was the last one that waited.
    assert registry.count() == JOINING
    assert registry.head().number <= JOINING // 2
    clock = world.policy.params.clock()
    log = open_log("memory://", clock)
    verifier = rln.Verifier(
        world.key.verifying_key,
        roots=RegistryRoots(registry, world.policy.params.window(clock.now), now=clock.now),
        log=log,
        clock=clock,
        params=world.policy.params,
    )
    for name in (world.accounts[0], world.accounts[-1]):
        identity = identities[name]
        ids = open_message_ids("memory://")
        ids.introduce(identity.commitment)
        prover = rln.Prover(
            identity, mirror.membership(identity.commitment, 100), world.key, ids=ids, clock=clock, threads=1
        )
        signal = rln.join_signal("a test", [name.encode()])
        assert isinstance(verifier.submit(prover.prove(signal), signal), rln.Valid)
        prover.close()
    registry.close()


def test_what_is_public_is_the_same_for_everybody_and_can_be_cached(server: RegistrarServer) -> None:
    policy = server.client.get("/.well-known/rln")
    assert open_policy(policy.content, server.world.policy.registrar_key) == server.world.policy
    key = server.client.get("/rln/proving-key")
    assert key.content == (server.world.directory / "provider.rlnkey").read_bytes()
    server.register("account-0", "pro", rln.Identity.generate())
    server.wait_for("account-0", [("pro", "member")])
    mirror = rln.Mirror(DEPTH, LIMIT_BITS)
    assert followed(server, mirror) == 1
    index = server.client.get("/rln/bulletins/index.json")
    name = index.json()["bulletins"][0]["name"]
    bulletin = server.client.get(f"/rln/bulletins/{name}")
    assert "immutable" in bulletin.headers["cache-control"]
    for answer in (policy, key, index, bulletin):
        assert answer.headers["cache-control"].startswith("public, max-age=")
        assert not {"set-cookie", "vary", "server"} & set(answer.headers)
    again = server.ask("account-1", "GET", headers={"Cookie": "a=b"})
    assert again.headers["cache-control"] == "no-store"
    for path in (
        "/rln/bulletins/../api-keys.json",
        "/rln/bulletins/%2e%2e/api-keys.json",
        "/rln/bulletins/x",
    ):
        assert server.client.get(path).status_code == 404


def test_the_command_ends_cleanly_and_leaves_no_key_in_its_log(server: RegistrarServer) -> None:
    server.register("account-0", "basic", rln.Identity.generate())
    assert server.stop() == 0
    log = server.log.read_text()
    assert "account-0" not in log and "key-of" not in log and "Traceback" not in log


def test_the_provider_hears_of_a_slashing_by_another_process(tmp_path: Path) -> None:
    receiver = Receiver()
    world = RegistrarWorld(tmp_path, table=f'interval = 1\nwebhooks = ["{receiver.url}/hook"]\n')
    server = RegistrarServer(world)
    try:
        identity = rln.Identity.generate()
        server.register("account-0", "basic", identity)
        server.wait_for("account-0", [("basic", "member")])
        receiver.answers = [500]
        world.world.group.slash(identity)  # what the middleware does
        server.wait_for("account-0", [("basic", "slashed")])
        for _ in range(600):
            if len(receiver.got) == 2:
                break
            time.sleep(0.1)
        bodies = {body for _, _, body in receiver.got}
        assert len(receiver.got) == 2 and len(bodies) == 1
        fields, body = receiver.got[1][1:]
        content = check_webhook(body, fields["RLN-Signature"], world.policy.registrar_key)
        assert (content["account"], content["tier"]) == ("account-0", "basic")
        answer = server.ask("account-0", "POST", "/challenge", json={"tier": "pro"})
        nonce = bytes.fromhex(answer.json()["nonce"])
        again = body_of(*world.proof(rln.Identity.generate(), "account-0", "pro", nonce))
        answer = server.ask("account-0", "POST", json=again)
        assert (answer.status_code, answer.json()["type"][-14:]) == (403, "no-replacement")
    finally:
        server.close()
        world.close()
        receiver.close()
