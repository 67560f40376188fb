"""Another embedder for a whole file: its vectors are collected beside the present ones, then swapped in.

The slow part, embedding, happens between small transactions; until the swap, which is one
transaction, every reader and writer goes on in the old space. What was collected stays in the file,
so that a run that was cut off goes on where it stopped. Vectors are kept by the hash of their
text: whatever is written meanwhile is found missing at the swap, and only that is embedded again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from tinymem.errors import ConflictError, EmbeddingError
from tinymem.store.rows import render_vector
from tinymem.store.schema import STAGED_SQL, vectors_sql
from tinymem.store.vectors import check_vector, load_embedder
from tinymem.store.writing import check_embedder, same_space, start_generation
from tinymem.types import Vector

# The past is embedded as well where it had vectors, so that looking back works in the new space.
_PENDING = """
    SELECT hash, text FROM (
        SELECT hash, text FROM memory
        UNION SELECT before ->> 'hash', before ->> 'text' FROM changes WHERE vector_before IS NOT NULL
    ) WHERE hash NOT IN (SELECT hash FROM staged_vector) ORDER BY length(text)
"""

# What was erased while it was embedded is not written down again.
_WANTED = """
    SELECT value FROM json_each(?) WHERE value IN (SELECT hash FROM memory)
    OR value IN (SELECT before ->> 'hash' FROM changes WHERE vector_before IS NOT NULL)
"""


def begin(connection: apsw.Connection, embedder: Mapping[str, Any]) -> None:
    """Start, or go on, collecting vectors of an embedder; another one's that were not finished go.

    Raises:
        ValidationError: The embedder's identity has no usable dimension.
    """
    identity = check_embedder(embedder)
    staged = _load_staged(connection)
    if staged is None or not same_space(staged, identity):
        discard(connection)
        connection.execute(STAGED_SQL)
        connection.execute("INSERT INTO identity VALUES ('staged_embedder', ?)", (json.dumps(identity),))


def load_pending(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Return (hash, text) of every text that has no vector of the new embedder yet, short ones first."""
    if _load_staged(connection) is None:
        return []
    return [(str(hash_), str(text)) for hash_, text in connection.execute(_PENDING)]


def keep(
    connection: apsw.Connection, embedder: Mapping[str, Any], hashes: Sequence[str], rows: Vector
) -> None:
    """Keep new vectors, float32 (len(hashes), dimension), until the swap.

    Raises:
        EmbeddingError: A row is not a normalised float32 row of the embedder's dimension.
        ConflictError: Another process began to re-embed the file with another embedder.
    """
    if len(rows) != len(hashes):
        raise EmbeddingError(f"the embedder gave {len(rows)} vectors for {len(hashes)} texts")
    for row in rows:
        check_vector(row, int(embedder["dimension"]))
    if not _is_current(connection, embedder):
        return  # another process with the same embedder has just finished
    wanted = {hash_ for (hash_,) in connection.execute(_WANTED, (json.dumps(list(hashes)),))}
    connection.executemany(
        "INSERT OR REPLACE INTO staged_vector(hash, vector) VALUES (?, ?)",
        [(hash_, render_vector(row)) for hash_, row in zip(hashes, rows, strict=True) if hash_ in wanted],
    )


def swap(connection: apsw.Connection, embedder: Mapping[str, Any]) -> bool:
    """Put the new vectors in the place of the old ones; False if some are still missing.

    Raises:
        ConflictError: Another process began to re-embed the file with another embedder.
    """
    if not _is_current(connection, embedder):
        return True
    if load_pending(connection):
        return False
    connection.execute("DROP TABLE IF EXISTS memory_vec")
    connection.execute(vectors_sql(int(embedder["dimension"])))
    connection.execute(
        "INSERT INTO memory_vec(rowid, embedding) "
        "SELECT m.rowid, s.vector FROM memory m JOIN staged_vector s ON s.hash = m.hash ORDER BY m.rowid"
    )
    connection.execute(
        "UPDATE changes SET vector_before = (SELECT s.vector FROM staged_vector s "
        "WHERE s.hash = before ->> 'hash') WHERE vector_before IS NOT NULL"
    )
    connection.execute("UPDATE entity SET vector = NULL")  # it was of the old space; names go on without
    connection.execute("DELETE FROM identity WHERE key = 'embedder'")
    connection.execute("UPDATE identity SET key = 'embedder' WHERE key = 'staged_embedder'")
    discard(connection)
    start_generation(connection)
    return True


def discard(connection: apsw.Connection) -> None:
    """Forget the vectors that were collected and not swapped in."""
    connection.execute("DROP TABLE IF EXISTS staged_vector")
    connection.execute("DELETE FROM identity WHERE key = 'staged_embedder'")


def _load_staged(connection: apsw.Connection) -> dict[str, Any] | None:
    value = connection.execute("SELECT value FROM identity WHERE key = 'staged_embedder'").get
    return None if value is None else dict(json.loads(value))


def _is_current(connection: apsw.Connection, embedder: Mapping[str, Any]) -> bool:
    """Tell whether this embedder's vectors are being collected; False if they are in place already."""
    identity = check_embedder(embedder)
    staged, standing = _load_staged(connection), load_embedder(connection)
    if staged is not None and same_space(staged, identity):
        return True
    if staged is None and standing is not None and same_space(standing, identity):
        return False
    raise ConflictError(
        f"another process re-embeds the file with {(staged or standing or {}).get('name')!r}; "
        f"{identity['name']!r} gave way, start again when it is done"
    )
