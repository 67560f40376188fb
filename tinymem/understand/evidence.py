"""Is a fact supported by the words it cites? A cheap check that catches what models invent.

Names and numbers must stand in the words, most other content too, and a "not" must not appear or vanish.
Text in a script without spaces is compared character by character. The check is one of surfaces: it can
miss a wrong fact made of right words, and it must never pass a name or a number that nobody said.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tinymem.understand.terms import (
    NUMBER_WORDS,
    SMALL,
    WORD,
    content,
    fold,
    is_negated,
    numbers,
    reverses,
    stem,
    word_set,
    words,
)

LEAST_SHARE = 0.5  # of a fact's content words; see scripts/train/measure_rules.py
CAPITALISED = re.compile(r"(?<=[^\W_])[\s\"'(“‘/&-]+([^\W\d_a-z][\w.&]*(?:['’-]\w+)*)")
SENTENCE_END = re.compile(r"[.!?]\s")
PIECE = re.compile(r"[.!?;:,()\n]+|\s-+\s|\b(?:but|and|so|because|cos|although|though|with|which)\b")
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
LATIN = re.compile(r"[a-z]")
ENGLISH = word_set(
    "the a is are and to of in i my you it that was for have not with on do me am im what this"
)
OWNED = frozenset({"my", "our"})
NAMING = re.compile(
    r"\b(?:(?:sur|nick|user)?names?|named|call(?:s|ed)?|known as|addressed as)\b", re.IGNORECASE
)
INTRODUCING = r"\b(?:i['’]?m|i am|you are|you['’]re|this is|it['’]?s|myself|sign(?:ed)?|go by)\b"
CALENDAR = word_set("""
monday tuesday wednesday thursday friday saturday sunday january february march april june july august
september october november december
""")
SHORTENED = {name[:3]: name for name in CALENDAR}
# What house style may say although nobody did.
FRAME = word_set("""
prefers lives works needs uses named name called goes takes keeps year old owns born user speaks
dislikes loves enjoys feels makes time day week month plays drinks eats currently planning learning looking
trying going longer known studies runs wishes wants age favourite interested allergic married located belongs
""")


def unsupported(fact_text: str, words_cited: str) -> str | None:
    """Return why the words do not support the fact, or None when they do.

    `words_cited` is everything the fact may draw on: the statement and what resolves its pronouns,
    usually the message and the one before.
    """
    said = _Said.of(words_cited)
    missing = sorted(numbers(fact_text.replace(":00", "")) - said.numbers - _loose_numbers(fact_text, said))
    if missing:
        return f"nobody said the number {missing[0]}"
    for name in names(fact_text):
        if not said.has_name(name):
            return f"nobody said the name {name}"
    if (
        fact_text.startswith("Name is ")
        and _is_english(said)
        and not is_introduced(fact_text[8:], words_cited)
    ):
        return "nobody said that this is a name"
    share = _share(fact_text, said)
    if share < LEAST_SHARE:
        return f"only {share:.0%} of its words were said"
    return _flipped(fact_text, words_cited)


def names(text: str) -> list[str]:
    """Return the capitalised words of a text, without those that begin a sentence."""
    starts = {match.end() for match in SENTENCE_END.finditer(text)}
    found = (match for match in CAPITALISED.finditer(text) if match.start(1) not in starts)
    return [match.group(1).rstrip(".") for match in found if match.group(1)[0].isupper()]


def is_introduced(name: str, words_cited: str) -> bool:
    """Return whether somebody says that a name is his: asked for it, by a word before it, or as a greeting.

    >>> is_introduced("Ana", "Hi, Ana here"), is_introduced("Leeds", "I moved, to Leeds")
    (True, False)
    """
    if NAMING.search(words_cited):
        return True
    first = re.escape(name.split()[0].rstrip(".,"))
    near = rf"(?:{INTRODUCING})[^.!?\n]{{0,25}}(?<!\w){first}\b|(?<!\w){first}[\w ]{{0,30}} here\b"
    heads = rf"(?:^|[.!?\n]\s*){re.escape(name)}(?:[,.!\n]|$)"
    return re.search(f"{near}|{heads}", words_cited, re.IGNORECASE) is not None


class _Said:
    """What was said, in the forms that are looked up."""

    def __init__(self, text: str) -> None:
        folded = fold(text)
        self.text = folded
        self.joined = re.sub(r"\W", "", folded)
        self.words = set(words(text))
        self.stems = {stem(word) for word in self.words}
        self.starts = {word[:5] for word in self.stems if len(word) >= 5}
        whole = {SHORTENED[word[:3]] for word in self.words if word[:3] in SHORTENED and len(word) <= 5}
        self.words |= whole
        self.stems |= {stem(word) for word in whole}
        self.numbers = numbers(text, parts=True)

    @staticmethod
    @lru_cache(maxsize=64)
    def of(text: str) -> _Said:
        """Return the forms of a text; the facts of one message ask for the same text in turn."""
        return _Said(text)

    def has_name(self, name: str) -> bool:
        """Return whether a name was said, perhaps inflected or written apart."""
        if re.search(r"\W", name) and re.sub(r"\W", "", fold(name)) in self.joined:
            return True
        for part in words(name.replace("-", " ")):
            bare = part[:-2] if part.endswith("'s") else part
            if bare in SMALL or bare in self.words or part in self.words or stem(bare) in self.stems:
                continue
            if not self._has_form_of(bare):
                return False
        return True

    def _has_form_of(self, name: str) -> bool:
        """Return whether a folded name stands after a digit ("64gb") or without its last letter or two."""
        if any(
            len(word) >= 4 and 0 < len(name) - len(word) <= 2 and name.startswith(word) for word in self.words
        ):
            return True
        return re.search(rf"(?<![^\W\d_]){re.escape(name)}(?![^\W_])", self.text) is not None

    def has_content(self, word: str) -> bool:
        """Return whether a content word's stem was said, or one that begins like it."""
        return word in self.stems or (len(word) >= 5 and (word[:5] in self.starts or word in self.joined))


def _loose_numbers(fact_text: str, said: _Said) -> set[str]:
    """Return numbers that need not stand in the words: "one" and "second" as plain words, 1 for "a"."""
    loose = {
        str(NUMBER_WORDS[word]) for word in words(fact_text) if word in ("one", "second", "first", "once")
    }
    if said.words & {"a", "an", "single", "only"}:
        loose.add("1")
    if said.words & {"both", "two", "couple"}:
        loose.add("2")
    return loose


def _share(fact_text: str, said: _Said) -> float:
    """Return which share of the fact's content was said, 0..1; 1 where that cannot be judged."""
    folded = fold(fact_text)
    if UNSPACED.search(folded):
        letters = [letter for letter in folded if letter.isalpha()]
        if not UNSPACED.search(said.text):
            return 1.0
        return sum(letter in said.text for letter in letters) / len(letters)
    if bool(LATIN.search(said.text)) != bool(LATIN.search(folded)):
        return 1.0  # another script: only names and numbers can be compared
    wanted = [word for word in content(fact_text) if word not in _frame_stems()]
    wanted = wanted or content(fact_text)
    if not wanted or not _is_english(said):
        return 1.0
    return sum(said.has_content(word) for word in wanted) / len(wanted)


@lru_cache(maxsize=1)
def _frame_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in FRAME)


def _is_english(said: _Said) -> bool:
    """Return whether the words may be English: short, or with some of its small words."""
    return len(said.words) < 8 or len(said.words & ENGLISH) >= 2


def _flipped(fact_text: str, words_cited: str) -> str | None:
    """Return a complaint when the fact denies what was affirmed, or affirms what was denied."""
    if is_negated(fact_text):
        return None if reverses(words_cited) else "it says not, the words do not"
    if reverses(fact_text) or not is_negated(words_cited):
        return None
    wanted = set(content(fact_text))
    supporting = [
        piece for piece in PIECE.split(fold(words_cited)) if wanted and wanted <= set(content(piece))
    ]
    if supporting and all(_denies(piece, wanted) for piece in supporting):
        return "the words say not, it does not"
    return None


def _denies(piece: str, wanted: set[str]) -> bool:
    """Return whether the words of a folded piece deny what is wanted: a "not" just before it."""
    before = ""
    for match in WORD.finditer(piece):
        if stem(match.group()) in wanted:
            near = before.split()[-4:]
            return is_negated(" ".join(near)) and not OWNED.intersection(near)
        before += match.group() + " "
    return False
