"""Turn pytest-benchmark's JSON files into the tables of benchmarks/README.md.

python -m benchmarks.table build/benchmarks/*.json
"""

import json
import sys
from pathlib import Path


def duration(seconds: float) -> str:
    """A median in the unit that people read it in."""
    for scale, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def times(ratio: float) -> str:
    """How many times faster, in three figures."""
    return f"{ratio:.3g}" if ratio < 100 else f"{ratio:,.0f}"


def ours(benchmark: dict) -> float:
    """The median of one unit of ours, in seconds."""
    return benchmark["stats"]["median"] / benchmark["extra_info"].get("repeat", 1)


def what(benchmark: dict) -> str:
    """The row's name: the group, and the parameters of a figure with several."""
    parameters = ", ".join(map(str, (benchmark["params"] or {}).values()))
    return f"{benchmark['group']}: {parameters}" if parameters else benchmark["group"]


def compared(benchmarks: list[dict]) -> list[str]:
    """The figures that have another side: ours, theirs, how many times faster, and what was asked."""
    lines = ["| what | ours | peer | ratio | must | aim |", "|---|---|---|---|---|---|"]
    for benchmark in benchmarks:
        extra = benchmark["extra_info"]
        if "peer" not in extra:
            continue
        ratio = extra["peer_median"] / ours(benchmark)
        asked = " | ".join("" if extra[name] is None else f"{extra[name]:g}" for name in ("must", "aim"))
        name = what(benchmark) + (f", {extra['note']}" if extra["note"] else "")
        theirs = f"{duration(extra['peer_median'])} {extra['peer']}"
        lines.append(f"| {name} | {duration(ours(benchmark))} | {theirs} | **{times(ratio)}** | {asked} |")
    return lines


def alone(benchmarks: list[dict]) -> list[str]:
    """The figures of our own, and the sizes that were read beside them."""
    lines = ["| what | measured |", "|---|---|"]
    for benchmark in benchmarks:
        if "peer" in benchmark["extra_info"] or benchmark["group"].startswith("growth"):
            continue
        lines.append(f"| {what(benchmark)} | {duration(ours(benchmark))} |")
    for benchmark in benchmarks:
        lines += [f"| {name} | {size} |" for name, size in benchmark["extra_info"].get("sizes", {}).items()]
    return lines


def conditions(report: dict) -> str:
    """The line without which a figure is not quoted."""
    machine = report["machine_info"]
    return (
        f"{machine['cpu'].get('brand_raw', machine['machine'])} ({machine['cpu'].get('count', '?')} "
        f"processors), {machine['rln']['compiler']}, {machine['python_implementation']} "
        f"{machine['python_version']}, engine {machine['rln']['engine']}, "
        f"{report['datetime'][:10]}; one thread where no other number is said"
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
