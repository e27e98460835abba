"""A provider on a port of this machine that judges each credential with a real `Verifier`, and a script.

The script says for each request to the API what happens in the place of an ordinary answer: a refusal, a
dropped connection before or after the judgement, or an answer of somebody else. The registrar is a stub of
the contract: it checks proofs, and admits members when a test says so.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import rln
from rln.client.member_directory import MemberDirectory, MemberRecord
from rln.errors import InputError, ParameterError, ProofRejected
from rln.http import problem
from rln.http.challenge import Challenge
from rln.http.credential import Credential, decode_base64url, key_id
from rln.http.price_list import PRICES, open_prices
from rln.http.problem import Problem
from rln.http.registration import RegistrationParts, RegistrationProof
from rln.http.route import Priced
from rln.http.signal import RequestParts
from rln.http.target import request_target
from rln.stores import open_log, open_message_ids
from rln.sync.export import bulletin_since
from rln.sync.mirror import Mirror
from rln.sync.mirror_file import save_mirror
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation
from tests.support.http_world import LIMIT, HttpWorld

API_KEY = "key-of-alice"
ACCOUNT = "alice"

COMPLETION = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}
MESSAGE = {
    "id": "msg",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
PIECES = ("h", "i")


@dataclass(slots=True)
class Seen:
    """One request as the provider got it, and what it made of it."""

    line: str
    fields: list[tuple[str, str]]
    body: bytes = field(repr=False)
    verdict: str = ""
    priced: Priced | None = None
    connection: object = None
    port: int = 0
    """From which it came."""

    def field(self, name: str) -> str | None:
        """Return the value of a field."""
        return next((value for key, value in self.fields if key.lower() == name), None)


class HttpProvider:
    """A provider and its world; leave the `with` block to stop it.

    Args:
        directory: empty, for the world.
        slots, members, period: as for `HttpWorld`.
    """

    def __init__(self, directory: Path, **world: Any) -> None:
        provider = self
        self.script: deque[str] = deque()
        self.seen: list[Seen] = []
        self.published: list[Seen] = []
        self.shares: dict[int, set[int]] = {}
        self.served = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                provider._answer(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.authority = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.authority}"
        self.world = HttpWorld(directory, authority=self.authority, base=self.url, **world)
        self.policy = (directory / "policy.json").read_bytes()
        prices = directory / "prices.json"
        self.prices = prices.read_bytes() if prices.exists() else None
        self.log = open_log("memory://", self.world.clock)
        self.verifier = rln.Verifier(
            self.world.key.verifying_key,
            roots=self.world.group.roots,
            log=self.log,
            clock=self.world.clock,
        )
        self.bulletins: dict[str, bytes] = {}
        self.index: list[dict[str, object]] = []
        self.registrations: list[dict[str, Any]] = []
        self.nonces: dict[str, str] = {}
        self._lock = threading.Lock()
        self.publish()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> HttpProvider:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.world.close()

    # ---- what a test does

    def publish(self) -> None:
        """Publish a bulletin from the last one to the newest step, and the whole tree."""
        after = max((int(str(one["last"])) for one in self.index), default=0)
        last = self.world.group.registry.head().number
        for start in {0, after} if last > after else set[int]():
            made = bulletin_since(self.world.group.registry, start, last)
            name = f"{start}-{last}.bulletin"
            self.bulletins[name] = self.world.registrar_key.sign(made)
            self.index.append({"after": start, "last": last, "name": name})
        self.step = last

    def advance(self) -> None:
        """Register one more member, so that the root is a new one."""
        self.world.group.register(rln.Identity.generate().commitment, limit=1)

    def member_directory(self, path: Path, member: int = 0, *, min_members: int = 32) -> Path:
        """Make the directory of a member of the world, as joining would, without any request."""
        files = MemberDirectory(path)
        files.create()
        identity = self.world.identities[member]
        with closing(open_message_ids(files.message_ids)) as ids:
            ids.introduce(identity.commitment)
        identity.save(files.identity)
        self.world.key.save(files.key)
        files.write_policy(self.policy)
        if self.prices is not None:
            files.write_prices(self.prices)
        files.write_record(
            MemberRecord("pro", LIMIT, min_members, hashlib.sha256(files.key.read_bytes()).hexdigest())
        )
        params = self.world.policy.params
        mirror = Mirror(params.depth, params.limit_bits, min_members=min_members)
        mirror.apply(bulletin_since(self.world.group.registry))
        save_mirror(files.mirror, mirror)
        return path

    def admit(self) -> None:
        """Admit everybody who waits, and publish."""
        for one in self.registrations:
            if one["state"] == "pending":
                tier = self.world.policy.tier(one["tier"])
                self.world.group.register(int(one["commitment"]), limit=tier.limit)
                one["state"] = "member"
        self.publish()

    @property
    def credentials(self) -> list[str]:
        """The credentials in the order in which they came."""
        return [value for one in self.seen if (value := one.field("authorization")) is not None]

    # ---- answers

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        body = _body(http)
        seen = Seen(
            http.requestline,
            list(http.headers.items()),
            body,
            connection=http.connection,
            port=http.client_address[1],
        )
        path = http.path.partition("?")[0]
        if path.startswith("/rln/registration"):
            self.published.append(seen)
            return self._register(http, path.removeprefix("/rln/registration"), body)
        if not path.startswith("/v1/"):
            self.published.append(seen)
            return self._static(http, path)
        with self._lock:
            self.seen.append(seen)
            action = self.script.popleft() if self.script else ""
        return self._api(http, seen, action)

    def _static(self, http: BaseHTTPRequestHandler, path: str) -> None:
        files = {
            "/.well-known/rln": self.policy,
            "/rln/bulletins/index.json": json.dumps(
                {"bulletins": self.index, "step": self.step}, sort_keys=True, separators=(",", ":")
            ).encode(),
            **{f"/rln/bulletins/{name}": data for name, data in self.bulletins.items()},
        }
        if self.prices is not None:
            files[PRICES] = self.prices
        if path == "/rln/proving-key":
            files[path] = self.world.key.encode()
        marks = (
            ("Set-Cookie", f"member={len(self.published)}; Path=/"),
            ("ETag", f'"{len(self.published)}"'),
        )
        status = 200 if path in files else 404
        _send(http, status, files.get(path, b""), "application/octet-stream", marks)

    def _api(self, http: BaseHTTPRequestHandler, seen: Seen, action: str) -> None:
        if action == "hang":
            http.rfile.read(1)  # until the client gives up
            return _drop(http)
        if action == "drop":
            return _drop(http)
        named = {one.name: one for one in problem.PROBLEMS}
        if action in named:
            return self._refuse(http, named[action])
        if action == "redirect":
            return _send(http, 307, b"", fields=(("Location", "/v1/elsewhere"),))
        if action == "plain-503":
            return _send(http, 503, b"busy", fields=(("retry-after-ms", "1"),))
        if action == "foreign-409":
            return _send(http, 409, b'{"error":"conflict"}', fields=(("x-should-retry", "false"),))
        refusal = self._judge(seen)
        if action == "drop-after":
            return _drop(http)
        if refusal is not None:
            return self._refuse(http, refusal, 2 if seen.priced is None else seen.priced.units)
        self.served += 1
        if action == "slow":
            time.sleep(1)
        if action == "break":
            return _break(http)
        if action == "502-spent":
            fields = (("RLN-Spent", "?1"), ("retry-after-ms", "1"))
            return _send(http, 502, b'{"error":{"message":"x"}}', fields=fields)
        return self._serve(http, seen)

    def _judge(self, seen: Seen) -> Problem | None:
        try:
            credential = Credential.decode(
                (seen.field("authorization") or "").encode("latin-1"), self.world.policy.params.max_out
            )
            path, _, query = seen.line.split(" ")[1].encode().partition(b"?")
            parts = RequestParts(
                (seen.field("host") or "").encode(),
                seen.line.split(" ")[0].encode(),
                request_target(path, query),
                (seen.field("content-type") or "").encode(),
                (seen.field("content-encoding") or "").encode(),
                hashlib.sha256(seen.body).digest(),
                tuple((seen.field(name) or "").encode() for name in self.world.policy.bound_fields),
            )
            if credential.key_id != key_id(self.world.key.verifying_key.digest):
                return problem.UNKNOWN_KEY
            priced = self._price(seen, path, query)
            if priced > (self.world.policy.params.max_out or 1):
                return problem.CONTENT_TOO_LARGE
            if credential.units != priced:
                seen.verdict = "unpaid"
                return problem.UNITS_NEEDED if credential.units < priced else problem.MALFORMED
            proof = credential.proof
            with self._lock:
                for share in proof.shares:
                    self.shares.setdefault(share.nullifier or 0, set()).add(proof.x)
            verdict = self.verifier.submit(proof, parts.signal(credential.nonce))
        except InputError:
            seen.verdict = "malformed"
            return problem.CREDENTIAL_NEEDED if seen.field("authorization") is None else problem.MALFORMED
        except ProofRejected as error:
            return problem.problem_of_error(error)
        seen.verdict = type(verdict).__name__
        assert isinstance(verdict, (rln.Valid, Duplicate, Invalid, RateLimitViolation))
        return problem.problem_of_verdict(verdict)

    def _price(self, seen: Seen, path: bytes, query: bytes) -> int:
        if self.prices is None:
            return 1
        listed = open_prices(self.prices, self.world.registrar_key.public_key)
        route = listed.route(seen.line.split(" ")[0].encode(), path)
        if route is None:
            raise ParameterError("route")
        kind, coding = (seen.field(name) or "" for name in ("content-type", "content-encoding"))
        seen.priced = route.price(kind.encode(), coding.encode(), query, seen.body)
        return seen.priced.units

    def _refuse(self, http: BaseHTTPRequestHandler, found: Problem, units: int = 2) -> None:
        policy = self.world.policy
        fields = [("x-should-retry", "true" if found.retry else "false"), ("retry-after-ms", "1")]
        if found.challenges:
            error = None if found is problem.CREDENTIAL_NEEDED else found.name
            asked = units if found is problem.UNITS_NEEDED else 1
            made = Challenge(policy.application, policy.digest, asked, error)
            fields.append(("WWW-Authenticate", made.encode()))
        _send(http, found.status, found.document(policy.application), problem.MEDIA_TYPE, tuple(fields))

    def _serve(self, http: BaseHTTPRequestHandler, seen: Seen) -> None:
        spent = (("RLN-Spent", "?1"), ("Set-Cookie", f"member={len(self.seen)}; Path=/"))
        anthropic = seen.line.split(" ")[1].startswith("/v1/messages")
        if b'"stream":true' in seen.body.replace(b" ", b""):
            http.send_response(200)
            for name, value in (*spent, ("Content-Type", "text/event-stream"), ("Connection", "close")):
                http.send_header(name, value)
            http.end_headers()
            for event in _anthropic_events() if anthropic else _openai_events():
                http.wfile.write(event)
                http.wfile.flush()
            http.close_connection = True
            return
        _send(http, 200, json.dumps(MESSAGE if anthropic else COMPLETION).encode(), fields=spent)

    # ---- the registrar

    def _register(self, http: BaseHTTPRequestHandler, path: str, body: bytes) -> None:
        if http.headers.get("Authorization") != f"Bearer {API_KEY}":
            return _send(http, 401, b'{"title":"Who are you?"}', problem.MEDIA_TYPE)
        if http.command == "GET":
            return _send(http, 200, _json({"registrations": self.registrations}))
        if http.command == "DELETE":
            for one in self.registrations:
                one["state"] = "ended"
            return _send(http, 202, b"")
        content = json.loads(body)
        tier = self.world.policy.tier(content["tier"])
        if path == "/challenge":
            self.nonces[nonce := hashlib.sha256(str(len(self.nonces)).encode()).hexdigest()[:32]] = tier.name
            return _send(
                http,
                201,
                _json({"account": ACCOUNT, "expires": 1 << 40, "limit": tier.limit, "nonce": nonce}),
            )
        assert self.nonces.pop(content["server_nonce"]) == tier.name
        parts = RegistrationParts(
            self.world.policy.application,
            ACCOUNT,
            tier.name,
            bytes.fromhex(content["server_nonce"]),
            bytes.fromhex(content["client_nonce"]),
            int(content["commitment"]),
        )
        params = self.world.policy.params
        RegistrationProof.decode(decode_base64url(content["proof"].encode(), "proof")).check(
            parts, tier.limit, params.depth, params.max_out, self.world.key.verifying_key
        )
        made = {
            "commitment": content["commitment"], "limit": tier.limit, "state": "pending", "tier": tier.name,
        }  # fmt: skip
        self.registrations.append(made)
        return _send(http, 202, _json({**made, "admission": 1 << 40}))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _openai_events() -> list[bytes]:
    made = []
    for piece in PIECES:
        chunk = {**COMPLETION, "object": "chat.completion.chunk"}
        chunk["choices"] = [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
        made.append(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    return [*made, b"data: [DONE]\n\n"]


def _anthropic_events() -> list[bytes]:
    start = {**MESSAGE, "content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in PIECES
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events]


def _body(http: BaseHTTPRequestHandler) -> bytes:
    if http.headers.get("Transfer-Encoding") == "chunked":
        body = bytearray()
        while size := int(http.rfile.readline().strip(), 16):
            body += http.rfile.read(size)
            http.rfile.readline()
        http.rfile.readline()
        return bytes(body)
    return http.rfile.read(int(http.headers.get("Content-Length") or 0))


def _send(
    http: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    kind: str = "application/json",
    fields: tuple[tuple[str, str], ...] = (),
) -> None:
    http.send_response(status)
    for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *fields):
        http.send_header(name, value)
    http.end_headers()
    http.wfile.write(body)


def _drop(http: BaseHTTPRequestHandler) -> None:
    http.close_connection = True
    with suppress(OSError):
        http.connection.shutdown(2)


def _break(http: BaseHTTPRequestHandler) -> None:
    """Send the beginning of a stream, and close the connection."""
    http.send_response(200)
    for name, value in (
        ("RLN-Spent", "?1"), ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"),
    ):  # fmt: skip
        http.send_header(name, value)
    http.end_headers()
    event = _openai_events()[0]
    http.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
    http.wfile.flush()
    _drop(http)
