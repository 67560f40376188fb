"""What day a fact talks about: the table of phrases, the rules behind it, and that no text can break it."""

from __future__ import annotations

from calendar import day_name, month_name
from datetime import date, timedelta
from time import process_time

import pytest
from date_phrases import (
    ASKED_ON_WEDNESDAY,
    ASKED_WITHOUT_A_DATE,
    DATED,
    UNDATED,
    WEDNESDAY,
    dated_rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.types import EventDate
from tinymem.understand.dates import LONGEST, event_of

TABLE = [(said, *row) for said, rows in DATED for row in dated_rows(rows)]

# Found while reading facts that others had written, after the table was.
FOUND_LATER = """
Anniversary is on the 22nd, not the 23rd | day 2025-03-22
Is away from the 12th to the 26th without a laptop | period 2025-03-12 2025-03-26
Is at the coast the 4th to the 11th | period 2025-04-04 2025-04-11
Party is on Saturday week | day 2025-03-22
Aunt died four years ago in November | month 2021-11-01 2021-11-30
Exam was moved from 14 June to 5 July | day 2025-07-05
Moved the rehearsal from Tuesday 19:30 to Wednesday 20:00 | day 2025-03-19
Postponed the exam from July to February | month 2026-02-01 2026-02-28
Plumber moved to Friday | day 2025-03-14
Accepted the job at the clinic, starting 1 August | day 2025-08-01
Rent was due the 2nd and is not paid yet | day 2025-03-02
Course ends the 30th | day 2025-03-30
Passport is due in 6 weeks | week 2025-04-21 2025-04-27
Shop is closed for 2 weeks from the 8th | day 2025-04-08
The builder said the roof would be finished by Monday | day 2025-03-17
Brother's licence points went in February | month 2025-02-01 2025-02-28
The bank rejected the loan on 2 September | day 2024-09-02
Owes a lot for a carpet fitted on 2 June | day 2024-06-02
Is getting married in June | month 2025-06-01 2025-06-30
Ordered a cake for Saturday | day 2025-03-15
Booked a trip to Malta from the 3rd to the 10th | period 2025-04-03 2025-04-10
Put a hold on a tent, 11 to 15 August | period 2025-08-11 2025-08-15
Plans an 8:30 bedtime from Sunday | day 2025-03-16
Is away the first half of August | period 2025-08-01 2025-08-15
Practises every evening until Friday | day 2025-03-14
Moved north in '88 | year 1988-01-01 1988-12-31
Uncle worked on the trains 1961-1990 | period 1961-01-01 1990-12-31
Has a scan Monday the 24th | day 2025-03-24
Is at a conference on Monday and Tuesday | day 2025-03-17
Is in Oslo till at least Easter | day 2025-04-20
Works the late shift next week | week 2025-03-17 2025-03-23
Flies two days before Christmas | day 2025-12-23
Has a check-up in two weeks on Friday | day 2025-03-28
Conference is the week of 12 May | week 2025-05-12 2025-05-18
Lost 5 kg in the last two months | period 2025-01-12 2025-03-12
Gets the results at the end of May | period 2025-05-25 2025-05-31
Moved at the end of May | period 2024-05-25 2024-05-31
Has a race on 6/25 | day 2025-06-25
Has a race on 3/4 | day 2025-04-03
Was born on 12/06/98 | day 1998-06-12
Doctor said to rest till at least the 18th | day 2025-03-18
"""
UNDATED_LATER = """
Bridge club meets on the last Thursday of the month
Boiler broke down on a Tuesday
Sells soap on the first Saturday
Has dialysis on Monday, Wednesday and Friday
Has chess club on Monday and Thursday
Eats no sugar Mon to Thu
Works nights Tuesday to Thursday
Always wants the window open, even in winter
Kitchen is at 17 degrees in winter
Lives for autumn
Accepts returns within 30 days
Has lunch at Christmas every year
Used to hike at Easter
Grandpa always carved at Christmas
Is in the last year of school
Is allergic to sun
Bus pass renews on the 28th of each month
Does the night feeds Friday to Sunday
"""


def days(event: EventDate | None) -> tuple[str, date, date] | None:
    return (event.precision, event.start, event.end) if event else None


@pytest.mark.parametrize(("said", "fact", "precision", "first", "last"), TABLE)
def test_a_dated_fact(said: date, fact: str, precision: str, first: date, last: date) -> None:
    assert days(event_of(fact, said)) == (precision, first, last)


@pytest.mark.parametrize(("fact", "precision", "first", "last"), dated_rows(FOUND_LATER))
def test_a_dated_fact_of_others(fact: str, precision: str, first: date, last: date) -> None:
    assert days(event_of(fact, WEDNESDAY)) == (precision, first, last)


@pytest.mark.parametrize("fact", (UNDATED + UNDATED_LATER).strip().splitlines())
def test_a_fact_that_names_no_day(fact: str) -> None:
    assert event_of(fact, WEDNESDAY) is None


@pytest.mark.parametrize(("query", "precision", "first", "last"), dated_rows(ASKED_ON_WEDNESDAY))
def test_a_question_about_a_time(query: str, precision: str, first: date, last: date) -> None:
    assert days(event_of(query, WEDNESDAY)) == (precision, first, last)


@pytest.mark.parametrize("query", ASKED_WITHOUT_A_DATE.strip().splitlines())
def test_a_question_that_names_no_time(query: str) -> None:
    assert event_of(query, WEDNESDAY) is None


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len({fact for _, fact, *_ in TABLE}) >= 100
    assert len(set(UNDATED.strip().splitlines())) >= 40


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(DAYS, st.sampled_from(range(7)))
def test_a_weekday_lies_within_a_week_on_the_side_of_the_verb(said: date, number: int) -> None:
    for fact, least, most in (("Met Ana on", -7, -1), ("Meets Ana on", 1, 7)):
        event = event_of(f"{fact} {day_name[number]}", said)
        assert event
        assert event.start.weekday() == number
        assert least <= (event.start - said).days <= most


@given(DAYS, st.sampled_from(range(1, 13)))
def test_a_month_is_this_one_or_the_nearest_on_the_side_of_the_verb(said: date, number: int) -> None:
    for name in (month_name[number], month_name[number][:3]):
        before, after = event_of(f"Moved in {name}", said), event_of(f"Moves in {name}", said)
        assert before
        assert after
        assert before.start <= said <= after.end
        assert {before.start.month, after.start.month} == {number}
        assert (after.start - before.start).days <= 366


@given(DAYS, st.dates(date(1500, 1, 1), date(2199, 12, 31)))
def test_a_whole_date_means_itself_however_it_is_written(said: date, day: date) -> None:
    month = month_name[day.month]
    written = (
        day.isoformat(),
        f"{day.day} {month} {day.year}",
        f"the {day.day}th of {month}, {day.year}",
        f"{day_name[day.weekday()]}, {month} {day.day}, {day.year}",
    )
    for each in written:
        assert event_of(f"Exam is on {each}", said) == EventDate(day, day)
        assert event_of(f"Exam was on {each}", said) == EventDate(day, day)


@given(DAYS, st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_digits_put_the_day_first_unless_that_is_no_date(said: date, day: date) -> None:
    for mark in "/.-":
        assert event_of(f"Exam is on {day:%d{mark}%m{mark}%Y}", said) == EventDate(day, day)
    if day.day > 12:
        assert event_of(f"Exam is on {day:%m/%d/%Y}", said) == EventDate(day, day)


@given(DAYS, st.integers(2, 400))
def test_counted_days_are_exact(said: date, count: int) -> None:
    for fact, sign in ((f"Flies in {count} days", 1), (f"Flew {count} days ago", -1)):
        assert event_of(fact, said) == EventDate(*[said + sign * timedelta(days=count)] * 2)


PIECES = """
on in at by until since from for the a next last this Monday Sun May march 12 31st 30 2024 24/7 12/13/2025
to and between weeks days year ago end of early mid-June Easter Q3 week winter Friday's every met flies is
second fortnight half few , . ; ’ -- 😀 漢字 ½ ² 0 9999 99999 February 29 9999-12-31 0000-00-00 '98 10s
"""
TEXTS = st.text(max_size=200) | st.lists(
    st.sampled_from([*PIECES.split(), "\ud800", "\n", "\x00"]), max_size=25
).map(" ".join)


@settings(deadline=None, max_examples=500)
@given(TEXTS, st.dates())
def test_any_text_on_any_day_is_read(text: str, said: date) -> None:
    event = event_of(text, said)
    assert event is None or event.start <= event.end


def test_the_first_and_the_last_day_there_are() -> None:
    for said in (date.min, date.max):
        for fact in (
            "Flies next week",
            "Flew last week",
            "Flies in 900 years",
            "Flew 900 years ago",
            "Flies today",
        ):
            event = event_of(fact, said)
            assert event is None or event.start <= event.end
    assert event_of("Flies today", date.max) == EventDate(date.max, date.max)


@pytest.mark.parametrize(
    "piece", ["in ", "1 ", "on Monday, ", "the end of ", "two weeks after ", "from 3 to "]
)
def test_a_long_text_costs_little(piece: str) -> None:
    begin = process_time()
    event_of(piece * 100_000, WEDNESDAY)
    assert process_time() - begin < 1
    assert event_of("x" * LONGEST + " on 12 June", WEDNESDAY) is None


def test_a_fact_costs_well_under_a_millisecond() -> None:
    facts = [(fact, said) for said, fact, *_ in TABLE] + [(fact, WEDNESDAY) for fact in UNDATED.splitlines()]
    rounds = []
    for _ in range(3):
        begin = process_time()
        for fact, said in facts:
            event_of(fact, said)
        rounds.append((process_time() - begin) / len(facts))
    assert min(rounds) < 0.001
