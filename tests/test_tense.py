"""Where a sentence looks from the words before a date, and whether it tells of a habit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.understand.tense import is_ability, is_put_off, looks_back, tells_habit


@pytest.mark.parametrize(
    ("before", "lead"),
    [
        ("Met Ana ", "on"),
        ("Sister Maya got married ", "in"),
        ("Has been to Rome ", "in"),
        ("Has lived in Oslo ", "since"),
        ("Wedding ", "was"),
        ("Went to see grandma ", "on"),
        ("What did I do ", "on"),
        ("Have I ever been to Italy ", "in"),
        ("Uncle's points went ", "in"),
        ("The bank rejected the loan ", "on"),
        ("Owes money for a carpet fitted ", "on"),
        ("Likes tea and moved ", "in"),
        ("Baby was due ", "on"),
    ],
)
def test_it_looks_back(before: str, lead: str) -> None:
    assert looks_back(before, lead)


@pytest.mark.parametrize(
    ("before", "lead"),
    [
        ("Meets Ana ", "on"),
        ("Dentist ", "on"),
        ("Sister Maya gets married ", "in"),
        ("Has a concert ", "on"),
        ("Has got an appointment ", "on"),
        ("Decided to move ", "in"),
        ("Booked a table ", "for"),
        ("Got a new job and starts ", "on"),
        ("What am I doing ", "on"),
        ("Was born ", "on"),
        ("Said it would be done ", "by"),
        ("Got the job, starting ", "in"),
        ("Postponed the exam ", "to"),
        ("Passed, corrections are due ", "in"),
        ("", ""),
    ],
)
def test_it_looks_ahead(before: str, lead: str) -> None:
    assert not looks_back(before, lead)


def test_without_a_verb_before_it_the_words_after_a_date_decide() -> None:
    assert looks_back("", "on", "Tuesday met Ana")
    assert not looks_back("", "on", "Tuesday meets Ana")


@pytest.mark.parametrize(
    ("before", "lead", "season", "weekdays"),
    [
        ("Runs every ", "", False, 0),
        ("Gets paid every other week ", "on", False, 1),
        ("Usually flies home ", "for", False, 0),
        ("Grandpa always carved ", "at", False, 0),
        ("Loves Paris ", "in", False, 0),
        ("Swims in the lake ", "in", True, 0),
        ("Is cold at home ", "in", True, 0),
        ("Works late ", "on", False, 1),
        ("Has chess club ", "on", False, 2),
        ("Dressing is changed ", "on", False, 3),
    ],
)
def test_a_habit(before: str, lead: str, season: bool, weekdays: int) -> None:
    assert tells_habit(before, lead, season=season, weekdays=weekdays)


@pytest.mark.parametrize(
    ("before", "lead", "season", "weekdays"),
    [
        ("Runs ", "on", False, 1),
        ("Has run every day ", "since", False, 0),
        ("Practises every evening ", "until", False, 1),
        ("Starts school ", "in", True, 0),
        ("Is getting married ", "in", True, 0),
        ("Swam in the lake ", "in", True, 0),
        ("Is in Rome ", "on", False, 2),
        ("Loves tea and flies ", "on", False, 1),
    ],
)
def test_no_habit(before: str, lead: str, season: bool, weekdays: int) -> None:
    assert not tells_habit(before, lead, season=season, weekdays=weekdays)


def test_what_somebody_can_and_what_is_put_off() -> None:
    assert is_ability("Can run 5 km ")
    assert not is_ability("Can cook and flies ")
    assert is_put_off("Exam was postponed ")
    assert not is_put_off("Moved out, exam is ")


@given(st.text(), st.text(max_size=5), st.text(max_size=20), st.booleans(), st.integers(0, 9))
def test_any_words_are_judged(before: str, lead: str, after: str, season: bool, weekdays: int) -> None:
    assert looks_back(before, lead, after) in (True, False)
    assert tells_habit(before, lead, season=season, weekdays=weekdays) in (True, False)
