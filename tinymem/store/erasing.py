"""Erasing: nothing that a memory ever said is left, in no table, index, free page or log.

A deletion marks and keeps, so that it can be undone; an erasure overwrites. It goes in two steps. In one
transaction every row goes, with all of the past and the source messages, and indexes that only mark what was
deleted are written anew. Then the whole file is, because SQLite leaves copies of rows in pages that it
split. Until that is done the file remembers it, and the next erasing or compacting does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from tinymem.store.context import affected, citing, reindex
from tinymem.store.copies import Copies, drop_leftovers, shrink
from tinymem.store.entities import unlink
from tinymem.store.filters import Where
from tinymem.store.past import Past
from tinymem.store.rows import REPEATED, render_moment
from tinymem.store.writing import start_generation
from tinymem.types import Scope

SHORTEST_CITED = 12  # characters: who answered "yes" twice need not have said the same

_EXISTS = """
    SELECT EXISTS (SELECT 1 FROM memory WHERE id = ?1) OR EXISTS (SELECT 1 FROM changes WHERE memory_id = ?1)
"""
_DELETED = """
    SELECT c.memory_rowid, c.before, NULL FROM changes c
    WHERE c.event = 'DELETE' AND c.seq = (SELECT max(d.seq) FROM changes d WHERE d.memory_id = c.memory_id)
"""
_ERASED = "(SELECT value FROM json_each(?1))"
_TOUCHED = f"SELECT commit_seq FROM changes WHERE memory_id IN {_ERASED}"
# A call that told again what a memory says has no Change of it; which message did stands beside its engine.
_REPEATED = f"""
    SELECT k.seq, again.value ->> 1 FROM commits k, json_each(k.engine, '$.{REPEATED}') AS again
    WHERE again.value ->> 0 IN {_ERASED}
"""
_TEXTS = f"""
    SELECT hash FROM memory WHERE id IN {_ERASED}
    UNION SELECT before ->> 'hash' FROM changes WHERE memory_id IN {_ERASED}
    UNION SELECT after ->> 'hash' FROM changes WHERE memory_id IN {_ERASED}
"""

# What the same owner told again is the same source: a whole message, or words cited from one.
_CITED = f"""
    SELECT DISTINCT substr(s.content, span.value ->> 1 + 1, span.value ->> 2 - span.value ->> 1)
    FROM changes c, json_each(c.evidence) AS span
    JOIN messages s ON s.commit_seq = c.commit_seq AND s.position = span.value ->> 0
    WHERE c.memory_id IN {_ERASED}
"""
_SOURCES = f"SELECT DISTINCT content FROM messages WHERE commit_seq IN ({_TOUCHED}) AND content <> ''"
_OWNERS = f"""
    SELECT DISTINCT id.key, id.value FROM commits k, json_each(k.scope) AS id
    WHERE k.seq IN ({_TOUCHED}) AND id.key IN ('user_id', 'agent_id')
"""
_FORGET_MESSAGES = f"""
    DELETE FROM messages WHERE commit_seq IN ({_TOUCHED}) OR (commit_seq, position) IN ({_REPEATED})
    RETURNING commit_seq
"""
_FORGET_REPEATED = """
    DELETE FROM messages WHERE (
        content IN (SELECT value FROM json_each(?1))
        OR EXISTS (SELECT 1 FROM json_each(?2) AS cited WHERE instr(messages.content, cited.value))
    ) AND commit_seq IN (
        SELECT k.seq FROM commits k, json_each(k.scope) AS id, json_each(?3) AS owner
        WHERE id.key = owner.value ->> 0 AND id.value = owner.value ->> 1
    ) RETURNING commit_seq
"""
_FORGET_TOLD = (
    "DELETE FROM messages WHERE commit_seq IN (SELECT seq FROM commits WHERE {told}) RETURNING commit_seq"
)
_FORGET = (
    f"DELETE FROM feedback WHERE memory_id IN {_ERASED}",
    f"DELETE FROM commits WHERE seq IN ({_TOUCHED}) "
    f"AND seq NOT IN (SELECT commit_seq FROM changes WHERE memory_id NOT IN {_ERASED})",
    f"DELETE FROM changes WHERE memory_id IN {_ERASED}",
    f"DELETE FROM memory WHERE id IN {_ERASED}",
)
_RECEIPT = "INSERT INTO commits(id, call, at, scope, engine) VALUES (?, 'erase', ?, '{}', ?)"
_STANDING = f"SELECT rowid, follows FROM memory WHERE id IN {_ERASED}"
_REMAINING = "SELECT id FROM commits WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
_MARK = "INSERT OR REPLACE INTO identity VALUES ('erasing', '1')"


@dataclass(frozen=True)
class Erasure:
    """How many memories were erased, and whether that or messages alone left a receipt.

    `pending` while another process keeps old pages as they were.
    """

    erased: int
    receipt: bool
    pending: bool


class Erasing(Copies, Past):
    """What a Store knows of erasing."""

    def erase(self, what: Where | str, commit_id: str, at: datetime, whose: Scope | None = None) -> Erasure:
        """Erase one memory by id, or all that meet a condition; those that were deleted as they last stood.

        With `whose`, all messages go that were told for these ids, whatever came of them. A commit without
        content, `commit_id`, is left as a receipt where anything was erased.

        Raises:
            BusyError: Another process kept the file locked; nothing was erased.
        """
        with self._open() as connection, _overwriting(connection):
            with self._writing(frees=True):
                ids = self._found(connection, what)
                lost = _forget(connection, ids, whose)
                erased = bool(ids or lost["messages_of"])
                if erased:
                    receipt = json.dumps({"erased": len(ids), **lost})
                    connection.execute(_RECEIPT, (commit_id, render_moment(at), receipt))
                    connection.execute(_MARK)
                    start_generation(connection)
            self._pasts.clear()
            return Erasure(len(ids), erased, not self._finish_erasing(connection))

    def compact(self) -> tuple[int, int]:
        """Give back to the disk what the file does not need; return its size in bytes before and after.

        Raises:
            BusyError: Another process read or wrote all the while; what was not given back is used again.
        """
        with self._open() as connection, _overwriting(connection):
            sizes = super().compact()
            _unmark(connection)
            return sizes

    def _found(self, connection: apsw.Connection, what: Where | str) -> list[str]:
        if isinstance(what, str):
            return [what] if connection.execute(_EXISTS, (what,)).get else []
        sql = f"SELECT m.id FROM memory m WHERE {what.sql}"
        ids = [str(found) for (found,) in connection.execute(sql, what.params)]
        deleted = list(connection.execute(_DELETED))
        if deleted:
            past = type(self)(":memory:")
            past._fill(deleted, None)
            with past._reading() as as_they_stood:
                ids += [str(found) for (found,) in as_they_stood.execute(sql, what.params)]
            past.close()
        return ids

    def _finish_erasing(self, connection: apsw.Connection) -> bool:
        """Write the file anew if an erasure asks for it; False if another process prevents that."""
        if connection.execute("SELECT 1 FROM identity WHERE key = 'erasing'").get is None:
            return True
        try:
            shrink(connection)
        except (apsw.BusyError, apsw.FullError):
            return False
        _unmark(connection)
        return True


@contextmanager
def _overwriting(connection: apsw.Connection) -> Iterator[None]:
    """Let SQLite write zeros over what it deletes."""
    connection.pragma("secure_delete", True)
    try:
        yield
    finally:
        connection.pragma("secure_delete", False)


def _forget(connection: apsw.Connection, ids: Sequence[str], whose: Scope | None) -> dict[str, list[str]]:
    """Delete all that the file holds of these memories; run it in a write transaction.

    Returns which commits that stay lost Changes, so that they can not be undone any more, or messages.
    """
    erased = (json.dumps(ids),)
    standing: list[Any] = connection.execute(_STANDING, erased).fetchall()
    rowids = [rowid for rowid, _ in standing]
    around = {*ids, *(follows for _, follows in standing if follows is not None)}
    beside = affected(connection, around).difference(rowids)
    _forget_staged(connection, erased)
    lost = {"changes_of": list(connection.execute(_TOUCHED, erased))}
    lost["messages_of"] = [*_forget_messages(connection, erased), *_forget_told(connection, whose)]
    for statement in _FORGET:
        connection.execute(statement, erased)
    vectors_stand = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'memory_vec'").get
    tables = {"memory_fts": "rowid", "memory_category": "memory_rowid"}
    tables |= {"memory_vec": "rowid"} if vectors_stand else {}
    for table, column in tables.items():
        connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(rowid,) for rowid in rowids])
    for rowid in rowids:
        unlink(connection, rowid)
    reindex(connection, beside | citing(connection, [seq for (seq,) in lost["messages_of"]]))
    drop_leftovers(connection)
    return {name: _remaining(connection, [seq for (seq,) in rows]) for name, rows in lost.items()}


def _forget_messages(connection: apsw.Connection, erased: tuple[str]) -> list[Any]:
    """Delete the source messages of memories, and where their owners told the same again."""
    told = [content for (content,) in connection.execute(_SOURCES, erased)]
    cited = [words for (words,) in connection.execute(_CITED, erased) if len(words) >= SHORTEST_CITED]
    owners: list[Any] = connection.execute(_OWNERS, erased).fetchall()
    lost = list(connection.execute(_FORGET_MESSAGES, erased))
    return [*lost, *connection.execute(_FORGET_REPEATED, tuple(map(json.dumps, (told, cited, owners))))]


def _forget_told(connection: apsw.Connection, whose: Scope | None) -> list[Any]:
    """Delete all messages that were told for an owner: a user or an agent, perhaps of one run or app."""
    if whose is None:
        return []
    ids = whose.ids()
    owners = " OR ".join(f"scope ->> '{name}' = ?" for name in ids if name in ("user_id", "agent_id"))
    parts = [f"({owners})"] if owners else []
    parts += [f"scope ->> '{name}' = ?" for name in ids if name not in ("user_id", "agent_id")]
    return list(connection.execute(_FORGET_TOLD.format(told=" AND ".join(parts)), tuple(ids.values())))


def _remaining(connection: apsw.Connection, seqs: Sequence[int]) -> list[str]:
    """Return the ids of those of the commits that are still there."""
    return [str(commit_id) for (commit_id,) in connection.execute(_REMAINING, (json.dumps(seqs),))]


def _forget_staged(connection: apsw.Connection, erased: tuple[str]) -> None:
    """Delete the new vectors of these memories that another embedder has made so far."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'staged_vector'").get:
        connection.execute(f"DELETE FROM staged_vector WHERE hash IN ({_TEXTS})", erased)


def _unmark(connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM identity WHERE key = 'erasing'")
