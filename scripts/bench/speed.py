#!/usr/bin/env python3
"""How fast is tinymem on this machine? Every line is a ratio against its own peer, measured in the same run.

    python scripts/bench/speed.py [--memories 10000]

Peers: an import against the limit; add and search against the bundled embedder doing nothing but its
part of the work. Texts are made from word lists with a fixed seed, so every run stores the same.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tinymem import Memory
from tinymem.config import build_embedder
from tinymem.types import Embedder

SUBJECTS = [
    "Likes",
    "Dislikes",
    "Owns",
    "Collects",
    "Repairs",
    "Paints",
    "Studies",
    "Sells",
    "Avoids",
    "Recommends",
]
ADJECTIVES = [
    "old",
    "green",
    "wooden",
    "Italian",
    "spicy",
    "quiet",
    "second-hand",
    "electric",
    "rare",
    "cheap",
    "heavy",
    "local",
]
THINGS = [
    "bicycles",
    "guitars",
    "novels",
    "tomatoes",
    "lamps",
    "maps",
    "cameras",
    "chairs",
    "radios",
    "teapots",
    "kites",
    "boots",
]
PLACES = [
    "Leeds",
    "Porto",
    "Kyoto",
    "Oslo",
    "Lagos",
    "Quito",
    "Turin",
    "Perth",
    "Izmir",
    "Gdansk",
    "Cork",
    "Lyon",
]
QUERIES = (
    "which old guitars does she collect in Porto",
    "what does he avoid",
    "electric bicycles in Kyoto",
    "who repairs radios near Oslo on weekends",
    "what kind of food does she like to eat",
    "teapots",
    "where did they buy the wooden chairs last year",
    "rare maps and cameras from Turin",
)


def sentences(count: int) -> list[str]:
    """Make distinct memories of about a dozen tokens."""
    rng = random.Random(7)
    return [
        f"{rng.choice(SUBJECTS)} {rng.choice(ADJECTIVES)} {rng.choice(THINGS)} from {rng.choice(PLACES)}, "
        f"number {n}, since {rng.randint(1980, 2025)}"
        for n in range(count)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_ms(times: list[float]) -> float:
    """Return the median of some seconds, in milliseconds."""
    return 1000 * statistics.median(times)


def in_new_process(code: str) -> float:
    """Return what a fresh interpreter prints as seconds; the best of five."""
    command = [sys.executable, "-c", code]
    return min(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5)
    )


def report(what: str, took: float, unit: str, verdict: str) -> None:
    print(f"{what:32} {took:9.2f} {unit}   {verdict}")


def bench_import() -> None:
    code = "import time; t = time.perf_counter(); import tinymem; print(time.perf_counter() - t)"
    numpy = 1000 * in_new_process(code.replace("tinymem", "numpy"))
    report("import tinymem", 1000 * in_new_process(code), "ms", f"numpy alone {numpy:.0f} ms; limit 150 ms")


def bench_add(folder: Path, embedder: Embedder) -> None:
    texts = sentences(1400)
    with Memory(folder / "add.db", embedder=embedder) as memory:
        memory.add(texts[0], user_id="u", infer=False)
        embeds, adds = [], []
        for text in texts[1:201]:
            embeds.append(seconds(lambda text=text: embedder.embed([text])))
            adds.append(seconds(lambda text=text: memory.add(text + "!", user_id="u", infer=False)))
        add, embed = median_ms(adds), median_ms(embeds)
        report(
            "add(infer=False), one", add, "ms", f"{add / embed:.2f} x embedding it ({embed:.2f} ms; limit 3)"
        )
        batch = [{"role": "user", "content": text} for text in texts[400:]]
        embeds, adds = [], []
        for part in range(3):
            embeds.append(seconds(lambda: embedder.embed([message["content"] for message in batch])))
            adds.append(seconds(lambda part=part: memory.add(batch, user_id=f"batch{part}", infer=False)))
        add, embed = median_ms(adds), median_ms(embeds)
        verdict = f"{add / embed:.2f} x embedding them ({embed:.0f} ms; limit 1.3)"
        report("add(infer=False), 1,000 at once", add, "ms", verdict)


def bench_search(folder: Path, embedder: Embedder, count: int) -> None:
    path = folder / "search.db"
    texts = sentences(count)
    with Memory(path, embedder=embedder) as memory:
        for start in range(0, count, 1000):
            batch = [{"role": "user", "content": text} for text in texts[start : start + 1000]]
            memory.add(batch, user_id="one", infer=False)
    cold = 1000 * seconds(lambda: first_search(path))
    report(f"open {count:,}, first search", cold, "ms", "models loaded in it; limit 1000 ms")
    with Memory(path, embedder=embedder) as memory:
        memory.search(QUERIES[0], user_id="one", top_k=10)
        embeds, searches = [], []
        for query in QUERIES * 8:
            embeds.append(seconds(lambda query=query: embedder.embed([query], kind="query")))
            searches.append(seconds(lambda query=query: memory.search(query, user_id="one", top_k=10)))
        search, embed = median_ms(searches), median_ms(embeds)
        p95 = 1000 * sorted(searches)[int(0.95 * len(searches))]
        verdict = f"{search / embed:.2f} x embedding the query ({embed:.2f} ms; limit 4); p95 {p95:.2f} ms"
        report(f"search {count:,} of one user", search, "ms", verdict)


def first_search(path: Path) -> None:
    with Memory(path) as memory:
        memory.search(QUERIES[1], user_id="one", top_k=10)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memories", type=int, default=10_000)
    chosen = parser.parse_args()
    embedder = build_embedder(None, None)
    embedder.embed(["warm up"])
    with tempfile.TemporaryDirectory() as folder:
        bench_import()
        bench_add(Path(folder), embedder)
        bench_search(Path(folder), embedder, chosen.memories)


if __name__ == "__main__":
    main()
