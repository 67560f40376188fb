"""Files of made-up memories, loaded in bulk: words as frequent as in English, vectors like the embedder's.

A text is twelve words drawn by Zipf's law from the embedder's own vocabulary, which stands in the order of
frequency. A vector is the mixture of those of two real facts, with the difference of two others added: what
embeds questions finds neighbours there as it would among real memories. The same seed makes the same file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.engines.catalog import model_folder
from tinymem.store.keywords import STOP_WORDS
from tinymem.store.store import Store
from tinymem.types import Change, Commit, Embedder, Record, Scope, Vector

CORPUS = Path(__file__).parent.parent / "train" / "corpus"
WORDS_EACH = 12
CENTRES = 4_000  # real facts whose vectors are mixed
AT_ONCE = 5_000  # memories in one commit
BEGAN = datetime(2025, 1, 1, tzinfo=timezone.utc)
KINDS = 100  # values of the metadata key "kind": a filter by one of them keeps 1 %


@cache
def vocabulary() -> tuple[list[str], NDArray[np.float64]]:
    """Return the whole words of the embedder's vocabulary, and how often each is drawn."""
    described = json.loads((model_folder("minilm") / "tokenizer.json").read_text(encoding="utf-8"))
    ranked = sorted(described["model"]["vocab"].items(), key=lambda pair: pair[1])
    words = [word for word, _ in ranked if word.isalpha() and word.isascii() and len(word) > 1]
    weights = 1 / (np.arange(len(words)) + 2.7)
    return words, weights / weights.sum()


def texts(count: int, seed: int) -> list[str]:
    """Return texts of twelve words."""
    words, weights = vocabulary()
    drawn = np.random.default_rng(seed).choice(len(words), size=(count, WORDS_EACH), p=weights)
    return [" ".join([words[place] for place in row]).capitalize() for row in drawn.tolist()]


def queries(count: int, seed: int = 77) -> list[str]:
    """Return questions that ask for three words which some memory may hold."""
    asked = []
    for text in texts(3 * count, seed):
        telling = [word for word in text.lower().split() if word not in STOP_WORDS]
        if len(telling) >= 3:
            asked.append(f"What did I say about {telling[0]}, {telling[1]} and the {telling[2]}?")
    return asked[:count]


def corpus() -> Iterator[dict[str, Any]]:
    """Yield the conversations of the training corpus."""
    for path in sorted(CORPUS.glob("conversations_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def facts() -> list[str]:
    """Return real facts."""
    return list(dict.fromkeys(fact["text"] for talk in corpus() for fact in talk["facts"]))[:CENTRES]


def conversations(count: int) -> list[str]:
    """Return what people really say, each something with a fact in it."""
    said = (talk["messages"][fact["turn"]]["content"] for talk in corpus() for fact in talk["facts"][:1])
    return list(dict.fromkeys(said))[: 7 * count : 7]


class Mixed:
    """Draws vectors that lie among those of real facts: float32 (n, dimension), normalised."""

    def __init__(self, embedder: Embedder, seed: int = 5) -> None:
        self._centres = embedder.embed(facts())
        self._random = np.random.default_rng(seed)

    def draw(self, count: int) -> Vector:
        one, other, plus, minus = self._random.integers(len(self._centres), size=(4, count))
        share = self._random.uniform(0.5, 1.0, size=(count, 1)).astype(np.float32)
        rows = share * self._centres[one] + (1 - share) * self._centres[other]
        rows += np.float32(0.3) * (self._centres[plus] - self._centres[minus])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows, dtype=np.float32)


def commits(count: int, users: int, mixed: Mixed, first: int = 0) -> Iterator[Commit]:
    """Yield commits of memories that `users` own by turns."""
    for start in range(first, count, AT_ONCE):
        size = min(AT_ONCE, count - start)
        rows = mixed.draw(size)
        changes = []
        for place, text in enumerate(texts(size, seed=start)):
            number = start + place
            moment = BEGAN + timedelta(seconds=10 * number)
            record = Record(
                id=f"made-up-{number:08d}",
                text=text,
                scope=Scope(user_id=f"user {number % users}"),
                created_at=moment,
                updated_at=moment,
                metadata={"kind": number // users % KINDS},
                role="user",
            )
            changes.append(Change("ADD", None, record, rows[place]))
        yield Commit(f"load-{start}", "add_many", BEGAN, tuple(changes))


def fill(path: Path, count: int, users: int, embedder: Embedder) -> Path:
    """Make a file of `count` memories, or finish one that was cut off; return its path."""
    identity: dict[str, Any] = dict(embedder.identity)
    store = Store(str(path))
    try:
        held = int(store.stats()["memories"])
        if held < count:
            began = time.perf_counter()
            for commit in commits(count, users, Mixed(embedder), held):
                store.apply(commit, embedder=identity)
                done = int(commit.id.removeprefix("load-")) + len(commit.changes)
                sys.stderr.write(f"\rfilling {path.name}: {done:,} of {count:,}")
            sys.stderr.write(f" in {time.perf_counter() - began:.0f} s\n")
    finally:
        store.close()
    return path
