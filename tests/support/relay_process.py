"""RelayProcess: `rln relay` as a process, in a Waku world with the time of the machine."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rln
from rln.stores.groups import open_group
from tests.support.small_world import DEPTH, LIMIT_BITS
from tests.support.waku_world import IDENTIFIER, PERIOD, WakuWorld

PATIENCE = 30.0
NETWORK = (
    'cluster = 1\nshards = 8\nsignal_format = "waku-2025"\n'
    f'identifier = "rln/waku-rln-relay/v2.0.0"\nepoch_seconds = {PERIOD}'
)


class RelayWorld(WakuWorld):
    """A world whose time is that of the machine, and whose members are in a registry in a folder.

    Args:
        folder: for the registry and the files of the nodes.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.clock = rln.EpochClock.waku(IDENTIFIER, PERIOD)
        self.group = open_group(f"sqlite:///{folder}/members.db", DEPTH, LIMIT_BITS, now=self.clock.now)
        self.group.register(self.member.commitment, 4)
        (folder / "vk.json").write_bytes(self.key.verifying_key.to_json())

    @property
    def time(self) -> float:
        """The time of the machine."""
        return time.time()

    @time.setter
    def time(self, _: float) -> None:
        """The machine's time is not set."""

    def settings(self, name: str = "relay", **changes: Any) -> Path:
        """Write the settings of a node into the folder, and return their path.

        Args:
            name: of the node.
            changes: lines of a table by its name; `top` for those before the tables. None: no such table.
        """
        tables = {
            "top": f'key = "vk.json"\nlog = "sqlite:///{name}.db"',
            "network": NETWORK,
            "roots": f'members = "sqlite:///members.db"\ndepth = {DEPTH}\nlimit_bits = {LIMIT_BITS}',
            "node": f'listen = ["/ip4/127.0.0.1/tcp/0"]\nshards = [4]\nkey = "{name}.key"',
            **changes,
        }
        parts = [tables.pop("top")] + [
            f"[{key}]\n{lines}" for key, lines in tables.items() if lines is not None
        ]
        path = self.folder / f"{name}.toml"
        path.write_text("\n\n".join(parts) + "\n")
        return path


class RelayProcess:
    """One node; a context manager that stops it.

    Args:
        settings: its file.
        options: more of them.
    """

    def __init__(self, settings: Path, *options: str) -> None:
        self._log = settings.with_suffix(".stderr")
        command = [sys.executable, "-m", "rln", "relay", "--config", str(settings), *options]
        with self._log.open("ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self._line().removeprefix("relay at ")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def _line(self) -> str:
        line = self._lines.get(timeout=PATIENCE)
        assert line.startswith("relay at "), f"{line}{self.log}"
        return line

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._log.read_text()

    @property
    def peer(self) -> str:
        """Its name."""
        return self.address.rpartition("/")[2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> RelayProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
