#!/usr/bin/env python3
"""Does search find what it should? Questions asked of the corpus, by words, by meaning, and fused.

    python scripts/bench/recall.py [--locomo FILE.json.gz] [--grid]

Each question has the facts that answer it; all facts of the training corpus are the store. Prints
recall@5, recall@10 and MRR@10. --grid tries other weights of `recall/fuse.py`; --locomo measures on
the turns of a LoCoMo file as well (never shipped: its licence forbids it).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from tinymem import Memory
from tinymem.recall import fuse as fusing
from tinymem.recall.search import candidates
from tinymem.store.filters import EVERYTHING

HERE = Path(__file__).parent
CORPUS = HERE.parent / "train" / "corpus"

Question = tuple[str, set[str]]


def jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def corpus_store() -> tuple[list[str], list[Question]]:
    """Return all facts of the corpus, and the questions with the facts that answer them."""
    questions = [(row["query"], set(row["facts"])) for row in jsonl(HERE / "questions.jsonl") if row["facts"]]
    talks = [talk for path in sorted(CORPUS.glob("conversations_*.jsonl")) for talk in jsonl(path)]
    facts = [fact["text"] for talk in talks for fact in talk["facts"]]
    return list(dict.fromkeys([*(f for _, wanted in questions for f in sorted(wanted)), *facts])), questions


def locomo_stores(path: Path) -> Iterable[tuple[list[str], list[Question]]]:
    """Return, for each conversation, its turns and the questions with the turns that answer them."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        talks = json.load(file)
    for talk in talks:
        conversation = talk["conversation"]
        turns = {}
        for name, session in conversation.items():
            if name.startswith("session_") and isinstance(session, list):
                turns.update({turn["dia_id"]: f"{turn['speaker']}: {turn['text']}" for turn in session})
        asked = []
        for question in talk["qa"]:
            wanted = {turns[each] for each in question.get("evidence", []) if each in turns}
            if wanted and question.get("category") in (1, 2, 3, 4):
                asked.append((question["question"], wanted))
        yield list(dict.fromkeys(turns.values())), asked


def measure(rank: Callable[[str], list[str]], questions: list[Question]) -> list[tuple[float, float, float]]:
    """Return (recall@5, recall@10, reciprocal rank within 10) of every question."""
    rows = []
    for query, wanted in questions:
        found = rank(query)
        first = next((place for place, text in enumerate(found[:10], 1) if text in wanted), None)
        rows.append((
            len(wanted & set(found[:5])) / len(wanted),
            len(wanted & set(found[:10])) / len(wanted),
            1 / first if first else 0.0,
        ))  # fmt: skip
    return rows


def rows_by_way(
    texts: list[str], questions: list[Question], grid: bool
) -> dict[str, list[tuple[float, float, float]]]:
    """Ask every question in every way of one store that holds the texts."""
    with Memory(":memory:") as memory:
        for start in range(0, len(texts), 500):
            batch = [{"role": "user", "content": text} for text in texts[start : start + 500]]
            memory.add(batch, user_id="u", infer=False)
        store = memory._store  # the parts of a search are not public
        pools = {q: candidates(store, q, memory._query_vector(q), EVERYTHING, 10) for q, _ in questions}
        names = {one.rowid for pool in pools.values() for one in pool}
        text_of = {row: record.text for row, record in store.get_many(sorted(names)).items()}

    def ranked(score: Callable[[fusing.Scored], float]) -> Callable[[str], list[str]]:
        return lambda q: [text_of[one.rowid] for one in sorted(pools[q], key=lambda o: (-score(o), o.rowid))]

    ways = {
        "meaning only": ranked(lambda one: one.semantic),
        "words only": ranked(lambda one: one.keyword),
        "fused (search)": ranked(lambda one: one.score),
    }
    if grid:
        for half in (3.0, 6.0, 10.0, 15.0):
            for weight in (0.2, 0.35, 0.5, 0.65, 0.8):
                ways[f"half {half:g} weight {weight:g}"] = ranked(
                    lambda o, h=half, w=weight: rescored(o, h, w)
                )
    return {name: measure(rank, questions) for name, rank in ways.items()}


def rescored(one: fusing.Scored, half: float, weight: float) -> float:
    """Return the score that other constants would give."""
    bm25 = one.keyword * fusing.KEYWORD_HALF / (1 - one.keyword)
    return 1 - (1 - one.semantic) * (1 - weight * bm25 / (bm25 + half))


def report(title: str, rows: dict[str, list[tuple[float, float, float]]]) -> None:
    print(f"{title:28} R@5    R@10   MRR@10")
    for name, each in rows.items():
        print(
            f"  {name:26} "
            + "  ".join(f"{sum(column) / len(each):.3f}" for column in zip(*each, strict=True))
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--locomo", type=Path)
    parser.add_argument("--grid", action="store_true")
    chosen = parser.parse_args()
    texts, questions = corpus_store()
    report(f"{len(questions)} questions, {len(texts)} facts", rows_by_way(texts, questions, chosen.grid))
    if chosen.locomo:
        total: dict[str, list[tuple[float, float, float]]] = {}
        for turns, asked in locomo_stores(chosen.locomo):
            for name, rows in rows_by_way(turns, asked, chosen.grid).items():
                total.setdefault(name, []).extend(rows)
        report("LoCoMo turns", total)


if __name__ == "__main__":
    main()
