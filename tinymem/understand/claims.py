"""What a language model claims, held against what was said, in any language.

`evidence` asks whether names, numbers and denials were said; here it is also asked whether a text has
anything to do with what was said. A model may rephrase, but a text in another script, or of which hardly a
word was said, is an invention. Pure.
"""

from __future__ import annotations

import re
import unicodedata

from tinymem.understand.evidence import UNSPACED, names, unsupported
from tinymem.understand.terms import SMALL, fold, numbers, words

LEAST_SAID = 1 / 3  # of the words that carry meaning; `evidence` asks for more where it knows the language
EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "FULLWIDTH"})
UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a model may write and no text may hold: control characters, and halves of characters."""
SUBJECT = re.compile(
    r"""^the\ (?:user|assistant)(?:['’]s)?\s+
    | ^(?:user|assistant)(?:['’]s\s+|\s+(?=(?:is|was|has|did|will|can)\b|[a-z]{2,}s\b))""",
    re.IGNORECASE | re.VERBOSE,
)
ABBREVIATED = re.compile(r"(?:\.\w+|\b(?:Inc|Ltd|Co|Jr|Sr|St|etc))\.$")


def in_house_style(text: str) -> str:
    """Return a fact in one line, without a subject that means the user, a capital first, no full stop."""
    line = SUBJECT.sub("", " ".join(UNWRITABLE.sub(" ", text).split()), count=1)
    if line.endswith(".") and not line.endswith("..") and not ABBREVIATED.search(line):
        line = line[:-1]
    return line[:1].upper() + line[1:]


def objection(text: str, said: str) -> str | None:
    """Return why a text is not supported by what was said, None if it is."""
    reason = unsupported(text, said)
    if reason is not None:
        return reason
    if not scripts(text) <= scripts(said):
        return "it is written in a script that nobody used"
    if _share_said(text, said) < LEAST_SAID:
        return "hardly any of its words was said"
    return None


def shares_words(text: str, said: str) -> bool:
    """Return whether a longer text in its own words has anything to do with what was said."""
    return _share_said(text, said) > 0.1  # noise has 0, a summary in the same language 0.3 and more


def says_more(fact: str, memory: str) -> bool:
    """Return whether the fact has a name or a number that the memory has not."""
    known = set(words(memory))
    named = {word for name in names(fact) for word in words(name)}
    return bool(named - known or numbers(fact) - numbers(memory, parts=True))


def scripts(text: str) -> set[str]:
    """Return the scripts of a text's letters and their marks, as Unicode names them; East Asia's are one."""
    letters = (letter for letter in text if unicodedata.category(letter)[0] in "LM")
    found = {unicodedata.name(letter, "UNNAMED").split()[0] for letter in letters} - {
        "COMBINING",
        "VARIATION",
    }
    return {"EAST ASIAN" if script in EAST_ASIAN else script for script in found}


def _share_said(text: str, said: str) -> float:
    """Return which share of the text was said, 0..1; a letter is a word where words are not set apart."""
    folded, heard = fold(text), fold(said)
    known = set(words(said))
    letters = UNSPACED.findall(folded)
    spaced = words(UNSPACED.sub(" ", folded))
    wanted = [word for word in spaced if word not in SMALL] or ([] if letters else spaced)
    found = sum(letter in heard for letter in letters) + sum(_is_said(word, known) for word in wanted)
    return found / max(1, len(letters) + len(wanted))


def _is_said(word: str, known: set[str]) -> bool:
    """Return whether a word was said, perhaps with another ending: what it begins with counts."""
    if word in known:
        return True
    beginning = word[:4] if word.isascii() else word[: max(2, len(word) - 3)]
    return len(beginning) >= (4 if word.isascii() else 2) and any(
        each.startswith(beginning) for each in known
    )
