"""The cost of starting: the import, loading a key, and the memory of a prover."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, median_of
from benchmarks.subject import Subject

# A fresh process that makes one proof and prints its resident memory. A second proof would start to build
# tables.
PROVER = """
import sys
import rln
from benchmarks.subject import Statement

key, tables = rln.ProvingKey.load(sys.argv[1], sha256=sys.argv[2]), sys.argv[3] == "tables"
if tables:
    key.build_tables()
statement = Statement()
key.prove(key.witness(statement.inputs(), statement.identity), 1)
assert key.has_tables == tables
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
"""


@pytest.mark.benchmark(group="import rln, beyond a bare interpreter")
def bench_import(benchmark: BenchmarkFixture) -> None:
    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    bare = Peer("bare interpreter", lambda: start("pass"))
    beside(benchmark, lambda: start("import rln"), bare, rounds=15)
    extra = benchmark.extra_info
    beyond = median_of(benchmark) - extra["peer_median"]
    extra["sizes"] = {"import rln, beyond a bare interpreter (at most 60 ms)": f"{beyond * 1e3:.1f} ms"}


@pytest.mark.parametrize("checks", ["pinned", "full checks"])
@pytest.mark.benchmark(group="loading the ceremony key")
def bench_load(benchmark: BenchmarkFixture, checks: str) -> None:
    root = os.environ.get("RLN_ZEROKIT_DIR")
    if root is None:
        pytest.skip("RLN_ZEROKIT_DIR names no directory with zerokit's keys")
    files = Path(root) / "tree_depth_20"

    def load() -> rln.ProvingKey:
        key = rln.ProvingKey.load(files / "rln_final.arkzkey", graph=files / "graph.bin")
        if checks == "full checks":
            key.check(1)
        return key

    key = benchmark.pedantic(load, rounds=5, warmup_rounds=1)
    assert key.is_pinned


@pytest.mark.parametrize("tables", ["without tables", "with tables"])
@pytest.mark.benchmark(group="a process that loads a key file and proves once")
def bench_memory(benchmark: BenchmarkFixture, subject: Subject, tmp_path: Path, tables: str) -> None:
    path = tmp_path / "key.rlnkey"
    subject.key.save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    arguments = [sys.executable, "-c", PROVER, str(path), digest, "tables" if tables == "with tables" else ""]
    environment = {**os.environ, "RLN_CACHE_DIR": str(tmp_path)}
    done = benchmark.pedantic(
        lambda: subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[1],
            env=environment,
        ),
        rounds=1,
        warmup_rounds=1,
    )
    limit = 160 if tables == "with tables" else 60
    benchmark.extra_info["sizes"] = {
        f"resident memory of a prover {tables} (at most {limit} MB)": f"{int(done.stdout) / 1024:.0f} MB"
    }
