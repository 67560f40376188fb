"""Whom a query names: every name as a person would write it, and never more than the names taken out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.recall.names import LONGEST_NAME, MOST_WORDS, possible_names, without_names


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("What does Ana like?", "Ana"),
        ("what does ana like", "ana"),
        ("Ana's cat", "Ana"),
        ("Ana’s cat", "Ana"),
        ("James' car", "James"),
        ("Tell me about Ana.", "Ana"),
        ("Ana, what did you say?", "Ana"),
        ("Did (Ana) come?", "Ana"),
        ("Where was O'Brien?", "O'Brien"),
        ("Where was O’Brien’s dog?", "O’Brien"),
        ("Is Jean-Luc home?", "Jean-Luc"),
        ("Who is Dr. Kim married to?", "Dr. Kim"),
        ("What did J.R. say?", "J.R."),
        ("What did Ana Maria Lopez say?", "Ana Maria Lopez"),
        ("Has Étienne called?", "Étienne"),
        ("Что сказала Аня?", "Аня"),
        ("What did user_7 want?", "user_7"),
    ],
)
def test_a_name_is_among_the_possible_names_and_is_taken_out(query: str, name: str) -> None:
    assert name in possible_names(query)
    rest = without_names(query, [name])
    assert name not in rest
    assert set(re.findall(r"\w{2,}", rest)) <= set(re.findall(r"\w{2,}", query))


def test_every_run_of_up_to_three_words_is_offered_once() -> None:
    assert possible_names("ana met Bob, ana met") == [
        *("ana", "met", "Bob"),
        *("ana met", "met Bob", "Bob, ana"),
        *("ana met Bob", "met Bob, ana", "Bob, ana met"),
    ]


@pytest.mark.parametrize("query", ["", "?!", "4711", "🎉"])
def test_a_query_without_words_names_nobody(query: str) -> None:
    assert possible_names(query) == []
    assert without_names(query, []) == query


def test_a_very_long_query_offers_only_its_beginning() -> None:
    names = possible_names(" ".join(f"word{number}" for number in range(100_000)))
    assert len(names) == sum(MOST_WORDS - length + 1 for length in range(1, LONGEST_NAME + 1))
    assert not any(f"word{MOST_WORDS}" in name for name in names)


@pytest.mark.parametrize(
    ("query", "names", "rest"),
    [
        ("What did ANA say?", ["Ana"], "What did say?"),
        ("Is Diana taller than Ana?", ["Ana"], "Is Diana taller than ?"),
        ("Did Ana Maria meet Ana?", ["Ana", "Ana Maria"], "Did meet ?"),
        ("What did J.R. do in 1980?", ["J.R."], "What did do in 1980?"),
        ("Did a.b come, or aXb?", ["a.b"], "Did come, or aXb?"),
        ("What is tea?", [], "What is tea?"),
    ],
)
def test_only_whole_names_are_taken_out_longest_first(query: str, names: list[str], rest: str) -> None:
    assert without_names(query, names) == rest


@pytest.mark.parametrize("query", ["Ana", "Ana?", "Ana's", "Ana, 4711!"])
def test_a_query_that_is_nothing_but_names_stays_as_it_is(query: str) -> None:
    assert without_names(query, ["Ana"]) == query


@given(st.text(max_size=60))
def test_any_text_can_be_asked(query: str) -> None:
    names = possible_names(query)
    assert len(set(names)) == len(names)
    assert without_names(query, []) == query
    rest = without_names(query, names[:3])
    assert rest == query or len(rest) <= len(query)
