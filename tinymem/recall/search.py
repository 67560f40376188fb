"""From a query to ranked Hits: meaning and words are asked within the filter, fused, and cut.

Everything is read in one snapshot of the file, and nothing is ever written here. Filters reach SQL
before any ranking, so a filtered search is never short of matches that exist.
"""

from __future__ import annotations

from tinymem.recall.fuse import Scored, fuse
from tinymem.store.filters import Where, rows_where
from tinymem.store.store import Store
from tinymem.types import Hit, Vector

POOL_FACTOR = 4  # candidates taken from each side for every result wanted
POOL_LEAST = 60  # and at least so many, so that the two sides have a chance to meet


def search(
    store: Store,
    query: str,
    vector: Vector | None,
    where: Where,
    *,
    limit: int,
    threshold: float | None = None,
) -> list[Hit]:
    """Return at most `limit` Hits, best first.

    Args:
        store: the file.
        query: the user's words, asked of the keyword index.
        vector: the query's embedding, float32 (dimension,), L2-normalised; None searches by words alone.
        where: the compiled filter.
        limit: how many Hits at most.
        threshold: the lowest score (0..1) of a Hit.
    """
    if limit == 0:
        return []
    with store.snapshot():
        ranked = [
            one for one in candidates(store, query, vector, where, limit) if one.score >= (threshold or 0)
        ]
        kept = ranked[:limit]
        records = store.get_many([one.rowid for one in kept])
    return [Hit(records[one.rowid], one.score, explain(one)) for one in kept]


def candidates(store: Store, query: str, vector: Vector | None, where: Where, limit: int) -> list[Scored]:
    """Return the fused best of both sides, more than `limit` where there are more.

    What only one side found is scored on the other as well, so that a score never depends on the limit.
    """
    pool = max(POOL_FACTOR * limit, POOL_LEAST)
    bm25s = dict(store.keyword_matches(query, where, pool))
    if vector is None:
        return fuse({}, bm25s)
    cosines = dict(store.nearest(vector, where, pool))
    near = [row for row in cosines if row not in bm25s]
    cosines.update(store.similarities(vector, [row for row in bm25s if row not in cosines]))
    if len(bm25s) == pool:  # there may be more that share words
        bm25s.update(store.keyword_matches(query, rows_where(near), len(near)))
    return fuse(cosines, bm25s)


def explain(one: Scored) -> dict[str, float]:
    """Name the parts of a score."""
    return {"semantic_score": one.semantic, "keyword_score": one.keyword, "final_score": one.score}
