"""Where words stand, remembered from query to query: common words come again, and cost the most to read.

A commit changes a few memories: what they say now is taken apart as FTS5 does it, and a word's places are
corrected when it is next asked for. So a conversation that is stored message by message, and asked in
between, does not start anew each time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.store.context import indexed_rows
from tinymem.store.vocabulary import tokenizer

REMEMBERED_BYTES = 16_000_000
"""How much memory the places of words may take: two million places."""

MOST_CHANGED = 200
"""Memories that may have changed; beyond, everything is forgotten."""

MOST_COUNTS = 10_000
"""Words and phrases of which it is remembered how common they are, 3 MB; beyond, all counts are forgotten."""

Places = NDArray[np.int64]
"""Twice the row of each place where a word stands, and one more where that is in the context; ascending."""


class KnownWords:
    """The places of words, as far as they are known, and how common phrases are."""

    def __init__(self) -> None:
        self._words: OrderedDict[str, tuple[int, Places]] = OrderedDict()
        self._counts: dict[str, tuple[int, int, int]] = {}
        self._changed: list[tuple[int, Counter[str], Counter[str]]] = []
        self._nbytes = 0

    def forget(self) -> None:
        """Forget everything."""
        self._words.clear()
        self._counts.clear()
        self._changed.clear()
        self._nbytes = 0

    def renew(self, connection: apsw.Connection, rowids: Collection[int]) -> None:
        """Learn that these memories were indexed anew, or are gone."""
        if len(self._changed) + len(rowids) > MOST_CHANGED:
            self.forget()
        if not self._words and not self._counts:
            return
        tokenize = tokenizer(connection)
        said = {row: texts for row, *texts in indexed_rows(connection, rowids)}
        for row in rowids:
            text, context = said.get(row, ("", ""))
            self._changed.append((row, Counter(tokenize(text)), Counter(tokenize(context))))

    def places(self, word: str) -> Places | None:
        """Return where a word stands, None if that is not known."""
        if word not in self._words:
            return None
        upto, places = self._words[word]
        if upto < len(self._changed):
            self._nbytes -= places.nbytes
            places = _corrected(places, word, self._changed[upto:])
            self._words[word] = len(self._changed), places
            self._nbytes += places.nbytes
        self._words.move_to_end(word)
        return places

    def learn(self, word: str, places: Places) -> Places:
        """Remember where a word stands, and return it."""
        _, before = self._words.get(word, (0, places[:0]))
        self._words[word] = len(self._changed), places
        self._nbytes += places.nbytes - before.nbytes
        while self._nbytes > REMEMBERED_BYTES:
            _, (_, forgotten) = self._words.popitem(last=False)
            self._nbytes -= forgotten.nbytes
        return places

    def count(self, phrase: str, most: int) -> int | None:
        """Return in how many memories a phrase stands, counted up to `most`; None if that is not certain."""
        upto, count, limit = self._counts.get(phrase, (0, 0, 0))
        changed = len(self._changed) - upto
        if count - changed >= most or (not changed and count < limit):
            return min(count, most)
        return None

    def learn_count(self, phrase: str, count: int, limit: int) -> None:
        """Remember in how many memories a phrase stands, counted up to a limit; -1 is without one."""
        if len(self._counts) >= MOST_COUNTS:
            self._counts.clear()
        self._counts[phrase] = len(self._changed), count, limit if limit >= 0 else count + 1


def _corrected(
    places: Places, word: str, changed: Sequence[tuple[int, Counter[str], Counter[str]]]
) -> Places:
    """Return places with those of changed memories exchanged; the last change of each counts."""
    latest = {row: (2 * row, inside[word], around[word]) for row, inside, around in changed}
    kept = places[~np.isin(places >> 1, np.array(list(latest), dtype=np.int64))]
    new = [
        place
        for twice, inside, around in latest.values()
        for place in (*[twice] * inside, *[twice + 1] * around)
    ]
    if not new:
        return kept
    joined = np.concatenate([kept, np.array(new, dtype=np.int64)])
    joined.sort()
    return joined
