"""The file's vectors in memory, in the order of their rowids: the signs of all, and as many in full as may.

Signs, of the differences from the mean, take a 32nd of a vector's space and tell nearly what is near. Where
not all have space in full, a vector has one place, which others share, so that no list of what was used last
is needed; what is not there is read from the file. Rows are appended in steps that double the space; a
removed vector leaves a dead row behind until the next load. Knows numpy and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from tinymem.types import Vector

Rowids = NDArray[np.int64]
"""Rowids of table `memory`, int64, ascending."""

Positions = NDArray[np.int64]
"""Where rows stand in a `ResidentVectors`, int64."""

Signs = NDArray[np.uint64]
"""Which numbers of vectors are above the mean, 64 to a word: (words, n)."""

ReadRows = Callable[[Rowids], Vector]
"""Reads the vectors of rows from the file: float32 (n, dimension)."""

FARTHEST = 65_535  # a distance that no two vectors have

_PATTERNS = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) - 1
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # an odd number without a pattern in its bits
_BLOCK = 65_536  # distances counted at once: what is worked on stays in the processor's cache


class ResidentVectors:
    """Row i is the vector of memory `rowids[i]`, where `alive[i]`; `limit` rows at most are held in full."""

    def __init__(self, dimension: int, capacity: int, limit: int) -> None:
        self.size = 0
        self.version = 0  # how often anything has changed
        self._dimension, self._capacity, self._limit = dimension, capacity, max(1, limit)
        room = capacity + capacity // 8 + 64  # space that is not used takes no memory
        self._rowids = np.empty(room, dtype=np.int64)
        self._alive: NDArray[np.bool_] = np.zeros(room, dtype=np.bool_)
        self._signs = np.empty((-(-dimension // 64), room), dtype=np.uint64)
        self._mean: Vector = np.zeros(dimension, dtype=np.float32)
        self._rows = np.empty((min(room, self._limit), dimension), dtype=np.float32)
        self._held = np.full(len(self._rows), -1, dtype=np.int64)  # the position whose vector lies there
        self._whole = True

    @property
    def rowids(self) -> Rowids:
        """The rowids of all rows, dead ones included."""
        return self._rowids[: self.size]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which rows are not dead."""
        return self._alive[: self.size]

    @property
    def matrix(self) -> Vector | None:
        """All rows in full, dead ones included, float32 (size, dimension); None where there is no space."""
        return self._rows[: self.size] if self._whole else None

    def load(self, blocks: Iterable[tuple[Rowids, Vector]]) -> None:
        """Fill the empty space with blocks of (rowids, vectors), in any order; the first gives the mean.

        Where not all have space in full, none is held until it is asked for.
        """
        self._whole = self._capacity <= self._limit
        for rowids, vectors in blocks:
            if not self.size and len(vectors):
                self._mean = vectors.mean(axis=0, dtype=np.float32)
            self._append(rowids, vectors, hold=self._whole)
        if np.any(self.rowids[1:] < self.rowids[:-1]):
            order = np.argsort(self.rowids)
            self._rowids[: self.size] = self.rowids[order]
            self._signs[:, : self.size] = self._signs[:, : self.size][:, order]
            if self._whole:
                self._rows[: self.size] = self._rows[order]

    def put(self, rowid: int, vector: Vector) -> bool:
        """Set the vector of a row; False if it would have to go between others, which needs a new load."""
        position = int(np.searchsorted(self.rowids, rowid))
        if position == self.size:
            self._append(np.array([rowid], dtype=np.int64), vector[None])
        elif self._rowids[position] != rowid:
            return False
        else:
            self._set(position, vector[None])
        return True

    def drop(self, rowid: int) -> None:
        """Forget the vector of a row, if it has one."""
        self.version += 1
        self._alive[self.positions(np.array([rowid], dtype=np.int64))] = False

    def positions(self, rowids: Rowids) -> Positions:
        """Return where these rows stand; rows without a vector are left out."""
        if not self.size or not len(rowids):
            return np.empty(0, dtype=np.int64)
        first = int(self._rowids[0])
        if int(self._rowids[self.size - 1]) - first == self.size - 1:  # no gaps: no need to search
            found = rowids - first
            found[(found < 0) | (found >= self.size)] = 0
        else:
            found = np.searchsorted(self.rowids, rowids)
            found[found == self.size] = 0
        present: Positions = found[(self._rowids[found] == rowids) & self._alive[found]]
        return present

    def vectors(self, positions: Positions, read: ReadRows) -> Vector:
        """Return vectors in full; those that are not held are read, and held from now on."""
        places = self._places(positions)
        rows: Vector = self._rows[places]
        missing = np.flatnonzero(self._held[places] != positions)
        if len(missing):
            rows[missing] = read(self._rowids[positions[missing]])
            self._rows[places[missing]] = rows[missing]
            self._held[places[missing]] = positions[missing]
        return rows

    def signs(self, positions: Positions | None) -> Signs:
        """Return the signs of the vectors at these positions, or of all rows."""
        return self._signs[:, : self.size] if positions is None else self._signs[:, positions]

    def distances(self, vector: Vector, signs: Signs) -> NDArray[np.uint16]:
        """Return how many of these signs differ from a vector's."""
        asked = self._signs_of(vector[None])[:, 0]
        found = np.empty(signs.shape[1], dtype=np.uint16)
        for start in range(0, len(found), _BLOCK):
            some = slice(start, start + _BLOCK)
            found[some] = 0
            for words, sign in zip(signs, asked, strict=True):
                found[some] += np.bitwise_count(words[some] ^ sign)
        return found

    def estimates(self, vector: Vector, signs: Signs) -> NDArray[np.float32]:
        """Return what a vector's numbers say of these signs: the more, the nearer."""
        numbers = np.zeros(64 * len(signs), dtype=np.float32)
        numbers[: len(vector)] = vector
        told = _PATTERNS @ numbers.reshape(-1, 8).T  # of each of the 256 values of each byte
        octets = np.ascontiguousarray(signs).view(np.uint8).reshape(*signs.shape, 8)
        found = np.zeros(signs.shape[1], dtype=np.float32)
        for word, each in enumerate(octets):
            for place in range(8):
                found += told[:, 8 * word + place][each[:, place]]
        return found

    def _append(self, rowids: Rowids, vectors: Vector, *, hold: bool = True) -> None:
        start, stop = self.size, self.size + len(rowids)
        self._reserve(stop)
        self._rowids[start:stop] = rowids
        self.size = stop
        if self._whole and stop > len(self._rows):
            self._whole = False
            self._held[:] = -1  # every vector has another place from now on
        self._set(start, vectors, hold=hold)

    def _set(self, start: int, vectors: Vector, *, hold: bool = True) -> None:
        """Write vectors to the positions from `start` on."""
        self.version += 1
        stop = start + len(vectors)
        self._alive[start:stop] = True
        self._signs[:, start:stop] = self._signs_of(vectors)
        if not hold:
            return
        positions = np.arange(start, stop)
        places = self._places(positions)
        self._rows[places] = vectors
        self._held[places] = positions

    def _signs_of(self, vectors: Vector) -> Signs:
        packed = np.packbits(vectors > self._mean, axis=1)
        padded = np.zeros((len(vectors), 8 * len(self._signs)), dtype=np.uint8)
        padded[:, : packed.shape[1]] = packed
        return np.ascontiguousarray(padded.view(np.uint64).T)

    def _places(self, positions: Positions) -> Positions:
        """Return where vectors lie in full: in order, or scattered, as owners take turns."""
        if self._whole:
            return positions
        scattered = positions.astype(np.uint64) * _SCATTER >> np.uint64(32)
        places: Positions = (scattered % np.uint64(len(self._rows))).astype(np.int64)
        return places

    def _reserve(self, size: int) -> None:
        room = len(self._rowids)
        if size <= room:
            return
        grown = max(size, 2 * room)
        self._rowids = np.resize(self._rowids, grown)
        self._alive = np.concatenate([self._alive, np.zeros(grown - room, dtype=np.bool_)])
        self._signs = np.concatenate(
            [self._signs, np.empty((len(self._signs), grown - room), dtype=np.uint64)], axis=1
        )
        if room < self._limit:  # every row lay at its own position so far, and goes on to do so
            rows = np.empty((min(grown, self._limit), self._dimension), dtype=np.float32)
            held = np.full(len(rows), -1, dtype=np.int64)
            rows[: len(self._rows)], held[: len(self._rows)] = self._rows, self._held
            self._rows, self._held = rows, held
