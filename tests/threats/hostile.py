"""Feed one loader with damaged files, and report the results.

    python -m tests.threats.hostile FORMAT FILE KIND SEED [MOST]

This runs in a process of its own. Each load may use additional address space of twice its file and 64 MiB.
The measured time is processor time, because other programs do not change it. The output is one line of JSON:
how many files were tried, loaded and refused, the longest time in seconds, and the first failures.
"""

import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import rln
from rln.circuit.r1cs import R1cs
from rln.errors import InputError
from rln.keys.key_file import KeyFile, Provenance
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.witness import Graph, Witness

ROOM = 64 << 20
SECONDS = 2.0
COUNTS = (0, 1, 2**31, 2**32 - 1, 2**32, 2**58, 2**61, 2**63 - 1, 2**63, 2**64 - 1)
BYTES = (0, 1, 0x40, 0x7F, 0x80, 0xFF)


def load_graph(data: bytes) -> None:
    """Load a graph, and run it if it loads: a loaded graph may still be hostile."""
    graph = Graph.load(data)
    if graph.input_size < 1 << 16:
        Witness(graph, bytes(31) + b"\x00" + bytes(32 * (graph.input_size - 1))).close()


def load_own_rehashed(data: bytes) -> None:
    """Load a key file whose key and graph are damaged and whose digest is right."""
    header = 21 + int.from_bytes(data[17:21], "little")
    body = data[header:]
    end = 8 + int.from_bytes(body[:8], "little")
    parameters = KeyFile.decode(ORIGINAL[0]).parameters
    file = KeyFile(parameters, None, Provenance("nobody"), body[8:end], body[end:])
    rln.ProvingKey.decode(file.encode(), threads=1)


ORIGINAL: list[bytes] = []

LOADERS: dict[str, Callable[[bytes], object]] = {
    "arkzkey": lambda data: ProvingKeyHandle.load("ark", data, 1),
    "zkey": lambda data: ProvingKeyHandle.load("zkey", data, 1),
    "graph": load_graph,
    "r1cs": R1cs.decode,
    "own": lambda data: rln.ProvingKey.decode(data, check=False, threads=1),
    "own-rehashed": load_own_rehashed,
    "vk": rln.VerifyingKey.decode,
    "vk-json": rln.VerifyingKey.from_json,
}


def cut(data: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield truncated files: every length below 64, a hundred other lengths, and the longest ones."""
    lengths = {*range(min(64, len(data))), *(max(len(data) - n, 0) for n in range(1, 20))}
    lengths |= {draw.randrange(len(data)) for _ in range(100)}
    yield from (data[:length] for length in sorted(lengths))


def count(data: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield files with a wrong count at the head of the file, at its end, or elsewhere."""
    places = [*range(0, 128, 4), *range(448, 512, 8), *(len(data) - n for n in range(4, 100, 8))]
    places += [draw.randrange(len(data)) for _ in range(60)]
    for place in (place for place in places if 0 <= place < len(data)):
        for size in (4, 8):
            number = draw.choice(COUNTS) % 2 ** (8 * size)
            yield data[:place] + number.to_bytes(size, "little") + data[place + size :]


def mutate(data: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield three hundred files with some bytes changed, or a piece removed, doubled or inserted."""
    for _ in range(300):
        bad = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 8))):
            place = draw.randrange(len(bad) if draw.random() < 0.7 else min(600, len(bad)))
            length = draw.randrange(1, 40)
            match draw.randrange(6):
                case 0:
                    del bad[place : place + length]
                case 1:
                    bad[place:place] = bad[place : place + length]
                case 2:
                    bad[place:place] = bytes(draw.choice(BYTES) for _ in range(length))
                case _:
                    bad[place] = draw.choice((*BYTES, bad[place] ^ 1 << draw.randrange(8)))
        yield bytes(bad)


KINDS = {"cut": cut, "count": count, "mutate": mutate}


def address_space() -> int:
    """Return the bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def attempt(load: Callable[[bytes], object], data: bytes) -> tuple[str, float, str]:
    """Load one file; return the result, the seconds, and what is wrong, or ""."""
    limit(address_space() + 2 * len(data) + ROOM)
    start = time.process_time()
    try:
        load(data)
        end, wrong = "loaded", ""
    except InputError as error:
        end, wrong = "refused", ""
        if len(str(error)) > 500:
            wrong = "a message of more than 500 characters"
    except Exception as error:  # noqa: BLE001 - every error is reported
        end, wrong = "failed", f"{type(error).__name__}: {error}"[:300]
    finally:
        limit(resource.RLIM_INFINITY)
    seconds = time.process_time() - start
    return end, seconds, wrong or (f"took {seconds:.1f} seconds" if seconds > SECONDS else "")


def main(form: str, path: str, kind: str, seed: str, most: str = "300") -> None:
    data = Path(path).read_bytes()
    ORIGINAL.append(data)
    found = {"tried": 0, "loaded": 0, "refused": 0, "failed": 0}
    slowest, wrong = 0.0, []
    draw = random.Random(f"{form} {kind} {seed}")
    files = list(KINDS[kind](data, draw))
    for bad in draw.sample(files, min(int(most), len(files))):
        end, seconds, complaint = attempt(LOADERS[form], bad)
        if complaint:
            wrong.append(f"file {found['tried']}: {complaint}")
        found["tried"] += 1
        found[end] += 1
        slowest = max(slowest, seconds)
    print(json.dumps({**found, "slowest": slowest, "wrong": wrong[:10]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
