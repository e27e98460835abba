"""Draw the plots of benchmarks/plots from pytest-benchmark's JSON files.

    python -m benchmarks.plots build/benchmarks/*.json

Needs matplotlib, which the extra `bench` installs.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.figure import Figure

from benchmarks.table import Benchmark, duration, our_median, row_name, times

PLOTS = Path(__file__).resolve().parent / "plots"
COLOURS = ("#1b6ca8", "#c0c4cc")


def ratios(benchmarks: list[Benchmark]) -> None:
    """Draw a bar for each figure: how many times faster than the peer."""
    rows = [b for b in benchmarks if b["extra_info"].get("must") and not compares_us_with_us(b)]
    figure, axes = pyplot.subplots(figsize=(8, 0.42 * len(rows) + 1))
    names, values, peers = [], [], []
    for row in reversed(rows):
        names.append(row_name(row))
        values.append(row["extra_info"]["peer_median"] / our_median(row))
        peers.append(row["extra_info"]["peer"])
    bars = axes.barh(names, values, color=COLOURS[0])
    axes.bar_label(bars, [f"{times(v)}x {peer}" for v, peer in zip(values, peers, strict=True)], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(1, max(values) * 30)
    axes.set_xlabel("times faster than the peer named, in the same run (log scale)")
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, "ratios")


def compares_us_with_us(benchmark: Benchmark) -> bool:
    """Return whether both sides are ours."""
    peer: str = benchmark["extra_info"]["peer"]
    return peer.startswith("our ")


def growth(benchmarks: list[Benchmark], group: str, name: str, label: str, each: bool = False) -> None:
    """Draw a line: seconds by parameter, for each item if `each` is set."""
    rows = [b for b in benchmarks if b["group"] == f"growth: {group}"]
    if not rows:
        return
    at = [next(iter(row["params"].values())) for row in rows]
    seconds = [row["stats"]["median"] / (x if each else 1) for row, x in zip(rows, at, strict=True)]
    figure, axes = pyplot.subplots(figsize=(5, 3.2))
    axes.plot(at, seconds, marker="o", color=COLOURS[0])
    for x, y in zip(at, seconds, strict=True):
        axes.annotate(duration(y), (x, y), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=7)
    axes.set_xlabel(label)
    axes.set_ylabel("seconds")
    axes.set_yscale("log" if max(seconds) > 4 * min(seconds) else "linear")
    if each:
        axes.set_xscale("log", base=2)
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, max(seconds) * 1.25)
    axes.set_title(group, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, name)


def save(figure: Figure, name: str) -> None:
    """Write an SVG without a date, so that equal plots are equal files."""
    PLOTS.mkdir(exist_ok=True)
    figure.tight_layout()
    figure.savefig(PLOTS / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def main(paths: list[str]) -> None:
    """Draw all plots of all files."""
    pyplot.rcParams.update({"svg.hashsalt": "rln", "svg.fonttype": "none", "font.size": 9})
    pyplot.rcParams.update({"axes.grid": True, "grid.alpha": 0.25})
    benchmarks = [b for path in paths for b in json.loads(Path(path).read_text())["benchmarks"]]
    ratios(benchmarks)
    growth(benchmarks, "full proof by tree depth", "depth", "levels of the tree")
    growth(benchmarks, "building the tree by members", "members", "members, 2^n")
    growth(benchmarks, "setting one leaf by members", "one_leaf", "members, 2^n")
    growth(
        benchmarks,
        "verification by size of the batch",
        "batch",
        "proofs in the batch; seconds a proof",
        each=True,
    )
    growth(benchmarks, "full proof by threads", "threads", "threads")


if __name__ == "__main__":
    main(sys.argv[1:])
