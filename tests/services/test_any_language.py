"""docs/http-any-language.md, block by block, as its reader types it; and the shell script that it names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.connect_server import spend_all
from tests.support.http_provider import API_KEY, HttpProvider
from tests.support.registrar_server import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "http-any-language.md").read_text()
SCRIPT = ROOT / "examples" / "shell" / "ask.sh"
PATIENCE = 120


def block(language: str, part: str) -> str:
    """Return the one block of a language that contains a text."""
    (found,) = [one for one in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if part in one]
    return str(found)


@dataclass
class Reader:
    """Somebody who follows the page.

    Attributes:
        provider: in the place of api.example.com.
        folder: where commands are typed.
        shown: what `rln connect` has printed.
        variables: the environment after its lines were copied.
    """

    provider: HttpProvider
    folder: Path
    shown: list[str]
    variables: dict[str, str]

    def types(self, code: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a block in a shell."""
        variables = {**self.variables, **more}
        return subprocess.run(
            ["sh", "-euc", code],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )


def base_variables(folder: Path) -> dict[str, str]:
    """Return an environment in which `rln` is this tree's."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "rln").write_text(f'#!/bin/sh\nexec {sys.executable} -m rln "$@"\n')
    (programs / "rln").chmod(0o755)
    kept = {
        name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", "_api_key"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{kept['PATH']}"}


def admit_the_first(provider: HttpProvider) -> None:
    while not provider.registrations:
        time.sleep(0.05)
    provider.admit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "provider").mkdir()
    with HttpProvider(folder / "provider") as provider:
        reader = Reader(provider, folder, [], base_variables(folder))
        admitting = threading.Thread(target=admit_the_first, args=(provider,), daemon=True)
        admitting.start()
        join = block("sh", "rln join").replace("https://api.example.com", provider.url)
        joined = reader.types(join, RLN_API_KEY=API_KEY)
        assert joined.returncode == 0, joined.stderr
        assert re.search("^admitted +True$", joined.stdout, re.MULTILINE)
        port = free_port()
        process = subprocess.Popen(
            ["sh", "-c", f"exec {block('sh', 'rln connect').strip()} --port {port}"],
            cwd=folder,
            env=reader.variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            reader.shown = [process.stdout.readline() for _ in range(5)]
            copied = reader.types("".join(reader.shown[1:]) + "env -0")
            assert copied.returncode == 0, copied.stderr
            reader.variables = dict(line.split("=", 1) for line in copied.stdout.split("\0") if line)
            yield reader
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
            process.stdout.close()


@pytest.fixture
def reader(made: Reader) -> Reader:
    made.provider.seen.clear()
    return made


def test_what_it_prints_is_what_the_page_shows(reader: Reader) -> None:
    port = reader.variables["OPENAI_BASE_URL"].rpartition(":")[2].partition("/")[0]
    shown = "".join(reader.shown).replace(port, "4180").replace(str(reader.folder), "/srv/me")
    assert shown.replace("api.localhost", "api.example.com") == block("text", "export OPENAI")


def test_curl_gets_an_answer(reader: Reader) -> None:
    done = reader.types(block("sh", 'curl "$OPENAI_BASE_URL').replace("curl ", "curl -sS "))
    assert done.returncode == 0, done.stderr
    assert '"content": "hi"' in done.stdout
    assert [one.verdict for one in reader.provider.seen] == ["Valid"]


def test_a_javascript_program_gets_an_answer_and_a_stream(node: Path, reader: Reader) -> None:
    from tests.interop.peers import HERE

    done = subprocess.run(
        [node, "--input-type=module", "-e", block("js", "new OpenAI")],
        cwd=HERE,
        env=reader.variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, "hi\nhi"), done.stderr
    assert [one.verdict for one in reader.provider.seen] == ["Valid", "Valid"]


def test_a_python_program_gets_answers(reader: Reader) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("python", "openai.OpenAI()")],
        env=reader.variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, "hi\nhi\n"), done.stderr
    assert [one.verdict for one in reader.provider.seen] == ["Valid", "Valid"]


def test_the_shell_script_gets_an_answer(reader: Reader) -> None:
    done = reader.types(block("sh", "ask.sh m").replace("examples/shell/ask.sh", str(SCRIPT)))
    assert done.returncode == 0, done.stderr
    assert '"content": "hi"' in done.stdout
    (seen,) = reader.provider.seen
    assert seen.verdict == "Valid"
    assert b'"content":"What is a nullifier?"' in seen.body


def test_the_shell_script_quotes_what_is_asked(reader: Reader) -> None:
    question = 'say "a\\b" and $(echo no) `no` é\nnow\t\x01!'
    done = subprocess.run(
        ["sh", SCRIPT, "m", question],
        env=reader.variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    (seen,) = reader.provider.seen
    expected = 'say \\"a\\\\b\\" and $(echo no) `no` é now !'
    assert seen.body.decode() == f'{{"model":"m","messages":[{{"role":"user","content":"{expected}"}}]}}'


def test_the_shell_script_says_what_is_wrong(reader: Reader) -> None:
    def asked(*arguments: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["sh", SCRIPT, *arguments],
            env={**reader.variables, **more},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout, done.stderr

    assert asked()[0] == 2
    assert asked("m", "hi", OPENAI_API_KEY="wrong")[0] == 1
    assert asked("m", "hi", OPENAI_API_KEY="")[0] not in (0, 75)
    status, out, error = asked("m", "hi", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert (status, out) == (7, ""), error
    reader.provider.script.append("bad-proof")
    status, out, error = asked("m", "hi")
    assert (status, out) == (1, "") and '"code":"bad-proof"' in error


def test_the_shell_script_tells_the_end_of_the_budget_by_its_status(reader: Reader) -> None:
    """The last test: nothing is left after it."""
    spend_all(reader.folder / "example")
    done = reader.types(block("sh", "ask.sh m").replace("examples/shell/ask.sh", str(SCRIPT)))
    assert done.returncode == 75
    assert "wait for the next epoch" in done.stderr
    assert reader.provider.seen == []
