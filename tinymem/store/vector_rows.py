"""Where sqlite-vec has laid the vectors of a file down: all are read in a row, or some of them one by one.

sqlite-vec keeps some vectors to a row of its tables, with which of them are in use, and whose they are. Where
a vector lies is remembered when all are read: to ask sqlite-vec takes as long as to read it. Writes nothing.

Source: the shadow tables of sqlite-vec 0.1.9.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import cast

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.errors import CorruptError
from tinymem.store.resident import Rowids
from tinymem.types import Vector

NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a vector may be; cosines are as exact as that."""

Places = NDArray[np.int32]
"""Where vectors lie: (n, 2), the chunk of each and its place there."""

_CHUNKS = """
    SELECT c.chunk_id, c.validity, c.rowids, v.vectors FROM memory_vec_chunks c
    JOIN memory_vec_vector_chunks00 v ON v._rowid_ = c.chunk_id ORDER BY c.chunk_id
"""
_PLACES = """
    SELECT rowid, chunk_id, chunk_offset FROM memory_vec_rowids
    WHERE rowid IN (SELECT value FROM json_each(?1)) AND chunk_id BETWEEN 1 AND ?2
    AND chunk_offset BETWEEN 0 AND ?2
"""
_VECTORS = "memory_vec_vector_chunks00"
_LOADED_AT_ONCE = 4_096  # vectors decoded together: 6 MB of 384 numbers each
_LARGEST = 2**31 - 1  # that `Places` hold
_SPARSE = 4  # rows with higher numbers than so many times the vectors are not remembered


class VectorRows:
    """Reads vectors of `dimension` numbers, inside a read transaction; who holds it says what has changed."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._places: Places = np.zeros((0, 2), dtype=np.int32)  # by row; chunks count from 1

    def renew(self, rowids: Sequence[int]) -> None:
        """Learn that the vectors of these rows may lie elsewhere now."""
        changed = np.array(rowids, dtype=np.int64)
        self._places[changed[changed < len(self._places)]] = 0

    def blocks(self, connection: apsw.Connection, count: int) -> Iterator[tuple[Rowids, Vector]]:
        """Yield (rowids, vectors) of the whole file, which has so many, as they lie there.

        Raises:
            CorruptError: A vector can not have been written.
        """
        self._places = np.zeros((_SPARSE * (count + 16), 2), dtype=np.int32)  # space unused takes no memory
        size = int(connection.execute("SELECT size FROM memory_vec_chunks LIMIT 1").get or 1)
        cursor = connection.execute(_CHUNKS)
        while chunks := list(islice(cursor, max(1, _LOADED_AT_ONCE // size))):
            numbers, *columns = zip(*chunks, strict=True)
            validity, rowids, vectors = (b"".join(column) for column in columns)
            used = np.unpackbits(np.frombuffer(validity, dtype=np.uint8), bitorder="little").astype(np.bool_)
            numbered = np.frombuffer(rowids, dtype="<i8")[used]
            rows = np.frombuffer(vectors, dtype="<f4").reshape(-1, self._dimension)[used]
            _refuse_damaged(numbered, rows)
            self._note(numbered, np.array(numbers, dtype=np.int64), np.flatnonzero(used), size)
            yield numbered, rows

    def read(self, connection: apsw.Connection, rowids: Rowids) -> Vector:
        """Return the vectors of these rows, in their order.

        Raises:
            CorruptError: One is not there.
        """
        places = self._find(connection, rowids)
        chunks, starts = places[:, 0], 4 * self._dimension * places[:, 1]
        if not chunks.all():
            row = rowids[chunks == 0].min()
            raise CorruptError(f"the vector of row {row} is no longer there: repair() makes it anew")
        rows: Vector = np.empty((len(rowids), self._dimension), dtype="<f4")
        order = np.argsort(chunks)
        with connection.blob_open("main", _VECTORS, "vectors", int(chunks[order[0]]), False) as opened:
            for place, chunk, start in zip(
                order.tolist(), chunks[order].tolist(), starts[order].tolist(), strict=True
            ):
                opened.reopen(chunk)
                opened.seek(start)
                opened.read_into(rows[place])
        return rows

    def _note(self, rowids: Rowids, chunks: NDArray[np.int64], used: NDArray[np.int64], size: int) -> None:
        near = (rowids > 0) & (rowids < len(self._places))
        self._places[rowids[near], 0] = chunks[used[near] // size]
        self._places[rowids[near], 1] = used[near] % size

    def _find(self, connection: apsw.Connection, rowids: Rowids) -> Places:
        """Return where the vectors of these rows lie; zeros where they have none."""
        places: Places = np.zeros((len(rowids), 2), dtype=np.int32)
        near = rowids < len(self._places)
        places[near] = self._places[rowids[near]]
        missing = {rowid: place for place, rowid in enumerate(rowids.tolist()) if not places[place, 0]}
        if missing:
            listed = connection.execute(_PLACES, (json.dumps(list(missing)), _LARGEST)).fetchall()
            for rowid, chunk, offset in cast("list[tuple[int, int, int]]", listed):
                places[missing[rowid]] = chunk, offset
                if rowid < len(self._places):
                    self._places[rowid] = chunk, offset
        return places


def _refuse_damaged(rowids: Rowids, rows: Vector) -> None:
    """Refuse vectors that can not have been written, before anything is compared with them."""
    with np.errstate(all="ignore"):  # damaged numbers may be as large as they like
        lengths = np.sqrt(np.vecdot(rows, rows))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= 2 * NORM_TOLERANCE))
    if len(wrong):
        row = rowids[wrong[0]]
        raise CorruptError(f"the vector of row {row} is not what was stored: repair() makes it anew")
