"""What is known of a candidate becomes one score that means the same in every query.

Pure arithmetic. The score must never depend on which other memories happen to match: a threshold that was
right yesterday has to be right today.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp

ALONE = (15.0, 0.65)
"""The bm25 value at which the keyword part reaches one half, and how much of the remaining distance to 1 a
perfect keyword match covers: for a memory that stands alone. Source: scripts/bench/recall."""

IN_TALK = (8.0, 0.8)
"""The same for a message of a conversation: what was meant was said around it, so its words say more of it
than its meaning does. Source: scripts/bench/recall."""

ASKING = 0.1
"""How much less a message of a conversation counts that ends in a question: seldom is it the answer."""

AROUND_WEIGHT = 0.4
"""What perfect neighbours in the conversation add: they help a message, and can never hurt one."""

SPEAKER_WEIGHT = 0.3
"""What it adds that the query names just the one who said it."""

TIME_WEIGHT = 0.4
"""What it adds that a memory is of just the time asked for. Source: scripts/bench/time_questions."""

BEFORE, EARLIER, AFTER = 0.4, 0.2, 0.4
"""How much of what the neighbours add comes from which of them."""


@dataclass(frozen=True)
class Scored:
    """One candidate: its row, its score in 0..1, and the parts (each in 0..1) it was made of."""

    rowid: int
    score: float
    semantic: float
    keyword: float
    around: float = 0.0
    speaker: float = 0.0
    time: float = 0.0


def score_one(
    rowid: int,
    cosine: float | None,
    bm25: float | None,
    *,
    around: float | None = None,
    spoken: bool = False,
    asks: bool = False,
    time: float = 0.0,
    dated: bool = False,
) -> Scored:
    """Score one candidate from what is known of it.

    Meaning and words join like independent evidence: 1 - (1 - semantic) * (1 - weight * keyword), so that
    a memory found only by meaning keeps its full score whatever words others share with the query, and one
    found only by its words still surfaces. What stands around it, who said it, and when it was, is added.

    Args:
        rowid: its row.
        cosine: how alike query and memory are, -1..1; None without a vector.
        bm25: how well the words in and around it fit, above 0; None without a common word.
        around: how alike the query and its neighbours are, 0..1; None for a memory that stands alone.
        spoken: whether the query names just the one who said it.
        asks: whether it is a message of a conversation that ends in a question.
        time: how well it fits the time that the query names, 0..1.
        dated: whether it tells a date and the query asks for one; that counts as much as the memory fits.
    """
    semantic = min(1.0, max(0.0, cosine or 0.0))
    half, weight = ALONE if around is None else IN_TALK
    keyword = bm25 / (bm25 + half) if bm25 and bm25 > 0 else 0.0
    own = (1 - (1 - semantic) * (1 - weight * keyword)) * (1 - ASKING * asks)
    time = max(time, own if dated else 0.0)
    beside = AROUND_WEIGHT * (around or 0.0) + SPEAKER_WEIGHT * spoken + TIME_WEIGHT * time
    return Scored(rowid, with_more(own, beside), semantic, keyword, around or 0.0, float(spoken), time)


def with_more(score: float, more: float) -> float:
    """Return a score with something added, less and less so the nearer it comes to 1.

    >>> with_more(0.5, 0.0), 0.59 < with_more(0.5, 0.1) < 0.6, with_more(1.0, 0.3)
    (0.5, True, 1.0)
    """
    left = 1 - score
    return 1.0 if left <= 0 else 1 - left * exp(-more / left)


def ranked(scored: Iterable[Scored]) -> list[Scored]:
    """Return candidates, best first, ties by the older row."""
    return sorted(scored, key=lambda one: (-one.score, one.rowid))
