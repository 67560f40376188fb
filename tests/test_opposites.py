"""Facts that say the opposite in the same words, and the many that only look like it."""

import pytest

from tinymem.understand.opposites import opposed, swaps_a_word


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Loves ramen", "Hates ramen"),
        ("Likes coffee", "Does not like coffee"),
        ("Enjoys horror films", "Can't stand horror films"),
        ("Sister Anna loves cats", "Sister Anna hates cats"),
        ("Prefers tea to coffee", "Prefers coffee to tea"),
        ("Prefers trains over planes", "Prefers planes to trains"),
        ("Is allergic to nuts", "Is not allergic to nuts"),
        ("Has a dog", "Has no dog"),
        ("Eats meat", "Does not eat meat"),
        ("Drinks coffee", "Never drinks coffee"),
        ("Is vegan", "Is not vegan anymore"),
    ],
)
def test_opposites_are_opposed_either_way(one, other):
    assert opposed(one, other)
    assert opposed(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Loves ramen", "Likes ramen"),
        ("Loves ramen", "Hates udon"),
        ("Loves ramen", "Hates ramen without egg"),
        ("Sister Anna loves cats", "Hates cats"),
        ("Sister Anna loves cats", "Sister Maya hates cats"),
        ("Prefers tea to coffee", "Prefers tea to water"),
        ("Prefers to work from home", "Prefers to work from home"),
        ("Does not like olives", "Hates olives"),
        ("Wants a dog", "Has no dog"),
        ("Does not eat pork", "Avoids pork completely"),
        ("Eats meat", "Did not eat meat yesterday"),
        ("Is 30", "Is not 31"),
        ("", "Not"),
    ],
)
def test_what_can_stand_beside_it_is_not_opposed(one, other):
    assert not opposed(one, other)
    assert not opposed(other, one)


@pytest.mark.parametrize(
    ("one", "other", "swaps"),
    [
        ("Is vegan", "Is vegetarian", True),
        ("Has a brother", "Has a sister", True),
        ("Is a beginner at chess", "Is an expert at chess", True),
        ("Wakes up early", "Wakes up late", True),
        ("Hates cod", "Dislikes cod", False),
        ("Took a photo", "Took a photograph", False),
        ("Has two cats", "Has 2 cats", False),
        ("Has a cat", "Has a cat and a dog", False),
        ("Works as a baker in Ghent", "Is a baker in Ghent", False),
    ],
)
def test_one_other_word_is_another_value(one, other, swaps):
    assert swaps_a_word(one, other) is swaps
    assert swaps_a_word(other, one) is swaps
