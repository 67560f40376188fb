"""The past as a store of its own: the memories as they stood at a moment, open to every ordinary question.

How a memory stood is what its last Change until then left, with the vector that its next Change found. All
of them are read in one snapshot and written, under their own rowids, into a Store in memory: conditions,
words and vectors then answer by the same code as today's. Nothing is ever written to the file.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import apsw

from tinymem.store.context import index_all
from tinymem.store.opening import OpenFile
from tinymem.store.rows import COLUMNS, parse_record, parse_values, readable, render_moment
from tinymem.store.schema import vectors_sql
from tinymem.store.vectors import load_embedder
from tinymem.types import Record

REMEMBERED = 2
"""How many past states of one file are kept in memory: 45 MB each for 10,000 memories of 384 numbers."""

PastStore = TypeVar("PastStore", bound="Past")
Key = tuple[Any, ...]
Standing = tuple[int, str, bytes | None]
"""A memory at a moment: its row, its Record as JSON, its vector."""

_LATER = "SELECT 1 FROM commits WHERE at > ? LIMIT 1"

# Commits are counted by their time, not their place: an import brings old ones after new ones. Of the same
# file and generation, two moments with the same number of Changes and the same last one have them all alike.
_KEY = """
    SELECT count(*), max(c.seq), (SELECT value FROM identity WHERE key = 'generation')
    FROM changes c JOIN commits k ON k.seq = c.commit_seq WHERE k.at <= ?
"""
_RECORD = """
    SELECT c.after FROM changes c JOIN commits k ON k.seq = c.commit_seq
    WHERE c.memory_id = ? AND k.at <= ? ORDER BY c.seq DESC LIMIT 1
"""
_NEXT = "(SELECT min(n.seq) FROM changes n WHERE n.memory_id = c.memory_id AND n.seq > c.seq)"
_STANDING = f"""
    SELECT rowid, record, {{vector}} FROM (
        SELECT c.memory_rowid AS rowid, c.after AS record, {_NEXT} AS next
        FROM changes c WHERE c.after IS NOT NULL AND c.seq IN (
            SELECT max(d.seq) FROM changes d JOIN commits k ON k.seq = d.commit_seq
            WHERE k.at <= ? GROUP BY d.memory_id
        )
    ) AS stood ORDER BY rowid
"""
_VECTOR = """
    CASE WHEN next IS NULL THEN (SELECT v.embedding FROM memory_vec v WHERE v.rowid = stood.rowid)
    ELSE (SELECT n.vector_before FROM changes n WHERE n.seq = next) END
"""
_INSERT_MEMORY = (
    f"INSERT INTO memory(rowid, {', '.join(COLUMNS)}) VALUES (?, {', '.join('?' * len(COLUMNS))})"
)


class Past(OpenFile):
    """What a Store knows of its memories at a moment."""

    @contextmanager
    def as_of(self: PastStore, moment: datetime | None) -> Iterator[PastStore]:
        """Give the Store as its memories stood at a moment; None is now.

        That of the past is in memory and for reading alone; it knows memories with their categories,
        keywords and vectors, and nothing else. Commits count by the time they say, whenever they came in.

        Raises:
            CorruptError: A past memory can not be read.
        """
        if moment is None:
            yield self
            return
        at = render_moment(moment)
        with self.snapshot():
            with self._open() as connection:
                is_present = connection.execute(_LATER, (at,)).get is None
                if not is_present:
                    key = next(connection.execute(_KEY, (at,)))
                    past = self._pasts.get(key)
                    if past is None:
                        embedder = load_embedder(connection)
                        standing = _load_standing(connection, at, has_vectors=embedder is not None)
            if is_present:
                yield self
                return
        if past is None:
            past = type(self)(":memory:")
            past._fill(standing, embedder)
        self._remember(key, past)
        yield past

    def get_as_of(self, memory_id: str, moment: datetime) -> Record | None:
        """Return a memory as it stood at a moment, None if it was not there."""
        with self._open() as connection:
            return parse_record(connection.execute(_RECORD, (memory_id, render_moment(moment))).get)

    def close(self) -> None:
        """Close the file, and let its past states go."""
        super().close()
        self._pasts.clear()

    @cached_property
    def _pasts(self: PastStore) -> OrderedDict[Key, PastStore]:
        return OrderedDict()

    def _remember(self: PastStore, key: Key, past: PastStore) -> None:
        """Keep a past for the next call, and let the least recently used one go; it may still be in use."""
        with self._lock:
            self._pasts[key] = past
            self._pasts.move_to_end(key)
            while len(self._pasts) > REMEMBERED:
                self._pasts.popitem(last=False)

    def _fill(self, standing: Sequence[Standing], embedder: dict[str, Any] | None) -> None:
        """Write past memories into this Store, which is new and empty."""
        with self._writing() as connection, readable("a past memory"):
            execute = connection.execute
            if embedder is not None:
                execute("INSERT INTO identity VALUES ('embedder', ?)", (json.dumps(embedder),))
                execute(vectors_sql(int(embedder["dimension"])))
            for rowid, record, vector in standing:
                values, categories = parse_values(record)
                execute(_INSERT_MEMORY, (rowid, *values))
                for position, category in enumerate(categories):
                    execute("INSERT INTO memory_category VALUES (?, ?, ?)", (rowid, category, position))
                if vector is not None:
                    execute("INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)", (rowid, vector))
            index_all(connection)


def _load_standing(connection: apsw.Connection, at: str, *, has_vectors: bool) -> list[Standing]:
    """Return the memories that stood at a moment, by row."""
    sql = _STANDING.format(vector=_VECTOR if has_vectors else "NULL")
    return list(connection.execute(sql, (at,)))
