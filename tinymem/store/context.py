"""What was said around a message is a weaker key of it: the second column of the keyword index.

Memories that were stored word for word say which one they followed (`Record.follows`). From that the words
around each are read anew whenever one of them changes, so the index never holds what is no longer there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import apsw

from tinymem.store.keywords import index_text
from tinymem.types import Change

WIDEST = 1_000  # characters of each neighbour that are indexed: a page next to a message is not about it

_AFTER = "SELECT n.rowid FROM memory n WHERE n.follows = m.id ORDER BY n.rowid LIMIT 1"
_INDEXED = f"""
    SELECT m.rowid, m.text, q.text, p.text, n.text
    FROM memory m LEFT JOIN memory p ON p.id = m.follows LEFT JOIN memory q ON q.id = p.follows
    LEFT JOIN memory n ON n.rowid = ({_AFTER})
"""
_ROWS = "SELECT rowid FROM memory WHERE id IN (SELECT value FROM json_each(?))"
_AFFECTED = """
    SELECT m.rowid FROM memory m WHERE m.id IN (SELECT value FROM json_each(?1))
    UNION SELECT m.rowid FROM memory m WHERE m.follows IN (SELECT value FROM json_each(?1))
    UNION SELECT n.rowid FROM memory n JOIN memory m ON n.follows = m.id
        WHERE m.follows IN (SELECT value FROM json_each(?1))
"""


def index_all(connection: apsw.Connection) -> None:
    """Fill the keyword index, which is empty."""
    connection.executemany(
        "INSERT INTO memory_fts(rowid, text, context) VALUES (?, ?, ?)", list(indexed_rows(connection))
    )


def indexed_rows(connection: apsw.Connection) -> Iterator[tuple[int, str, str]]:
    """Yield (rowid, text, context) of every memory as the keyword index has to hold them."""
    for rowid, text, *around in connection.execute(_INDEXED):
        yield int(rowid), index_text(str(text)), context_text(around)


def context_text(around: Iterable[object]) -> str:
    """Return what the index holds of the texts around a memory; None is where there is none."""
    return index_text("\n".join(str(text)[:WIDEST] for text in around if text is not None))


def follow_up(connection: apsw.Connection, changes: Iterable[Change]) -> None:
    """Index anew what Changes that were just written have changed around other memories."""
    records = [record for change in changes for record in (change.before, change.after) if record is not None]
    ids = {record.id for record in records}
    rows = affected(connection, ids | {record.follows for record in records if record.follows is not None})
    own = connection.execute(_ROWS, (json.dumps(sorted(ids)),))
    if rows.difference(row for (row,) in own) or any(record.follows is not None for record in records):
        reindex(connection, rows)


def affected(connection: apsw.Connection, memory_ids: Iterable[str]) -> set[int]:
    """Return the rows of these memories, and of those that have one of them around."""
    rows = connection.execute(_AFFECTED, (json.dumps(sorted(memory_ids)),))
    return {int(rowid) for (rowid,) in rows}


def reindex(connection: apsw.Connection, rowids: Iterable[int]) -> None:
    """Read the text and the context of these rows into the index again; rows that are gone leave it."""
    wanted = json.dumps(sorted(rowids))
    connection.execute("DELETE FROM memory_fts WHERE rowid IN (SELECT value FROM json_each(?))", (wanted,))
    rows = connection.execute(f"{_INDEXED} WHERE m.rowid IN (SELECT value FROM json_each(?))", (wanted,))
    connection.executemany(
        "INSERT INTO memory_fts(rowid, text, context) VALUES (?, ?, ?)",
        [(rowid, index_text(str(text)), context_text(around)) for rowid, text, *around in rows.fetchall()],
    )
