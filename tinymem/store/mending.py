"""Mending: whatever can be made again from the memories themselves is made again where it is broken.

Indexes, keywords, vectors and the ties to entities all say only what texts and relations say. Texts, metadata
and the past are never touched: what is wrong with those only `check` says, and `salvage` saves the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apsw

from tinymem.errors import StoreError
from tinymem.store.care import examine_keywords, examine_settings
from tinymem.store.context import index_all, reindex, unsourced
from tinymem.store.entities import link, wrong_links
from tinymem.store.opening import OpenFile
from tinymem.store.rows import RECORD_SQL, parse_row, render_vector
from tinymem.store.schema import KEYWORDS_SQL, vectors_sql
from tinymem.store.vector_rows import NORM_TOLERANCE
from tinymem.store.vectors import check_vector, length_of, load_embedder, load_unembedded
from tinymem.store.writing import check_embedder, same_space, start_generation
from tinymem.types import Vector

_HAS_VECTORS = "SELECT sql FROM sqlite_schema WHERE name = 'memory_vec'"


class Mending(OpenFile):
    """What a Store knows of mending."""

    def mend(self) -> list[str]:
        """Make anew what is broken and follows from the memories, but for vectors; say what was mended.

        Vectors that can not be right are removed. What can not be mended stays as it is.
        """
        said: list[str] = []
        with self._writing(frees=True) as connection:
            findings = [str(found) for (found,) in connection.execute("PRAGMA integrity_check")]
            for step in STEPS:
                try:
                    with connection:  # a savepoint: a step that fails leaves nothing behind
                        said += list(step(connection, findings))
                except (apsw.Error, StoreError, ValueError, TypeError, KeyError):
                    continue
            start_generation(connection)
        return said

    def unembedded(self) -> list[tuple[int, str, str]]:
        """Return (rowid, hash, text) of every memory without a vector, oldest row first."""
        with self._reading() as connection:
            return load_unembedded(connection)

    def keep_vectors(
        self, embedder: Mapping[str, Any], rows: Sequence[tuple[int, str]], vectors: Vector
    ) -> None:
        """Give memories, by (rowid, hash), a vector of the file's embedder, where they still have none.

        Raises:
            EmbeddingError: A vector is not a normalised float32 row of the embedder's dimension.
        """
        for vector in vectors:
            check_vector(vector, int(embedder["dimension"]))
        with self._writing() as connection:
            stored = load_embedder(connection)
            if stored is None or not same_space(stored, embedder):
                return  # another process has just embedded everything with another embedder
            wanted = {(rowid, hash_) for rowid, hash_, _ in load_unembedded(connection)}
            connection.executemany(
                "INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)",
                [
                    (row[0], render_vector(vector))
                    for row, vector in zip(rows, vectors, strict=True)
                    if row in wanted
                ],
            )
            start_generation(connection)


def _mend_indexes(connection: apsw.Connection, findings: Sequence[str]) -> Iterator[str]:
    if any(" index " in finding and "FTS5" not in finding for finding in findings):
        connection.execute("REINDEX")
        yield "the indexes were built anew"


def _mend_keywords(connection: apsw.Connection, findings: Sequence[str]) -> Iterator[str]:
    if not any("FTS5" in finding for finding in findings) and _finds_nothing(examine_keywords, connection):
        if older := unsourced(connection):
            reindex(connection, older)
            yield f"facts whose source was not in the keyword index: {len(older)}"
        return
    try:
        with connection:
            connection.execute("INSERT INTO memory_fts(memory_fts) VALUES ('delete-all')")
    except apsw.Error:
        connection.execute("DROP TABLE IF EXISTS memory_fts")
        connection.execute(KEYWORDS_SQL)
    index_all(connection)
    yield "the keyword index was built anew"


def _mend_vectors(connection: apsw.Connection, findings: Sequence[str]) -> Iterator[str]:
    """Remove vectors that are none or no memory's, and all of them where nobody knows who made them."""
    embedder = _known_embedder(connection)
    has_vectors = connection.execute(_HAS_VECTORS).get is not None
    if embedder is None:
        named = connection.execute("DELETE FROM identity WHERE key = 'embedder' RETURNING 1").get
        connection.execute("DROP TABLE IF EXISTS memory_vec")
        if has_vectors or named:
            yield "the vectors were removed: the file did not say rightly which embedder made them"
        return
    try:
        wrong = list(_wrong_vectors(connection)) if has_vectors else None
    except apsw.Error:
        wrong = None
    if wrong is None:
        connection.execute("DROP TABLE IF EXISTS memory_vec")
        connection.execute(vectors_sql(int(embedder["dimension"])))
        yield "the vectors were removed: they could not be read"
        return
    connection.executemany("DELETE FROM memory_vec WHERE rowid = ?", wrong)
    if wrong:
        yield f"vectors removed because they were damaged or no memory's: {len(wrong)}"


def _known_embedder(connection: apsw.Connection) -> dict[str, Any] | None:
    """Return the embedder whose vectors these are, None where the file does not say so rightly."""
    try:
        embedder = load_embedder(connection)
        if embedder is None:
            return None
        embedder = check_embedder(embedder)
    except (StoreError, ValueError, TypeError):
        return None
    table = connection.execute(_HAS_VECTORS).get
    fits = table is None or f"float[{embedder['dimension']}]" in table
    return embedder if fits else None


def _wrong_vectors(connection: apsw.Connection) -> Iterator[tuple[int]]:
    memories = {rowid for (rowid,) in connection.execute("SELECT rowid FROM memory")}
    for rowid, blob in connection.execute("SELECT rowid, embedding FROM memory_vec"):
        if rowid not in memories or not abs(length_of(blob) - 1) <= 2 * NORM_TOLERANCE:
            yield (rowid,)


def _mend_links(connection: apsw.Connection, findings: Sequence[str]) -> Iterator[str]:
    """Tie the memories to their entities anew; entities keep their names and vectors."""
    if not _finds_nothing(wrong_links, connection):
        connection.execute("DELETE FROM memory_entity")
        rows: list[Any] = connection.execute(f"{RECORD_SQL} WHERE m.relations <> '[]'").fetchall()
        for row in rows:
            link(connection, row[0], parse_row(row), {})
        connection.execute("DELETE FROM entity WHERE rowid NOT IN (SELECT entity_rowid FROM memory_entity)")
        yield "the ties between memories and entities were made anew"
    sql = "DELETE FROM memory_category WHERE memory_rowid NOT IN (SELECT rowid FROM memory)"
    connection.execute(sql)
    if connection.changes():
        yield f"categories removed because they were no memory's: {connection.changes()}"


def _mend_settings(connection: apsw.Connection, findings: Sequence[str]) -> Iterator[str]:
    """Take back settings that can not be read."""
    if not _finds_nothing(examine_settings, connection):
        connection.execute("DELETE FROM identity WHERE key = 'settings'")
        yield "the settings of the file were removed: they could not be read"


def _finds_nothing(examine: Callable[[apsw.Connection], Iterator[str]], connection: apsw.Connection) -> bool:
    """Tell whether an examination goes through and finds nothing wrong."""
    try:
        return not list(examine(connection))
    except (apsw.Error, StoreError, ValueError, TypeError):
        return False


STEPS: tuple[Callable[[apsw.Connection, Sequence[str]], Iterator[str]], ...] = (
    _mend_indexes,
    _mend_keywords,
    _mend_vectors,
    _mend_links,
    _mend_settings,
)
