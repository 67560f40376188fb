"""Keywords: what a memory's text looks like to FTS5, and any user's text as a safe FTS5 query.

One segmentation serves the index, the query and the `keywords` filter, so what one of them sees
the others find: compatibility forms, case and accents are folded, apostrophes and hyphens are
understood, emoji are words, and scripts written without spaces (Chinese, Japanese, Korean, Thai
and others) are cut into characters: all 21 questions of tests/test_search_languages.py in such scripts
find their memory, 6 do by FTS5's unicode61 alone and 9 by its trigrams. Characters outside ASCII are
then moved to a private-use plane, where the tokenizer `porter unicode61` neither splits, folds nor
forgets them. This is the only module that quotes for FTS5; user text must never reach MATCH by another way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

MAX_QUERY_TERMS = 64
"""A pasted page asks for its longest words only; each term costs a walk through its postings."""

MAX_QUERY_PHRASES = 16
"""Two words side by side, "support group", say more where they stand so again: on LoCoMo the evidence that
`search` finds within 10 rises by 0.006."""

CODE_TIMES = 3
"""How often a word with a digit is asked for: its meaning tells nothing, and each character counts."""

MAX_QUERY_CHARACTERS = 20_000
MAX_WORD_CHARACTERS = 128

_EAST_ASIAN = "\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
_EAST_ASIAN += "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd"
_SOUTHEAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\u1b00-\u1b7f"
_SOUTHEAST_ASIAN += "\ua980-\ua9ff\uaa60-\uaadf"
_SEGMENT = re.compile(
    f"(?P<east>[{_EAST_ASIAN}]+)|(?P<southeast>[{_SOUTHEAST_ASIAN}]+)|[^ {_EAST_ASIAN}{_SOUTHEAST_ASIAN}]+"
)

# Accents, points and vowel marks that people leave out when they type, and the Arabic stretcher.
_OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\ufe00-\ufe0f]+"
)
_UNDECOMPOSED = {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ħ": "h", "ı": "i"}
_APOSTROPHES = "'\u2018\u2019\u02bc\u02b9\u2032\uff07`\u00b4"
_JOINERS = frozenset("'`-")
_CONTRACTED = frozenset({"s", "re", "ve", "ll", "d", "m"})

_ENGLISH = """
a about after all also am an and any are arent as at be because been before being but by can cant
could couldnt did didnt do does doesnt doing dont each few for from had hadnt has hasnt have havent
having he her here hers herself him himself his how i if in into is isnt it its itself just me more
most my myself no nor not of off on once only or other our ours ourselves out over own same she
should shouldnt so some such than that the their theirs them themselves then there these they this
those through to too under until up us very was wasnt we were werent what when where which while who
whom whose why will with wont would wouldnt you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_ENGLISH.split())
"""Words that say little; dropped from queries only, and only where something else is left.

Source: on LoCoMo (see `schema.TOKENIZER`) 0.604 of the evidence is found so, 0.562 where they stay.
"""


class _FoldTable(dict[int, "str | None"]):
    """Maps each character for `str.translate` to what segmentation sees; filled as characters are met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        kind = unicodedata.category(character)
        folded: str | None
        if character in _APOSTROPHES:
            folded = "'"
        elif kind == "Pd":
            folded = "-"
        elif kind == "Nd":
            folded = str(unicodedata.decimal(character))
        elif kind[0] in "LMN":
            folded = _UNDECOMPOSED.get(character, character)
        elif kind in ("So", "Cn", "Co"):  # Cn: an emoji newer than this Python is still an emoji
            folded = f" {character} " if code < 0x20000 else " "
        elif kind == "Cf" and code != 0x200B:  # joiners and soft hyphens; U+200B parts words
            folded = None
        else:
            folded = " "
        self[code] = folded
        return folded


_FOLD = _FoldTable({ord(character): character for character in "abcdefghijklmnopqrstuvwxyz0123456789 "})


class _MoveTable(dict[int, int]):
    """Moves what is not ASCII to planes 15 and 16 for `str.translate`; planes 2 and up are safe."""

    def __missing__(self, code: int) -> int:
        moved = code + 0xF0000 if 0x80 <= code < 0x20000 else code
        self[code] = moved
        return moved


_MOVE = _MoveTable()


def _fold(text: str) -> str:
    """Fold case, width, accents and punctuation; what is left are words, runs, `'`, `-` and spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        text = _OPTIONAL_MARKS.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFKC", text)
    return text.casefold().translate(_FOLD)


def _parts(word: str) -> tuple[str, ...]:
    """Split a folded word at hyphens and apostrophes: wi-fi -> wi, fi; maya's -> maya; don't -> dont."""
    parts: list[str] = []
    for piece in word.split("-"):
        stem, apostrophe, tail = piece.strip("'").rpartition("'")
        if apostrophe and tail in _CONTRACTED:
            parts += stem.split("'")
        elif apostrophe and tail == "t" and stem.endswith("n"):
            parts += (stem + tail).split("'")
        else:
            parts += (stem + apostrophe + tail).split("'")
    return tuple(part[:MAX_WORD_CHARACTERS] for part in parts if part)


def _segments(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Fold a text and cut it."""
    return _cut(_fold(text))


def _cut(folded: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each word as its parts with 0, each run without spaces as its characters with a gram size.

    Two characters make a word in Chinese, Japanese and Korean; in Thai and its neighbours, where
    vowels and tones are characters of their own, three say about as much.
    """
    for piece in folded.split():
        if piece.isalnum() and piece.isascii():
            yield (piece[:MAX_WORD_CHARACTERS],), 0
            continue
        for match in _SEGMENT.finditer(piece):
            if match.lastgroup is not None:
                yield tuple(match[0]), 2 if match.lastgroup == "east" else 3
            elif parts := _parts(match[0]):
                yield parts, 0


def _joined(parts: tuple[str, ...]) -> str | None:
    """Return a compound written as one word (wi-fi -> wifi), None for plain words and long chains."""
    count = len(parts)
    return "".join(parts)[:MAX_WORD_CHARACTERS] if 1 < count < 4 else None


def words(text: str) -> list[str]:
    """Return the folded words of a text in order; a run without spaces gives its characters."""
    return [part for parts, _ in _segments(text) for part in parts]


def index_text(text: str) -> str:
    """Return what FTS5 stores for a memory: tokens that `porter unicode61` takes exactly as they are."""
    folded = _fold(text)
    if folded.isascii() and _JOINERS.isdisjoint(folded):  # nothing but words
        return " ".join([word[:MAX_WORD_CHARACTERS] for word in folded.split()])
    tokens: list[str] = []
    for parts, gram in _cut(folded):
        tokens += parts
        if not gram and (joined := _joined(parts)):
            tokens.append(joined)
    return " ".join(tokens).translate(_MOVE)


def match_query(text: str) -> str | None:
    """Return an FTS5 MATCH expression that finds memories with any word of the text, None if it has none.

    Stop words are left out unless nothing else is left. Words side by side are asked for as a phrase, too.
    A run without spaces is asked for by its overlapping pairs (or triples) of characters, each a phrase. At
    most `MAX_QUERY_TERMS` terms, and `MAX_QUERY_PHRASES` phrases of words.
    """
    terms: dict[str, None] = {}
    stopped: dict[str, None] = {}
    said: list[str] = []
    for parts, gram in _segments(text[:MAX_QUERY_CHARACTERS]):
        said += ("",) if gram else parts
        for term in _grams(parts, gram) if gram else _word_terms(parts):
            (stopped if term in STOP_WORDS else terms)[term] = None
    chosen = list(terms or stopped)
    if len(chosen) > MAX_QUERY_TERMS:
        chosen = sorted(chosen, key=len, reverse=True)[:MAX_QUERY_TERMS]
    weighted = [term for term in chosen for _ in range(CODE_TIMES if _is_code(term) else 1)]
    weighted += dict.fromkeys(islice(_phrases(said), MAX_QUERY_PHRASES))
    return " OR ".join(f'"{term}"' for term in weighted).translate(_MOVE) or None


def _phrases(said: Sequence[str]) -> Iterator[str]:
    """Yield two words that stand side by side, or with a stop word between; an empty word parts others."""
    for length in (2, 3):
        for start in range(len(said) - length + 1):
            first, *between, last = said[start : start + length]
            if first and last and {first, last}.isdisjoint(STOP_WORDS) and STOP_WORDS.issuperset(between):
                yield " ".join((first, *between, last))


def _is_code(term: str) -> bool:
    """Tell whether a term is a number or holds one, as codes, dates and addresses do."""
    return any(character.isdigit() for character in term)


def _grams(characters: tuple[str, ...], size: int) -> list[str]:
    """Return the overlapping phrases of a run; a short run is one phrase."""
    starts = range(max(1, len(characters) - size + 1))
    return [" ".join(characters[start : start + size]) for start in starts]


def _word_terms(parts: tuple[str, ...]) -> list[str]:
    """Return what to ask for a word: of a compound, its longer parts and the joined form."""
    joined = _joined(parts)
    return list(parts) if joined is None else [joined, *(part for part in parts if len(part) > 1)]


def has_words(text: str, wanted: str) -> bool:
    """Tell whether every word of `wanted` stands in the text as a whole word, in any order.

    Words are compared folded but not stemmed; a run without spaces has to stand in the text as it
    is; a compound also matches its joined form (wi-fi, wifi). With no word in `wanted`, False.
    """
    asked = _asked_words(wanted)
    if not asked or _lacks_plainly(text, asked):
        return False
    present: set[str] = set()
    runs: list[str] = []
    for parts, gram in _segments(text):
        if gram:
            runs.append("".join(parts))
        else:
            present.update(parts)
            if joined := _joined(parts):
                present.add(joined)
    return all(
        any("".join(parts) in run for run in runs)
        if gram
        else present.issuperset(parts) or (_joined(parts) or "") in present
        for parts, gram in asked
    )


@lru_cache(maxsize=64)
def _asked_words(wanted: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Segment what is wanted once; a filter brings the same words with every row."""
    return tuple(_segments(wanted))


def _lacks_plainly(text: str, asked: tuple[tuple[tuple[str, ...], int], ...]) -> bool:
    """Tell, at the price of a substring search, that a plain text has no chance; most rows end here.

    Only in ASCII without apostrophes and hyphens is a word always a substring of the text.
    """
    if not text.isascii() or not _JOINERS.isdisjoint(text):
        return False
    lowered = text.lower()
    return any(len(parts) == 1 and parts[0] not in lowered for parts, _ in asked)
