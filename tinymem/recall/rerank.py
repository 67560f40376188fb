"""A second look at what was found: a reranker reads the query with each of the best, and its verdict ranks.

What it never read is not returned, so that all scores of a search are of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinymem.errors import EngineError
from tinymem.types import Hit, Record, Reranker

RERANKED = 30
"""How many of the best are read at least: what is not among them is seldom what was meant."""


def judged(limit: int) -> int:
    """Return how many of the best have to be read for so many results."""
    return max(limit, RERANKED) if limit else 0


def reranked(
    hits: Sequence[Hit], query: str, reranker: Reranker, *, limit: int, threshold: float | None
) -> list[Hit]:
    """Return at most `limit` Hits with the reranker's scores, best first, ties in the order they had.

    Args:
        hits: what was found, best first.
        query: as it was asked.
        reranker: gives each text a score, 0..1.
        limit: how many Hits at most.
        threshold: the lowest score of the reranker's that is wanted.

    Raises:
        EngineError: the reranker gave something else than one score for each text.
    """
    if not hits:
        return []
    scores = checked(reranker.rerank(query, [spoken(hit.record) for hit in hits]), len(hits))
    rated = [
        Hit(hit.record, score, {**hit.parts, "rerank_score": score, "final_score": score})
        for hit, score in zip(hits, scores, strict=True)
    ]
    rated.sort(key=lambda hit: -hit.score)
    return [hit for hit in rated if hit.score >= (threshold or 0)][:limit]


def spoken(record: Record) -> str:
    """Return a memory's text as it is read: with the name of who said it, where one did."""
    return record.text if record.actor_id is None else f"{record.actor_id}: {record.text}"


def checked(scores: object, count: int) -> list[float]:
    """Return a reranker's scores as numbers.

    Raises:
        EngineError: they are not `count` finite numbers in 0..1.
    """
    try:
        found = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise EngineError(
            f"the reranker returned {type(scores).__name__}, not an array of scores"
        ) from problem
    if found.shape != (count,):
        raise EngineError(f"the reranker returned scores of shape {found.shape} for {count} texts")
    if not ((found >= 0) & (found <= 1)).all():  # this way round NaN is refused as well
        raise EngineError("the reranker returned scores that are not numbers from 0 to 1")
    return [float(score) for score in found]
