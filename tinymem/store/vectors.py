"""Nearest neighbours: all are compared exactly while that is quick, and beyond the likeliest of all.

sqlite-vec keeps the vectors, but reads every one from the file for each query (10 ms for 10,000 of 384
numbers); in memory they are compared in 0.3 ms. Of more than `EXACT_LIMIT` the signs of their numbers are
compared first, and those that differ least in full: all scores are exact, and of the ten best one in a
hundred may be missed. Vectors are normalised: their dot product is the cosine. This module writes nothing.

Source: the speeds and the recall are of scripts/bench/speed; sqlite-vec 0.1.9.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import apsw
import numpy as np
from numpy.typing import NDArray

from tinymem.errors import EmbeddingError
from tinymem.freed import give_back_freed
from tinymem.store.chosen import Choice, Chosen
from tinymem.store.filters import Where
from tinymem.store.resident import FARTHEST, Positions, ResidentVectors, Rowids, Signs
from tinymem.store.vector_rows import NORM_TOLERANCE, VectorRows
from tinymem.types import Vector

RESIDENT_BYTES = 300_000_000
"""How much memory vectors may take in full: 195,000 of 384 numbers each. Their signs always are there."""

EXACT_LIMIT = 32_768
"""Up to how many vectors are all compared in full, in 1.5 ms."""

LIKELY, LIKELY_LEAST, LIKELY_SHARE = 2, 120, 1_500
"""Beyond, for each that is wanted so many are compared in full, at least so many, and one more in so many."""

IN_MEMORY = 4
"""How many times as many where none has to be read from the file."""

ROUGH, ROUGH_SHARE = (4, 16), 16
"""What signs are weighed: one in so many that differ least, in these bounds for each that is compared."""

_ROUNDING = 1e-5  # far more than float32 dot products of normalised rows are off


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
    length = math.sqrt(float(np.vdot(vector, vector)))
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
    """Finds the nearest vectors of one opened file, inside a read transaction; `Held` keeps it up to date.

    `resident_bytes` is how much memory vectors may take in full.
    """

    def __init__(self, chosen: Chosen, resident_bytes: int = RESIDENT_BYTES) -> None:
        self._chosen = chosen
        self._resident_bytes = resident_bytes
        self._dimension: int | None = None
        self._file = VectorRows(0)
        self._loaded: ResidentVectors | None = None
        self._parts: WeakKeyDictionary[Choice, Part] = WeakKeyDictionary()

    def forget(self, dimension: int | None) -> None:
        """Forget every vector; `dimension` is how many numbers they have, None while the file has none."""
        self._dimension, self._loaded = dimension, None
        self._file = VectorRows(dimension or 0)
        self._parts.clear()

    def renew(self, connection: apsw.Connection, rowids: Sequence[int]) -> None:
        """Read again the vectors of what has changed; load anew, when asked, if that is most of them."""
        self._file.renew(rowids)
        resident = self._loaded
        if resident is None or len(rowids) > max(resident.size, 64):
            self._loaded = None
            return
        for rowid in rowids:
            blob = connection.execute("SELECT embedding FROM memory_vec WHERE rowid = ?", (rowid,)).get
            if blob is None:
                resident.drop(rowid)
            elif not resident.put(rowid, np.frombuffer(blob, dtype="<f4")):
                self._loaded = None
                return

    def nearest(
        self, connection: apsw.Connection, vector: Vector, where: Where, limit: int
    ) -> list[tuple[int, float]]:
        """Return (rowid, cosine) of the nearest memories that meet a condition, best first, ties by rowid.

        Raises:
            EmbeddingError: The vector is not one of the file's space.
            CorruptError: A vector of the file can not have been written.
        """
        if self._dimension is None or limit < 1:
            return []
        check_vector(vector, self._dimension)
        resident = self._resident(connection)
        likely = _likely(resident, self._part(resident, self._chosen.rows(connection, where)), vector, limit)
        rows = self._rows(connection, likely)
        highest = _highest(np.vecdot(rows, vector), limit)
        return _best(resident.rowids[likely[highest]], rows[highest], vector, limit)

    def similarities(
        self, connection: apsw.Connection, vector: Vector, rowids: Sequence[int]
    ) -> dict[int, float]:
        """Return the cosine of these memories by rowid; memories without a vector are left out.

        Raises:
            EmbeddingError: The vector is not one of the file's space.
            CorruptError: A vector of the file can not have been written.
        """
        if self._dimension is None:
            return {}
        check_vector(vector, self._dimension)
        resident = self._resident(connection)
        positions = resident.positions(np.array(sorted(set(rowids)), dtype=np.int64))
        cosines = _cosines(self._rows(connection, positions), vector)
        return dict(zip(resident.rowids[positions].tolist(), cosines.tolist(), strict=True))

    def _resident(self, connection: apsw.Connection) -> ResidentVectors:
        """Return the vectors, read when they are first needed."""
        if self._loaded is None:
            assert self._dimension is not None, "there are vectors"
            self._parts.clear()  # they hold the vectors as they were
            count = int(connection.execute("SELECT count(*) FROM memory_vec_rowids").get)
            limit = self._resident_bytes // (4 * self._dimension)
            resident = ResidentVectors(self._dimension, count, limit)
            resident.load(self._file.blocks(connection, count))
            self._loaded = resident
            give_back_freed()
        return self._loaded

    def _part(self, resident: ResidentVectors, choice: Choice) -> Part:
        """Return what a choice is of the vectors, as it was remembered if that is still so."""
        known = self._parts.get(choice)
        if known is None or known.versions != (resident.version, choice.version):
            known = Part(resident, choice)
            if known.count <= EXACT_LIMIT:  # of more the signs take too much memory
                self._parts[choice] = known
        return known

    def _rows(self, connection: apsw.Connection, positions: Positions) -> Vector:
        return self._resident(connection).vectors(
            positions, lambda rowids: self._file.read(connection, rowids)
        )


class Part:
    """What a choice is of the resident vectors: `positions`, None where most are chosen, and `signs`.

    It is no longer so where `versions`, theirs and the choice's, are others. The choice itself is not held:
    the part is known by it, and forgotten with it.
    """

    def __init__(self, resident: ResidentVectors, choice: Choice) -> None:
        few = not choice.everything and 2 * choice.count < resident.size
        self.positions = resident.positions(choice.rowids) if few else None
        self.count = resident.size if self.positions is None else len(self.positions)
        self.versions = resident.version, choice.version
        self._resident = resident
        self._others = None if few else ~(resident.alive & choice.has(resident.rowids))

    @cached_property
    def signs(self) -> Signs:
        """The signs of the vectors at the positions."""
        return self._resident.signs(self.positions)

    def among(self, numbers: NDArray[Any], lowest: float) -> NDArray[Any]:
        """Return what was found out of each vector, and `lowest` of those that are not chosen, or gone."""
        if self._others is not None:
            numbers[self._others] = lowest
        return numbers


def _likely(resident: ResidentVectors, part: Part, vector: Vector, limit: int) -> Positions:
    """Return the positions of the vectors that have to be compared exactly, ascending."""
    positions, count = part.positions, part.count
    wanted = max(LIKELY * limit, LIKELY_LEAST) + count // LIKELY_SHARE
    if resident.matrix is not None and count <= EXACT_LIMIT:
        rows = resident.matrix if positions is None else resident.matrix[positions]
        found = _highest(part.among(np.vecdot(rows, vector), -np.inf), limit)
    elif positions is not None and count <= wanted:
        return positions
    else:
        distances = part.among(resident.distances(vector, part.signs), FARTHEST)
        rough = _lowest(distances, int(np.clip(count // ROUGH_SHARE, ROUGH[0] * wanted, ROUGH[1] * wanted)))
        weighed = resident.estimates(vector, part.signs[:, rough])
        found = rough[_highest(weighed, wanted if resident.matrix is None else IN_MEMORY * wanted)]
    return found if positions is None else positions[found]


def _highest(scores: NDArray[np.float32], limit: int) -> Positions:
    """Return where the best `limit` scores stand, and all that rounding could have kept from them."""
    cut = -np.inf if limit >= len(scores) else np.partition(scores, -limit)[-limit]
    return np.flatnonzero((scores >= cut - _ROUNDING) & (scores > -np.inf))


def _lowest(distances: NDArray[np.uint16], wanted: int) -> Positions:
    """Return where the least distances stand, of equal ones the first; those that are FARTHEST never."""
    upto = np.bincount(distances)[:FARTHEST].cumsum()
    cut = int(np.searchsorted(upto, wanted))
    if cut >= len(upto):
        return np.flatnonzero(distances < FARTHEST)
    nearer = np.flatnonzero(distances <= cut)
    surplus = int(upto[cut]) - wanted
    if surplus:
        last = np.flatnonzero(distances[nearer] == cut)[-surplus:]
        nearer = np.delete(nearer, last)
    return nearer


def _best(rowids: Rowids, rows: Vector, vector: Vector, limit: int) -> list[tuple[int, float]]:
    scores = _cosines(rows, vector)
    order = np.lexsort((rowids, -scores))[:limit]
    return list(zip(rowids[order].tolist(), scores[order].tolist(), strict=True))


def _cosines(rows: Vector, vector: Vector) -> NDArray[np.float64]:
    """Return the cosine of each row, the same bits for the same row wherever it stands."""
    sums: NDArray[np.float64] = (rows.astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
    return sums.clip(-1.0, 1.0)
