"""Turn a pytest-benchmark JSON file into the table of benchmarks/README.md.

    python benchmarks/table.py build/benchmarks.json
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

OURS = "ours"
PEERS = {"bench_groth16py": "groth16py", "bench_light_poseidon": "light-poseidon"}


def duration(seconds: float) -> str:
    """A median in the unit that people read it in."""
    for scale, unit in ((1, "s"), (1e3, "ms")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def label(benchmark: dict) -> str:
    """Whose figure it is, or which of our own."""
    name = benchmark["name"]
    if name.partition("[")[0] in PEERS:
        return PEERS[name.partition("[")[0]]
    parameter = name.partition("[")[2].rstrip("]")
    return OURS if name == "bench_ours" else parameter or name.removeprefix("bench_")


def rows(report: dict) -> list[str]:
    """One line for each thing measured: ours, the peer's, and how many times faster."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for benchmark in report["benchmarks"]:
        groups[benchmark["group"]][label(benchmark)] = benchmark["stats"]["median"]
    lines = ["| what | ours | peer | ratio |", "|---|---|---|---|"]
    for group, medians in groups.items():
        peers = {name: median for name, median in medians.items() if name in PEERS.values()}
        for name, median in medians.items():
            if name in peers:
                continue
            what = group if name == OURS or len(medians) == 1 else f"{group}: {name.replace('_', ' ')}"
            peer = next(iter(peers), None) if name == OURS else None
            beside = f"{duration(peers[peer])} {peer} | {peers[peer] / median:.2f}" if peer else " | "
            lines.append(f"| {what} | {duration(median)} | {beside} |")
    return lines


def main(path: str) -> None:
    """Print the conditions, then the table."""
    report = json.loads(Path(path).read_text())
    machine = report["machine_info"]
    ours = machine["rln"]
    print(
        f"{machine['cpu'].get('brand_raw', machine['machine'])}, {ours['compiler']}, Python "
        f"{machine['python_version']}, engine {ours['engine']}, threads {ours['threads']}, "
        f"{report['datetime'][:10]}\n"
    )
    print("\n".join(rows(report)))


if __name__ == "__main__":
    main(*sys.argv[1:])
