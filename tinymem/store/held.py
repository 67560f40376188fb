"""What one opened file keeps in memory so that searching is quick; nobody can tell but by the clock.

It follows the file through the append-only `changes`, so that it also sees what other processes commit, and
is asked only inside a read transaction, so that it never mixes two states. Whatever rewrites the file
otherwise begins a new generation, and then everything is read anew.
"""

from __future__ import annotations

import json
from typing import cast

import apsw

from tinymem.store.chosen import Chosen
from tinymem.store.context import affected
from tinymem.store.postings import Postings
from tinymem.store.vectors import RESIDENT_BYTES, VectorIndex

_STATE = """
    SELECT (SELECT value FROM identity WHERE key = 'embedder'),
           (SELECT value FROM identity WHERE key = 'generation'),
           (SELECT max(seq) FROM changes)
"""
_CHANGED = """
    SELECT memory_rowid, memory_id, before ->> 'follows', after ->> 'follows' FROM changes WHERE seq > ?
"""
_MANY = 2_000  # beyond so many changes, asking anew costs less than asking about each


class Held:
    """What is held of one file: which memories meet a condition, the vectors, and what words are where.

    `resident_bytes` is how much memory vectors may take in full.
    """

    def __init__(self, resident_bytes: int = RESIDENT_BYTES) -> None:
        self.chosen = Chosen()
        self.vectors = VectorIndex(self.chosen, resident_bytes)
        self.postings = Postings(self.chosen)
        self._space: tuple[str | None, str | None] = (None, None)
        self._seq: int | None = None

    def follow(self, connection: apsw.Connection) -> None:
        """Catch up with the file, inside the transaction in which it is read then."""
        state = connection.execute(_STATE).fetchone()
        embedder, generation, seq = cast("tuple[str | None, str | None, int | None]", state)
        if (embedder, generation) != self._space:
            self._forget()
            self.vectors.forget(None if embedder is None else int(json.loads(embedder)["dimension"]))
            self._space = (embedder, generation)
        elif seq != self._seq:
            self._catch_up(connection)
        self._seq = seq

    def _forget(self) -> None:
        self.chosen.forget()
        self.postings.forget()

    def _catch_up(self, connection: apsw.Connection) -> None:
        rows = connection.execute(_CHANGED, (self._seq or 0,)).fetchall()
        changed = cast("list[tuple[int, str, str | None, str | None]]", rows)
        rowids = sorted({rowid for rowid, *_ in changed})
        if len(rowids) > _MANY:
            self._forget()
        else:
            self.chosen.renew(connection, rowids)
            ids = {one for _, *names in changed for one in names if one is not None}
            self.postings.renew(connection, {*rowids, *affected(connection, ids)})
        self.vectors.renew(connection, rowids)
