"""No random number of a setup stays in the memory of the process that made the key (threats D8)."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process_memory import found

ROOT = Path(__file__).resolve().parents[3]
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
NAMES = ("tau", "alpha", "beta", "gamma", "delta")

CHILD = """
import os, sys
from rln.lowlevel import keys
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import ffi
from tests.unit.lowlevel.toy import MATRICES, PUBLIC, WIRES
marker = bytes(range(100, 164))[::-1]
entropy.fill = lambda out: os.readv(0, [ffi.buffer(out)])
key = keys.setup(*MATRICES, WIRES, PUBLIC, int(sys.argv[1]))
print("made", flush=True)
sys.stdin.read()
"""


def forms(value: int) -> list[bytes]:
    """Return the forms of a number in memory: the raw bytes, the integer, its Montgomery form."""
    wide = value.to_bytes(64, "little")
    return [
        wide[:32],
        wide[32:],
        (value % R).to_bytes(32, "little"),
        (value * 2**256 % R).to_bytes(32, "little"),
    ]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/<pid>/mem")
@pytest.mark.parametrize("threads", [1, 2])
def test_no_random_number_of_a_set_up_is_left_in_memory(threads: int) -> None:
    values = [int.from_bytes(hashlib.sha512(name.encode()).digest(), "little") for name in NAMES]
    looks = {
        f"{name} {which}": form
        for name, value in zip(NAMES, values, strict=True)
        for which, form in enumerate(forms(value))
    }
    looks["marker"] = bytes(range(100, 164))[::-1]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(threads)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(b"".join(value.to_bytes(64, "little") for value in values))
            child.stdin.flush()
            assert child.stdout.readline() == b"made\n"
            seen = found(child.pid, looks)
        except PermissionError:
            pytest.skip("the system lets nobody read another process's memory")
        finally:
            child.kill()
    assert seen == {"marker"}  # the search finds what is there, and nothing else is
