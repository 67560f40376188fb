"""What was said around a memory is a weaker key of it: the second column of the keyword index.

Memories that were stored word for word say which one they followed (`Record.follows`). A fact that was
inferred cites the message it came from: the words of that one and of the one before it are around the fact,
as long as the file keeps them and the text is the one that was inferred. Whenever any of it changes the words
are read anew, so the index never holds what is no longer there. In files of an older release the sources of
facts come into the index when those are written again, or with `repair`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import apsw

from tinymem.store.keywords import index_text
from tinymem.types import Change

WIDEST = 1_000  # characters of each text around that are indexed: a page next to a message is not about it

_AFTER = "SELECT n.rowid FROM memory n WHERE n.follows = m.id ORDER BY n.rowid LIMIT 1"

# The last Change that gave a memory its present text and cites words for it, first those that state it.
_TELLING = """
    SELECT max(d.seq) FROM changes d
    WHERE d.memory_id = m.id AND d.evidence <> '[]' AND d.after ->> 'text' = m.text
"""
_INDEXED = f"""
    SELECT m.rowid, m.text, q.text, p.text, n.text, t.content,
        substr(s.content, max(1, (c.evidence ->> '$[0][1]') - {WIDEST // 2}), {WIDEST})
    FROM memory m LEFT JOIN memory p ON p.id = m.follows LEFT JOIN memory q ON q.id = p.follows
    LEFT JOIN memory n ON n.rowid = ({_AFTER})
    LEFT JOIN changes c ON c.seq = ({_TELLING})
    LEFT JOIN messages s ON s.commit_seq = c.commit_seq AND s.position = c.evidence ->> '$[0][0]'
        AND s.content <> m.text
    LEFT JOIN messages t ON t.commit_seq = s.commit_seq AND t.position = s.position - 1 AND t.role <> 'system'
"""
_SOME = f"{_INDEXED} WHERE m.rowid IN (SELECT value FROM json_each(?))"
_ALONE = f"""
    {_INDEXED} WHERE m.id IN (SELECT value FROM json_each(?))
    AND coalesce(p.rowid, n.rowid, s.position) IS NULL
"""
_SOURCED = f"{_INDEXED} WHERE s.position IS NOT NULL AND coalesce(p.rowid, n.rowid) IS NULL"

# FTS5 keeps how many words each column of a row has, as numbers of variable length.
_BARE = "SELECT id FROM memory_fts_docsize WHERE substr(sz, -1) = x'00' AND substr(sz, -2, 1) < x'80'"
_CITING = """
    SELECT DISTINCT m.rowid FROM changes c JOIN memory m ON m.id = c.memory_id
    WHERE c.commit_seq IN (SELECT value FROM json_each(?))
"""
_AFFECTED = """
    SELECT m.rowid FROM memory m WHERE m.id IN (SELECT value FROM json_each(?1))
    UNION SELECT m.rowid FROM memory m WHERE m.follows IN (SELECT value FROM json_each(?1))
    UNION SELECT n.rowid FROM memory n JOIN memory m ON n.follows = m.id
        WHERE m.follows IN (SELECT value FROM json_each(?1))
"""


def index_all(connection: apsw.Connection) -> None:
    """Fill the keyword index, which is empty."""
    _insert(connection, list(indexed_rows(connection)))


def indexed_rows(
    connection: apsw.Connection, rowids: Iterable[int] | None = None
) -> Iterator[tuple[int, str, str]]:
    """Yield (rowid, text, context) of these memories, or of all, as the keyword index has to hold them."""
    if rowids is None:
        return _as_indexed(connection.execute(_INDEXED))
    return _as_indexed(connection.execute(_SOME, (json.dumps(sorted(rowids)),)))


def unsourced(connection: apsw.Connection) -> set[int]:
    """Return the rows of facts as an older release left them: the index does not hold their source."""
    bare = {row for (row,) in connection.execute(_BARE)}
    sourced = _as_indexed(connection.execute(_SOURCED))
    return {row for row, _, context in sourced if context and row in bare}


def context_text(around: Iterable[object]) -> str:
    """Return what the index holds of the texts around a memory; None is where there is none."""
    return index_text("\n".join(str(text)[:WIDEST] for text in around if text is not None))


def follow_up(connection: apsw.Connection, changes: Iterable[Change]) -> None:
    """Index anew what Changes that were just written have changed around them and other memories."""
    records = [record for change in changes for record in (change.before, change.after) if record is not None]
    ids = {record.id for record in records}
    followed = {record.follows for record in records if record.follows is not None}
    rows = affected(connection, ids | followed)
    # Read to the end: after a commit beside an open reading SQLite 3.54.0 lets no table go any more.
    alone = {int(row) for row, *_ in connection.execute(_ALONE, (json.dumps(sorted(ids)),))}
    if followed or rows.difference(alone):
        reindex(connection, rows)


def affected(connection: apsw.Connection, memory_ids: Iterable[str]) -> set[int]:
    """Return the rows of these memories, and of those that have one of them around."""
    rows = connection.execute(_AFFECTED, (json.dumps(sorted(memory_ids)),))
    return {int(rowid) for (rowid,) in rows}


def citing(connection: apsw.Connection, commit_seqs: Iterable[int]) -> set[int]:
    """Return the rows of memories that these commits wrote, so that their messages may be around them."""
    rows = connection.execute(_CITING, (json.dumps(list(commit_seqs)),))
    return {int(rowid) for (rowid,) in rows}


def reindex(connection: apsw.Connection, rowids: Iterable[int]) -> None:
    """Read the text and the context of these rows into the index again; rows that are gone leave it."""
    gone = "DELETE FROM memory_fts WHERE rowid IN (SELECT value FROM json_each(?))"
    connection.execute(gone, (json.dumps(sorted(rowids)),))
    _insert(connection, list(indexed_rows(connection, rowids)))


def _as_indexed(rows: Iterable[Any]) -> Iterator[tuple[int, str, str]]:
    for rowid, text, *around in rows:
        yield int(rowid), index_text(str(text)), context_text(around)


def _insert(connection: apsw.Connection, rows: Iterable[tuple[int, str, str]]) -> None:
    connection.executemany("INSERT INTO memory_fts(rowid, text, context) VALUES (?, ?, ?)", rows)
