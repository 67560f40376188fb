"""When does a fact happen: "next month", "on Tuesday", "in March 2024", "from 3 to 9 May", as days.

A small grammar of English. What a phrase leaves open is settled by rules that hold everywhere:

- A weekday, a month, a season, a holiday or a date without a year is the nearest one where the verb looks:
  "met on Tuesday" before the day it was said, "meets on Tuesday" after it. A birthday looks ahead.
- "Last" is the latest that is over and "next" the first that has not begun; "next Friday" is in next week.
- What is counted in weeks, months or years is known to the week, month or year: "in two weeks".
- 3/4/2025 is 3 April unless only the other order is a date. "By", "until", "before", "after" and "since"
  give the date that they name.

Habits ("every Tuesday"), durations ("for ten years") and numbers that only look like a date give nothing. It
must never read the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from tinymem.types import EventDate
from tinymem.understand.almanac import HOLIDAYS, SEASONS, Part, Unit, moved, nth_of, one_day, part_of, unit_of
from tinymem.understand.calendar_phrases import Place, Reading, counted, number_of, read_phrase
from tinymem.understand.calendar_words import (
    ANY_DAY,
    COUNTED,
    DAY_WORDS,
    DECADES,
    LEADS,
    LONG_DAY,
    MONTH_NAME,
    MORE_DAYS,
    NTH,
    UNIT,
    WEEKDAYS,
)
from tinymem.understand.tense import is_put_off, tells_habit
from tinymem.understand.terms import FANCY, NUMBER_WORDS, one_of

LONGEST = 600  # characters that are read; a fact is a sentence


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Every phrase has one of these in it, and most texts have none: they are done with.
OF_TIME = re.compile(
    rf"\d|\b(?:{MONTH_NAME}|{ANY_DAY}|{'|'.join((*DAY_WORDS, *DECADES, *SEASONS, *HOLIDAYS))}|"
    r"min|hour|hr|day|week|wk|fortnight|month|quarter|year|yr)".lower()
)
"""What a phrase of time holds, in small letters: a third of the time that it takes to look for either."""
WORD_START = _regex(r"(?<![\w'./:-])[\w']")
WORKING_WEEK = _regex(
    r"(?:\bworks\b[^,;]*?\bfrom\s+|(?<!from ))\bmon(?:day)?\s*(?:-|\bto\b|\bthrough\b)\s*fri(?:day)?\b"
)
CALLED = _regex(r"\b(?:called|named|name is|titled)\s+$")
DAY_NAME = _regex(ANY_DAY)
IN_SEASON = _regex(rf"{one_of(' '.join(SEASONS))}")
EACH_TIME = _regex(r"\s+(?:of\s+|in\s+)?(?:every|each)\b")
LEAD = _regex(
    rf"(?P<lead>{one_of(' '.join(LEADS))})\s+(?:(?:about|around|exactly|sometime|at least|"
    r"the (?:day|morning|afternoon|evening|night) of)\s+)?(?P<the>the\s+)?"
)
JOINED = _regex(
    r"(?:\s+(?:at\s+)?\d\d?(?:[:.]\d\d)?\s?(?:am|pm)?)?\s*(?:-|\b(?:to|until|till?|through)\b)\s*(?:the\s+)?"
)
JOINED_BY_AND = _regex(r"\s+and\s+(?:the\s+)?")
THEN = _regex(r",?\s+(?:(?:in|on|at|during|over)\s+)?(?:the\s+)?")
WEEKDAYS_ONLY = _regex(rf"{ANY_DAY}{MORE_DAYS}")
WEEK_ON = _regex(rf"(?P<day>{LONG_DAY})\s+week\b")
FROM_WEEKDAY = _regex(LONG_DAY[:-2])
PART = _regex(
    r"(?:(?P<early>early|mid|late)[\s-]+|(?P<edge>start|beginning|middle|end|(?:first|second) half)\s+of\s+)"
    r"(?P<the>the\s+)?"
)
QUARTER = 85  # days at least; what is no week or month and shorter than that has no parts
PARTS = {"beginning": "start", "middle": "mid"}
THIS_UNIT = _regex(rf"(?:this\s+)?{UNIT}")
NTH_OF = _regex(
    rf"(?P<nth>first|second|third|fourth|1st|2nd|3rd|4th|last)\s+(?P<what>{LONG_DAY}|week\b|weekend\b)"
    r"\s+(?:in|of)\s+(?:the\s+)?"
)
WEEK_OF = _regex(rf"{UNIT}\s+(?:of|beginning|starting)\s+(?:the\s+)?")
AWAY = _regex(
    rf"{COUNTED}\s+(?:(?P<side>after|before)|from(?=\s+(?:today|tomorrow|next|this|{LONG_DAY})))\s+(?:the\s+)?"
)
LASTING = _regex(r"\bfor\s+(?:about\s+|around\s+)?$")


@dataclass(frozen=True)
class Mention:
    """The days that a text talks about, and where: characters of `text`, from the preposition on.

    `text` is what was read: the beginning of the text, with single spaces and plain quotation marks.
    """

    event: EventDate
    text: str
    start: int
    end: int


def event_of(text: str, said: date) -> EventDate | None:
    """Return the first day, or range of days, that a fact talks about; None if it names none.

    Args:
        text: a fact in house style, or any other English statement.
        said: the day on which it was said, in the speaker's calendar.

    Example:
        >>> event_of("Flies to Rome next month", date(2025, 3, 12))
        EventDate(start=datetime.date(2025, 4, 1), end=datetime.date(2025, 4, 30), precision='month')
        >>> event_of("Runs every Tuesday", date(2025, 3, 12)) is None
        True
    """
    found = mention_in(text, said)
    return found.event if found else None


def mention_in(text: str, said: date) -> Mention | None:
    """Return the first day, or range of days, that a text talks about, and where; None if it names none.

    Args:
        text: a statement, a question or a few words; its tense decides ("what did I do on Friday").
        said: the day on which it is said or asked.

    Example:
        >>> found = mention_in("What did I do  last summer?", date(2025, 3, 12))
        >>> found.event.start, found.text[found.start : found.end]
        (datetime.date(2024, 6, 1), 'last summer')
    """
    text = " ".join(text[:LONGEST].translate(FANCY).split())
    if "mon" in text.lower():
        text = WORKING_WEEK.sub("", text)
    passed, last = 0, last_of_time(text)
    for word in WORD_START.finditer(text, 0, last):
        if word.start() < passed:
            continue
        try:
            reading = _read_at(text, word.start(), said)
        except (ValueError, OverflowError):  # a day that no calendar has, or beyond the years 1 to 9999
            continue
        if reading:
            event, passed = reading
            if event:
                return Mention(event, text, word.start(), passed)
    return None


def last_of_time(text: str) -> int:
    """Return where the last word or number ends that may be part of a phrase of time, 0 if there is none."""
    small = text.lower()
    if len(small) != len(text):  # a letter whose small form is two
        return len(text)
    return max((found.end() for found in OF_TIME.finditer(small)), default=0)


def _read_at(text: str, start: int, said: date) -> tuple[EventDate | None, int] | None:
    """Return the days of the phrase that begins here, none if it is a habit or a name; and where it ends."""
    bare = Place(said, text[:start], text[start:])
    lead = LEAD.match(text, start)
    places = [(start, bare)]
    if lead:
        places.insert(0, (lead.end(), replace(bare, lead=lead["lead"].lower(), the=bool(lead["the"]))))
    for begin, place in places:
        first = _phrase(text, begin, place)
        if first:
            reading = _range(text, begin, place, first) or first
            event, end = reading
            none_meant = CALLED.search(place.before) or _is_habit(text, begin, reading, place)
            return (None if none_meant else event), end
    return None


def _is_habit(text: str, begin: int, reading: Reading, place: Place) -> bool:
    """Return whether a phrase tells when something happens again and again."""
    event, end = reading
    bare = place.lead in ("in", "for", "during") and not place.the
    season = bare and IN_SEASON.fullmatch(text, begin, end) is not None
    listed = event.precision == "day" and WEEKDAYS_ONLY.fullmatch(text, begin, end)
    weekdays = len(DAY_NAME.findall(text, begin, end)) if listed else 0
    if tells_habit(place.before, place.lead, season=season, weekdays=weekdays):
        return True
    return EACH_TIME.match(text, end) is not None


def _range(text: str, start: int, place: Place, begun: Reading) -> Reading | None:
    """Read two joined phrases of one kind: "Monday to Thursday", "28 April - 3 May", "2015 to 2019"."""
    first: Reading | None = begun
    led = replace(place, lead="from")
    joint = (place.lead == "between" and JOINED_BY_AND.match(text, begun[1])) or JOINED.match(text, begun[1])
    last = _phrase(text, joint.end(), led) if joint else None
    alike = last and (place.lead == "from" or begun[0].precision == last[0].precision)
    if not joint or not last or not alike:
        return None
    is_open, is_last_open = (
        _phrase(text, begin, replace(led, turned=True)) != _phrase(text, begin, replace(led, turned=False))
        for begin in (start, joint.end())
    )
    if place.lead == "from" and is_put_off(place.before):
        return _phrase(text, joint.end(), replace(led, lead="until", turned=False))
    weekly = FROM_WEEKDAY.match(text, start) is not None
    if is_open and not (weekly and is_last_open and not place.back):
        first = _phrase(text, start, replace(led, said=last[0].start, turned=True))
    elif is_last_open:
        last = _phrase(text, joint.end(), replace(led, said=begun[0].start, turned=False))
    if not first or not last or first[0].start > last[0].end:
        return None
    return EventDate(first[0].start, last[0].end, "period"), last[1]


def _phrase(text: str, start: int, place: Place) -> Reading | None:
    """Read one phrase, or one that takes another for its measure."""
    for read in (_nth, _part, _week_of, _away, _week_on):
        reading = read(text, start, place)
        if reading:
            return reading
    reading = read_phrase(text, start, place)
    if not reading or reading[0].precision not in ("week", "month", "year"):
        return reading
    then = THEN.match(text, reading[1])  # "next week on Thursday", "last year in June"
    inner = read_phrase(text, then.end(), replace(place, within=reading[0])) if then else None
    return inner or reading


def _nth(text: str, start: int, place: Place) -> Reading | None:
    """Read "the first Saturday in May"."""
    found = NTH_OF.match(text, start)
    month = read_phrase(text, found.end(), replace(place, lead="during")) if found else None
    if not found or not month or month[0].precision != "month":
        return None
    nth, what = found["nth"].lower(), found["what"].lower()
    event = nth_of(
        month[0],
        NTH[nth] if nth in NTH else NUMBER_WORDS[nth],
        number_of(what, WEEKDAYS) - 1 if what.endswith("day") else cast(Unit, what),
    )
    return (event, month[1]) if event else None


def _part(text: str, start: int, place: Place) -> Reading | None:
    """Read "early next year", "mid-June", "the end of the month"."""
    found = PART.match(text, start)
    if not found:
        return None
    this = THIS_UNIT.match(text, found.end())
    whole: Reading | None
    if this:
        whole = unit_of(place.said, cast(Unit, this["unit"].lower())), this.end()
    else:
        the = place.the or bool(found["the"])
        whole = read_phrase(text, found.end(), replace(place, lead="around", the=the))
    if not whole or not _has_parts(whole[0]):
        return None
    name = (found["early"] or found["edge"]).lower()
    return part_of(whole[0], cast(Part, PARTS.get(name, name))), whole[1]


def _has_parts(whole: EventDate) -> bool:
    """Return whether something is a week, a month, or at least a quarter of a year."""
    return whole.precision in ("week", "month") or (whole.end - whole.start).days >= QUARTER


def _week_of(text: str, start: int, place: Place) -> Reading | None:
    """Read "the week of 12 May"."""
    found = WEEK_OF.match(text, start)
    day = read_phrase(text, found.end(), replace(place, lead="on")) if found else None
    return (unit_of(day[0].start, cast(Unit, found["unit"].lower())), day[1]) if found and day else None


def _week_on(text: str, start: int, place: Place) -> Reading | None:
    """Read "Saturday week": the Saturday after the next."""
    found = WEEK_ON.match(text, start)
    day = read_phrase(text, start, replace(place, lead="on", turned=False)) if found else None
    return (one_day(moved(day[0].start, 1, "week")), found.end()) if found and day else None


def _away(text: str, start: int, place: Place) -> Reading | None:
    """Read "a week from Friday", "two days before Christmas"."""
    found = None if place.lead == "for" or LASTING.search(place.before) else AWAY.match(text, start)
    day = read_phrase(text, found.end(), replace(place, lead="on")) if found else None
    if not found or not day or day[0].precision != "day":
        return None
    low, high, unit = counted(found)
    sign = -1 if (found["side"] or "").lower() == "before" else 1
    first, last = sorted(moved(day[0].start, sign * count, unit) for count in (low, high))
    return EventDate(first, last, "day" if low == high else "period"), day[1]
