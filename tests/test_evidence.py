"""What the words support passes; an invented name or number, or a lost "not", never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.understand.evidence import names, unsupported
from tinymem.understand.terms import is_negated, numbers, stem


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ("Is allergic to peanuts", "im allergic to peanuts btw"),
        ("Works as a nurse in Leeds", "I'm a nurse, working in Leeds"),
        ("Has two children", "i have 2 kids"),
        ("Has 2 children", "i have two kids"),
        ("Sister Maya is allergic to cats", "my sister maya can't have cats, she's allergic"),
        ("Does not like thrillers", "I don’t like thrillers"),
        ("Does not like thrillers", "thrillers? dont like them"),
        ("Does not eat meat", "I stopped eating meat"),
        ("Budget is 9000", "budget is 9k"),
        ("Rent is 1200", "our rent is 1,200 a month"),
        ("Has choir on Tuesday at 19:30", "choir tue at 19.30"),
        ("Likes olives", "I don't like capers but I like olives"),
        ("Has a brother", "don't tell my brother"),
        ("Has trouble with Wi-Fi at home", "wifi trouble at home"),
        ("Mag keine Hunde", "Ich mag keine Hunde"),
        ("José lives in Malmö", "jose lives in malmo"),
        ("猫アレルギーがある", "私は猫アレルギーがあります"),
        ("Name is Ana", "I'm Ana and I have a dog"),
        ("Name is Ana Sousa", "Ana Sousa here, from Leeds"),
        ("Name is Dr. Okafor", "This is Dr. Okafor from the clinic"),
        ("Name is Piotr", "me in short. Piotr. 52. forklift driver in Swindon"),
        ("Name is Ana", "And who are you, what do I call you?\nAna"),
        ("Name is Jürgen", "Ich heiße Jürgen und wohne mit meiner Frau und zwei Kindern in Bonn"),
        ("Likes dogs", "Ich mag Hunde wirklich sehr gern und wir haben immer welche gehabt"),
    ],
)
def test_what_was_said_is_supported(fact, words):
    assert unsupported(fact, words) is None


@pytest.mark.parametrize(
    ("fact", "words", "reason"),
    [
        ("Sister Anna is a nurse", "my sister is a nurse", "Anna"),
        ("Lives in Paris", "I live in Lyon", "Paris"),
        ("Daughter is called Anna", "my daughter is called Savannah", "Anna"),
        ("Has three cats", "I have two cats", "number 3"),
        ("Budget is 950", "budget is 900", "950"),
        ("Flight is at 6:10", "flight is at 6:20", "10"),
        ("Does not like olives", "I like olives", "says not"),
        ("Likes olives", "I don't like olives", "words say not"),
        ("Likes olives", "i dont like olives", "words say not"),
        ("Enjoys mountain biking at weekends", "I work in a bank and have a dog", "were said"),
        ("犬が好きです", "私は猫アレルギー", "were said"),
        ("Name is Kothrud", "Pune yes, Kothrud", "is a name"),
        ("Name is Otis Redding", "perfect, love soul. Otis Redding especially", "is a name"),
        ("Name is Canterbury to Reims", "So far done: Canterbury to Reims.", "is a name"),
        ("Name is 田中 and lives with 3 cats", "Name is 田中 and lives with cats", "number 3"),
    ],
)
def test_what_was_not_said_is_named(fact, words, reason):
    assert reason in (unsupported(fact, words) or "")


def test_names_are_the_capitalised_words_that_begin_no_sentence():
    assert names("Sister Maya moved to New York. Works for O'Neil & Sons") == [
        "Maya",
        "New",
        "York",
        "O'Neil",
        "Sons",
    ]


@pytest.mark.parametrize("text", ["I cant", "I can't", "do not", "wont", "never", "isn’t", "without sugar"])
def test_negations_with_and_without_apostrophe(text):
    assert is_negated(text)


@pytest.mark.parametrize(
    "text", ["I want it", "an assistant", "spare room to rent", "went home", "a plant", "note"]
)
def test_words_that_only_look_like_negations(text):
    assert not is_negated(text)


def test_numbers_however_written():
    assert numbers("twenty-five of 1,200 at 3.5, 9k, twice") >= {"25", "1200", "3.5", "9", "9000", "2"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("lives", "living"), ("studies", "study"), ("kids", "children"), ("three", "3"), ("mum", "mother")],
)
def test_inflections_share_a_stem(one, other):
    assert stem(one) == stem(other)


@given(st.text(max_size=80))
def test_any_text_supports_itself_or_gives_a_reason(text):
    assert unsupported(text, text) is None


@given(st.text(max_size=60), st.text(max_size=60), st.integers(1000, 9_999_999))
def test_a_number_nobody_said_never_passes(fact, words, number):
    if str(number) not in words:
        assert unsupported(f"{fact} {number}", words) is not None
