#!/usr/bin/env python3
"""How fast is tinymem on this machine? Every figure beside its peer's from the same run, with a verdict.

    python -m scripts.bench.speed [--only ROW ...] [--path FOLDER] [--mem0 PYTHON] [--growth]

Without --path the files of made-up memories (see crowd.py; that of a million takes 3 GB and 5 minutes) go
when it ends; with it they are kept, and used again. mem0 gets a venv of its own, or the Python given.
Figures are medians; a ratio's two halves are measured by turns. --growth shows how search and add grow.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import log
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run by its path, too, it finds its siblings

from scripts.bench import rows
from scripts.bench.crowd import queries, texts
from scripts.bench.rows import Bench, Figures, seconds
from tinymem.config import build_embedder

MANY = 1_000_000
SIZES = (1_000, 10_000, 100_000, MANY)


@dataclass(frozen=True)
class Row:
    """One row: what is measured, how, and the floor and goal of the ratio (or of the figure itself)."""

    title: str
    measure: Callable[[Bench], Figures]
    floor: float
    goal: float
    unit: str = "ms"
    more_is_better: bool = False

    def line(self, bench: Bench) -> list[str]:
        figures = self.measure(bench)
        value, sign = figures.ours, f" {self.unit}"
        if figures.peer is not None:
            halves = (figures.ours, figures.peer)
            value = halves[1] / halves[0] if self.more_is_better else halves[0] / halves[1]
            sign = "x"
        peer = "-" if figures.peer is None else f"{figures.peer:.2f} {self.unit}"
        limits = [f"{limit:g}{sign}" for limit in (self.floor, self.goal)]
        ours = f"{figures.ours:.2f} {self.unit}"
        return [self.title, ours, peer, f"{value:.2f}{sign}", *limits, self.verdict(value), figures.note]

    def verdict(self, value: float) -> str:
        for name, limit in (("goal", self.goal), ("floor", self.floor)):
            if value >= limit if self.more_is_better else value <= limit:
                return name
        return "misses"


ROWS = {
    "search-10k": Row(
        "search 10k, over embedding", partial(rows.search, count=10_000, user_id="user 0"), 3, 1.5
    ),
    "search-100k": Row("same, 100k", partial(rows.search, count=100_000), 8, 3),
    "search-1m": Row("same, 1M", partial(rows.search, count=MANY, users=100), 40, 10),
    "users": Row(
        "same, 100 users x 10k", partial(rows.search, count=MANY, users=100, user_id="user 7"), 3, 1.5
    ),
    "filter": Row(
        "same, a filter keeps 1 % of 100k", partial(rows.search, count=100_000, filters=rows.KIND), 4, 2
    ),
    "vectors": Row("vectors alone 10k, over numpy", rows.vectors_alone, 3, 1),
    "add": Row("add(infer=False), over embedding", rows.add_one, 2, 1.3),
    "add-many": Row("add_many, over embedding in batches", rows.add_many, 1.2, 1.05),
    "infer": Row("add(infer=True), over its models", rows.add_inferred, 1.3, 1.1),
    "mem0": Row("mem0 2.2's search 10k, over ours", rows.beside_mem0, 10, 30, more_is_better=True),
    "memory": Row("resident, 10k open, models loaded", rows.resident, 250, 150, "MB"),
    "cold": Row("cold start to first result, 10k", rows.cold, 0.8, 0.4, "s"),
    "size": Row("file size per memory", rows.size, 3, 1.5, "KB"),
}


def print_rows(bench: Bench, chosen: Sequence[str]) -> None:
    print("| | ours | peer | figure | floor | goal | verdict | |")
    print("|" + "---|" * 8)
    for name in chosen:
        print("| " + " | ".join(ROWS[name].line(bench)) + " |", flush=True)


def percentiles(times: list[float]) -> tuple[float, float]:
    ordered = sorted(1000 * one for one in times)
    return statistics.median(ordered), ordered[int(0.95 * len(ordered))]


def print_growth(bench: Bench) -> None:
    """Print how search (of the whole file) and add grow, and the exponent that fits their medians best."""
    print("| memories | search p50 ms | p95 | add p50 ms | p95 |")
    print("|" + "---|" * 5)
    medians: list[tuple[float, float]] = []
    for count in SIZES:
        path = bench.file(count, 100) if count == MANY else bench.file(count, name="grown-")
        with bench.open(path) as memory:
            searches, _ = rows.alternated(bench, memory)
            added = texts(bench.asked + rows.WARMING, seed=4)
            adds = [seconds(lambda text=text: memory.add(text, user_id="new", infer=False)) for text in added]
            memory.delete_all(user_id="new")
        found = percentiles(searches), percentiles(adds[rows.WARMING :])
        medians.append((found[0][0], found[1][0]))
        print(
            f"| {count:,} | " + " | ".join(f"{one:.2f}" for pair in found for one in pair) + " |", flush=True
        )
    exponents = [exponent(SIZES, [each[half] for each in medians]) for half in (0, 1)]
    print(f"\nfitted: search grows as n^{exponents[0]:.2f}, add as n^{exponents[1]:.2f}")


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the slope of the line through the logarithms.

    >>> round(exponent([1, 10, 100], [2, 20, 200]), 6)
    1.0
    """
    return statistics.linear_regression([log(one) for one in sizes], [log(one) for one in values]).slope


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--path", type=Path, help="a folder that keeps the files")
    parser.add_argument("--mem0", type=Path, help="a Python that has mem0ai 2.2, instead of a venv made now")
    parser.add_argument("--asked", type=int, default=60, help="how many calls of what is quick (at least 5)")
    parser.add_argument("--growth", action="store_true", help="how search and add grow, instead of the table")
    chosen = parser.parse_args()
    embedder = build_embedder(None, None)
    embedder.embed([queries(1)[0]])
    with ExitStack() as ending:
        folder = chosen.path or Path(ending.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder, embedder, max(5, chosen.asked), chosen.mem0)
        if chosen.growth:
            print_growth(bench)
        else:
            print_rows(bench, chosen.only or list(ROWS))


if __name__ == "__main__":
    main()
