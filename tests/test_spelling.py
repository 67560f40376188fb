"""Misspelt words: the words they may have been meant to be, of those that stand in the file now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store_parts import add, commit, opened, record
from tinymem.store.filters import EVERYTHING, scope_where
from tinymem.store.spelling import MOST_WORDS, near_words, within
from tinymem.store.store import Store
from tinymem.types import Change, Scope

TEXTS = (
    "Is allergic to peanuts",
    "Has a restaurant",
    "Celebrates each birthday on a Wednesday",
    "Looks for an apartment",
    "Was at an appointment",
    "The code is XK44718",
    "Любит собаку",
    "Drinks café au lait, about 3 a day",
)


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        add(fresh, *(record(f"m{number}", text) for number, text in enumerate(TEXTS)))
        yield fresh


def near(store: Store, *words: str) -> list[str]:
    with store._reading() as connection:
        return near_words(connection, words)


def found(store: Store, query: str) -> list[str]:
    rows = store.keyword_matches(query, EVERYTHING, 10)
    return [store.get_many([row])[row].text for row, _ in rows]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("alergic", ["allerg"]),
        ("resturant", ["restaur"]),
        ("allergies", ["allerg"]),
        ("wendsday", ["wednesdai"]),
        ("birhtday", ["birthdai"]),
        ("brithday", ["birthdai"]),
        ("bithday", ["birthdai"]),
        ("apointment", ["appoint"]),
        ("peanutss", ["peanut"]),
    ],
)
def test_near_a_word_that_stands_nowhere_are_those_to_which_a_slip_or_two_lead(
    store: Store, word: str, meant: list[str]
) -> None:
    assert near(store, word) == meant


@pytest.mark.parametrize(
    "word",
    [
        *("xk44719", "xk4471", "4471"),  # codes
        *("caf", "dai", "lat"),  # too short
        *("abuot", "becuase", "theer"),  # slips of words that say little
        *("elephant", "zzzzz", "pprotein"),  # near nothing
        "peanuts each",  # a phrase, as characters in a row are
    ],
)
def test_nothing_is_near_what_is_no_misspelt_word(store: Store, word: str) -> None:
    assert near(store, word) == []


def test_the_nearest_are_asked_for_and_all_that_are_as_near(store: Store) -> None:
    add(store, record("m20", "Plays tennis"), record("m21", "Has two tenants"))
    assert near(store, "tennnis") == ["tenni"]
    add(store, record("m22", "A meeting with Karin"), record("m23", "A walk with Karen"))
    assert near(store, "karon") == ["karen", "karin"]


def test_a_misspelt_word_finds_memories_and_a_right_one_only_its_own(store: Store) -> None:
    assert found(store, "alergic") == found(store, "allergic") == [TEXTS[0]]
    assert found(store, "birthday resturant") == found(store, "birthday restaurant")
    add(store, record("m30", "Works in a resturant"))
    assert found(store, "resturant") == ["Works in a resturant"]


def test_words_of_other_scripts_and_with_accents_are_forgiven_too(store: Store) -> None:
    assert found(store, "собакуу") == ["Любит собаку"]
    add(store, record("m40", "Aime la crème brûlée"))
    assert found(store, "brullée") == ["Aime la crème brûlée"]


def test_what_was_deleted_or_changed_is_no_word_to_be_meant(store: Store) -> None:
    peanuts = store.get("m0")
    assert peanuts is not None
    store.apply(commit(Change("DELETE", peanuts)))
    assert found(store, "alergic") == []


def test_a_filter_holds_for_what_was_meant(store: Store) -> None:
    add(store, record("m50", "Gardening at noon", scope=Scope(user_id="bo")))
    maya = scope_where(Scope(user_id="maya"), user_or_agent=True)
    assert found(store, "gardning") == ["Gardening at noon"]
    assert store.keyword_matches("gardning", maya, 10) == []


def test_of_a_page_of_unknown_words_only_the_first_few_are_looked_for(store: Store) -> None:
    unknown = [f"zq{chr(97 + number) * 4}" for number in range(MOST_WORDS)]
    assert near(store, *unknown[1:], "alergic") == ["allerg"]
    assert near(store, *unknown, "alergic") == []


words = st.text("abc", max_size=6)


def slips_between(one: str, other: str) -> int:
    """Count the slips from one word to another by filling the whole table of their beginnings."""
    table = {(row, 0): row for row in range(len(one) + 1)}
    table |= {(0, column): column for column in range(len(other) + 1)}
    for row, left in enumerate(one, 1):
        for column, right in enumerate(other, 1):
            ways = [table[row - 1, column] + 1, table[row, column - 1] + 1]
            ways.append(table[row - 1, column - 1] + (left != right))
            if row > 1 and column > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
                ways.append(table[row - 2, column - 2] + 1)
            table[row, column] = min(ways)
    return table[len(one), len(other)]


@given(words, words, st.integers(0, 3))
def test_slips_are_counted_as_a_table_of_all_beginnings_counts_them(one: str, other: str, slips: int) -> None:
    assert within(one, other, slips) == (slips_between(one, other) <= slips)
