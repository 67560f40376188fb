"""Weeks, months, seasons, holidays and their parts as days."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.types import EventDate
from tinymem.understand.almanac import (
    HOLIDAYS,
    SEASONS,
    Part,
    Side,
    Unit,
    holiday,
    moved,
    nearest,
    nth_of,
    one_day,
    part_of,
    season,
    unit_of,
)

DAYS = st.dates(date(1800, 1, 1), date(2200, 12, 31))
UNITS: tuple[Unit, ...] = ("day", "week", "month", "quarter", "year")
PARTS: tuple[Part, ...] = ("early", "mid", "late", "first half", "second half", "start", "end")


@given(DAYS, st.sampled_from(UNITS))
def test_a_day_lies_in_its_unit_and_the_next_unit_follows_at_once(day: date, unit: Unit) -> None:
    event = unit_of(day, unit)
    assert event.start <= day <= event.end
    following = unit_of(moved(event.start, 1, unit), unit)
    assert following.start == event.end + timedelta(days=1)


def test_units_by_name() -> None:
    day = date(2024, 2, 29)
    assert unit_of(day, "week") == EventDate(date(2024, 2, 26), date(2024, 3, 3), "week")
    assert unit_of(day, "weekend") == EventDate(date(2024, 3, 2), date(2024, 3, 3), "period")
    assert unit_of(day, "month") == EventDate(date(2024, 2, 1), day, "month")
    assert unit_of(day, "quarter") == EventDate(date(2024, 1, 1), date(2024, 3, 31), "period")
    assert moved(day, 1, "year") == date(2025, 2, 28)
    assert moved(date(2025, 1, 31), 1, "month") == date(2025, 2, 28)


@given(st.integers(1800, 2200))
def test_the_seasons_of_a_year_follow_each_other(year: int) -> None:
    spring, summer, autumn, winter = (season(name, year) for name in ("spring", "summer", "autumn", "winter"))
    assert season("fall", year) == autumn
    for one, other in (
        (spring, summer),
        (summer, autumn),
        (autumn, winter),
        (winter, season("spring", year + 1)),
    ):
        assert other.start == one.end + timedelta(days=1)
    assert set(SEASONS) == {"spring", "summer", "autumn", "fall", "winter"}


@pytest.mark.parametrize(
    ("name", "year", "day"),
    [
        ("easter", 2024, date(2024, 3, 31)),
        ("easter", 2025, date(2025, 4, 20)),
        ("good friday", 2026, date(2026, 4, 3)),
        ("easter monday", 2026, date(2026, 4, 6)),
        ("thanksgiving", 2024, date(2024, 11, 28)),
        ("thanksgiving", 2025, date(2025, 11, 27)),
        ("black friday", 2025, date(2025, 11, 28)),
        ("christmas", 2025, date(2025, 12, 25)),
        ("new year's eve", 2025, date(2025, 12, 31)),
        ("new year", 2025, date(2025, 1, 1)),
        ("valentine's day", 2025, date(2025, 2, 14)),
    ],
)
def test_holidays(name: str, year: int, day: date) -> None:
    assert holiday(name, year) == one_day(day)


@given(st.sampled_from(HOLIDAYS), st.integers(1800, 2200))
def test_every_holiday_lies_in_its_year(name: str, year: int) -> None:
    assert holiday(name, year).start.year == year


@given(DAYS, st.sampled_from(("week", "month", "quarter", "year")))
def test_thirds_and_halves_make_up_the_whole(day: date, unit: Unit) -> None:
    whole = unit_of(day, unit)
    for parts in (("early", "mid", "late"), ("first half", "second half")):
        pieces = [part_of(whole, part) for part in PARTS if part in parts]
        assert pieces[0].start == whole.start
        assert pieces[-1].end == whole.end
        for one, other in pairwise(pieces):
            assert other.start == one.end + timedelta(days=1)
    assert part_of(whole, "start").start == whole.start
    assert part_of(whole, "end").end == whole.end


def test_the_ends_of_a_month_are_seven_days_and_of_a_year_a_month() -> None:
    month, year = unit_of(date(2025, 2, 1), "month"), unit_of(date(2025, 2, 1), "year")
    assert part_of(month, "end") == EventDate(date(2025, 2, 22), date(2025, 2, 28), "period")
    assert part_of(month, "start") == EventDate(date(2025, 2, 1), date(2025, 2, 7), "period")
    assert part_of(year, "end") == EventDate(date(2025, 12, 1), date(2025, 12, 31), "period")


def test_the_nth_of_a_month() -> None:
    may = unit_of(date(2025, 5, 1), "month")
    assert nth_of(may, 1, 5) == one_day(date(2025, 5, 3))
    assert nth_of(may, 0, 0) == one_day(date(2025, 5, 26))
    assert nth_of(may, 2, "week") == EventDate(date(2025, 5, 8), date(2025, 5, 14), "week")
    assert nth_of(may, 0, "week") == EventDate(date(2025, 5, 25), date(2025, 5, 31), "week")
    assert nth_of(may, 1, "weekend") == EventDate(date(2025, 5, 3), date(2025, 5, 4), "period")
    assert nth_of(may, 5, 0) is None


@pytest.mark.parametrize(("side", "year"), [("ahead", 2025), ("back", 2025), ("next", 2026), ("last", 2024)])
def test_the_nearest_may_hold_the_day_or_not(side: Side, year: int) -> None:
    event = nearest(lambda step: unit_of(date(2025 + step, 3, 1), "month"), date(2025, 3, 12), side)
    assert event
    assert event.start == date(year, 3, 1)


def test_the_nearest_leap_day_may_be_eight_years_away() -> None:
    event = nearest(lambda step: one_day(date(1896 + step, 2, 29)), date(1896, 3, 1), "next")
    assert event == one_day(date(1904, 2, 29))
    assert nearest(lambda step: one_day(date(1900 + step, 2, 30)), date(1900, 1, 1), "next") is None
