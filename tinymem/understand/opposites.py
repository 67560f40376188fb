"""Two statements in the same words that cannot both be true: "Loves ramen" and "Hates ramen".

A model of meaning finds such pairs very alike, and may take one for the other said again; then what was
said last would be lost. Their words alone tell: the same thing liked and disliked, affirmed and denied, or
preferred the other way round. Pure; a paraphrase in other words is not judged here.
"""

from __future__ import annotations

import re

from tinymem.understand.terms import fold, is_negated, numbers, stem, word_set, words

STANCE = re.compile(
    r"(?P<who>(?:[\w'-]+ ){0,2}?)(?:"
    r"(?P<likes>(?:really )?(?:loves|likes|enjoys|adores|is fond of|is a (?:big )?fan of))|"
    r"(?P<hates>(?:really )?(?:hates|dislikes|detests|loathes|can(?:not|'t) (?:stand|bear)|"
    r"(?:does not|doesn't) (?:like|enjoy)|is not (?:fond|a fan) of))"
    r") (?P<what>\S.*)"
)
PREFERS = re.compile(r"(?P<who>.*?)\bprefers (?P<more>.+?) (?:to|over|than|rather than) (?P<less>.+)")
DENYING = word_set("not no never does doesn't do don't any a an the anymore longer cannot can can't")
ARTICLES = word_set("a an the")


def opposed(one: str, other: str) -> bool:
    """Tell whether two facts say the opposite of each other in the same words.

    Example:
        >>> opposed("Prefers tea to coffee", "Prefers coffee to tea")
        True
        >>> opposed("Hates scary movies", "Cannot stand horror films")
        False
    """
    first, second = fold(one).strip(" .!"), fold(other).strip(" .!")
    return _other_stance(first, second) or _other_order(first, second) or _denies(first, second)


def swaps_a_word(one: str, other: str) -> bool:
    """Tell whether two facts differ in exactly one word after the first, as "Is vegan", "Is vegetarian" do.

    Such a word is more often another value than another name for the same: it must not be taken for a
    repetition. Its short form ("photo", "photograph") may be.
    """
    first, second = ([stem(word) for word in words(text) if word not in ARTICLES] for text in (one, other))
    if len(first) != len(second):
        return False
    swapped = [place for place, pair in enumerate(zip(first, second, strict=True)) if len(set(pair)) == 2]
    if len(swapped) != 1 or swapped[0] == 0:
        return False
    short, long = sorted((first[swapped[0]], second[swapped[0]]), key=len)
    return not long.startswith(short)


def _other_stance(one: str, other: str) -> bool:
    """Tell whether one likes what the other dislikes."""
    first, second = STANCE.fullmatch(one), STANCE.fullmatch(other)
    if first is None or second is None or bool(first["likes"]) == bool(second["likes"]):
        return False
    return first["who"] == second["who"] and _bag(first["what"]) == _bag(second["what"])


def _other_order(one: str, other: str) -> bool:
    """Tell whether two preferences name the same two things, each the other first."""
    first, second = PREFERS.fullmatch(one), PREFERS.fullmatch(other)
    if first is None or second is None or first["who"] != second["who"]:
        return False
    more, less = _bag(first["more"]), _bag(first["less"])
    return more != less and more == _bag(second["less"]) and less == _bag(second["more"])


def _denies(one: str, other: str) -> bool:
    """Tell whether one is the other with a denial in it."""
    return (
        is_negated(one) != is_negated(other)
        and bool(_bag(one))
        and _bag(one) == _bag(other)
        and numbers(one) == numbers(other)
    )


def _bag(text: str) -> list[str]:
    """Return the stems of a text's words without what denies and without articles, sorted."""
    return sorted(stem(word) for word in words(text) if word not in DENYING)
