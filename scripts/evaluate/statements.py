"""Does a text state a fact? By its key words, and by whether it is written as a memory at all.

A memory is one short statement in the third person that does not stammer and is worded about like the
fact; otherwise keeping whole messages would look like remembering. All texts are compared folded: lower
case, without accents, with plain quotes and dashes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from scripts.evaluate.cases import Expected
from tinymem.understand.terms import word_set

LONGEST_MEMORY = 30  # words
LEAST_LIKENESS = 0.3  # F1 of the content words
STEM = 5  # letters: words that begin with the same ones count as the same word

PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-"})
QUOTED = re.compile(r'"[^"]*"|(?<!\w)\'[^\']*\'(?!\w)')
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
FIRST_PERSON = word_set("i i'm i've i'd i'll im ive my myself me mine")
NUMERAL = re.compile(r"\b(?:War|Type|Part|Phase|Stage|Level|Grade|Act|Book|Volume|Calculus|Class) I\b")
ARTICLES = word_set("a an the gold coal")
COPULAS = word_set("is has likes wants was")
SMALL = word_set(
    "a an and are as at be been but by did do does for from had has have he her his in is it its no not"
    " of on or out own she so than that the their then they this to too up user very was were with"
)


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return a text as it is compared: lower case, accents dropped, typographic marks made plain."""
    letters = unicodedata.normalize("NFKD", text.translate(PLAIN))
    return "".join(each for each in letters if not unicodedata.combining(each)).lower()


def says(fact: Expected, text: str) -> bool:
    """Does the text say the fact, however it is written?"""
    folded = fold(text)

    def has_any(wanted: Iterable[str]) -> bool:
        return any(fold(each) in folded for each in wanted)

    return not has_any(fact.unless) and all(has_any(group) for group in fact.must)


def states(fact: Expected, memory: str) -> bool:
    """Does this memory state the fact, and is it written as a memory of it?"""
    return says(fact, memory) and is_memory(memory) and (not fact.text or is_like(memory, fact.text))


def is_memory(text: str) -> bool:
    """Is it one short statement in the third person, without a stammer?"""
    return len(text.split()) <= LONGEST_MEMORY and not in_first_person(text) and not stammers(text)


def in_first_person(text: str) -> bool:
    """Does somebody speak of themselves, outside quotation marks?"""
    bare = NUMERAL.sub(" ", QUOTED.sub(" ", text.translate(PLAIN))).replace("i.e.", " ")
    return any(is_pronoun(before.lower(), word) for before, word in pairwise(["", *WORD.findall(bare)]))


def is_pronoun(before: str, word: str) -> bool:
    """Is it a pronoun of the first person? In "a gold mine" and "has ME" there is none."""
    if word == "ME" or word.lower() not in FIRST_PERSON:
        return False
    return word.lower() != "mine" or before not in ARTICLES


def stammers(text: str) -> bool:
    """Does it say a word twice running, the same two words twice, or that a thing is itself?"""
    words = WORD.findall(fold(text))
    pairs = [pair for pair in pairwise(words) if all(len(word) > 1 and word[0].isalpha() for word in pair)]
    itself = any(a == c and b in COPULAS for a, b, c in zip(words, words[1:], words[2:], strict=False))
    return itself or any(a == b for a, b in pairs) or len(set(pairs)) < len(pairs)


def is_like(memory: str, text: str) -> bool:
    """Do they share enough content words, by their first letters?"""
    ours, theirs = content(memory), content(text)
    return bool(ours & theirs) and 2 * len(ours & theirs) / (len(ours) + len(theirs)) >= LEAST_LIKENESS


def content(text: str) -> set[str]:
    """Return the beginnings of the words that carry meaning."""
    words = (word.removesuffix("'s") for word in WORD.findall(fold(text)))
    return {word[:STEM] for word in words if word not in SMALL}
