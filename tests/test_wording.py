"""The words that facts are made of: how texts are cut into them, inflected, and joined again."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.understand.wording import FORMS, Word, formed, joined, plain, words_of


def surfaces(text: str) -> list[str]:
    return [word.surface for word in words_of(text)]


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()


TYPED = st.text("abZé\u0301漢9 '’.,:;-–+#%°$()/@&\n😀", max_size=80)
TEXTS = st.text(max_size=120) | TYPED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I've a dog, Rex.", ["I've", "a", "dog", ",", "Rex", "."]),
        ("paid $5.50 at 9:30", ["paid", "$5.50", "at", "9:30"]),
        ("it’s 1,000 km", ["it’s", "1,000", "km"]),
        ("ana@example.com or @ana", ["ana@example.com", "or", "@ana"]),
        ("the dogs' bowl", ["the", "dogs", "'", "bowl"]),
        ("90% of 20°C", ["90%", "of", "20°C"]),
        ("C++, C# and 5+", ["C++", ",", "C#", "and", "5+"]),
        ("-5 outside, since the '90s", ["-5", "outside", ",", "since", "the", "'90s"]),
        ("mother-in-law", ["mother-in-law"]),
        ("cafe\u0301 Zoe\u0308", ["cafe\u0301", "Zoe\u0308"]),
        ("(yes!)", ["(", "yes", "!", ")"]),
        ("我住在北京。", ["我住在北京", "。"]),
        ("tea ☕", ["tea", "☕"]),
        (" \n", []),
        ("", []),
    ],
)
def test_where_a_text_is_cut_into_words(text: str, expected: list[str]) -> None:
    assert surfaces(text) == expected


@given(TEXTS)
def test_words_are_what_stands_at_their_offsets_in_order(text: str) -> None:
    found = words_of(text, 0)
    assert all(text[word.start : word.end] == word.surface and word.text == 0 for word in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert not any(character.isspace() for word in found for character in word.surface)


@given(TEXTS)
def test_only_white_space_lies_between_words(text: str) -> None:
    assert "".join(surfaces(text)) == re.sub(r"\s", "", text)


@given(TEXTS, st.integers(0, 60), st.integers(0, 60))
def test_a_range_of_a_text_has_the_offsets_of_the_whole(text: str, one: int, other: int) -> None:
    low, high = sorted((min(one, len(text)), min(other, len(text))))
    found = words_of(text, 1, low, high)
    assert all(low <= word.start < word.end <= high for word in found)
    assert all(text[word.start : word.end] == word.surface for word in found)
    assert letters("".join(word.surface for word in found)) == letters(text[low:high])


@given(TEXTS)
def test_words_that_are_joined_again_have_every_letter_and_digit(text: str) -> None:
    assert letters(joined(surfaces(text))) == letters(text)


@given(TYPED)
def test_joining_again_changes_nothing(text: str) -> None:
    once = joined(surfaces(text))
    assert joined(surfaces(once)) == once


@pytest.mark.parametrize(
    "text",
    [
        "Has a dog, Rex (5), and a cat.",
        "Sister's name is Ana; she's 30!",
        "Lives in St. Gallen, not in “Bern”",
        "Pays $5.50 for 90% of 3 cups: why?",
        "Works with C++ and C#",
        "Keeps the dogs' bowls [two of them] …",
    ],
)
def test_ordinary_lines_come_back_as_they_were_cut(text: str) -> None:
    assert joined(surfaces(text)).replace(" …", "…") == text.replace(" …", "…")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], ""),
        (["is", "vegan"], "Is vegan"),
        (["a", ",", "b", ";", "c", ":", "d", "."], "A, b; c: d."),
        (["(", "a", ")", "[", "b", "]", "{", "c", "}"], "(a) [b] {c}"),
        (["dogs", "'", "toys"], "Dogs' toys"),
        ([",", "a"], ", a"),
        (["éclair"], "Éclair"),
    ],
)
def test_punctuation_stands_where_it_is_written(words: list[str], line: str) -> None:
    assert joined(words) == line


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("work", ["work", "works", "work", "work's"]),
        ("Have", ["Have", "has", "Have", "Have's"]),
        ("study", ["study", "studies", "study", "study's"]),
        ("am", ["am", "is", "am", "am's"]),
        ("sister's", ["sister's", "sister's", "sister", "sister's"]),
        ("Maya’s", ["Maya’s", "Maya’s", "Maya", "Maya’s"]),
        ("34", ["34", "34", "34", "34's"]),
        ("'", ["'", "'", "'", "'"]),
    ],
)
def test_a_word_has_four_forms(word: str, expected: list[str]) -> None:
    assert [formed(word, form) for form in range(len(FORMS))] == expected


@given(TEXTS, st.integers(0, len(FORMS) - 1))
def test_a_form_of_a_word_is_never_empty_and_keeps_its_beginning(text: str, form: int) -> None:
    for word in words_of(text):
        said = formed(word.surface, form)
        assert said
        assert not re.search(r"\s", said)
        assert plain(said)[:1] == plain(word.surface)[:1] or plain(said) in ("is", "has")


def test_words_are_compared_without_case_and_typographic_apostrophes() -> None:
    assert plain("Ana’S") == plain("ana's") == "ana's"


def test_a_word_says_which_text_it_is_from() -> None:
    assert words_of("hi", 0) == [Word("hi", 0, 0, 2)]
    assert words_of("oh hi", start=3) == [Word("hi", 1, 3, 5)]
