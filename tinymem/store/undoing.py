"""What it takes to undo a commit: the Changes that lead back to what stood before it.

What later commits did to the same memories can not stay when this one goes, and what they did to others
goes with them. So a commit is undone with all that were built on it, or not at all. Only reads: what is
found becomes one new Commit, written like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from tinymem.errors import MemoryNotFoundError, ValidationError
from tinymem.store.log import load_erased
from tinymem.store.opening import OpenFile
from tinymem.store.rows import RECORD_SQL, parse_record, parse_row, parse_vector, readable
from tinymem.store.vectors import load_embedder
from tinymem.store.writing import last_changes, same_record
from tinymem.types import Change, Record, Scope, Vector

_COMMIT = """
    SELECT k.seq, k.scope, EXISTS (SELECT 1 FROM changes c WHERE c.commit_seq = k.seq)
    FROM commits k WHERE k.id = ?
"""

# From each Change to the next one of the same memory, and from that to all of its commit's.
_BUILT_ON = """
    WITH RECURSIVE undone(commit_seq) AS (
        SELECT ?
        UNION
        SELECT later.commit_seq
        FROM undone JOIN changes mine ON mine.commit_seq = undone.commit_seq
        JOIN changes later ON later.seq = (
            SELECT min(n.seq) FROM changes n WHERE n.memory_id = mine.memory_id AND n.seq > mine.seq
        )
    )
    SELECT k.seq, k.id FROM undone JOIN commits k ON k.seq = undone.commit_seq ORDER BY k.seq
"""

# Beside min() SQLite returns the columns of the row that has it. Source: https://sqlite.org/lang_select.html
_FIRST_CHANGES = """
    SELECT memory_id, before, vector_before, min(seq) AS first FROM changes
    WHERE commit_seq IN (SELECT value FROM json_each(?)) GROUP BY memory_id ORDER BY first
"""


@dataclass(frozen=True)
class Undo:
    """What undoing a commit takes.

    `commits` are those that have to be undone, the one that was asked for first; `scope` is whose that was.
    The Changes lead back to what stood before all of them, with vectors of `embedder`; `last` holds the
    number of the last Change of each memory that they are about.
    """

    commits: tuple[str, ...]
    scope: Scope
    changes: tuple[Change, ...]
    embedder: Mapping[str, Any] | None
    last: Mapping[str, int]


class Undoing(OpenFile):
    """What a Store knows of ways back."""

    def way_back(self, commit_id: str) -> Undo:
        """Return what undoes a commit, and with it all that were built on it.

        Raises:
            MemoryNotFoundError: No commit has this id.
            ValidationError: It has no Changes, or what it or one of those others wrote was erased.
            CorruptError: Something that is stored can not be read.
        """
        with self._reading() as connection:
            row = connection.execute(_COMMIT, (commit_id,)).fetchone()
            if row is None:
                raise MemoryNotFoundError(f"no commit has the id {commit_id!r}: `log` lists those that exist")
            seq, scope, has_changes = row
            if not has_changes:
                raise ValidationError(f"commit {commit_id!r} holds no changes: there is nothing to undo")
            undone = dict(connection.execute(_BUILT_ON, (seq,)))
            if lost := sorted(load_erased(connection, "changes_of").intersection(undone.values())):
                raise ValidationError(
                    f"commit {commit_id!r} can not be undone: memories of {lost} were erased since, for good"
                )
            with readable(f"commit {commit_id!r}"):
                first = connection.execute(_FIRST_CHANGES, (json.dumps(list(undone)),)).fetchall()
                changes = tuple(_changes_back(connection, first))
                last = last_changes(connection, [str(memory_id) for memory_id, *_ in first])
                embedder = load_embedder(connection)
                commits = (undone.pop(seq), *undone.values())
                return Undo(commits, Scope(**json.loads(scope)), changes, embedder, last)


def _changes_back(connection: apsw.Connection, first: Sequence[tuple[Any, ...]]) -> Iterator[Change]:
    """Yield what leads each memory back to how the first of its Changes that are undone found it."""
    for memory_id, before, vector, _ in first:
        row = connection.execute(f"{RECORD_SQL} WHERE m.id = ?", (memory_id,)).fetchone()
        standing = None if row is None else parse_row(row)
        change = _change_back(
            standing, parse_record(before), None if vector is None else parse_vector(vector)
        )
        if change is not None:
            yield change


def _change_back(standing: Record | None, before: Record | None, vector: Vector | None) -> Change | None:
    """Return the Change from how a memory stands to how it stood before, None if that is the same."""
    if same_record(standing, before):
        return None
    if before is None:
        return Change("DELETE", standing)
    return Change("ADD" if standing is None else "UPDATE", standing, before, vector)
