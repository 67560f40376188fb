"""Single calendar phrases as days: "tomorrow", "in 2019", "3 days ago", "on Tuesday", "12 June".

Some say where they lie; others come round again and again, and the verb, or a "next" or "last", says which
one is meant. What they are made of is in `almanac`, how they are joined in `dates`. A phrase is only read
after words that make it one: "in May", but not "May".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import cast

from tinymem.types import EventDate
from tinymem.understand import calendar_words as words
from tinymem.understand.almanac import Side, Unit, holiday, moved, nearest, one_day, season, unit_of
from tinymem.understand.tense import is_ability, is_put_off, looks_back
from tinymem.understand.terms import NUMBER_WORDS

OWN = re.compile(r"(?:\b(?:my|his|her|their|its|our|your|final)|'s)\s+$", re.IGNORECASE)

Reading = tuple[EventDate, int]
"""The days of a phrase, and where in the text it ends."""


@dataclass(frozen=True)
class Place:
    """Where a phrase stands: the words before and after it, its preposition, and the day it was said.

    `turned` overrides the verb: whether to look back. `within` is the longer time that the phrase is a part
    of: "June" of "last year".
    """

    said: date
    before: str = ""
    after: str = ""
    lead: str = ""
    the: bool = False
    turned: bool | None = None
    within: EventDate | None = None

    @property
    def back(self) -> bool:
        """Whether the phrase is meant to lie in the past."""
        return looks_back(self.before, self.lead, self.after) if self.turned is None else self.turned


def read_phrase(text: str, start: int, place: Place) -> Reading | None:
    """Return the days of the phrase that begins at `start`, its preposition left out, and where it ends.

    Raises:
        ValueError: it names a day that no calendar has.
        OverflowError: it lies before the year 1 or after 9999.
    """
    if place.within is None:
        for closed in CLOSED:
            found = closed.pattern.match(text, start)
            event = closed.read(found, place) if found else None
            if found and event:
                return event, found.end()
    for recurring in RECURRING:
        found = recurring.pattern.match(text, start)
        reading = _one_meant(recurring, found, place) if found else None
        if reading:
            return reading
    return None


def whole_of(found: re.Match[str], said: date) -> EventDate:
    """Return the year, month or week of which a phrase is part; the match has the groups of `WHOLE`."""
    if found["which"]:
        unit, which = cast(Unit, found["unit"].lower()), found["which"].lower()
        return unit_of(moved(said, {"this": 0, "next": 1}.get(which, -1), unit), unit)
    return unit_of(date(_year_number(found, said), 1, 1), "year")


def counted(found: re.Match[str]) -> tuple[int, int, Unit]:
    """Return the least and most, and the unit, of a match of `COUNTED`: "a few weeks" is 2 to 4 weeks."""
    word = found["of"].lower()
    unit = cast(Unit, words.SHORT_UNITS.get(word, word))
    count = found["count"].lower()
    if count.startswith("half"):
        half, smaller = words.HALVES.get(unit, (0, "moment"))
        return half, half, smaller
    low, high = _counts(count)
    if found["most"]:
        high = _counts(found["most"].lower())[1]
    if word == "fortnight":
        return 2 * low, 2 * high, "week"
    if found["half"] and unit == "year":
        return 12 * low + 6, 12 * high + 6, "month"
    return low, high, unit


def _counts(word: str) -> tuple[int, int]:
    """Return the least and most that a count stands for."""
    last = word.split()[-1]
    if word.isdigit():
        return int(word), int(word)
    if "couple" in word:
        return 2, 2
    return words.VAGUE.get(last) or (NUMBER_WORDS.get(last, 1),) * 2


def number_of(name: str, names: str) -> int:
    """Return a month's number, or a weekday's from Monday, 1: by its first three letters or its digits."""
    return int(name) if name.isdigit() else names.index(name[:3].lower()) // 3 + 1


@dataclass(frozen=True)
class _Closed:
    """A phrase that says where it lies, given its preposition."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str], Place], EventDate | None]


@dataclass(frozen=True)
class _Recurring:
    """A phrase that comes round again: `at` gives it so many cycles after the one around a day.

    It is read after one of `leads` (None: after anything), or when a "next" or a time of unit `whole`
    singles it out.
    """

    pattern: re.Pattern[str]
    at: Callable[[re.Match[str], date, int], EventDate]
    whole: Unit
    leads: frozenset[str] | None


def _one_meant(rule: _Recurring, found: re.Match[str], place: Place) -> Reading | None:
    """Return the one that is meant of the days that come round again."""
    which, within, end = _which(found), place.within, found.end()
    whole = None if within else WHOLE.match(found.string, end)
    if whole and (whole["unit"] or "year").lower() == rule.whole:
        within, end = whole_of(whole, place.said), whole.end()
    if which == "next" and rule.whole == "week" and not within:
        within = unit_of(moved(place.said, 1, "week"), "week")
    led = rule.leads is None or (
        place.lead in rule.leads and (place.lead != "to" or is_put_off(place.before))
    )
    if not (which or within or led):
        return None
    if within:
        day = within.start - timedelta(days=1)
        event = nearest(partial(rule.at, found, day), day, "next")
        return (event, end) if event and event.start <= within.end else None
    back = place.back if which in ("", "this") else which.endswith(("last", "past"))
    if place.lead == "for" and not which and rule.at in (_weekday_at, _day_of_month_at, _day_of_year_at):
        back = False  # "bought a dress for the 15th"
    strict = which not in ("", "this") or (rule.whole == "week" and not which)
    side: Side = ("last" if back else "next") if strict else ("back" if back else "ahead")
    event = nearest(partial(rule.at, found, place.said), place.said, side)
    return (event, end) if event else None


def _which(found: re.Match[str]) -> str:
    return " ".join((found["which"] or "").lower().split())


def _weekday_at(found: re.Match[str], said: date, step: int) -> EventDate:
    monday = said - timedelta(days=said.weekday())
    return one_day(monday + timedelta(days=7 * step + number_of(found["weekday"], words.WEEKDAYS) - 1))


def _day_of_month_at(found: re.Match[str], said: date, step: int) -> EventDate:
    return one_day(moved(said.replace(day=1), step, "month").replace(day=_day_number(found["day"])))


def _day_of_year_at(found: re.Match[str], said: date, step: int) -> EventDate:
    month, day = _day_second(number_of(found["month"], words.MONTHS), _day_number(found["day"]))
    first = date(said.year + step, month, day)
    last = found.groupdict().get("last")
    return EventDate(first, first.replace(day=int(last)), "period") if last else one_day(first)


def _month_at(found: re.Match[str], said: date, step: int) -> EventDate:
    return unit_of(date(said.year + step, number_of(found["month"], words.MONTHS), 1), "month")


def _season_at(found: re.Match[str], said: date, step: int) -> EventDate:
    return season(found["season"].lower(), said.year + step)


def _holiday_at(found: re.Match[str], said: date, step: int) -> EventDate:
    return holiday(" ".join(found["holiday"].lower().split()), said.year + step)


def _quarter_at(found: re.Match[str], said: date, step: int) -> EventDate:
    name = found["quarter"].lower().split()[0].removeprefix("q")
    quarter = int(name) if name.isdigit() else words.NTH.get(name) or NUMBER_WORDS[name]
    return unit_of(date(said.year + step, 3 * quarter - 2, 1), "quarter")


def _year_number(found: re.Match[str], said: date) -> int:
    """Return a year, of which perhaps only two digits are written: '98 lies back, '30 ahead."""
    if found["year"]:
        return int(found["year"])
    return _whole_year(int(found["short"]), said)


def _whole_year(year: int, said: date) -> int:
    if year >= 100:
        return year
    return year + (2000 if year <= said.year % 100 + 10 else 1900)


def _day_number(name: str) -> int:
    digits = re.match(r"\d+", name)
    return int(digits.group()) if digits else words.DAY_NAMES.index(name.lower()) + 1


def _day_second(month: int, day: int) -> tuple[int, int]:
    """Return a month and a day, exchanged where the month can only be a day."""
    return (day, month) if month > 12 else (month, day)


def _day_word(found: re.Match[str], place: Place) -> EventDate:
    return one_day(place.said + timedelta(days=words.DAY_WORDS[" ".join(found.group().lower().split())]))


def _date(found: re.Match[str], place: Place) -> EventDate:
    """Read 2025-06-12 and 12/06/2025: the day before the month where both are possible."""
    month, day = _day_second(int(found["month"]), int(found["day"]))
    return one_day(date(_whole_year(int(found["year"]), place.said), month, day))


def _year(found: re.Match[str], place: Place) -> EventDate | None:
    year = _year_number(found, place.said)
    if place.lead == "for":
        named = -1 <= year - place.said.year <= 5  # "goals for 2025"; "sold it for 1900" is a price
    else:
        led = place.lead in words.IN_LEADS | words.TIMES and (not place.the or place.back)
        named = led or words.TO_YEAR.match(found.string, found.end()) is not None
    return unit_of(date(year, 1, 1), "year") if named else None


def _decade(found: re.Match[str], place: Place) -> EventDate | None:
    """Read "in the 90s", which are over or to come: music from the 80s tells of no time."""
    year = int(found["decade"] or words.DECADES[found["named"].lower()])
    if year < 100:
        year += 1900 if year > place.said.year % 100 else 2000
    if not place.the or place.lead not in words.IN_LEADS or not (place.back or year > place.said.year):
        return None
    return EventDate(date(year, 1, 1), date(year + 9, 12, 31), "period")


def _unit(found: re.Match[str], place: Place) -> EventDate | None:
    """Read "last week", "this year"; "in the last week" is the seven days up to the day it was said."""
    which, unit = _which(found), cast(Unit, found["unit"].lower())
    if OWN.search(place.before):
        return None
    step = 0 if which == "this" else -1 if which.endswith(("last", "past")) else 1
    if unit == "weekend" and (step == 0 or which.endswith("coming")):
        return _weekend(place)
    if place.the and step and unit != "weekend" and place.lead in words.SPAN_LEADS | {"for"}:
        return None if place.lead == "for" and step < 0 else _span(place.said, step, unit)
    return unit_of(moved(place.said, step, unit), unit)


def _far_unit(found: re.Match[str], place: Place) -> EventDate:
    unit = cast(Unit, found["unit"].lower())
    return unit_of(moved(place.said, 2 if found["far"].lower().endswith("next") else -2, unit), unit)


def _the_weekend(found: re.Match[str], place: Place) -> EventDate | None:
    return _weekend(place) if place.the and place.lead in words.HOLIDAY_LEADS else None


def _weekend(place: Place) -> EventDate:
    """Return the weekend that is coming or on, or the one that is just over."""
    over = place.back and place.said.weekday() < 5
    return unit_of(moved(place.said, -1 if over else 0, "week"), "weekend")


def _ago(found: re.Match[str], place: Place) -> EventDate:
    low, high, unit = counted(found)
    return _from_to(moved(place.said, -high, unit), moved(place.said, -low, unit), unit)


def _in(found: re.Match[str], place: Place) -> EventDate | None:
    """Read "in two weeks", which is how long it took if the verb looks back or says "can"."""
    low, high, unit = counted(found)
    if place.the or unit == "moment" or (unit, high) == ("day", 1) or is_ability(place.before) or place.back:
        return None
    if place.lead == "in" or found["now"]:
        return _from_to(moved(place.said, low, unit), moved(place.said, high, unit), unit)
    return None


def _counted_span(found: re.Match[str], place: Place) -> EventDate | None:
    """Read "over the next two weeks"; "for the last two years" is how long."""
    if place.lead not in words.SPAN_LEADS:
        return None
    _, high, unit = counted(found)
    return _span(place.said, -high if _which(found).endswith(("last", "past")) else high, unit)


def _later(found: re.Match[str], place: Place) -> EventDate:
    whole = unit_of(place.said, cast(Unit, found["unit"].lower()))
    if found["side"].lower() == "later":
        return EventDate(place.said, whole.end, "period")
    return EventDate(whole.start, place.said, "period")


def _span(said: date, count: int, unit: Unit) -> EventDate:
    """Return the time from a day to so many units after it, or before it if `count` is negative."""
    start, end = sorted((said, moved(said, count, unit)))
    return EventDate(start, end, "period")


def _from_to(first: date, last: date, unit: Unit) -> EventDate:
    """Return the unit that two days lie in, or the time from the first one's to the last one's."""
    if first == last:
        return unit_of(first, unit)
    return EventDate(unit_of(first, unit).start, unit_of(last, unit).end, "period")


def _closed(read: Callable[[re.Match[str], Place], EventDate | None], pattern: str) -> _Closed:
    return _Closed(re.compile(pattern, re.IGNORECASE), read)


def _recurring(
    at: Callable[[re.Match[str], date, int], EventDate],
    whole: Unit,
    leads: frozenset[str] | None,
    pattern: str,
) -> _Recurring:
    return _Recurring(re.compile(f"(?:{words.WHICH})?{pattern}", re.IGNORECASE), at, whole, leads)


WHOLE = re.compile(
    rf",?\s+(?:of\s+|in\s+)?(?:(?P<which>this|last|next)\s+{words.UNIT}|{words.YEAR})", re.IGNORECASE
)
CLOSED = (
    _closed(_day_word, rf"(?:{'|'.join(words.DAY_WORDS)})\b"),
    _closed(_date, r"(?P<year>\d{4})([-/])(?P<month>\d\d?)\2(?P<day>\d\d?)(?!\d)"),
    _closed(_date, r"(?P<day>\d\d?)([/.-])(?P<month>\d\d?)\2(?P<year>(?:19|20)\d\d)(?!\d)"),
    _closed(_date, r"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d\d)(?![\d/])"),
    _closed(_counted_span, rf"(?P<which>next|last|past|coming)\s+{words.COUNTED}"),
    _closed(_ago, rf"{words.COUNTED}\s+ago\b"),
    _closed(_in, rf"{words.COUNTED}(?:'?s?'?\s+time|\s+from\s+(?P<now>now))?\b"),
    _closed(_unit, rf"{words.WHICH}{words.UNIT}(?!\s+of\b)"),
    _closed(_far_unit, rf"{words.UNIT}\s+(?P<far>after\s+next|before\s+last)\b"),
    _closed(_the_weekend, r"weekend\b"),
    _closed(_later, rf"(?P<side>later|earlier)\s+(?:this|in\s+the)\s+{words.UNIT}"),
    _closed(_year, words.YEAR),
    _closed(_decade, words.DECADE),
)
RECURRING = (
    _recurring(
        _day_of_year_at,
        "year",
        None,
        rf"{words.DATED}{words.DAY}(?:{words.LAST_DAY})?\s+(?:of\s+)?{words.MONTH}",
    ),
    _recurring(
        _day_of_year_at,
        "year",
        None,
        rf"{words.DATED}{words.MONTH}\s+(?:the\s+)?{words.DAY}(?![:.]\d){words.TO_LAST_DAY}",
    ),
    _recurring(_day_of_year_at, "year", words.TIMES | {"on"}, r"(?P<day>\d\d?)/(?P<month>\d\d?)(?![\d/])"),
    _recurring(_day_of_month_at, "month", words.DAY_LEADS, f"{words.DATED}{words.NTH_DAY}{words.FOLLOWED}"),
    _recurring(
        _day_of_month_at, "month", None, rf"(?<!\bof ){words.LONG_DAY},?\s+(?:the\s+)?{words.NTH_DAY}"
    ),
    _recurring(_day_of_month_at, "month", None, rf"the\s+{words.NTH_DAY}{words.TO_DAY}"),
    _recurring(
        _weekday_at,
        "week",
        words.SHORT_LEADS,
        rf"(?P<weekday>{words.ANY_DAY}){words.MORE_DAYS}{words.ONE_DAY}",
    ),
    _recurring(
        _weekday_at,
        "week",
        words.DAY_LEADS,
        rf"(?P<weekday>{words.LONG_DAY}){words.MORE_DAYS}{words.ONE_DAY}",
    ),
    _recurring(
        _weekday_at,
        "week",
        None,
        rf"{words.UNNAMED}(?P<weekday>{words.LONG_DAY}){words.MORE_DAYS}{words.AT_A_TIME}",
    ),
    _recurring(_month_at, "year", words.IN_LEADS | words.VERBS, words.MONTH),
    _recurring(_month_at, "year", words.NAMED_LEADS, rf"{words.MONTH}(?!\s+(?-i:[A-Z]))"),
    _recurring(_season_at, "year", words.IN_LEADS | words.NAMED_LEADS, words.SEASON),
    _recurring(_holiday_at, "year", words.HOLIDAY_LEADS, words.HOLIDAY),
    _recurring(_quarter_at, "year", None, words.QUARTER),
)
