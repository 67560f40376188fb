"""Calendar arithmetic: weeks, months, seasons and holidays as first and last day.

Weeks run from Monday to Sunday; seasons are whole months of the northern hemisphere, and a winter has the
year in which it begins. Holidays that move are Easter and what hangs on it, and Thanksgiving. Pure: days in,
days out; it must never read text or the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

from dateutil.easter import easter
from dateutil.relativedelta import TH, relativedelta

from tinymem.types import EventDate, Precision

Unit = Literal["moment", "day", "week", "weekend", "month", "quarter", "year"]
Part = Literal["early", "mid", "late", "first half", "second half", "start", "end"]
Side = Literal["next", "ahead", "last", "back"]

MONTHS_IN: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}
DAYS_IN: dict[Unit, int] = {"moment": 0, "day": 1, "week": 7, "weekend": 7}
PRECISIONS: dict[Unit, Precision] = {"month": "month", "quarter": "period", "year": "year"}
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
FIXED = {
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "boxing day": (12, 26),
    "new year's eve": (12, 31), "new years eve": (12, 31), "new year's day": (1, 1), "new year's": (1, 1),
    "new year": (1, 1), "valentine's day": (2, 14), "valentines day": (2, 14), "halloween": (10, 31),
    "nye": (12, 31), "xmas": (12, 25), "xmas eve": (12, 24),
}  # fmt: skip
AFTER_EASTER = {"good friday": -2, "easter sunday": 0, "easter monday": 1, "easter": 0}
AFTER_THANKSGIVING = {"thanksgiving": 0, "black friday": 1}
HOLIDAYS = (*FIXED, *AFTER_EASTER, *AFTER_THANKSGIVING)
FRACTIONS: dict[Part, tuple[float, float]] = {
    "early": (0, 1 / 3), "mid": (1 / 3, 2 / 3), "late": (2 / 3, 1), "first half": (0, 1 / 2),
    "second half": (1 / 2, 1),
}  # fmt: skip
WEEK_EDGES: dict[Part, Part] = {"start": "early", "end": "late"}
CYCLES = 8  # as many years lie between 29 February 1896 and the next one


def one_day(day: date) -> EventDate:
    """Return a day as an EventDate."""
    return EventDate(day, day, "day")


def moved(day: date, count: int, unit: Unit) -> date:
    """Return the day so many units later, or earlier if `count` is negative."""
    if unit in MONTHS_IN:
        later: date = day + relativedelta(months=count * MONTHS_IN[unit])
        return later
    return day + timedelta(days=count * DAYS_IN[unit])


def unit_of(day: date, unit: Unit) -> EventDate:
    """Return the whole week, weekend (of the same week), month, quarter or year that a day lies in."""
    if unit in ("moment", "day"):
        return one_day(day)
    monday = day - timedelta(days=day.weekday())
    if unit == "week":
        return EventDate(monday, monday + timedelta(days=6), "week")
    if unit == "weekend":
        return EventDate(monday + timedelta(days=5), monday + timedelta(days=6), "period")
    months = MONTHS_IN[unit]
    return _months(day.year, day.month - (day.month - 1) % months, months, PRECISIONS[unit])


def season(name: str, year: int) -> EventDate:
    """Return a season, by its lower-case name and the year in which it begins."""
    return _months(year, SEASONS[name], 3, "season")


def holiday(name: str, year: int) -> EventDate:
    """Return a holiday of a year, by one of the names in `HOLIDAYS`."""
    if name in AFTER_EASTER:
        return one_day(easter(year) + timedelta(days=AFTER_EASTER[name]))
    if name in AFTER_THANKSGIVING:
        fourth = date(year, 11, 1) + relativedelta(weekday=TH(4))
        return one_day(fourth + timedelta(days=AFTER_THANKSGIVING[name]))
    return one_day(date(year, *FIXED[name]))


def part_of(whole: EventDate, part: Part) -> EventDate:
    """Return a part of a week, a month, or whatever has at least three whole months.

    Early, mid and late are its thirds; start and end are the first and last third of a week, 7 days of a
    month, and a month of what is longer.
    """
    days = (whole.end - whole.start).days + 1
    if whole.precision not in ("week", "month"):
        months = round(days / 30.44)  # the mean length of a month
        edges = {"start": (0, 1), "end": (months - 1, months)}
        begin, end = edges.get(part) or (round(months * share) for share in FRACTIONS[part])
        return _months(whole.start.year, whole.start.month + begin, end - begin, "period")
    if whole.precision == "week":
        part = WEEK_EDGES.get(part, part)
    even = 6 if whole.precision == "week" else 30  # its thirds are equal; the last one has the days left over
    edges = {"start": (0, 7), "end": (days - 7, days)}
    begin, end = edges.get(part) or (round(even * share) for share in FRACTIONS[part])
    last = whole.end if end == even else whole.start + timedelta(days=end - 1)
    return EventDate(whole.start + timedelta(days=begin), last, "period")


def nth_of(month: EventDate, nth: int, what: int | Unit) -> EventDate | None:
    """Return the nth weekday (0 is Monday), weekend, or seven days of a month; nth 0 is the last.

    None if the month has not so many.
    """
    if what == "week":
        first = month.start + timedelta(weeks=nth - 1) if nth else month.end - timedelta(days=6)
        return EventDate(first, first + timedelta(days=6), "week") if first <= month.end else None
    wanted = what if isinstance(what, int) else 5
    days = (month.end - month.start).days + 1
    each = [day for day in (month.start + timedelta(days=n) for n in range(days)) if day.weekday() == wanted]
    if nth > len(each):
        return None
    return one_day(each[nth - 1]) if isinstance(what, int) else unit_of(each[nth - 1], what)


def nearest(at: Callable[[int], EventDate], said: date, side: Side) -> EventDate | None:
    """Return the candidate nearest to a day on one side of it; None if there is none within eight cycles.

    Args:
        at: gives the candidate so many cycles (weeks, months, years) after the one around `said`; raises
            ValueError where there is none (29 February).
        said: the day to look from.
        side: "next" begins after the day and "last" ends before it; "ahead" and "back" may hold it.
    """
    for step in range(-2, CYCLES + 1):
        try:
            event = at(step if side in ("next", "ahead") else -step)
        except (ValueError, OverflowError):
            continue
        fits = {
            "next": event.start > said,
            "ahead": event.end >= said,
            "last": event.end < said,
            "back": event.start <= said,
        }
        if fits[side]:
            return event
    return None


def _months(year: int, month: int, count: int, precision: Precision) -> EventDate:
    """Return `count` whole months from a month on, which may be numbered beyond 12."""
    first = date(year, 1, 1) + relativedelta(months=month - 1)
    return EventDate(first, first + relativedelta(months=count, days=-1), precision)
