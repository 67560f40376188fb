"""What a question asks of time: days and their side, an event in their place, or that it wants a date."""

from __future__ import annotations

from datetime import date, timedelta
from time import process_time

import pytest
from date_phrases import ASKED_ON_WEDNESDAY, ASKED_WITHOUT_A_DATE, DATED, WEDNESDAY, dated_rows
from hypothesis import given
from hypothesis import strategies as st

from tinymem.understand.asking import TIME_WORD, Asking, asking_of

DAY = timedelta(days=1)


def days(query: str, today: date = WEDNESDAY) -> tuple[str | None, str | None] | None:
    found = asking_of(query, today).days
    return None if found is None else (found[0] and str(found[0]), found[1] and str(found[1]))


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("What did I do last summer?", "2024-06-01", "2024-08-31"),
        ("What happened yesterday?", "2025-03-11", "2025-03-11"),
        ("Where was I in May 2023?", "2023-05-01", "2023-05-31"),
        ("Where did I live before 2021?", None, "2020-12-31"),
        ("What did I buy after 3 May 2024?", "2024-05-04", None),
        ("What have I read since January?", "2025-01-01", "2025-03-12"),
        ("Where did I work until 2020?", None, "2020-12-31"),
        ("What has to be done by Friday?", None, "2025-03-14"),
        ("What did I do two days before Christmas?", "2024-12-23", "2024-12-23"),
        ("What did I do in the week before 9 June 2023?", "2023-06-02", "2023-06-08"),
        ("What did Ana say the day after 9 June 2023?", "2023-06-10", "2023-06-10"),
        ("What did we plan the month after 9 June 2023?", "2023-06-10", "2023-07-09"),
    ],
)
def test_days_and_the_side_of_them(query: str, first: str | None, last: str | None) -> None:
    assert days(query) == (first, last)
    asking = asking_of(query, WEDNESDAY)
    assert asking.event is None
    assert asking.rest == query


def test_the_same_question_means_other_days_on_another_day() -> None:
    assert days("What did I do last summer?", date(2020, 1, 1)) == ("2019-06-01", "2019-08-31")


@pytest.mark.parametrize(
    ("query", "event", "rest", "side", "near"),
    [
        ("What did I plan before the wedding?", "the wedding", "What did I plan?", "before", None),
        ("Where did I go after I moved to Porto?", "I moved to Porto", "Where did I go?", "after", None),
        ("Since the marathon, what have I run?", "the marathon", "what have I run?", "after", None),
        ("what did we eat during the trip to Rome", "the trip to Rome", "what did we eat", "during", None),
        ("Who called the week before the wedding?", "the wedding", "Who called?", "before", 7),
        ("What broke the night after the storm, and why?", "the storm", "What broke, and why?", "after", 1),
        ("after the wedding", "the wedding", "after the wedding", "after", None),
    ],
)
def test_an_event_in_the_place_of_a_date(
    query: str, event: str, rest: str, side: str, near: int | None
) -> None:
    assert asking_of(query, WEDNESDAY) == Asking(rest, None, event, False, side, near)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query", ["What did I do before that?", "And since then?", "Was I happy before?", "before", "after all?"]
)
def test_words_of_time_without_an_event_name_none(query: str) -> None:
    assert asking_of(query, WEDNESDAY) == Asking(query)


def test_the_days_beside_an_event_that_lasted() -> None:
    first, last = date(2024, 5, 1), date(2024, 5, 4)

    def beside(query: str) -> tuple[date | None, date | None]:
        return asking_of(query, WEDNESDAY).beside(first, last, WEDNESDAY)

    assert beside("What was before the trip?") == (None, first - DAY)
    assert beside("What was after the trip?") == beside("What was since the trip?") == (last + DAY, None)
    assert beside("What was until the trip?") == (None, last)
    assert beside("What was during the trip?") == (first, last)
    assert beside("What was the week before the trip?") == (first - 7 * DAY, first - DAY)
    assert beside("What was the day after the trip?") == (last + DAY, last + DAY)


def test_the_calendar_ends() -> None:
    assert Asking("", side="before").beside(date.min, date.min, WEDNESDAY) == (None, date.min)
    assert Asking("", side="after").beside(date.max, date.max, WEDNESDAY) == (date.max, None)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("When did I move?", True),
        ("and when is my birthday", True),
        ("Since when have I had a dog?", True),
        ("How long have I been married?", True),
        ("What day is the exam?", True),
        ("Which year did we meet?", True),
        ("What do I eat when I am ill?", False),
        ("What did I do last summer?", False),
        ("Whenever", False),
    ],
)
def test_whether_a_date_is_wanted(query: str, wanted: bool) -> None:
    assert asking_of(query, WEDNESDAY).when is wanted


def test_what_names_a_time_holds_a_word_of_time() -> None:
    phrases = [row[0] for _, rows in DATED for row in dated_rows(rows)]
    phrases += [row[0] for row in dated_rows(ASKED_ON_WEDNESDAY)]
    assert len(phrases) > 150
    assert [phrase for phrase in phrases if not TIME_WORD.search(phrase)] == []


def test_questions_without_a_date_have_no_days() -> None:
    queries = [query for query in ASKED_WITHOUT_A_DATE.splitlines() if query]
    assert [query for query in queries if asking_of(query, WEDNESDAY).days is not None] == []


@given(st.text(max_size=300), st.dates())
def test_any_text_on_any_day_is_read(query: str, today: date) -> None:
    asking = asking_of(query, today)
    first, last = asking.days or (None, None)
    assert first is None or last is None or first <= last
    assert asking.event is not None or asking.rest == query


def test_a_pasted_page_takes_no_time() -> None:
    start = process_time()
    asking_of("before the last week after 3 May " * 3000, WEDNESDAY)
    asking_of("the day" + " " * 90_000 + "or so before the wedding", WEDNESDAY)
    assert process_time() - start < 1
