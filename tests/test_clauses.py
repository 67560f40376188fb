"""Clauses hold every word once, and quoted text is told from what is said."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.understand.clauses import clauses, is_quoted, quoted_spans, supposed_spans


def pieces(text):
    return [text[start:end] for start, end in clauses(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I live in Leeds. I have a cat!", ["I live in Leeds.", "I have a cat!"]),
        ("im vegan but i love cheese, any ideas?", ["im vegan", "but i love cheese,", "any ideas?"]),
        ("I like tea, coffee and cake", ["I like tea, coffee and cake"]),
        ("I live in Leeds and work as a nurse", ["I live in Leeds and work as a nurse"]),
        ("My wife is a vet and she loves cats", ["My wife is a vet", "and she loves cats"]),
        ("Dr. Lee gave me 3.5 mg at 8 a.m. daily", ["Dr. Lee gave me 3.5 mg at 8 a.m. daily"]),
        ("It rained in Feb. I stayed home", ["It rained in Feb.", "I stayed home"]),
        ("- allergic to nuts\n- vegan", ["allergic to nuts", "vegan"]),
        ("I moved – it's fine; I like it", ["I moved –", "it's fine;", "I like it"]),
        ("see www.example.com/a.b?c=1, thanks", ["see www.example.com/a.b?c=1,", "thanks"]),
        ("my dad (he is 74) is ill", ["my dad", "(he is 74) is ill"]),
        ("I'm Ana 😀 I ski", ["I'm Ana 😀", "I ski"]),
        ("...", []),
    ],
)
def test_where_a_message_is_cut(text, expected):
    assert pieces(text) == expected


@given(
    st.text(max_size=300)
    | st.from_regex(r"(?:(?:I|my|and|but|she|is|Dr)[ ,.;:()!?\n-]{1,2}){1,30}", fullmatch=True)
)
def test_every_word_lies_in_exactly_one_clause(text):
    spans = clauses(text)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert re.sub(r"[\W_]", "", "".join(pieces(text))) == re.sub(r"[\W_]", "", text)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('He said "I love my dog Rex" lol', '"I love my dog Rex"'),
        ("He said “I love my dog” lol", "“I love my dog”"),
        ("Translate this: I love my dog.", "I love my dog."),
        ("fix my code\n```\nmy = 1\n```\nthanks", "```\nmy = 1\n```"),
        ("> I live in Rome\nwhat does he mean", "> I live in Rome"),
        ("Her mail says: I live in Rome", "I live in Rome"),
    ],
)
def test_quoted_text_is_found(text, quoted):
    (span,) = quoted_spans(text)
    assert text[slice(*span)].strip() == quoted


@pytest.mark.parametrize(
    "text", ["I'm Ana's sister and it's 5 o'clock", 'I love "Dune"', "my budget: 900 euros"]
)
def test_apostrophes_titles_and_colons_are_not_quotes(text):
    assert quoted_spans(text) == []


@pytest.mark.parametrize(
    ("text", "supposed"),
    [
        ("If I lived in Rome, I would walk. I live in Leeds.", "If I lived in Rome, I would walk"),
        (
            "Hi. Let's say I earn 50k and my rent is 900. Enough?",
            "Let's say I earn 50k and my rent is 900. Enough?",
        ),
        ("Imagine I have a dog. I walk it.", "Imagine I have a dog. I walk it."),
    ],
)
def test_what_is_only_supposed_is_found(text, supposed):
    (span,) = supposed_spans(text)
    assert text[slice(*span)] == supposed


def test_an_if_inside_a_sentence_supposes_nothing_of_its_own():
    assert supposed_spans("I get migraines if I drink red wine") == []


def test_a_clause_that_holds_a_quote_is_still_said():
    text = 'My favourite film is "The Lord of the Rings" and I have seen it at least nine times'
    assert not is_quoted((0, len(text)), quoted_spans(text))


@given(st.text(max_size=300))
def test_quoted_spans_are_in_order_and_apart(text):
    spans = quoted_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
