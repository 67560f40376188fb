"""Which statements end earlier ones by their words alone."""

from __future__ import annotations

import pytest

from tinymem.understand.succession import succeeds


@pytest.mark.parametrize(
    ("memory", "fact"),
    [
        ("Lives in Rome", "Moved to Oslo last month"),
        ("Lives in Rome with sister Maya", "Has moved to Oslo"),
        ("Is based in Leeds", "Recently moved from Leeds to York"),
        ("Lives at Mill Lane 4", "Moved back to Porto"),
        ("Works at Google", "Works at Meta now"),
        ("Works as a nurse", "Works as a teacher these days"),
        ("Favourite colour is green", "Favourite colour is now blue"),
    ],
)
def test_the_later_statement_takes_the_place_of_the_earlier(memory: str, fact: str) -> None:
    assert succeeds(memory, fact)


@pytest.mark.parametrize(
    ("memory", "fact"),
    [
        ("Lives in Rome", "Plans to move to Oslo"),
        ("Lives in Rome", "Is moving to Oslo in May"),
        ("Lives in Rome", "Brother Tom moved to Oslo"),
        ("Lives in Rome", "Moved to the growth team"),
        ("Lives in Rome", "Moved to Linux last year"),
        ("Lives in Rome", "Moved to Team Blue"),
        ("Lives in a flat with a garden", "Moved to Oslo"),
        ("Sister Maya lives in Rome", "Moved to Oslo"),
        ("Lives in Rome", "Has never moved to Oslo"),
        ("Grew up in Rome", "Moved to Oslo"),
        ("Works at Google", "Works at Meta"),
        ("Works at Google", "Volunteers at Meta now"),
        ("Likes tea", "Likes coffee now"),
        ("Favourite colour is green", "Favourite flower is now blue"),
        ("Lives in Oslo with a cat", "Moved to Oslo last month"),
        ("Lives in Rome", "Moved to Oslo when small"),
        ("Lives in Rome", "Moved to Oslo in 2009 for a year"),
    ],
)
def test_in_doubt_both_stand(memory: str, fact: str) -> None:
    assert not succeeds(memory, fact)
