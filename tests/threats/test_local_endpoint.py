"""The endpoint of `rln connect`: other users of the machine, web pages, a taken port, what it writes down."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.connect_server import ConnectServer
from tests.support.http_provider import HttpProvider
from tests.support.other_user import as_nobody
from tests.support.registrar_server import free_port

PROMPT = "a prompt that nobody else has"
ASK = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("endpoint")


@pytest.fixture(scope="module")
def provider(folder: Path) -> Iterator[HttpProvider]:
    (folder / "provider").mkdir()
    with HttpProvider(folder / "provider") as made:
        yield made


@pytest.fixture(scope="module")
def running(provider: HttpProvider, folder: Path) -> Iterator[ConnectServer]:
    with ConnectServer(provider.member_directory(folder / "member"), folder / "log") as made:
        yield made


@pytest.fixture
def server(provider: HttpProvider, running: ConnectServer) -> ConnectServer:
    provider.seen.clear()
    return running


def ask(
    server: ConnectServer, headers: dict[str, str], method: str = "POST", path: str = CHAT
) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.request(method, server.url + path, headers=headers, json=ASK)


def bearer(server: ConnectServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}"}


def started(directory: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Start a `rln connect` that must end at once."""
    return subprocess.run(
        [sys.executable, "-m", "rln", "connect", str(directory), "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


# ---- P9: another user ------------------------------------------------------------------------------


def test_p9_another_user_cannot_read_the_token(server: ConnectServer, folder: Path) -> None:
    path = server.directory / "connect-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    above = [folder, *folder.parents]
    modes = [(one, stat.S_IMODE(one.stat().st_mode)) for one in above if one.stat().st_uid == os.getuid()]
    try:
        for one, mode in modes:  # so that only the member's directory is in the way
            one.chmod(mode | 0o755)
        with pytest.raises(PermissionError):
            _as_nobody_read(path)
    finally:
        for one, mode in modes:
            one.chmod(mode)


def _as_nobody_read(path: Path) -> None:
    """Read a file as another user, and raise here what that user gets."""
    status = as_nobody(lambda: _exit_13_if_refused(path))
    if status == 13:
        raise PermissionError(13, "as nobody", str(path))
    assert status == 0


def _exit_13_if_refused(path: Path) -> None:
    try:
        path.read_bytes()
    except PermissionError:
        os._exit(13)


def test_p9_a_program_without_the_token_reaches_nobody(provider: HttpProvider, server: ConnectServer) -> None:
    token = server.token
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": token},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": "Bearer"},
        {"x-api-key": token.swapcase()},
        {"api-key": token},
        {"Cookie": f"token={token}"},
    ):
        for path in (CHAT, "/", "/.well-known/rln", f"/v1/models?api_key={token}"):
            answer = ask(server, headers, path=path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token-needed"), headers
            assert str(server.directory) not in answer.text and token not in answer.text
    assert provider.seen == []


def test_p9_a_token_that_others_may_read_is_refused(server: ConnectServer) -> None:
    path = server.directory / "connect-token"
    path.chmod(0o640)
    try:
        found = started(server.directory, free_port())
    finally:
        path.chmod(0o600)
    assert found.returncode == 2
    assert "expected mode 0600" in " ".join(found.stderr.split())


# ---- P9: a web page --------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "", "self"])
def test_p9_a_web_page_is_refused_by_its_origin(
    provider: HttpProvider, server: ConnectServer, origin: str
) -> None:
    """Also one of this endpoint: it serves no page."""
    said = server.url if origin == "self" else origin
    for method in ("POST", "OPTIONS", "GET"):
        answer = ask(server, {**bearer(server), "Origin": said}, method)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "from-a-web-page")
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert provider.seen == []


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}",
     "127.0.0.1.evil.example:{port}", "127.0.0.2:{port}", "0.0.0.0:{port}", "[::]:{port}",
     "localhost.:{port}"],
)  # fmt: skip
def test_p9_a_name_that_was_bound_to_this_machine_is_refused(
    provider: HttpProvider, server: ConnectServer, host: str
) -> None:
    """DNS rebinding: the browser believes that the endpoint is the server of the page."""
    answer = ask(server, {**bearer(server), "Host": host.format(port=server.port)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "foreign-host")
    assert provider.seen == []


def test_p9_two_hosts_or_none_are_refused(provider: HttpProvider, server: ConnectServer) -> None:
    own, other = f"Host: 127.0.0.1:{server.port}\r\n", "Host: evil.example\r\n"
    for hosts in (own + other, other + own, own + own, ""):
        with socket.create_connection(("127.0.0.1", server.port), 60) as raw:
            fields = f"{hosts}x-api-key: {server.token}\r\nConnection: close\r\n"
            raw.sendall(f"GET /v1/models HTTP/1.1\r\n{fields}\r\n".encode())
            raw.settimeout(60)
            status = raw.makefile("rb").readline().split()[1]
        assert status in (b"400", b"421"), hosts
    assert provider.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_p9_the_names_of_this_machine_are_served(server: ConnectServer, host: str) -> None:
    assert ask(server, {**bearer(server), "Host": host.format(port=server.port)}).status_code == 200


# ---- P9: a taken port ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_p9_a_port_that_somebody_has_taken_is_a_loud_end(
    provider: HttpProvider, tmp_path: Path, address: str
) -> None:
    """Whoever listens there would get the token and the prompts."""
    directory = provider.member_directory(tmp_path / "member")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as taken:
        port = taken.getsockname()[1]
        found = started(directory, port)
    assert found.returncode == 3
    said = " ".join(found.stderr.split())
    assert "cannot listen" in said and "another program listens there" in said
    assert str(port) in said
    assert found.stdout == "", "no line to copy"


def listen(one: socket.socket, address: str, port: int) -> None:
    """Listen; Linux refuses either of the two calls where somebody else listens."""
    one.bind((address, port))
    one.listen()


def test_p9_nobody_can_listen_beside_the_endpoint(server: ConnectServer) -> None:
    """A client that names `localhost` may connect to either address."""
    for address in ("127.0.0.1", "::1", "0.0.0.0", "::"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket(family) as other:
                other.setsockopt(socket.SOL_SOCKET, option, 1)
                if family == socket.AF_INET6:
                    other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                with pytest.raises(OSError, match="in use"):
                    listen(other, address, server.port)


def test_p9_nothing_but_loopback_is_served(server: ConnectServer) -> None:
    files = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    lines = [line.split() for path in files for line in path.read_text().splitlines()[1:]]
    listening = {
        line[1].rpartition(":")[0]
        for line in lines
        if line[3] == "0A" and line[1].endswith(f":{server.port:04X}")
    }
    assert listening == {"0100007F", "00000000000000000000000001000000"}


# ---- P9: what it says and sends --------------------------------------------------------------------


def test_p9_what_it_writes_down_tells_nothing_of_a_request(provider: HttpProvider, tmp_path: Path) -> None:
    directory = provider.member_directory(tmp_path / "member", 1)
    with ConnectServer(directory, tmp_path / "log") as server:
        for script in ("", "drop", "unavailable", "redirect", "break", "quota-exceeded", "foreign-409"):
            provider.script.append(script)
            with suppress(httpx.RemoteProtocolError):  # a stream that breaks off
                ask(server, bearer(server), path="/v1/a-path-of-its-own?query=1")
        provider.script.clear()
        ask(server, {"Authorization": "Bearer wrong"})
        token = server.token
    said = "".join(server.said) + server.log.read_text()
    kept = b"".join(path.read_bytes() for path in server.directory.iterdir() if path.name != "connect-token")
    credentials = [value for value in provider.credentials if value]
    assert credentials
    for secret in (PROMPT, "a-path-of-its-own", token, provider.authority, *credentials):
        assert secret not in server.log.read_text(), secret
        if secret != provider.authority:
            assert secret not in said and secret.encode() not in kept, secret


def test_p9_the_token_never_leaves_the_machine(provider: HttpProvider, server: ConnectServer) -> None:
    both = {**bearer(server), "x-api-key": server.token, "Cookie": server.token, "Referer": server.url}
    assert ask(server, both).status_code == 200
    (seen,) = provider.seen
    assert server.token not in json.dumps([seen.line, seen.fields, seen.body.decode()])
    assert str(server.port) not in json.dumps(seen.fields)


def test_p9_a_request_goes_nowhere_but_to_the_provider(provider: HttpProvider, server: ConnectServer) -> None:
    """Whatever the target looks like."""
    with ExitStack() as stack:
        other = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        there = f"127.0.0.1:{other.getsockname()[1]}"
        for target in (f"//{there}/v1", f"http://{there}/v1", f"/\\{there}", f"@{there}/", there):
            with socket.create_connection(("127.0.0.1", server.port), 60) as raw:
                fields = (
                    f"Host: 127.0.0.1:{server.port}\r\nx-api-key: {server.token}\r\nConnection: close\r\n"
                )
                raw.sendall(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode())
                raw.settimeout(60)
                raw.makefile("rb").read()
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.accept()
    assert {one.field("host") for one in provider.seen} <= {provider.authority}
