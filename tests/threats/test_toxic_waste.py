"""Threats D8: after a set-up its random numbers are not in memory, and the key says who made it."""

import pytest

import rln
from tests.support.process_memory import PausedProcess, find_in_memory
from tests.threats.full_world import R, word


def toxic() -> list[int]:
    """Return the five 64-byte numbers of the child's random source; byte i is a simple function of i."""
    data = bytes((i * 73 + i // 7 * 19 + 5) & 0xFF for i in range(320))
    return [int.from_bytes(data[i : i + 64], "little") for i in range(0, 320, 64)]


SET_UP = """
import sys, rln
from rln.lowlevel import entropy
from rln.lowlevel._call import ffi
kept = []
def fill(out):
    for i in range(len(out)):  # no Python object ever holds all bytes
        out[i] = (i * 73 + i // 7 * 19 + 5) & 0xFF
    if "keep" in sys.argv:
        kept.append(ffi.new("uint8_t[320]"))
        ffi.memmove(kept[0], out, 320)
entropy.fill = fill
key = rln.setup(rln.circuit.rln(3, 4), threads=int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_d8_nothing_of_the_toxic_waste_is_left_in_memory(threads: str) -> None:
    with PausedProcess(SET_UP, threads) as pid:
        assert find_in_memory(pid, needles(toxic())) == set()


def test_d8_the_search_finds_numbers_that_are_kept() -> None:
    with PausedProcess(SET_UP, "1", "keep") as pid:
        assert find_in_memory(pid, needles(toxic())) >= {f"random bytes {i}" for i in range(5)}


def needles(numbers: list[int]) -> dict[str, bytes]:
    """Return what to search for: the random bytes, and the numbers mod r, plain and in Montgomery form."""
    looks = {}
    for i, number in enumerate(numbers):
        scalar = number % R
        montgomery = scalar * 2**256 % R
        looks[f"random bytes {i}"] = number.to_bytes(64, "little")[16:48]
        looks[f"scalar {i}"] = word(scalar)
        looks[f"Montgomery form {i}"] = word(montgomery)
        looks[f"Montgomery form {i} + r"] = word(montgomery + R)
        looks[f"inverse {i}"] = word(pow(scalar, -1, R))
        looks[f"inverse in Montgomery form {i}"] = word(pow(scalar, -1, R) * 2**256 % R)
    return looks


def test_d8_a_key_made_here_says_so(key: rln.ProvingKey) -> None:
    assert str(key.provenance) == "made here, alone"
    assert str(rln.ProvingKey.decode(key.encode(), check=False).provenance) == "made here, alone"
    assert not key.is_pinned
