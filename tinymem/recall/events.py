"""When was the event that a question names in the place of a date: "before the wedding", "after I moved"?

The memories know: the best match among those whose date is known tells, if it is a good one and no other that
is about as good tells another date. What is ambiguous stays without effect.
"""

from __future__ import annotations

from datetime import date

from tinymem.recall.search import Asked, candidates
from tinymem.store.days import DATED
from tinymem.store.filters import Where
from tinymem.store.store import Store

SURE = 0.55
"""The score from which on a memory tells of the event. Source: scripts/bench/time_questions."""

RIVAL = 0.8
"""The share of its score from which on another memory makes it ambiguous."""

COMPARED = 5


def days_of_event(store: Store, event: Asked, where: Where) -> tuple[date, date] | None:
    """Return an event's first and last day as memories tell it; None if none clearly do.

    Args:
        store: the file.
        event: the words of the event.
        where: the compiled filter.
    """
    with store.snapshot():
        found = candidates(store, event, where & DATED, COMPARED)[:COMPARED]
        days = store.days_of([one.rowid for one in found])
    if not found or found[0].score < SURE:
        return None
    told = [days[one.rowid] for one in found if one.score >= RIVAL * found[0].score]
    first, last = told[0].first, told[0].last
    clear = all((each.first, each.last) == (first, last) for each in told)
    return (first, last) if clear and first is not None and last is not None else None
