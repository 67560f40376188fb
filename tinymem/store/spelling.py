"""Misspelt words: what a word that stands nowhere may have been meant to be, by the words that stand there.

A word of the index is near when a slip or two lead to it: a letter too many, one missing, one for another, or
two that changed places. Codes are left alone: XK-4471 is another code as soon as one character differs.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from tinymem.store.keywords import STOP_WORDS
from tinymem.store.vocabulary import tokenizer

LEAST_LETTERS = 5
"""A shorter word has too many others beside it to say which one was meant."""

TWO_SLIPS_LETTERS = 7
"""From so many letters on, of a word or of its stem, two slips are forgiven."""

MOST_WORDS = 8
"""How many words of one query are looked for; each costs 1 to 8 ms among 100,000 memories and words."""

_BEGINNING = "SELECT term FROM temp.indexed_words WHERE term >= ?1 AND term < ?1 || char(0x10FFFF)"


def near_words(connection: apsw.Connection, phrases: Iterable[str]) -> list[str]:
    """Return the words to look for instead of phrases that stand nowhere, of those that are words.

    They count like any word: what stands nowhere adds nothing to a score that they would be weighed against.
    """
    words = [phrase for phrase in dict.fromkeys(phrases) if _is_word(phrase)]
    meant = [word for word in words if not _says_little(word)][:MOST_WORDS]
    return list(dict.fromkeys(near for word in meant for near in _nearest(connection, word)))


def _is_word(phrase: str) -> bool:
    """Tell whether this is one word, long enough, and no code."""
    letters = not any(character.isspace() or character.isdigit() for character in phrase)
    return letters and len(phrase) >= LEAST_LETTERS


def _says_little(word: str) -> bool:
    """Tell whether a word is a slip of one that says little."""
    return any(within(word, stop_word, 1) for stop_word in STOP_WORDS)


def _nearest(connection: apsw.Connection, word: str) -> list[str]:
    """Return the words of the index to which the fewest slips lead.

    Its words are stems, so both the word and its stem may be near them. The first letter is taken to be
    right, and the second to stand at its place or to have been skipped: that bounds what is looked at.
    """
    forms = {word, *tokenizer(connection)(word)}
    beginnings = {word[:2], word[0] + word[2]}
    terms = [str(term) for each in beginnings for (term,) in connection.execute(_BEGINNING, (each,))]
    for slips in (1, 2):
        able = [form for form in forms if slips == 1 or len(form) >= TWO_SLIPS_LETTERS]
        near = [term for term in terms if any(within(form, term, slips) for form in able)]
        if near:
            return sorted(near)
    return []


def within(one: str, other: str, slips: int) -> bool:
    """Tell whether at most so many slips lead from one word to another.

    >>> within("birhtday", "birthday", 1), within("wendsday", "wednesday", 1), within("cat", "cat", 0)
    (True, False, True)
    """
    if abs(len(one) - len(other)) > slips:
        return False
    start = 0
    while start < len(one) and start < len(other) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    if not one or not other:
        return True  # what is left of the longer one is no more than the slips
    if slips == 0:
        return False
    rest = [(one[1:], other[1:]), (one[1:], other), (one, other[1:])]
    if one[:2] == other[1::-1]:
        rest.append((one[2:], other[2:]))
    return any(within(first, second, slips - 1) for first, second in rest)
