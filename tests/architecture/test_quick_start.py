"""The README's first steps for a provider, copied into a new environment: they work as they stand there."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.conftest import lacking

SECTION = re.compile(r"^## An API provider\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CUSTOMER = ["httpx2", "openai"]
"""What the customer of the README has beside this library."""


def quick_start() -> list[tuple[str, str]]:
    """Return the blocks of the README's section, in order."""
    found = SECTION.search((ROOT / "README.md").read_text())
    assert found is not None
    return BLOCK.findall(found[1])


def free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def wait_for(url: str, servers: subprocess.Popen[str]) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert servers.poll() is None and time.monotonic() < deadline, url
            time.sleep(0.2)


def install(environment: Path, wheel: str, packages: list[str]) -> None:
    """Make an environment with pip's packages alone, and install a wheel there."""
    venv.create(environment, with_pip=True)
    command = [
        environment / "bin" / "python",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
    ]
    done = subprocess.run([*command, wheel, *packages], capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr and "rln" not in done.stderr:
        lacking("pypi", f"packages cannot be installed here: {done.stderr}")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_quick_start_of_a_provider_works_in_a_new_environment(tmp_path: Path) -> None:
    (install_block, application, servers, customer) = quick_start()
    assert [install_block[0], application[0], servers[0], customer[0]] == ["sh", "python", "sh", "python"]
    line, _, commands = install_block[1].partition("\n")
    extras = re.fullmatch(r"pip install '\.(\[.*\])'", line)
    assert extras is not None, "the first line installs the library"
    wheels = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir",
         str(tmp_path / "wheel"), str(ROOT)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert wheels.returncode == 0, wheels.stderr
    [wheel] = (tmp_path / "wheel").glob("*.whl")
    install(tmp_path / "env", f"{wheel}{extras[1]}", CUSTOMER)

    port, registrar_port = map(str, free_ports())

    def here(text: str) -> str:
        """Use ports that are free, and admit at once; both are the only changes."""
        return text.replace("8000", port).replace("8001", registrar_port)

    (tmp_path / "app.py").write_text(application[1])
    (tmp_path / "customer.py").write_text(here(customer[1]))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RLN_", "PYTHON"))},
        "PATH": f"{tmp_path / 'env/bin'}:{os.environ['PATH']}",
        "RLN_CACHE_DIR": "",
    }

    def shell(text: str, **more: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-e", "-c", text], cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **more,
        )  # fmt: skip

    made = shell(here(commands))
    said, _ = made.communicate(timeout=300)
    assert made.returncode == 0, said
    settings = tmp_path / "provider" / "rln.toml"
    settings.write_text(settings.read_text() + "interval = 1\n")
    running = shell(f"{here(servers[1])}\nwait", start_new_session=True)
    try:
        for url in (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{registrar_port}"):
            wait_for(f"{url}/.well-known/rln", running)
        done = subprocess.run(
            ["python", "customer.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    assert (done.returncode, done.stdout) == (0, "Hello, whoever you are.\n"), done.stderr + said
