"""Where the words of a query stand: read from FTS5's index as one text each, which takes 0.1 ms for 1,000.

A word or a phrase is what stands between quotes in a MATCH expression, and is taken apart as FTS5 does it.

Source: https://sqlite.org/fts5.html#the_fts5vocab_virtual_table_module
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.store.chosen import Choice, numbers
from tinymem.store.known import MOST_CHANGED, KnownWords
from tinymem.store.resident import Rowids
from tinymem.store.vocabulary import tokenizer

Near = Callable[[apsw.Connection, Sequence[str]], Sequence[str]]
"""Says what to look for beside phrases that stand nowhere."""

K1, B = 1.2, 0.75  # as in FTS5's bm25()

Weigh = Callable[[apsw.Connection, int, Rowids], tuple[float, NDArray[np.float64]]]
"""Returns how much a word counts that so many memories have, and how much the length of each does."""

_SPREAD = "SELECT doc FROM temp.indexed_words WHERE term = ?"
# Twice the row, and one more for a word that stands around the memory, not in it.
_PLACES = "SELECT group_concat(2 * doc + (col <> 'text')) FROM temp.indexed_places WHERE term = ?"
_TOGETHER = """
    SELECT rowid, -bm25(memory_fts, 1.0, 0.0), -bm25(memory_fts, 0.0, 1.0)
    FROM memory_fts WHERE memory_fts MATCH ?
"""
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM memory_fts WHERE memory_fts MATCH ? LIMIT ?)"


@dataclass(frozen=True)
class Posting:
    """Where one phrase stands: the rows, ascending, and how often in each, weighted, float64."""

    rowids: Rowids
    frequencies: NDArray[np.float64]

    def often(self, rowids: Rowids) -> NDArray[np.float64]:
        """Return how often it stands in each of these memories."""
        places, there = _places_in(self.rowids, rowids)
        found = np.zeros(len(rowids), dtype=np.float64)
        found[there] = self.frequencies[places[there]]
        return found


class Phrases:
    """Reads words, and phrases of several, inside one transaction, each once.

    `around` is what a word in the context counts; `weigh` is that of `Postings`.
    """

    def __init__(self, connection: apsw.Connection, known: KnownWords, around: float, weigh: Weigh) -> None:
        self._connection, self._known, self._around, self._weigh = connection, known, around, weigh
        self._tokenize = tokenizer(connection)
        self._tokens: dict[str, list[str]] = {}
        self._read: dict[str, Posting] = {}

    def affordable(self, phrases: Sequence[str], most: int, near: Near, choice: Choice) -> list[Posting]:
        """Return where words and phrases stand, rarest first, but for those that stand nowhere.

        The commonest words are left out where there would be more than `most` pairs of a word and a memory,
        and the commonest phrases likewise; the rarest stays. A phrase that no chosen memory can hold, as the
        words tell that were read, is not looked for; where none is chosen, nothing is. What is named twice
        counts twice.
        """
        if not choice.everything and not choice.count:
            return []
        self._tokens |= {phrase: self._tokenize(phrase) for phrase in phrases}
        alone = [phrase for phrase in phrases if len(self._tokens[phrase]) == 1]
        words = self._rarest([*alone, *self._beside(alone, most, near)], most)
        rows = {self._tokens[word][0]: self._posting(word).rowids for _, word in words}
        several = [phrase for phrase in phrases if len(self._tokens[phrase]) > 1]
        possible = [phrase for phrase in several if self._possible(phrase, rows, choice)]
        kept = sorted([*words, *self._rarest(possible, most)], key=_by_rarity)
        return [self._posting(phrase) for _, phrase in kept]

    def _beside(self, words: Sequence[str], most: int, near: Near) -> list[str]:
        """Return what to look for beside words that stand nowhere."""
        nowhere = [word for word in words if not self._count(word, most + 1)]
        beside = list(near(self._connection, nowhere)) if nowhere else []
        self._tokens |= {word: self._tokenize(word) for word in beside}
        return beside

    def _rarest(self, phrases: Sequence[str], most: int) -> list[tuple[int, str]]:
        """Return (how many memories, phrase) of the rarest, `most` memories together, but one at least."""
        counts = {phrase: self._count(phrase, most + 1) for phrase in dict.fromkeys(phrases)}
        if min(filter(None, counts.values()), default=0) > most:  # all are common
            counts = {phrase: self._count(phrase, None) for phrase in counts}
        kept: list[tuple[int, str]] = []
        pairs = 0
        for count, phrase in sorted(
            ((counts[each], each) for each in phrases if counts[each]), key=_by_rarity
        ):
            pairs += count
            if kept and pairs > most:
                break
            kept.append((count, phrase))
        return kept

    def _possible(self, phrase: str, rows: Mapping[str, Rowids], choice: Choice) -> bool:
        """Tell whether a chosen memory can hold a phrase, by where those of its words stand that are read."""
        read = sorted((rows[word] for word in self._tokens[phrase] if word in rows), key=len)
        if not read:
            return True
        both = read[0][choice.has(read[0])]
        for others in read[1:]:
            both = both[among(both, others)]
        return len(both) > 0

    def _count(self, phrase: str, most: int | None) -> int:
        """Return in how many memories a phrase stands, counted up to `most`, None for however many."""
        if phrase in self._read or self._remembered(phrase):
            return len(self._read[phrase].rowids)
        known = None if most is None else self._known.count(phrase, most)
        if known is not None:
            return known
        if len(self._tokens[phrase]) == 1:
            count, limit = int(self._connection.execute(_SPREAD, self._tokens[phrase]).get or 0), -1
        else:
            limit = -1 if most is None else most + MOST_CHANGED
            count = int(self._connection.execute(_COUNT, (f'"{phrase}"', limit)).get)
        self._known.learn_count(phrase, count, limit)
        return count if most is None else min(count, most)

    def _remembered(self, phrase: str) -> bool:
        """Take up where a word stands, if that is remembered."""
        words = self._tokens[phrase]
        places = self._known.places(words[0]) if len(words) == 1 else None
        if places is not None:
            self._read[phrase] = _posting(places, self._around)
        return places is not None

    def _posting(self, phrase: str) -> Posting:
        if phrase not in self._read and len(self._tokens[phrase]) == 1:
            (word,) = self._tokens[phrase]
            places = self._known.learn(word, numbers(self._connection.execute(_PLACES, (word,)).get))
            self._read[phrase] = _posting(places, self._around)
        elif phrase not in self._read:
            self._read[phrase] = self._together(phrase)
        return self._read[phrase]

    def _together(self, phrase: str) -> Posting:
        """Read where several words stand one after the other: how often, bm25 says of each column alone."""
        found = self._connection.execute(_TOGETHER, (f'"{phrase}"',)).fetchall()
        rows = np.array(found, dtype=np.float64)
        rowids = rows[:, 0].astype(np.int64)
        rarity, fitting = self._weigh(self._connection, len(rowids), rowids)
        often = np.rint(rows[:, 1:] * fitting[:, None] / (rarity * (K1 + 1) - rows[:, 1:])).astype(np.int64)
        return Posting(rowids, _weighted(often[:, 0], often[:, 1], self._around))


def _by_rarity(counted: tuple[int, str]) -> tuple[int, str]:
    """Order as FTS5 is asked: by how many memories, then as quoted."""
    count, phrase = counted
    return count, f'"{phrase}"'


def among(rowids: Rowids, others: Rowids) -> NDArray[np.bool_]:
    """Tell of each of these rows whether it is one of others, which ascend."""
    return _places_in(others, rowids)[1]


def _places_in(others: Rowids, rowids: Rowids) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each of these rows stands among others, which ascend, and whether it does."""
    places = np.searchsorted(others, rowids)
    if not len(others):
        return places, np.zeros(len(rowids), dtype=np.bool_)
    places[places == len(others)] = 0
    return places, others[places] == rowids


def _posting(places: NDArray[np.int64], around: float) -> Posting:
    """Sum up places (twice the row, one more in the context), ascending."""
    rowids, outside = places >> 1, places & 1
    first = np.flatnonzero(firsts(rowids))
    if len(first) == len(rowids) and not outside.any():
        return Posting(rowids, np.ones(len(rowids), dtype=np.float64))
    beyond = np.add.reduceat(outside, first)
    inside = np.diff(np.append(first, len(rowids))) - beyond
    return Posting(rowids[first], _weighted(inside, beyond, around))


def _weighted(inside: NDArray[np.int64], outside: NDArray[np.int64], around: float) -> NDArray[np.float64]:
    """Return how often words stand, those in the context counted less: one by one, as FTS5 does."""
    frequencies = inside.astype(np.float64)
    for more in range(int(outside.max())):
        frequencies[outside > more] += around
    return frequencies


def firsts(rowids: Rowids) -> NDArray[np.bool_]:
    """Tell which of these ascending rows differ from the one before."""
    different = np.ones(len(rowids), dtype=np.bool_)
    np.not_equal(rowids[1:], rowids[:-1], out=different[1:])
    return different
