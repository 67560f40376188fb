"""What time does a question ask about: "last summer", "before 2024", "since the wedding", "when did ...".

Days are read by `dates`; their preposition makes a stretch of them that may be open at one end. An event in
the place of a date is handed back as words, because only the memories know when it was. Most questions hold
no word of time, and cost one look. It must never read the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, cast

Side = Literal["before", "after", "since", "until", "during"]
Stretch = tuple["date | None", "date | None"]
"""A first and a last day, both included; None where the stretch is open."""

TIME_WORD = re.compile(
    r"\d|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|"
    r"min|hour|hr|day|week|wk|fortnight|quarter|year|yr|spring|summer|autumn|fall|winter|christmas|xmas|easter|"
    r"new|nye|hallow|thanksg|valent|boxing|good|black|yester|today|tonight|tomorrow|this|last|next|past|coming|"
    r"half|early|late|mid|start|begin|end|first|second|third|fourth|ago|fift|sixt|sevent|eight|ninet|"
    r"before|after|since|until|til|during)",
    re.IGNORECASE,
)
"""What some word begins with in whatever names a time."""

WHEN = re.compile(
    r"^\W*(?:(?:since|until|till|by|and|so|around|from)\s+)?when\b|\bhow long\b|"
    r"\b(?:what|which)\s+(?:day|date|week|month|year|time)\b",
    re.IGNORECASE,
)
LEAD = re.compile(
    r"(?:(?P<before>before)|(?P<after>after)|(?P<since>since)|(?P<until>until|till?|by))\b", re.IGNORECASE
)
NEXT_TO = re.compile(
    r"(?:\b(?:in|on|during)\s+)?\bthe\s+(?P<unit>day|night|week|weekend|month|year)\s+$", re.IGNORECASE
)
DAYS_IN = {"day": 1, "night": 1, "week": 7, "weekend": 7, "month": 30, "year": 365}
EVENT = re.compile(
    r"(?<!\w)(?P<side>before|after|since|until|till|during)\s+(?!(?:when|then|that|this|it|now|all)\b)"
    r"(?P<event>[^\s,;?!][^,;?!]{2,})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asking:
    """What a question asks of time.

    `days` is the stretch that it names; `event` are the words of an event that it names instead, and `rest`
    is the question without these. `when` tells that a date is what is asked for. The time lies on this `side`
    of the date or the event: as many days of it as are `near`, None for all.
    """

    rest: str
    days: Stretch | None = None
    event: str | None = None
    when: bool = False
    side: Side = "during"
    near: int | None = None

    def beside(self, first: date, last: date, today: date) -> Stretch:
        """Return the days asked for, where the date or event that is named lasts from `first` to `last`.

        What is asked since then has happened until today.

        >>> Asking("", side="before").beside(date(2024, 5, 3), date(2024, 5, 4), date(2025, 1, 1))
        (None, datetime.date(2024, 5, 2))
        """
        if self.side == "before":
            return None if self.near is None else moved(first, -self.near), moved(first, -1)
        if self.side == "after":
            return moved(last, 1), None if self.near is None else moved(last, self.near)
        if self.side == "since":
            return first, max(today, last)
        return (None, last) if self.side == "until" else (first, last)


def asking_of(query: str, today: date) -> Asking:
    """Return what a question asks of time.

    Args:
        query: a question, or a few words.
        today: the day on which it is asked.

    Example:
        >>> asking_of("Where did I live before 2021?", date(2025, 3, 12)).days
        (None, datetime.date(2020, 12, 31))
        >>> asked = asking_of("What has changed since the wedding?", date(2025, 3, 12))
        >>> asked.event, asked.rest
        ('the wedding', 'What has changed?')
    """
    if not TIME_WORD.search(query):
        return Asking(query, when=WHEN.search(query) is not None)
    from tinymem.understand.dates import mention_in

    when = WHEN.search(query) is not None
    found = mention_in(query, today)
    if found is not None:
        side = side_of(found.text[found.start :])
        _, near = beside_of(found.text[: found.start], side)
        asking = Asking(query, None, None, when, side, near)
        return replace(asking, days=asking.beside(found.event.start, found.event.end, today))
    event = EVENT.search(query)
    if event is None:
        return Asking(query, when=when)
    side = side_of(event["side"])
    side = "after" if side == "since" else side  # the event itself is not what has happened since
    before, near = beside_of(query[: event.start()], side)
    words = " ".join(f"{before} {query[event.end() :]}".split())
    rest = re.sub(r" (?=[,;.?!])", "", words).strip(" ,;")
    return Asking(rest or query, None, event["event"].strip(), when, side, near)


def side_of(words: str) -> Side:
    """Return on which side of what follows it a preposition puts something."""
    found = LEAD.match(words)
    return cast(Side, found.lastgroup) if found else "during"


def beside_of(before: str, side: Side) -> tuple[str, int | None]:
    """Return the words before an event but for "the week" (before it), and how many days that is.

    >>> beside_of("Who came the week ", "after")
    ('Who came ', 7)
    """
    found = NEXT_TO.search(before) if side in ("before", "after") else None
    return (before, None) if found is None else (before[: found.start()], DAYS_IN[found["unit"].lower()])


def moved(day: date, days: int) -> date:
    """Return the day so many days later, or the calendar's last or first one."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min
