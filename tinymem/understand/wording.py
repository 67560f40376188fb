"""The words that a written fact is made of: those of the source, in four forms, and house words.

The writer model chooses words, never letters: a word of a fact is either copied from the source (as it
stands, in the third person, without or with a possessive ending) or one of the model's own house words. So a
name, a number or a typo's mending can never be half right. Training and the library both cut, inflect and
join words here, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinymem.understand.conjugate import base_of_third, is_base, past_tense, third_person

LETTERS = r"\w[\w\u0300-\u036f]*"  # an accent may be a character of its own
WORD = re.compile(
    rf"(?:[£$€¥#@~+]|['’-](?=\d))?{LETTERS}(?:['’.,:/@&+–-]{LETTERS})*"
    r"(?:%|°[CF]?|\+{1,2}(?!\w)|\#(?!\w))?|[^\w\s]"
)
FORMS = ("as said", "third person", "bare", "possessive")
CLOSING = frozenset(",.;:!?)]}%…”")
OPENING = frozenset("([{“")
EMPHATIC = re.compile(r"Did (?P<verb>[a-z]+)\b")
UNFINISHED = re.compile(r"\b(?:eats|has|wants|needs|likes|an?|the|my|of|very|and|or|because)$")
TWO_VERBS = re.compile(
    r"(?:Has|Takes|Gets|Is|Wants|Makes|Uses|Was|Likes|Had) (?:[\w-]+ ){0,2}(?:is|are|was|were)\b(?! not)"
)
POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True)
class Word:
    """A word of the source: characters `start` to `end` of `text`; 0 is what came before, 1 the message."""

    surface: str
    text: int
    start: int
    end: int


def words_of(text: str, number: int = 1, start: int = 0, end: int | None = None) -> list[Word]:
    """Return the words of text[start:end], in order; punctuation marks are words of their own."""
    last = len(text) if end is None else end
    return [Word(m.group(0), number, m.start(), m.end()) for m in WORD.finditer(text, start, last)]


def plain(word: str) -> str:
    """Return how a word is compared: lower case, straight apostrophe."""
    return word.lower().replace("’", "'")


def formed(word: str, form: int) -> str:
    """Return a source word in one of FORMS.

    >>> [formed("work", form) for form in range(4)]
    ['work', 'works', 'work', "work's"]
    """
    if form == 1:
        bent = word.isalpha() and base_of_third(word.lower()) is None  # "fixes" is bent already
        return third_person(word.lower()) if bent else word
    if form == 2:
        return POSSESSIVE.sub("", word) or word
    if form == 3:
        return word if POSSESSIVE.search(word) else f"{word}'s"
    return word


def joined(words: Sequence[str]) -> str:
    """Return words as a line of text: no space before closing marks or after opening ones; a capital first.

    >>> joined(["has", "a", "dog", ",", "Rex", "(", "5", ")"])
    'Has a dog, Rex (5)'
    """
    line = ""
    for word in words:
        tight = not line or word in CLOSING or line[-1] in OPENING or (word in "'’" and len(word) == 1)
        line += word if tight else f" {word}"
    return line[:1].upper() + line[1:]


def mended(text: str) -> str:
    """Return a written fact with an open bracket closed, and "did" before a verb made its past.

    >>> mended("Did get a raise"), mended("Is colour-blind (deuteranopia")
    ('Got a raise', 'Is colour-blind (deuteranopia)')
    """
    emphatic = EMPHATIC.match(text)
    if emphatic and is_base(emphatic["verb"]):
        text = past_tense(emphatic["verb"]).capitalize() + text[emphatic.end() :]
    return f"{text})" if text.count("(") > text.count(")") else text


def is_broken(text: str) -> bool:
    """Return whether a fact begins with two verbs of which only one can be meant, or ends before its end.

    >>> is_broken("Takes home is about 3,100 a month"), is_broken("Has a dog that is ill")
    (True, False)
    >>> is_broken("Husband Tomas eats"), is_broken("Is not a doctor but cousin is")
    (True, False)
    """
    return TWO_VERBS.match(text) is not None or UNFINISHED.search(text) is not None
