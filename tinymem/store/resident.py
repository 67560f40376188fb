"""The file's vectors as one matrix in memory, in the order of their rowids.

Rows are appended in steps that double the space; a removed vector leaves a dead row behind until the
next load. Knows numpy and nothing else; never decides when to load or what to look for.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tinymem.types import Vector

Rowids = NDArray[np.int64]
"""Rowids of table `memory`, int64, ascending."""

_LOAD_BLOCK = 4096  # vectors decoded at once: 6 MB of 384 numbers each


class ResidentVectors:
    """A growing float32 matrix whose row i is the vector of memory `rowids[i]`, where `alive[i]`."""

    def __init__(self, dimension: int, capacity: int) -> None:
        self.size = 0
        self._rowids = np.empty(max(capacity, 64), dtype=np.int64)
        self._alive: NDArray[np.bool_] = np.zeros(len(self._rowids), dtype=np.bool_)
        self._matrix = np.empty((len(self._rowids), dimension), dtype=np.float32)

    @property
    def matrix(self) -> Vector:
        """The rows in use, dead ones included: float32 (size, dimension)."""
        return self._matrix[: self.size]

    @property
    def rowids(self) -> Rowids:
        """The rowids of `matrix`, dead ones included."""
        return self._rowids[: self.size]

    def load(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Fill the empty matrix with (rowid, little-endian float32 bytes), in any order."""
        source = iter(rows)
        while block := list(islice(source, _LOAD_BLOCK)):
            stop = self.size + len(block)
            self._reserve(stop)
            self._rowids[self.size : stop] = [rowid for rowid, _ in block]
            joined = b"".join([blob for _, blob in block])
            self._matrix[self.size : stop] = np.frombuffer(joined, dtype="<f4").reshape(len(block), -1)
            self.size = stop
        self._alive[: self.size] = True
        if np.any(self.rowids[1:] < self.rowids[:-1]):
            order = np.argsort(self.rowids)
            self._rowids[: self.size] = self.rowids[order]
            self._matrix[: self.size] = self.matrix[order]

    def put(self, rowid: int, vector: Vector) -> bool:
        """Set the vector of a row; False if it would have to go between others, which needs a new load."""
        position = int(np.searchsorted(self.rowids, rowid))
        if position == self.size:
            self._reserve(self.size + 1)
            self._rowids[position] = rowid
            self.size += 1
        elif self._rowids[position] != rowid:
            return False
        self._matrix[position] = vector
        self._alive[position] = True
        return True

    def drop(self, rowid: int) -> None:
        """Forget the vector of a row, if it has one."""
        self._alive[self.positions(np.array([rowid], dtype=np.int64))] = False

    def positions(self, rowids: Rowids) -> NDArray[np.int64]:
        """Return where these rows stand in `matrix`; rows without a vector are left out."""
        if not self.size:
            return np.empty(0, dtype=np.int64)
        found = np.searchsorted(self.rowids, rowids)
        found[found == self.size] = 0
        present: NDArray[np.int64] = found[(self._rowids[found] == rowids) & self._alive[found]]
        return present

    def all_positions(self) -> NDArray[np.int64]:
        """Return where all living rows stand in `matrix`."""
        return np.flatnonzero(self._alive[: self.size])

    def _reserve(self, size: int) -> None:
        capacity = len(self._rowids)
        if size > capacity:
            grown = max(size, 2 * capacity)
            self._rowids = np.resize(self._rowids, grown)
            self._alive = np.concatenate([self._alive, np.zeros(grown - capacity, dtype=np.bool_)])
            matrix = np.empty((grown, self._matrix.shape[1]), dtype=np.float32)
            matrix[: self.size] = self.matrix
            self._matrix = matrix
