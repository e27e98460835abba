"""A registrar for tests: its files, and the registrar itself in a process of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

import rln
from rln.http.registration import RegistrationParts, RegistrationProof, prove_registration
from rln.services.registrar_settings import RegistrarSettings
from tests.support.http_world import APPLICATION, HttpWorld

PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def api_key(account: str) -> str:
    """Return the API key of an account."""
    return f"key-of-{account}-{'0' * 16}"


class RegistrarWorld:
    """The directory of a provider with a registrar, and what applicants do.

    Args:
        directory: an empty one.
        accounts: names; each may have both tiers, but only one at a time.
        several: names of accounts that may have both at once.
        table: more lines of the table [registrar].
        members: that are registered already.
    """

    def __init__(
        self,
        directory: Path,
        *,
        accounts: int = 3,
        several: tuple[str, ...] = (),
        table: str = "interval = 1\n",
        members: int = 0,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory
        self.world = HttpWorld(directory, authority=f"127.0.0.1:{self.port}", members=members, base=self.url)
        self.key = self.world.key
        self.policy = self.world.policy
        self.accounts = [f"account-{number}" for number in range(accounts)]
        self.several = several
        self.config = directory / "rln.toml"
        with self.config.open("a") as file:
            file.write(f'[registrar]\napi_keys = "api-keys.json"\n{table}')
        self.write_keys(self.accounts)

    def write_keys(self, accounts: list[str], tiers: tuple[str, ...] = ("basic", "pro")) -> None:
        """Write the file of API keys."""
        content = {
            name: {
                "sha256": hashlib.sha256(api_key(name).encode()).hexdigest(),
                "several": name in self.several,
                "tiers": list(tiers),
            }
            for name in accounts
        }
        path = self.directory / "api-keys.new"
        path.write_text(json.dumps({"accounts": content}))
        path.rename(self.directory / "api-keys.json")

    @property
    def settings(self) -> RegistrarSettings:
        """What the registrar reads."""
        return RegistrarSettings.read(self.config)

    def proof(
        self, identity: rln.Identity, account: str, tier: str, nonce: bytes
    ) -> tuple[RegistrationParts, RegistrationProof]:
        """Return what an applicant sends."""
        limit = self.policy.tier(tier).limit
        return prove_registration(identity, APPLICATION, account, tier, limit, nonce, self.key, threads=1)

    def close(self) -> None:
        """Close the registry of the world."""
        self.world.close()


def body_of(parts: RegistrationParts, proof: RegistrationProof) -> dict[str, str]:
    """Return the JSON body of a registration."""
    return {
        "tier": parts.tier,
        "commitment": str(parts.commitment),
        "server_nonce": parts.server_nonce.hex(),
        "client_nonce": parts.client_nonce.hex(),
        "proof": base64.urlsafe_b64encode(proof.encode()).decode().rstrip("="),
    }


class RegistrarServer:
    """`rln registrar` in a process of its own.

    Args:
        world: its files.
    """

    def __init__(self, world: RegistrarWorld) -> None:
        self.world = world
        self.log = world.directory / "registrar.log"
        self.process = self._started()
        self.client = httpx.Client(base_url=world.url, trust_env=False, timeout=PATIENCE)
        self.wait_until_it_answers()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "rln", "registrar", "--config", str(self.world.config)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--port", str(self.world.port)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
            )

    def wait_until_it_answers(self) -> None:
        """Wait until the policy can be read."""
        for _ in range(int(PATIENCE / 0.1)):
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.client.get("/.well-known/rln").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the registrar does not answer")

    def ask(self, account: str, method: str, path: str = "", **more: Any) -> httpx.Response:
        """Send a request of an account to the registration's URL."""
        headers = {"Authorization": f"Bearer {api_key(account)}", **more.pop("headers", {})}
        return self.client.request(method, f"/rln/registration{path}", headers=headers, **more)

    def register(self, account: str, tier: str, identity: rln.Identity) -> httpx.Response:
        """Register an identity, with a new nonce."""
        answer = self.ask(account, "POST", "/challenge", json={"tier": tier})
        assert answer.status_code == 201, answer.text
        parts, proof = self.world.proof(identity, account, tier, bytes.fromhex(answer.json()["nonce"]))
        return self.ask(account, "POST", json=body_of(parts, proof))

    def states(self, account: str) -> list[tuple[str, str]]:
        """Return tier and state of the registrations of an account, newest first."""
        answer = self.ask(account, "GET")
        assert answer.status_code == 200, answer.text
        return [(one["tier"], one["state"]) for one in answer.json()["registrations"]]

    def wait_for(self, account: str, states: list[tuple[str, str]]) -> None:
        """Wait until an account has these registrations."""
        for _ in range(int(PATIENCE / 0.1)):
            if self.states(account) == states:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.states(account)}: expected {states}; {self.log.read_text()}")

    def kill(self) -> None:
        """Kill the process, and wait for it."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again."""
        self.process = self._started()
        self.wait_until_it_answers()

    def stop(self) -> int:
        """Stop it with SIGTERM, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Stop it, whatever it does."""
        self.client.close()
        if self.process.poll() is None:
            self.stop()
