"""Two ranked lists become one, with a score that means the same in every query.

Pure arithmetic over (rowid, value) pairs. The score must never depend on which other memories
happen to match: a threshold that was right yesterday has to be right today.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KEYWORD_HALF = 10.0
"""The bm25 value at which the keyword part reaches one half. Source: scripts/bench/recall.py."""

KEYWORD_WEIGHT = 0.65
"""How much of the remaining distance to 1 a perfect keyword match covers. Source: scripts/bench/recall.py."""


@dataclass(frozen=True)
class Scored:
    """One candidate: its row, its score in 0..1, and the two parts (each in 0..1) it was made of."""

    rowid: int
    score: float
    semantic: float
    keyword: float


def fuse(cosines: Mapping[int, float], bm25s: Mapping[int, float]) -> list[Scored]:
    """Return every candidate of either list, best first, ties by the older row.

    The parts join like independent evidence: score = 1 - (1 - semantic) * (1 - weight * keyword),
    so that a memory found only by meaning keeps its full score whatever words others share with the
    query, and a memory found only by its words still surfaces.

    Args:
        cosines: cosine similarity (-1..1) by row; a missing row has no vector.
        bm25s: positive bm25 by row; a missing row shares no word with the query.
    """
    scored = [score_one(row, cosines.get(row), bm25s.get(row)) for row in cosines.keys() | bm25s.keys()]
    return sorted(scored, key=lambda one: (-one.score, one.rowid))


def score_one(rowid: int, cosine: float | None, bm25: float | None) -> Scored:
    """Score one candidate from what is known of it."""
    semantic = min(1.0, max(0.0, cosine or 0.0))
    keyword = bm25 / (bm25 + KEYWORD_HALF) if bm25 and bm25 > 0 else 0.0
    return Scored(rowid, 1 - (1 - semantic) * (1 - KEYWORD_WEIGHT * keyword), semantic, keyword)
