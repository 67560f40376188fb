"""How well the time of a memory fits a query that names one: "last summer", "before 2024", "when did ...".

Pure arithmetic on days. It only ever adds to a score: a memory stays findable whatever time is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tinymem.store.days import Days

SAID = 0.6
"""What it counts that something was said in the time asked for, against having happened then.
Source: scripts/bench."""


@dataclass(frozen=True)
class Time:
    """What a query asks of time: the days from `first` to `last`, None where they are open; or for a date."""

    first: date | None = None
    last: date | None = None
    wants_date: bool = False

    @property
    def is_limited(self) -> bool:
        """Whether it names days."""
        return self.first is not None or self.last is not None


def time_score(time: Time, days: Days) -> float:
    """Return how well what a memory tells of, or when it was said, fits the days asked for, 0..1.

    >>> may = Time(date(2024, 5, 1), date(2024, 5, 31))
    >>> time_score(may, Days(date(2024, 6, 2), date(2024, 5, 3), date(2024, 5, 4)))
    1.0
    """
    if not time.is_limited:
        return 0.0
    said = SAID * shared(time, days.said, days.said)
    if days.first is None or days.last is None:
        return said
    told_of = shared(time, days.first, days.last)
    is_open = time.first is None or time.last is None  # all that is told later is said after an event, it too
    return told_of if is_open else max(said, told_of)


def shared(time: Time, first: date, last: date) -> float:
    """Return which part of some days, or of those asked for if they are fewer, lies in both."""
    begin, end = max(first, time.first or date.min), min(last, time.last or date.max)
    both = (end - begin).days + 1
    if both <= 0:
        return 0.0
    own = (last - first).days + 1
    asked = own if time.first is None or time.last is None else (time.last - time.first).days + 1
    return both / min(own, asked)
