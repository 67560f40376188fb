"""Where the words of a query stand: read from FTS5's index as one text each, which takes 0.1 ms for 1,000.

A word or a phrase is what stands between quotes in a MATCH expression, and is taken apart as FTS5 does it.

Source: https://sqlite.org/fts5.html#the_fts5vocab_virtual_table_module
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.store.chosen import numbers
from tinymem.store.known import MOST_CHANGED, KnownWords, tokenizer
from tinymem.store.resident import Rowids

Near = Callable[[apsw.Connection, Sequence[str]], Sequence[str]]
"""Says what to look for beside phrases that stand nowhere."""

K1, B = 1.2, 0.75  # as in FTS5's bm25()

Weigh = Callable[[apsw.Connection, int, Rowids], tuple[float, NDArray[np.float64]]]
"""Returns how much a word counts that so many memories have, and how much the length of each does."""

_AT_FIRST = 2_048  # places of a word that are read before it is known how common it is
_HAS_VOCABULARY = "SELECT 1 FROM temp.sqlite_schema WHERE name = 'indexed_words'"
_VOCABULARY = "CREATE VIRTUAL TABLE temp.indexed_words USING fts5vocab(main, memory_fts, instance)"
# Twice the row, and one more for a word that stands around the memory, not in it.
_PLACE = "2 * doc + (col <> 'text')"
_OF_WORD = "FROM temp.indexed_words WHERE term = ?"
_FEW = f"SELECT group_concat(place) FROM (SELECT {_PLACE} AS place {_OF_WORD} LIMIT {_AT_FIRST})"
_ALL = f"SELECT group_concat({_PLACE}) {_OF_WORD}"
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
        if not len(self.rowids):
            return np.zeros(len(rowids), dtype=np.float64)
        places = np.searchsorted(self.rowids, rowids)
        places[places == len(self.rowids)] = 0
        found: NDArray[np.float64] = self.frequencies[places] * (self.rowids[places] == rowids)
        return found


class Phrases:
    """Reads phrases inside one transaction, each once.

    `around` is what a word in the context counts; `weigh` is that of `Postings`.
    """

    def __init__(self, connection: apsw.Connection, known: KnownWords, around: float, weigh: Weigh) -> None:
        self._connection, self._known, self._around, self._weigh = connection, known, around, weigh
        if connection.execute(_HAS_VOCABULARY).get is None:
            connection.execute(_VOCABULARY)
        self._tokenize = tokenizer(connection)
        self._tokens: dict[str, list[str]] = {}
        self._whole: dict[str, Posting] = {}

    def affordable(self, phrases: Sequence[str], most: int, near: Near) -> list[Posting]:
        """Return where phrases stand, rarest first, but for those that stand nowhere.

        The commonest are left out where there would be more than `most` pairs of a phrase and a memory; the
        rarest stays. A phrase that is named twice counts twice.
        """
        counts = self._counts(phrases, most + 1)
        if nowhere := [phrase for phrase, count in counts.items() if not count]:
            beside = list(near(self._connection, nowhere))
            phrases = [*phrases, *beside]
            counts |= self._counts(beside, most + 1)
        if min(filter(None, counts.values()), default=0) > most:  # all are common
            counts = self._counts(phrases, None)
        kept: list[Posting] = []
        pairs = 0
        for count, _, phrase in sorted((counts[phrase], f'"{phrase}"', phrase) for phrase in phrases):
            pairs += count
            if kept and pairs > most:
                break
            if count:
                kept.append(self._posting(phrase))
        return kept

    def _counts(self, phrases: Sequence[str], most: int | None) -> dict[str, int]:
        """Return in how many memories each phrase stands; where that is many, counted up to `most`."""
        return {phrase: self._count(phrase, most) for phrase in dict.fromkeys(phrases)}

    def _count(self, phrase: str, most: int | None) -> int:
        """Return in how many memories a phrase stands, counted up to `most`, None for however many."""
        if phrase not in self._tokens:
            self._tokens[phrase] = self._tokenize(phrase)
            self._begin(phrase)
        if phrase in self._whole:
            return len(self._whole[phrase].rowids)
        if self._never_together(self._tokens[phrase]):
            return 0
        known = None if most is None else self._known.count(phrase, most)
        if known is not None:
            return known
        limit = -1 if most is None else most + MOST_CHANGED
        count = int(self._connection.execute(_COUNT, (f'"{phrase}"', limit)).get)
        if most is None:
            return count
        self._known.learn_count(phrase, count, limit)
        return min(count, most)

    def _begin(self, phrase: str) -> None:
        """Read where a word stands, unless that is in many places."""
        words = self._tokens[phrase]
        places = self._known.places(words[0]) if len(words) == 1 else None
        if places is None and len(words) == 1 and self._known.count(phrase, _AT_FIRST) != _AT_FIRST:
            few = numbers(self._connection.execute(_FEW, words).get)
            places = self._known.learn(words[0], few) if len(few) < _AT_FIRST else None
        if places is not None:
            self._whole[phrase] = _posting(places, self._around)

    def _never_together(self, words: Sequence[str]) -> bool:
        """Tell whether it is known that no memory has two of these words."""
        known = [places >> 1 for places in map(self._known.places, words) if places is not None]
        if len(words) < 2 or len(known) < 2:
            return False
        few, many = sorted(known[:2], key=len)
        if not len(few):
            return True
        found = np.searchsorted(many, few)
        found[found == len(many)] = 0
        return not np.any(many[found] == few)

    def _posting(self, phrase: str) -> Posting:
        if phrase not in self._whole and len(self._tokens[phrase]) == 1:
            (word,) = self._tokens[phrase]
            places = self._known.learn(word, numbers(self._connection.execute(_ALL, (word,)).get))
            self._whole[phrase] = _posting(places, self._around)
        elif phrase not in self._whole:
            self._whole[phrase] = self._together(phrase)
        return self._whole[phrase]

    def _together(self, phrase: str) -> Posting:
        """Read where several words stand one after the other: how often, bm25 says of each column alone."""
        found = self._connection.execute(_TOGETHER, (f'"{phrase}"',)).fetchall()
        rows = np.array(found, dtype=np.float64)
        rowids = rows[:, 0].astype(np.int64)
        rarity, fitting = self._weigh(self._connection, len(rowids), rowids)
        often = np.rint(rows[:, 1:] * fitting[:, None] / (rarity * (K1 + 1) - rows[:, 1:])).astype(np.int64)
        return Posting(rowids, _weighted(often[:, 0], often[:, 1], self._around))


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
