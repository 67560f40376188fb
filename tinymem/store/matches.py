"""Keyword search: which memories hold the words of a query, ranked by FTS5's BM25.

The condition is looked up only for memories that match, and scores only for those that meet it. The
cost is the number of postings read (about 1 ms for 1,000 at the first look), so it has a bound.
"""

from __future__ import annotations

import apsw

from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.keywords import match_query

MAX_POSTINGS = 20_000
"""How many (word, memory) pairs one query may score; beyond, its commonest words are left out."""

AROUND_WEIGHT = 0.3
"""What a word around a message counts, against one in it. Source: scripts/bench/recall."""

_COUNT = "SELECT count(*) FROM memory_fts WHERE memory_fts MATCH ?"

# CROSS JOIN fixes the order: words first, then the condition. bm25() is negative, lower is better.
_SEARCH = """
    SELECT f.rowid, -bm25(memory_fts, 1.0, {around}) AS score
    FROM memory_fts f {join} WHERE memory_fts MATCH ? AND {condition}
    ORDER BY score DESC, f.rowid LIMIT ?
"""


def find_matches(
    connection: apsw.Connection, query: str, where: Where, limit: int
) -> list[tuple[int, float]]:
    """Return (rowid, BM25 as a positive number) of memories with any word of a text, best first."""
    expression = match_query(query)
    if expression is None or limit < 1:
        return []
    expression = _affordable(connection, expression)
    join = "" if where == EVERYTHING else "CROSS JOIN memory m ON m.rowid = f.rowid"
    sql = _SEARCH.format(around=AROUND_WEIGHT, join=join, condition=f"({where.sql})")
    found = connection.execute(sql, (expression, *where.params, limit))
    return [(int(rowid), float(score)) for rowid, score in found]


def _affordable(connection: apsw.Connection, expression: str) -> str:
    """Leave out the commonest words while all together stand in too many memories; the rarest stays."""
    terms = expression.split(" OR ")  # no term holds this: they are quoted and in small letters
    counted = sorted((int(connection.execute(_COUNT, (term,)).get), term) for term in terms)
    kept: list[str] = []
    postings = 0
    for count, term in counted:
        postings += count
        if kept and postings > MAX_POSTINGS:
            break
        if count:
            kept.append(term)
    return " OR ".join(kept or terms[:1])
