"""Other ways to rank, over the same embedder and the same FTS5 index: what peers do with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import exp

from tinymem import Memory
from tinymem.store.filters import EVERYTHING
from tinymem.store.keywords import match_query

BEFORE = (10.0, 0.65)
"""Half and weight of the keyword part of our own score before it knew conversations."""

PLAIN = "SELECT rowid, -bm25(memory_fts) AS best FROM memory_fts WHERE memory_fts MATCH ? ORDER BY best DESC"

Scores = dict[int, float]


def ask_others(texts: Sequence[str], queries: Iterable[str], most: int) -> dict[str, list[list[int]]]:
    """Return for every way to rank, and every query, the places of the best texts, best first."""
    found: dict[str, list[list[int]]] = defaultdict(list)
    with Memory(":memory:", categorize=False) as memory:
        memory.add_many(texts, user_id="all")
        for query in queries:
            vector = memory._query_vector(query)  # the parts of a search are not public
            assert vector is not None
            cosines = dict(memory._store.nearest(vector, EVERYTHING, len(texts)))
            words = plain_words(query)
            with memory._store._reading() as connection:
                bm25s = dict(connection.execute(PLAIN, (" OR ".join(words),))) if words else {}
            for way, scores in scores_by_way(cosines, bm25s, len(words), most).items():
                best = sorted(scores, key=lambda row: (-scores[row], row))[:most]
                found[way].append([row - 1 for row in best])
    return found


def plain_words(query: str) -> list[str]:
    """Return the words of a query for FTS5, without what our own search adds to them."""
    terms = dict.fromkeys((match_query(query) or "").split(" OR "))
    return [term for term in terms if term and " " not in term]


def scores_by_way(cosines: Scores, bm25s: Scores, terms: int, most: int) -> dict[str, Scores]:
    """Return the score of every row in every way to rank, from cosines and BM25 that stand best first."""
    fused: Scores = defaultdict(float)
    for ranking in (cosines, bm25s):
        for place, row in enumerate(ranking, 1):
            fused[row] += 1 / (60 + place)
    half, weight = BEFORE
    either = {
        row: 1 - (1 - max(0.0, cosine)) * (1 - weight * bm25s.get(row, 0) / (bm25s.get(row, 0) + half))
        for row, cosine in cosines.items()
    }
    return {
        "cosine alone (what mem0 does offline)": cosines,
        "FTS5's BM25 alone": bm25s,
        "reciprocal rank fusion of both": fused,
        "mem0's hybrid formula, emulated": mem0_scores(cosines, bm25s, terms, most),
        "both fused as we did before": either,
    }


def mem0_scores(cosines: Scores, bm25s: Scores, terms: int, limit: int) -> Scores:
    """Score as mem0 2 does with its keyword index, but without entities: only what meaning finds counts.

    BM25 goes through a logistic curve whose middle and slope depend on how many words the query has.
    """
    pool = max(4 * limit, 60)
    curves = ((3, 5, 0.7), (6, 7, 0.6), (9, 9, 0.5), (15, 10, 0.5))
    middle, slope = next(((m, s) for most, m, s in curves if terms <= most), (12, 0.5))
    matched = {row: 1 / (1 + exp(-slope * (bm25 - middle))) for row, bm25 in list(bm25s.items())[:pool]}
    near = list(cosines.items())[:pool]
    return {row: (cosine + matched.get(row, 0.0)) / (2 if matched else 1) for row, cosine in near}
