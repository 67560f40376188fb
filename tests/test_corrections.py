"""A speaker who corrects himself: which fact gets which new value, and which is left alone."""

import pytest

from tinymem.understand.corrections import corrected

WEDDING = "Sister Anna is getting married on June 12 in Malaga"
FLIGHT = "Flight is on Tuesday at 5 pm"


@pytest.mark.parametrize(
    ("clause", "place", "text"),
    [
        ("Wait, it's June 21, not June 12.", 0, "Sister Anna is getting married on June 21 in Malaga"),
        ("Actually it's October 4, sorry.", 0, "Sister Anna is getting married on October 4 in Malaga"),
        ("Sorry, I meant the 3rd of May", 0, "Sister Anna is getting married on 3rd of May in Malaga"),
        ("Wait, it's July", 0, "Sister Anna is getting married on July 12 in Malaga"),
        ("Actually it's Friday", 1, "Flight is on Friday at 5 pm"),
        ("oops, 6pm", 1, "Flight is on Tuesday at 6pm"),
    ],
)
def test_a_marked_value_replaces_the_one_of_its_kind(clause, place, text):
    assert corrected(clause, [WEDDING, FLIGHT]) == (place, text)


@pytest.mark.parametrize(
    "clause",
    ["It's June 21", "Wait, it's June 21, not June 14", "Actually it's raining", "Actually it's fine", ""],
)
def test_what_is_no_correction_of_a_fact_changes_nothing(clause):
    assert corrected(clause, [WEDDING, FLIGHT]) is None
