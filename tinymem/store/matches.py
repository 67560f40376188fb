"""Keyword search: which memories hold the words of a query, ranked by FTS5's BM25.

The cost is the number of postings read (about 0.2 ms for 1,000), so it has a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import apsw

from tinymem.store.filters import Where
from tinymem.store.keywords import match_query
from tinymem.store.postings import Postings, Sought
from tinymem.store.spelling import near_words

MAX_POSTINGS = 20_000
"""How many (word, memory) pairs one query may score; beyond, its commonest words are left out."""

AROUND_WEIGHT = 0.45
"""What a word around a message counts, against one in it. Source: scripts/bench/recall."""


def find_matches(
    connection: apsw.Connection, postings: Postings, query: str, where: Where, limit: int
) -> list[tuple[int, float]]:
    """Return (rowid, BM25 as a positive number) of memories with any word of a text, best first."""
    return postings.best(connection, _sought(query, where), limit)


def score_matches(
    connection: apsw.Connection, postings: Postings, query: str, where: Where, rowids: Sequence[int]
) -> dict[int, float]:
    """Return the BM25 of those of the memories that meet the condition and hold any word of a text."""
    return postings.scores(connection, _sought(query, where), rowids)


def _sought(query: str, where: Where) -> Sought:
    return Sought(_phrases(query), where, AROUND_WEIGHT, MAX_POSTINGS, near_words)


@lru_cache(maxsize=8)
def _phrases(query: str) -> tuple[str, ...]:
    """Return what a query asks for; one search asks of its best, and again of what else it found."""
    expression = match_query(query)
    # No term holds what separates them: they are quoted, and in small letters.
    return () if expression is None else tuple(term.strip('"') for term in expression.split(" OR "))
