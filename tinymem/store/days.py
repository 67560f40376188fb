"""When memories were said, and when that was what they tell of: lookups for a search with a time in it.

They read a few rows by their indexes, and write nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from tinymem.store.filters import Where
from tinymem.store.opening import OpenFile

Row = tuple[int, str, "str | None", "str | None"]

_DAYS = """
    SELECT m.rowid, substr(m.created_at, 1, 10), m.event_date, m.event_end
    FROM memory m WHERE m.rowid IN (SELECT value FROM json_each(?))
"""

DATED = Where("m.event_date IS NOT NULL", ())
"""The condition that it is known when it was what a memory tells of."""


@dataclass(frozen=True)
class Days:
    """The day on which a memory was said, and the first and last day of what it tells of; None if unknown."""

    said: date
    first: date | None
    last: date | None


def within_where(first: date | None, last: date | None) -> Where:
    """Compile "tells of one of these days, or was said on one"; None is an open end."""
    begin, end = (first or date.min).isoformat(), (last or date.max).isoformat()
    # A moment is written as its day and more, so that it lies behind that day and before the day with a "~".
    return Where(
        "(m.event_date <= ? AND m.event_end >= ? OR m.created_at BETWEEN ? AND ?)",
        (end, begin, begin, f"{end}~"),
    )


class MemoryDays(OpenFile):
    """What `Store` says of days."""

    def days_of(self, rowids: Sequence[int]) -> dict[int, Days]:
        """Return when each of these memories was said, and when it was what it tells of."""
        wanted = json.dumps([int(rowid) for rowid in rowids])
        with self._open() as connection:
            rows = cast("Iterable[Row]", connection.execute(_DAYS, (wanted,)))
            return {
                row: Days(date.fromisoformat(said), day_of(first), day_of(last))
                for row, said, first, last in rows
            }


def day_of(text: str | None) -> date | None:
    """Return a day that may be unknown, from its text."""
    return None if text is None else date.fromisoformat(text)
