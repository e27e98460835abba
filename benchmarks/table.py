"""Turn pytest-benchmark's JSON files into the tables of benchmarks/README.md.

python -m benchmarks.table build/benchmarks/*.json
"""

import json
import sys
from pathlib import Path
from typing import Any

Benchmark = dict[str, Any]
"""A benchmark as pytest-benchmark's JSON has it."""


def duration(seconds: float) -> str:
    """Write seconds in a unit that is easy to read."""
    for scale, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def times(ratio: float) -> str:
    """Write how many times faster, in three figures."""
    return f"{ratio:.3g}" if ratio < 100 else f"{ratio:,.0f}"


def our_median(benchmark: Benchmark) -> float:
    """Return our median for one unit, in seconds."""
    median: float = benchmark["stats"]["median"]
    repeat: float = benchmark["extra_info"].get("repeat", 1)
    return median / repeat


def row_name(benchmark: Benchmark) -> str:
    """Name a row: the group, and the parameters of a figure that has several."""
    parameters = ", ".join(map(str, (benchmark["params"] or {}).values()))
    return f"{benchmark['group']}: {parameters}" if parameters else benchmark["group"]


def compared(benchmarks: list[Benchmark]) -> list[str]:
    """Tabulate the figures that have a peer: ours, theirs, the ratio, and the ratios asked for."""
    lines = ["| what | ours | peer | ratio | must | aim |", "|---|---|---|---|---|---|"]
    for benchmark in benchmarks:
        extra = benchmark["extra_info"]
        if "peer" not in extra:
            continue
        ratio = extra["peer_median"] / our_median(benchmark)
        asked = " | ".join("" if extra[name] is None else f"{extra[name]:g}" for name in ("must", "aim"))
        name = row_name(benchmark) + (f", {extra['note']}" if extra["note"] else "")
        theirs = f"{duration(extra['peer_median'])} {extra['peer']}"
        lines.append(
            f"| {name} | {duration(our_median(benchmark))} | {theirs} | **{times(ratio)}** | {asked} |"
        )
    return lines


def alone(benchmarks: list[Benchmark]) -> list[str]:
    """Tabulate the figures without a peer, and the sizes that the benchmarks recorded."""
    lines = ["| what | measured |", "|---|---|"]
    for benchmark in benchmarks:
        if "peer" in benchmark["extra_info"] or benchmark["group"].startswith("growth"):
            continue
        lines.append(f"| {row_name(benchmark)} | {duration(our_median(benchmark))} |")
    for benchmark in benchmarks:
        lines += [f"| {name} | {size} |" for name, size in benchmark["extra_info"].get("sizes", {}).items()]
    return lines


def conditions(report: dict[str, Any]) -> str:
    """Describe the machine; no figure is quoted without this line."""
    machine = report["machine_info"]
    return (
        f"{machine['cpu'].get('brand_raw', machine['machine'])} ({machine['cpu'].get('count', '?')} "
        f"processors), {machine['rln']['compiler']}, {machine['python_implementation']} "
        f"{machine['python_version']}, engine {machine['rln']['engine']}, "
        f"{report['datetime'][:10]}; one thread unless a number is given"
    )


def main(paths: list[str]) -> None:
    """Print, for each file, the conditions and its tables."""
    for path in paths:
        report = json.loads(Path(path).read_text())
        for benchmark in report["benchmarks"]:
            benchmark["extra_info"].setdefault("note", "")
        print(f"{conditions(report)}:\n")
        for table in (compared(report["benchmarks"]), alone(report["benchmarks"])):
            if len(table) > 2:
                print("\n".join(table) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
