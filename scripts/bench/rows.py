"""The rows of the speed table: each measures our figure and its peer's by turns, in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.crowd import conversations, fill, queries, texts
from scripts.bench.peers import ROOT, mem0_search
from tinymem import Memory
from tinymem.batches import EMBEDDED_AT_ONCE
from tinymem.engines.llama import LlamaCpp
from tinymem.engines.onnx import OnnxEmbedder, OnnxModel
from tinymem.engines.onnx_session import Session
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.recall.search import POOL_LEAST
from tinymem.store.filters import EVERYTHING
from tinymem.store.vector_rows import VectorRows
from tinymem.store.vectors import EXACT_LIMIT
from tinymem.types import Embedder, Vector

WARMING = 5
ROUNDS = 7  # of what takes long
KIND = {"metadata": {"kind": 7}}

Times = list[float]


@dataclass(frozen=True)
class Bench:
    """What every row works with: the folder of the files, the embedder, how often to ask, mem0's Python."""

    folder: Path
    embedder: Embedder
    asked: int
    mem0: Path | None

    def file(self, count: int, users: int = 1, name: str = "") -> Path:
        """Return a file of so many made-up memories, made when it is first needed."""
        return fill(self.folder / f"{name}{count}-{users}.db", count, users, self.embedder)

    def open(self, path: Path) -> Memory:
        return Memory(path, embedder=self.embedder, categorize=False)

    @contextmanager
    def fresh(self) -> Iterator[Memory]:
        """Give a Memory in a new file, which goes afterwards."""
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as folder,
            self.open(Path(folder) / "add.db") as memory,
        ):
            yield memory


@dataclass(frozen=True)
class Figures:
    """Our figure and the peer's, in the row's unit, and what else is worth knowing."""

    ours: float
    peer: float | None = None
    note: str = ""


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ms(times: Sequence[float]) -> float:
    return 1000 * statistics.median(times)


def spread(times: Sequence[float]) -> str:
    return f"p95 {1000 * sorted(times)[int(0.95 * len(times))]:.1f}"


def alternated(bench: Bench, memory: Memory, **scope: Any) -> tuple[Times, Times]:
    """Return the times of searches and of embedding the same queries, by turns; no query comes twice."""
    searches: Times = []
    embeds: Times = []
    for query in queries(bench.asked + WARMING):
        embeds.append(seconds(lambda query=query: bench.embedder.embed([query], kind="query")))
        searches.append(seconds(lambda query=query: memory.search(query, top_k=10, **scope)))
    return searches[WARMING:], embeds[WARMING:]


def search(bench: Bench, count: int, users: int = 1, **scope: Any) -> Figures:
    with bench.open(bench.file(count, users)) as memory:
        first = seconds(lambda: memory.search(queries(1, seed=3)[0], top_k=10, **scope))
        searches, embeds = alternated(bench, memory, **scope)
        note = f"{spread(searches)}, the first {first:.1f} s"
        if count > EXACT_LIMIT and not scope:
            note += f", recall@10 {recall(bench, memory):.3f}"
    return Figures(ms(searches), ms(embeds), note)


def recall(bench: Bench, memory: Memory) -> float:
    """Return how many of the ten nearest the index finds; half of the questions are about what is there."""
    asked = bench.embedder.embed([*queries(20, seed=9), *conversations(20)], kind="query")
    store = memory._store  # the parts of a search are not public
    with store.snapshot():
        pools = [[row for row, _ in store.nearest(vector, EVERYTHING, POOL_LEAST)[:10]] for vector in asked]
        exact = nearest_of_all(store, asked)
    return statistics.fmean(len(set(pool) & best) / 10 for pool, best in zip(pools, exact, strict=True))


def nearest_of_all(store: Any, asked: Vector) -> list[set[int]]:
    """Return the rows of the ten nearest of each, by multiplying with every vector of the file."""
    with store._open() as connection:
        best: list[tuple[Any, Any]] = [(np.empty(0), np.empty(0, dtype=np.int64))] * len(asked)
        for rowids, rows in VectorRows(asked.shape[1]).blocks(connection, 0):
            for place, scores in enumerate((rows @ asked.T).T):
                joined = np.concatenate([best[place][0], scores])
                named = np.concatenate([best[place][1], rowids])
                top = np.argsort(-joined)[:10]
                best[place] = joined[top], named[top]
    return [set(named.tolist()) for _, named in best]


def vectors_alone(bench: Bench) -> Figures:
    with bench.open(bench.file(10_000)) as memory:
        store = memory._store
        with store._open() as connection:
            found = connection.execute("SELECT embedding FROM memory_vec")
            matrix = np.stack([np.frombuffer(blob, dtype="<f4") for (blob,) in found])
        asked = list(bench.embedder.embed(queries(10 * bench.asked), kind="query"))

        def by_numpy(vector: Vector) -> None:
            scores = matrix @ vector
            top = np.argpartition(scores, -10)[-10:]
            top[np.argsort(-scores[top])].tolist()

        ours: Times = []
        numpy: Times = []
        with store.snapshot():
            for vector in asked:
                numpy.append(seconds(lambda vector=vector: by_numpy(vector)))
                ours.append(seconds(lambda vector=vector: store.nearest(vector, EVERYTHING, 10)))
    return Figures(ms(ours[WARMING:]), ms(numpy[WARMING:]), f"{spread(ours)}, numpy {spread(numpy)}")


def add_one(bench: Bench) -> Figures:
    adds: Times = []
    embeds: Times = []
    with bench.fresh() as memory:
        memory.add_many(texts(1_000, seed=1), user_id="ana")
        for text in texts(bench.asked + WARMING, seed=2):
            embeds.append(seconds(lambda text=text: bench.embedder.embed([text])))
            adds.append(seconds(lambda text=text: memory.add(text, user_id="ana", infer=False)))
    return Figures(ms(adds[WARMING:]), ms(embeds[WARMING:]), spread(adds))


def add_many(bench: Bench) -> Figures:
    adds: Times = []
    embeds: Times = []
    with bench.fresh() as memory:
        for seed in range(ROUNDS):
            batch = texts(1_000, seed=seed)
            groups = [batch[start : start + EMBEDDED_AT_ONCE] for start in range(0, 1_000, EMBEDDED_AT_ONCE)]
            embeds.append(seconds(lambda groups=groups: [bench.embedder.embed(group) for group in groups]))
            adds.append(seconds(lambda batch=batch: memory.add_many(batch, user_id="ana")))
    return Figures(ms(adds), ms(embeds), "1,000 texts")


ENGINES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (OnnxEmbedder, ("embed",)),
    (OnnxModel, ("encode", "tokenise")),
    (Session, ("run",)),
    (OnnxWriter, ("pieces", "read", "begin", "step")),
    (LlamaCpp, ("complete", "count_tokens")),
)


@contextmanager
def inside_engines() -> Iterator[Times]:
    """Collect how long each call of an engine takes; one inside another counts once."""
    spent: Times = []
    depth = 0

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*given: Any, **named: Any) -> Any:
            nonlocal depth
            depth += 1
            began = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                depth -= 1
                if not depth:
                    spent.append(time.perf_counter() - began)

        return call

    kept = [(engine, name, getattr(engine, name)) for engine, names in ENGINES for name in names]
    try:
        for engine, name, method in kept:
            setattr(engine, name, timed(method))
        yield spent
    finally:
        for engine, name, method in kept:
            setattr(engine, name, method)


def add_inferred(bench: Bench) -> Figures:
    adds: Times = []
    engines: Times = []
    with bench.fresh() as memory:
        memory.add_many(texts(1_000, seed=1), user_id="ana")
        for message in conversations(bench.asked + WARMING):
            with inside_engines() as spent:
                adds.append(seconds(lambda message=message: memory.add(message, user_id="ana")))
            engines.append(sum(spent))
    return Figures(ms(adds[WARMING:]), ms(engines[WARMING:]), f"{spread(adds)}, categories off")


def beside_mem0(bench: Bench) -> Figures:
    theirs = mem0_search(bench.mem0, 10_000, bench.asked)
    with bench.open(bench.file(10_000)) as memory:
        searches, _ = alternated(bench, memory, user_id="user 0")
    return Figures(ms(searches), 1000 * theirs)


OPENED = """
import sys
from tinymem import Memory
memory = Memory(sys.argv[1])
memory.search("What did I say about the old battery?", user_id="user 0", top_k=10)
"""
ADDED = """
memory.add("I moved to Oslo last year and now I work as a nurse.", user_id="user 0", dry_run=True)
"""
SAID = """
import re
print(*re.findall(r"Vm(?:RSS|HWM):\\s+(\\d+)", open("/proc/self/status").read()))
"""


def in_new_process(code: str, path: Path) -> str:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def resident(bench: Bench) -> Figures:
    path = bench.file(10_000)
    searched = [megabytes(OPENED + SAID, path) for _ in range(5)]
    added = [megabytes(OPENED + ADDED + SAID, path) for _ in range(5)]
    (_, alone), (peak, now) = (map(statistics.median, zip(*each, strict=True)) for each in (searched, added))
    return Figures(now, None, f"peak {peak:.0f} MB, before the first add {alone:.0f} MB")


def megabytes(code: str, path: Path) -> tuple[float, float]:
    """Return the most and the present memory of a process that runs this, as Linux says it."""
    peak, now = (int(one) / 1024 for one in in_new_process(code, path).split())
    return peak, now


def cold(bench: Bench) -> Figures:
    path = bench.file(10_000)
    code = OPENED + "import os\nos._exit(0)"
    times = [seconds(lambda: in_new_process(code, path)) for _ in range(ROUNDS)]
    return Figures(statistics.median(times), None, "interpreter, imports, models and file included")


def size(bench: Bench) -> Figures:
    path = bench.file(10_000)
    return Figures(path.stat().st_size / 10_000 / 1024, None, f"of {path.stat().st_size / 1e6:.0f} MB")
