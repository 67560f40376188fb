"""What the writer model reads: a clause of a message among its neighbours, after what came before it.

Training and the library both cut texts into pieces and words here, so that the model meets what it has
learned. However long a text is, only what lies around the clause is ever looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tinymem.understand.wording import Word, words_of

CLS, SEP = 101, 102
FIRST_PIECES, MOST_PIECES = 48, 128
BEFORE_MARK, AFTER_MARK = 140, 70  # characters of the message that are read around the clause
LONGEST_WORD = 100  # characters that are added at most so that a word is read whole; WordPiece reads no more
PIECE_CHARACTERS = 32  # how far a text is looked at for each piece there is room for

Pieces = Callable[[str], tuple[list[int], list[tuple[int, int]]]]
"""Cuts a text into the model's word pieces: their ids, and the characters that each stands for."""


@dataclass(frozen=True)
class Passage:
    """A clause to be written down: `mark` is its range in `text`, `before` what was said, with the roles."""

    before: str
    text: str
    mark: tuple[int, int]


@dataclass(frozen=True)
class Source:
    """A passage as the model reads it: pieces, kinds (1 in the clause), words, each word's first piece."""

    ids: list[int]
    kinds: list[int]
    words: list[Word] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def source(passage: Passage, pieces: Pieces) -> Source:
    """Return the passage cut to what the model can read; words that do not fit are not there."""
    text, begin = passage.text, max(0, len(passage.before) - FIRST_PIECES * PIECE_CHARACTERS)
    mark = (passage.mark[0], min(passage.mark[1], passage.mark[0] + MOST_PIECES * PIECE_CHARACTERS))
    low, high = window(text, mark)
    first, offsets = pieces(passage.before[begin:])
    cut = max(0, len(first) - FIRST_PIECES)
    ids, kinds = [CLS, *first[cut:], SEP], [0] * (len(first) - cut + 2)
    starts: dict[tuple[int, int], int] = {}
    for place, (begins, _) in enumerate(offsets[cut:], 1):
        starts.setdefault((0, begin + begins), place)
    ranges = ((low, mark[0]), mark, (mark[1], high))
    parts = [list(zip(*pieces(text[a:b]), strict=True)) for a, b in ranges]
    over = len(ids) + len(parts[0]) + len(parts[1]) + 1 - MOST_PIECES
    parts[0] = parts[0][max(0, over) :]  # the clause itself goes before what stands around it
    for (a, _), part, kind in zip(ranges, parts, (0, 1, 0), strict=True):
        for piece, (begins, _) in part:
            starts.setdefault((1, a + begins), len(ids))
            ids.append(piece)
            kinds.append(kind)
    read = Source([*ids[: MOST_PIECES - 1], SEP], [*kinds[: MOST_PIECES - 1], 0])
    for word in (*whole_words(passage.before, 0, begin), *whole_words(text, 1, low, high)):
        place = starts.get((word.text, word.start), MOST_PIECES)
        if place < len(read.ids) - 1:
            read.words.append(word)
            read.places.append(place)
    return read


def whole_words(text: str, number: int, low: int, high: int | None = None) -> list[Word]:
    """Return the words of text[low:high] but those that the range cuts: half a word may not be said."""
    found = words_of(text, number, low, high)
    if found and 0 < low == found[0].start and not text[low - 1].isspace():
        found = found[1:]
    if found and found[-1].end == high and not text[high : high + 1].isspace() and high < len(text):
        found = found[:-1]
    return found


def window(text: str, mark: tuple[int, int]) -> tuple[int, int]:
    """Return the range of the text that is read with a clause: whole words around it, unless endless."""
    low, high = max(0, mark[0] - BEFORE_MARK), min(len(text), mark[1] + AFTER_MARK)
    least, most = max(0, low - LONGEST_WORD), min(len(text), high + LONGEST_WORD)
    while low > least and not text[low - 1].isspace():
        low -= 1
    while high < most and not text[high].isspace():
        high += 1
    return low, high


def said_before(messages: Sequence[tuple[str, str]], role: str) -> str:
    """Return what is read before a message of `role`: the two (role, content) before it, and who speaks."""
    return "".join(f"{who}: {said} " for who, said in messages[-2:]) + f"{role}:"
