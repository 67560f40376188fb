"""Lines as rows again: what `import_` writes, and `snapshot` and `salvage` into a new file.

Whoever restores lines believes none of them: each memory's past is replayed, and a memory has to be what
its past says, or everything is refused. A memory's past is written whole or not at all, and nothing that
stands in the file already is ever changed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import apsw

from tinymem.errors import ConflictError, ValidationError
from tinymem.store.connect import mapped_errors, read_header
from tinymem.store.context import affected, reindex
from tinymem.store.encryption import MAGIC, is_encrypted
from tinymem.store.entities import link
from tinymem.store.ledger import take_settings
from tinymem.store.lines import (
    MESSAGE,
    ChangeLine,
    CommitLine,
    Dump,
    EntityLine,
    FeedbackLine,
    MemoryLine,
    Parsed,
    SettingLine,
    digest,
    digest_of_state,
)
from tinymem.store.outgoing import CHANGES, MESSAGES
from tinymem.store.rows import COLUMNS, render_vector, row_values
from tinymem.store.schema import vectors_sql
from tinymem.store.selection import fit_together, same_head
from tinymem.store.vectors import load_embedder
from tinymem.store.writing import check_embedder, same_space
from tinymem.types import Vector

SHOWN = 20  # ids that one error lists at most

_INSERT_MESSAGE = f"INSERT INTO messages(commit_seq, {', '.join(MESSAGE)}) VALUES (?, ?, ?, ?, ?, ?)"
_COMMIT = "SELECT seq, call, at, scope, engine FROM commits WHERE id = ?"
_INSERT_CHANGE = (
    "INSERT INTO changes(commit_seq, memory_id, memory_rowid, event, before, after, vector_before, evidence) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_ENTITY = (
    "INSERT INTO entity(owner, key, name, vector) VALUES (?, ?, ?, ?) "
    "ON CONFLICT(owner, key) DO UPDATE SET vector = coalesce(entity.vector, excluded.vector)"
)
_DROP_UNNAMED = "DELETE FROM entity WHERE rowid NOT IN (SELECT entity_rowid FROM memory_entity)"
_INSERT_MEMORY = (
    f"INSERT INTO memory(rowid, {', '.join(COLUMNS)}) VALUES (?, {', '.join('?' * len(COLUMNS))})"
)
_SAME_FEEDBACK = (
    "SELECT count(*) FROM feedback WHERE memory_id = ? AND verdict = ? AND reason IS ? AND at = ?"
)


@dataclass(frozen=True)
class Made:
    """Vectors of the lines' texts, for a file whose vectors are of another space, and who made them."""

    maker: Mapping[str, Any]
    vectors: Mapping[str, Vector]


@dataclass(frozen=True)
class Restored:
    """How much was new to the file, how many settings were taken or not, and what became of the vectors."""

    counts: Mapping[str, int]
    settings: Mapping[str, int]
    vectors: Literal["kept", "made anew", "left out"]


def is_database(path: str) -> bool:
    """Tell whether a file is a database; SQLite reads it, because our closing it could drop its locks."""
    with mapped_errors(path):
        header = read_header(path)
    return header.startswith(MAGIC) or is_encrypted(header)


@dataclass
class _Life:
    """What the lines said so far of one memory.

    `held` are the digests of the Changes that the file held before, empty where it did not know the
    memory; `seen` is how many Changes came; `digest` is that of the Record, None while it is not there.
    """

    held: list[str]
    seen: int = 0
    digest: str | None = None
    rowid: int = 0
    complete: bool = False


def restore_lines(connection: apsw.Connection, dump: Dump, made: Made, *, keep_messages: bool) -> Restored:
    """Write what lines say and the file does not hold; run it in a write transaction that errors roll back.

    Memories that stand in the file with the same past are skipped. Vectors of another space than the file's
    are replaced by those that were `made` in it; without them nothing gets a vector.

    Raises:
        ValidationError: A line does not fit those before it, or lines are missing.
        ConflictError: Ids stand for something else in this file; lists them.
    """
    restoring = _Restoring(connection, dump, made, keep_messages)
    for place, line in dump.lines:
        restoring.take(line, place)
    restoring.finish(dump.name)
    return Restored(restoring.counts, restoring.settings, restoring.carried)


class _Restoring:
    """Takes lines in their order; knows which memories and commits came."""

    def __init__(self, connection: apsw.Connection, dump: Dump, made: Made, keep_messages: bool) -> None:
        self._connection = connection
        self._made = made
        self._keep_messages = keep_messages
        self._settings_wanted = dump.settings
        self.settings = {"settings": 0, "settings_left": 0}
        self.carried = self._settle_vectors(dump.embedder)
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'memory'").get
        self._last_rowid = int(last or 0)
        self._takers: dict[type, Callable[[Any], str | None]] = {
            SettingLine: self._take_setting,
            CommitLine: self._take_commit,
            ChangeLine: self._take_change,
            EntityLine: self._take_entity,
            MemoryLine: self._take_memory,
            FeedbackLine: self._take_feedback,
        }
        self._order = list(self._takers)
        self._commits: dict[str, int] = {}
        self._lives: dict[str, _Life] = {}
        self._new_ids: set[str] = set()
        self._feedback: Counter[FeedbackLine] = Counter()
        self._conflicts: dict[str, None] = {}
        self.counts = dict.fromkeys(("memories", "skipped", "commits", "changes", "messages", "feedback"), 0)

    def _settle_vectors(self, embedder: Mapping[str, Any] | None) -> Literal["kept", "made anew", "left out"]:
        """Say what becomes of the lines' vectors; a file that has none takes their embedder."""
        stored = load_embedder(self._connection)
        if stored is None and embedder is not None:
            self._connection.execute("INSERT INTO identity VALUES ('embedder', ?)", (json.dumps(embedder),))
            self._connection.execute(vectors_sql(embedder["dimension"]))
        if stored is None or (embedder is not None and same_space(stored, embedder)):
            return "kept"
        if self._made.vectors and same_space(stored, check_embedder(self._made.maker)):
            return "made anew"
        return "left out"

    def take(self, line: Parsed, place: str) -> None:
        """Write one line.

        Raises:
            ValidationError: Begins with `place` and says why the line does not fit those before it.
        """
        kind = type(line)
        if kind not in self._order:
            raise ValidationError(f"{place}: it stands too late, after lines of other kinds")
        del self._order[: self._order.index(kind)]
        problem = self._takers[kind](line)
        if problem is not None:
            raise ValidationError(f"{place}: {problem}")

    def _take_setting(self, line: SettingLine) -> None:
        taken, left = take_settings(self._connection, json.loads(line.value), wanted=self._settings_wanted)
        self.settings = {"settings": taken, "settings_left": left}

    def _take_commit(self, line: CommitLine) -> str | None:
        if line.id in self._commits:
            return f"commit {line.id!r} stands here for the second time"
        told = line.messages if self._keep_messages else []
        row = self._connection.execute(_COMMIT, (line.id,)).fetchone()
        if row is None:
            sql = "INSERT INTO commits(id, call, at, scope, engine) VALUES (?, ?, ?, ?, ?)"
            self._connection.execute(sql, (line.id, *line.head))
            seq = self._connection.last_insert_rowid()
            self._connection.executemany(_INSERT_MESSAGE, [(seq, *message) for message in told])
            self.counts["commits"] += 1
            self.counts["messages"] += len(told)
        else:
            seq = int(row[0])
            held = self._connection.execute(MESSAGES, (seq,)).fetchall()
            if not (same_head(row[1:], line.head) and fit_together(held, told)):
                self._conflicts[f"commit {line.id!r}"] = None
        self._commits[line.id] = seq
        return None

    def _take_change(self, line: ChangeLine) -> str | None:
        commit_seq = self._commits.get(line.commit)
        if commit_seq is None:
            return f"commit {line.commit!r} does not stand before its changes"
        life = self._lives.get(line.memory_id)
        if life is None:
            life = self._lives[line.memory_id] = _Life(self._held_changes(line.memory_id))
        if life.digest != line.digest_before:
            return f"the change of memory {line.memory_id!r} does not begin where the one before it ended"
        life.digest = line.digest_after
        if life.held:
            this = digest([line.commit, line.event, line.digest_before, line.digest_after, line.evidence])
            if life.held[life.seen : life.seen + 1] != [this]:
                self._conflicts[f"memory {line.memory_id!r}"] = None
            life.seen += 1
            return None
        if not life.rowid:  # who comes back takes the row he had
            self._last_rowid += 1
            life.rowid = self._last_rowid
        vector = self._vector(line.vector_before, line.text_before)
        row = (line.memory_id, life.rowid, line.event, line.before, line.after, vector, line.evidence)
        self._connection.execute(_INSERT_CHANGE, (commit_seq, *row))
        self.counts["changes"] += 1
        return None

    def _held_changes(self, memory_id: str) -> list[str]:
        rows = self._connection.execute(f"{CHANGES} WHERE c.memory_id = ? ORDER BY c.seq", (memory_id,))
        return [
            digest([commit, event, *map(_digest_of_text, (before, after)), evidence])
            for commit, event, before, after, evidence, _ in rows
        ]

    def _take_entity(self, line: EntityLine) -> None:
        vector = self._vector(line.vector, line.name if line.vector else None)
        self._connection.execute(_INSERT_ENTITY, (line.owner, line.key, line.name, vector))

    def _take_memory(self, line: MemoryLine) -> str | None:
        record = line.record
        life = self._lives.get(record.id)
        if life is None or life.digest != line.digest:
            return f"memory {record.id!r} is not what its history says"
        if life.complete:
            return f"memory {record.id!r} stands here for the second time"
        life.complete = True
        if life.held:
            self.counts["skipped"] += 1
            return None
        execute, rowid = self._connection.execute, life.rowid
        execute(_INSERT_MEMORY, (rowid, *row_values(record)))
        self._new_ids |= {record.id} if record.follows is None else {record.id, record.follows}
        for position, category in enumerate(record.categories):
            execute("INSERT INTO memory_category VALUES (?, ?, ?)", (rowid, category, position))
        vector = self._vector(line.vector, record.text)
        if vector is not None:
            execute("INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)", (rowid, vector))
        link(self._connection, rowid, record, {})
        self.counts["memories"] += 1
        return None

    def _take_feedback(self, line: FeedbackLine) -> None:
        """Write a verdict if the file holds it less often than the lines."""
        row = (line.memory_id, line.verdict, line.reason, line.at)
        self._feedback[line] += 1
        if self._connection.execute(_SAME_FEEDBACK, row).get < self._feedback[line]:
            sql = "INSERT INTO feedback(memory_id, verdict, reason, at) VALUES (?, ?, ?, ?)"
            self._connection.execute(sql, row)
            self.counts["feedback"] += 1

    def _vector(self, vector: bytes | None, text: str | None) -> bytes | None:
        """Return the vector to store for a text; None for `text` means that it had none."""
        if self.carried == "made anew":
            return None if text is None else render_vector(self._made.vectors.get(text))
        return vector if self.carried == "kept" else None

    def finish(self, source: str) -> None:
        """Compare what came from `source` with what should have come, after the last line.

        Raises:
            ValidationError: Lines are missing.
            ConflictError: Ids stand for something else in this file; lists them.
        """
        lives = self._lives.items()
        missing = [repr(name) for name, life in lives if life.digest is not None and not life.complete]
        if missing:
            raise ValidationError(f"{source}: by their history there should be memories {_listed(missing)}")
        self._conflicts.update(
            (f"memory {name!r}", None) for name, life in lives if life.seen < len(life.held)
        )
        if self._conflicts:
            raise ConflictError(
                f"{source}: these stand in the file with another content: {_listed(list(self._conflicts))}; "
                "nothing was imported, import them into another file"
            )
        reindex(self._connection, affected(self._connection, self._new_ids))
        self._connection.execute(_DROP_UNNAMED)
        # The rows of memories that were deleted are not used again.
        self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'memory'")
        self._connection.execute("INSERT INTO sqlite_sequence VALUES ('memory', ?)", (self._last_rowid,))


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _digest_of_text(state: str | None) -> str | None:
    """Return the digest of a memory as a row of `changes` has it, None where it was not there."""
    return None if state is None else digest_of_state(json.loads(state))
