"""Nearest neighbours, always exact: in a matrix in memory while it is small enough, else by sqlite-vec.

sqlite-vec reads every vector from the file for each query (10 ms for 10,000 of 384 numbers); the
matrix answers in 1 ms. It follows the file through the append-only `changes`, so that it also sees
what other processes commit, and is asked only inside a read transaction, so that it never mixes two
states. Vectors are normalised: their dot product is the cosine. This module writes nothing.

Source: the speeds are of scripts/bench; sqlite-vec 0.1.9.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.errors import CorruptError, EmbeddingError
from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.resident import ResidentVectors, Rowids
from tinymem.types import Vector

RESIDENT_LIMIT = 200_000
"""Up to how many vectors are held in memory: 300 MB of 384 numbers each."""

NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a vector may be; cosines are as exact as that."""

_MAX_KNN = 4096  # sqlite-vec's limit for k
_FEW = 20_000  # reading this many vectors one by one is faster than sqlite-vec's scan beyond RESIDENT_LIMIT
_ROUNDING = 1e-5  # far more than float32 dot products of normalised rows are off
_REMEMBERED_FILTERS = 16

_STATE = """
    SELECT (SELECT value FROM identity WHERE key = 'embedder'),
           (SELECT value FROM identity WHERE key = 'generation'),
           (SELECT max(seq) FROM changes)
"""


_CHANGED = "SELECT DISTINCT memory_rowid FROM changes WHERE seq > ? ORDER BY memory_rowid"


def check_vector(vector: Vector, dimension: int | None) -> None:
    """Refuse what is not one float32 row of length 1, with `dimension` numbers if that is known.

    Raises:
        EmbeddingError: Says what is wrong with the vector.
    """
    if not isinstance(vector, np.ndarray) or vector.dtype != np.float32 or vector.ndim != 1:
        dtype, shape = getattr(vector, "dtype", type(vector).__name__), getattr(vector, "shape", "unknown")
        raise EmbeddingError(f"a vector is {dtype} of shape {shape}; the embedder has to give float32 rows")
    if dimension is not None and len(vector) != dimension:
        raise EmbeddingError(f"a vector has {len(vector)} numbers, not {dimension}; check the embedder")
    length = length_of(vector)
    if not abs(length - 1) <= NORM_TOLERANCE:  # this way round NaN is refused as well
        raise EmbeddingError(f"a vector has length {length:.4g}; the embedder has to normalise its rows")


def length_of(vector: Vector | bytes) -> float:
    """Return the length of a vector, or of one as it is stored, however huge damage made its numbers."""
    numbers = np.frombuffer(vector, dtype="<f4") if isinstance(vector, bytes) else vector
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(numbers.astype(np.float64)))


def load_embedder(connection: apsw.Connection) -> dict[str, Any] | None:
    """Return the identity of the embedder that wrote the file's vectors, None while it has none."""
    value = connection.execute("SELECT value FROM identity WHERE key = 'embedder'").get
    return None if value is None else dict(json.loads(value))


def load_unembedded(connection: apsw.Connection) -> list[tuple[int, str, str]]:
    """Return (rowid, hash, text) of every memory without a vector, by row."""
    has_vectors = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'memory_vec'").get
    without = "WHERE rowid NOT IN (SELECT rowid FROM memory_vec)" if has_vectors else ""
    rows = connection.execute(f"SELECT rowid, hash, text FROM memory {without} ORDER BY rowid")
    return [(rowid, str(hash_), str(text)) for rowid, hash_, text in rows]


class VectorIndex:
    """Finds the nearest vectors of one opened file; call it inside a read transaction.

    `resident_limit` is how many vectors may be held in memory.
    """

    def __init__(self, resident_limit: int = RESIDENT_LIMIT) -> None:
        self._limit = resident_limit
        self._space: tuple[str | None, str | None] = (None, None)
        self._seq: int | None = None
        self._dimension: int | None = None
        self._resident: ResidentVectors | None = None
        self._filtered: OrderedDict[tuple[Any, ...], Rowids] = OrderedDict()

    def nearest(
        self, connection: apsw.Connection, vector: Vector, where: Where, limit: int
    ) -> list[tuple[int, float]]:
        """Return (rowid, cosine) of the nearest memories that meet a condition, best first, ties by rowid.

        Raises:
            EmbeddingError: The vector is not one of the file's space.
        """
        if not self._follow(connection, vector) or limit < 1:
            return []
        if self._resident is not None:
            return self._nearest_resident(connection, self._resident, vector, where, limit)
        if where == EVERYTHING and limit < _MAX_KNN:
            return self._nearest_in_file(connection, vector, where, limit)
        rowids = self._rowids(connection, where)
        if len(rowids) > _FEW and limit < _MAX_KNN:
            return self._nearest_in_file(connection, vector, where, limit)
        return _best(*_read_vectors(connection, rowids, len(vector)), vector, limit)

    def similarities(
        self, connection: apsw.Connection, vector: Vector, rowids: Sequence[int]
    ) -> dict[int, float]:
        """Return the cosine of these memories by rowid; memories without a vector are left out.

        Raises:
            EmbeddingError: The vector is not one of the file's space.
        """
        if not self._follow(connection, vector):
            return {}
        wanted = np.unique(np.asarray(rowids, dtype=np.int64))
        if self._resident is None:
            found, rows = _read_vectors(connection, wanted, len(vector))
        else:
            positions = self._resident.positions(wanted)
            found, rows = self._resident.rowids[positions], self._resident.matrix[positions]
        return dict(zip(found.tolist(), _cosines(rows, vector).tolist(), strict=True))

    def _follow(self, connection: apsw.Connection, vector: Vector) -> bool:
        """Catch up with the file and check a query; False if the file has no vectors."""
        state = connection.execute(_STATE).fetchone()
        embedder, generation, seq = cast("tuple[str | None, str | None, int | None]", state)
        if (embedder, generation) != self._space:
            self._dimension = None if embedder is None else int(json.loads(embedder)["dimension"])
            self._load(connection)
            self._space = (embedder, generation)
        elif seq != self._seq:
            self._catch_up(connection)
        if seq != self._seq:
            self._filtered.clear()
        self._seq = seq
        if self._dimension is None:
            return False
        check_vector(vector, self._dimension)
        return True

    def _load(self, connection: apsw.Connection) -> None:
        self._resident = None
        self._filtered.clear()
        if self._dimension is None:
            return
        count = connection.execute("SELECT count(*) FROM memory_vec").get
        if count <= self._limit:
            resident = ResidentVectors(self._dimension, count)
            resident.load(connection.execute("SELECT rowid, embedding FROM memory_vec"))
            _refuse_damaged(resident)
            self._resident = resident

    def _catch_up(self, connection: apsw.Connection) -> None:
        """Read again the vectors of what has changed; load anew if that is most of them."""
        if self._resident is None:
            return
        changed = [int(rowid) for (rowid,) in connection.execute(_CHANGED, (self._seq or 0,))]
        if self._resident.size + len(changed) > self._limit or len(changed) > self._resident.size:
            return self._load(connection)
        for rowid in changed:
            blob = _read_vector(connection, rowid)
            if blob is None:
                self._resident.drop(rowid)
            elif not self._resident.put(rowid, np.frombuffer(blob, dtype="<f4")):
                return self._load(connection)

    def _rowids(self, connection: apsw.Connection, where: Where) -> Rowids:
        """Return which memories meet a condition, remembered until the file changes."""
        key = (where.sql, where.params, tuple(map(type, where.params)))  # 1, 1.0 and True are equal keys
        rowids = self._filtered.get(key)
        if rowids is None:
            # One text instead of a row each: 1 ms for 10,000 rows instead of 3.
            text = connection.execute(
                f"SELECT group_concat(m.rowid) FROM memory m WHERE {where.sql}", where.params
            ).get
            rowids = np.sort(np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64))
            self._filtered[key] = rowids
            if len(self._filtered) > _REMEMBERED_FILTERS:
                self._filtered.popitem(last=False)
        self._filtered.move_to_end(key)
        return rowids

    def _nearest_resident(
        self,
        connection: apsw.Connection,
        resident: ResidentVectors,
        vector: Vector,
        where: Where,
        limit: int,
    ) -> list[tuple[int, float]]:
        if where == EVERYTHING:
            positions = resident.all_positions()
        else:
            positions = resident.positions(self._rowids(connection, where))
        if 2 * len(positions) < resident.size:
            scores = _products(resident.matrix[positions], vector)
        else:  # copying most rows would take longer than multiplying all of them
            scores = _products(resident.matrix, vector)[positions]
        positions = positions[_candidates(scores, limit)]
        return _best(resident.rowids[positions], resident.matrix[positions], vector, limit)

    def _nearest_in_file(
        self, connection: apsw.Connection, vector: Vector, where: Where, limit: int
    ) -> list[tuple[int, float]]:
        sql = "SELECT rowid FROM memory_vec WHERE embedding MATCH ? AND k = ?"
        if where != EVERYTHING:
            sql += f" AND rowid IN (SELECT m.rowid FROM memory m WHERE {where.sql})"
        k = min(limit + 16, _MAX_KNN)  # some more than asked, because sqlite-vec orders ties as it likes
        found = connection.execute(sql, (vector.tobytes(), k, *(where.params if where != EVERYTHING else ())))
        rowids = np.sort(np.array([rowid for (rowid,) in found], dtype=np.int64))
        return _best(*_read_vectors(connection, rowids, len(vector)), vector, limit)


def _refuse_damaged(resident: ResidentVectors) -> None:
    """Refuse vectors that can not have been written, before anything is compared with them."""
    with np.errstate(all="ignore"):  # damaged numbers may be as large as they like
        lengths = np.sqrt(np.einsum("ij,ij->i", resident.matrix, resident.matrix))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= 2 * NORM_TOLERANCE))
    if len(wrong):
        row = resident.rowids[wrong[0]]
        raise CorruptError(f"the vector of row {row} is not what was stored: repair() makes it anew")


def _products(rows: Vector, vector: Vector) -> NDArray[np.float32]:
    """Multiply without BLAS, whose threads wait for each other: 16 ms instead of 0.6 on a busy machine."""
    products: NDArray[np.float32] = np.einsum("ij,j->i", rows, vector)
    return products


def _candidates(scores: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
    """Return where the best `limit` scores stand, and all that rounding could have kept from them."""
    if limit >= len(scores):
        return np.arange(len(scores))
    cut = np.partition(scores, -limit)[-limit]
    return np.flatnonzero(scores >= cut - _ROUNDING)


def _best(rowids: Rowids, rows: Vector, vector: Vector, limit: int) -> list[tuple[int, float]]:
    scores = _cosines(rows, vector)
    order = np.lexsort((rowids, -scores))[:limit]
    return list(zip(rowids[order].tolist(), scores[order].tolist(), strict=True))


def _cosines(rows: Vector, vector: Vector) -> NDArray[np.float64]:
    """Return the cosine of each row, the same bits for the same row wherever it stands."""
    sums: NDArray[np.float64] = (rows.astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
    return sums.clip(-1.0, 1.0)


def _read_vector(connection: apsw.Connection, rowid: int) -> bytes | None:
    blob = connection.execute("SELECT embedding FROM memory_vec WHERE rowid = ?", (rowid,)).get
    return None if blob is None else bytes(blob)


def _read_vectors(connection: apsw.Connection, rowids: Rowids, dimension: int) -> tuple[Rowids, Vector]:
    """Return the rowids that have a vector, and their vectors: float32 (n, dimension)."""
    resident = ResidentVectors(dimension, len(rowids))
    blobs = ((rowid, _read_vector(connection, rowid)) for rowid in rowids.tolist())
    resident.load((rowid, blob) for rowid, blob in blobs if blob is not None)
    return resident.rowids, resident.matrix
