"""From a query to ranked Hits: meaning and words are asked within the filter, fused, and cut.

Everything is read in one snapshot of the file, and nothing is ever written here. Filters reach SQL
before any ranking, so a filtered search is never short of matches that exist. Messages of a conversation
are also judged by what was said around them; a memory that stands alone is judged by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinymem.errors import CorruptError
from tinymem.recall.fuse import AFTER, BEFORE, EARLIER, Scored, ranked, score_one
from tinymem.recall.when import Time, time_score
from tinymem.store.days import within_where
from tinymem.store.filters import Where
from tinymem.store.neighbours import Around
from tinymem.store.store import Store
from tinymem.types import Hit, Vector

POOL_FACTOR = 3  # candidates taken from each side for every result wanted
POOL_LEAST = 30  # and at least so many; on LoCoMo 20 find what 100 do. Source: scripts/bench/recall
TIMELY_LEAST = 30  # candidates from the time that the query names, from each side, at least


@dataclass(frozen=True)
class Asked:
    """A query: its words, the embedding of what it asks but for names, and whom and what time it names."""

    words: str
    vector: Vector | None = None
    speaker: str | None = None
    time: Time | None = None


def search(
    store: Store, asked: Asked, where: Where, *, limit: int, threshold: float | None = None
) -> list[Hit]:
    """Return at most `limit` Hits, best first.

    Args:
        store: the file.
        asked: the query; without a vector it is searched by words alone.
        where: the compiled filter.
        limit: how many Hits at most.
        threshold: the lowest score (0..1) of a Hit.
    """
    if limit == 0:
        return []
    with store.snapshot():
        found = [one for one in candidates(store, asked, where, limit) if one.score >= (threshold or 0)]
        kept = found[:limit]
        records = store.get_many([one.rowid for one in kept])
    if lost := sorted({one.rowid for one in kept} - records.keys()):
        raise CorruptError(f"rows {lost[:5]} are found, and no memory stands there: repair() the file")
    return [Hit(records[one.rowid], one.score, explain(one)) for one in kept]


def candidates(store: Store, asked: Asked, where: Where, limit: int) -> list[Scored]:
    """Return the fused best of both sides, more than `limit` where there are more.

    What only one side found is scored on the other as well, so that a score never depends on the limit.
    """
    pool = pool_of(limit)
    bm25s = dict(store.keyword_matches(asked.words, where, pool))
    cosines = {} if asked.vector is None else dict(store.nearest(asked.vector, where, pool))
    exhausted = len(bm25s) < pool  # then no other memory shares a word with the query
    timely = of_that_time(store, asked, where, limit)
    around = store.around([*bm25s, *cosines, *timely])
    rows = {*bm25s, *cosines, *timely, *beside(store, around, where)}
    if len(rows) > len(around):
        around |= store.around([row for row in rows if row not in around]) if around else {}
    measured = rows.union(*map(members, around.values()))
    if asked.vector is not None:
        cosines |= store.similarities(asked.vector, [row for row in measured if row not in cosines])
    unread = [row for row in rows if row not in bm25s]
    if unread and not exhausted:
        bm25s |= store.keyword_scores(asked.words, where, unread)
    spoken = set() if asked.speaker is None else store.said_by(asked.speaker, list(rows))
    days = store.days_of(list(rows)) if asked.time else {}
    return ranked(
        score_one(
            row,
            cosines.get(row),
            bm25s.get(row),
            around=meaning_around(around.get(row), cosines),
            spoken=row in spoken,
            asks=row in around and around[row].asks,
            time=time_score(asked.time, days[row]) if asked.time else 0.0,
            dated=asked.time is not None and asked.time.wants_date and days[row].first is not None,
        )
        for row in rows
    )


def pool_of(limit: int) -> int:
    """Return how many candidates are taken from each side."""
    return max(POOL_FACTOR * limit, POOL_LEAST)


def of_that_time(store: Store, asked: Asked, where: Where, limit: int) -> set[int]:
    """Return the best of the memories from the time that a query names, however many others are better."""
    if asked.time is None or not asked.time.is_limited:
        return set()
    then, most = where & within_where(asked.time.first, asked.time.last), max(limit, TIMELY_LEAST)
    by_meaning = [] if asked.vector is None else store.nearest(asked.vector, then, most)
    return {row for row, _ in (*by_meaning, *store.keyword_matches(asked.words, then, most))}


def beside(store: Store, around: Mapping[int, Around], where: Where) -> set[int]:
    """Return the neighbours of candidates that meet the condition too."""
    near = set().union(*map(members, around.values())) - around.keys()
    return store.meeting(where, list(near)) if near else set()


def members(around: Around) -> set[int]:
    """Return the rows that stand around a memory."""
    return {row for row in (around.before, around.earlier, around.after) if row is not None}


def meaning_around(around: Around | None, cosines: Mapping[int, float]) -> float | None:
    """Return how alike the query and what stands around a memory are, 0..1; None where it stands alone."""
    if around is None:
        return None
    weighted = ((around.before, BEFORE), (around.earlier, EARLIER), (around.after, AFTER))
    return sum(weight * max(0.0, cosines.get(row, 0.0)) for row, weight in weighted if row is not None)


def explain(one: Scored) -> dict[str, float]:
    """Name the parts of a score."""
    return {
        "semantic_score": one.semantic,
        "keyword_score": one.keyword,
        "context_score": one.around,
        "speaker_score": one.speaker,
        "time_score": one.time,
        "final_score": one.score,
    }
