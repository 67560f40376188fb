"""One Commit as SQL: what `Store.apply` runs.

`prepare` finds everything that is wrong with a Commit without touching the file; `write` runs inside
the caller's write transaction and only then compares the Commit with what is stored. Nothing else in
tinymem inserts, updates or deletes memories.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from tinymem.errors import ConflictError, ValidationError
from tinymem.store.context import follow_up
from tinymem.store.entities import link, unlink
from tinymem.store.keywords import index_text
from tinymem.store.rows import (
    COLUMNS,
    RECORD_SQL,
    REPEATED,
    SCOPE_COLUMNS,
    parse_row,
    render_moment,
    render_record,
    render_spans,
    render_vector,
    require_unicode,
    row_values,
)
from tinymem.store.schema import vectors_sql
from tinymem.store.vectors import check_vector, load_embedder
from tinymem.types import Change, Commit, Record, Vector

MAX_DIMENSION = 8192
"""sqlite-vec's limit for one vector."""

_EMPTIED = (
    *("memory", "memory_category", "memory_entity", "entity"),
    *("commits", "changes", "messages", "feedback"),
)

# A memory that comes back takes the row it had, so that it stands between the same others as before.
_INSERT_MEMORY = (
    f"INSERT INTO memory(rowid, {', '.join(COLUMNS)}) VALUES ("
    "(SELECT memory_rowid FROM changes WHERE memory_id = ? ORDER BY seq DESC LIMIT 1), "
    f"{', '.join('?' * len(COLUMNS))})"
)
_UPDATE_MEMORY = f"UPDATE memory SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE rowid = ?"
_FIND_TWIN = "SELECT id FROM memory WHERE hash = ? AND " + " AND ".join(
    f"{name} IS ?" for name in (*SCOPE_COLUMNS, "actor_id")
)
_INSERT_CHANGE = (
    "INSERT INTO changes(commit_seq, memory_id, memory_rowid, event, before, after, vector_before, evidence) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_LAST_CHANGES = """
    SELECT memory_id, max(seq) FROM changes
    WHERE memory_id IN (SELECT value FROM json_each(?)) GROUP BY memory_id
"""


@dataclass(frozen=True)
class PreparedChange:
    """A Change with everything rendered that its SQL binds."""

    change: Change
    values: tuple[Any, ...] | None
    before: str | None
    after: str | None
    keywords: str | None
    vector: bytes | None
    evidence: str


@dataclass(frozen=True)
class PreparedCommit:
    """A Commit that is sound in itself. `embedder` is the identity of whoever made its vectors."""

    id: str
    values: tuple[str, ...]
    messages: tuple[tuple[Any, ...], ...]
    changes: tuple[PreparedChange, ...]
    embedder: Mapping[str, Any] | None
    names: Mapping[str, Vector]
    decided_on: Mapping[str, int]


def same_space(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two embedder identities fix the same vector space: equal in all they both say."""
    return all(
        one.get(key) == other.get(key)
        for key in {"name", "sha256", "dimension"} | (one.keys() & other.keys())
    )


def check_embedder(embedder: Mapping[str, Any]) -> dict[str, Any]:
    """Return an embedder's identity as it will come back from the file.

    Raises:
        ValidationError: It says no name, or no dimension that a vector can have.
    """
    try:
        identity = dict(json.loads(json.dumps(dict(embedder))))
    except (TypeError, ValueError) as error:
        raise ValidationError(f"embedder identity {embedder!r} can not be stored: {error}") from error
    dimension = identity.get("dimension")
    if not isinstance(dimension, int) or not 1 <= dimension <= MAX_DIMENSION:
        raise ValidationError(f"embedder dimension is {dimension!r}; it has to be 1 to {MAX_DIMENSION}")
    if not isinstance(identity.get("name"), str):
        raise ValidationError(
            f"embedder identity {embedder!r} has no name; a name, sha256 and dimension are needed"
        )
    return identity


def prepare(commit: Commit, embedder: Mapping[str, Any] | None) -> PreparedCommit:
    """Check and render a Commit without touching the file.

    Raises:
        ValidationError: A Change is malformed, or a Record can not be stored as it is.
        EmbeddingError: A vector is not a normalised float32 row of the embedder's dimension.
    """
    if embedder is not None:
        embedder = check_embedder(embedder)
    elif any(change.vector is not None for change in commit.changes):
        raise ValidationError("vectors need `embedder`, the identity of what made them")
    return PreparedCommit(
        id=commit.id,
        values=_prepare_values(commit),
        messages=_prepare_messages(commit),
        changes=tuple(_prepare_change(change, embedder) for change in commit.changes),
        embedder=embedder,
        names=commit.names,
        decided_on=commit.decided_on,
    )


def _prepare_values(commit: Commit) -> tuple[str, ...]:
    try:
        again = {REPEATED: list(commit.repeated)} if commit.repeated else {}
        engine = json.dumps({**commit.engine, **again}, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"engine {commit.engine!r} can not be stored as JSON: {error}") from error
    scope = json.dumps(commit.scope.ids(), ensure_ascii=False)
    return tuple(map(require_unicode, (commit.id, commit.call, render_moment(commit.at), scope, engine)))


def _prepare_messages(commit: Commit) -> tuple[tuple[Any, ...], ...]:
    for message in commit.messages:
        require_unicode(f"{message.role}{message.name}{message.content}")
    return tuple(
        (position, message.role, message.name, message.content, message.at and render_moment(message.at))
        for position, message in enumerate(commit.messages)
    )


def _prepare_change(change: Change, embedder: Mapping[str, Any] | None) -> PreparedChange:
    before, after = change.before, change.after
    if (change.event, before is not None, after is not None) not in (
        ("ADD", False, True),
        ("UPDATE", True, True),
        ("DELETE", True, False),
    ):
        raise ValidationError(
            f"a Change with event {change.event!r} has {'a' if before else 'no'} Record before and "
            f"{'one' if after else 'none'} after; ADD has only `after`, DELETE only `before`, UPDATE both"
        )
    if before and after and before.id != after.id:
        raise ValidationError(f"an UPDATE keeps the id; it can not turn {before.id!r} into {after.id!r}")
    if change.vector is not None:
        check_vector(change.vector, None if embedder is None else embedder["dimension"])
    values = None if after is None else row_values(after)
    return PreparedChange(
        change=change,
        values=values,
        before=None if before is None else render_record(before),
        after=None if after is None else render_record(after, values=values),
        keywords=None if after is None else index_text(after.text),
        vector=render_vector(change.vector),
        evidence=render_spans(change.evidence),
    )


def write(connection: apsw.Connection, prepared: PreparedCommit, *, keep_messages: bool) -> None:
    """Write a Commit; run it inside a write transaction, which its errors must roll back.

    Raises:
        ConflictError: What is stored is not what the Commit was decided on.
    """
    _refuse_later_changes(connection, prepared.decided_on)
    vectors_stand = _settle_identity(connection, prepared)
    commit_seq = _insert_commit(connection, prepared)
    if keep_messages:
        connection.executemany(
            "INSERT INTO messages(commit_seq, position, role, name, content, at) VALUES (?, ?, ?, ?, ?, ?)",
            [(commit_seq, *message) for message in prepared.messages],
        )
    for change in prepared.changes:
        rowid = _write_change(connection, commit_seq, change, vectors_stand)
        _keep_links(connection, rowid, change.change, prepared.names)
    follow_up(connection, [change.change for change in prepared.changes])


def _refuse_later_changes(connection: apsw.Connection, decided_on: Mapping[str, int]) -> None:
    """Refuse to write about memories that were changed, or erased, since it was decided."""
    if last_changes(connection, decided_on) != decided_on:
        raise ConflictError(
            "what is to be undone was changed or erased meanwhile; read again and decide again"
        )


def last_changes(connection: apsw.Connection, memory_ids: Iterable[str]) -> dict[str, int]:
    """Return the number of the last Change of each of these memories that ever was."""
    return dict(connection.execute(_LAST_CHANGES, (json.dumps(list(memory_ids)),)))


def _settle_identity(connection: apsw.Connection, prepared: PreparedCommit) -> bool:
    """Record the embedder with the first vector, refuse another one's; tell whether the file has vectors."""
    stored = load_embedder(connection)
    if all(change.vector is None for change in prepared.changes):
        return stored is not None
    assert prepared.embedder is not None, "prepare() refuses vectors that nobody made"
    if stored is None:
        connection.execute("INSERT INTO identity VALUES ('embedder', ?)", (json.dumps(prepared.embedder),))
        connection.execute(vectors_sql(prepared.embedder["dimension"]))
        return True
    if not same_space(stored, prepared.embedder):
        raise ConflictError(
            f"the file's vectors are of {stored['name']!r}, these of {prepared.embedder.get('name')!r}; "
            "they can not be mixed: write without vectors, or reembed()"
        )
    return True


def _insert_commit(connection: apsw.Connection, prepared: PreparedCommit) -> int:
    if connection.execute("SELECT 1 FROM commits WHERE id = ?", (prepared.id,)).get is not None:
        raise ConflictError(
            f"commit {prepared.id!r} is already in the file; every call needs an id of its own"
        )
    connection.execute(
        "INSERT INTO commits(id, call, at, scope, engine) VALUES (?, ?, ?, ?, ?)", prepared.values
    )
    return connection.last_insert_rowid()


def _write_change(
    connection: apsw.Connection, commit_seq: int, prepared: PreparedChange, vectors_stand: bool
) -> int:
    """Write one Change and its line in the history; return the memory's rowid."""
    change = prepared.change
    if change.event == "ADD":
        _refuse_twin(connection, prepared)
        rowid, vector_before = _insert_memory(connection, prepared), None
    else:
        rowid = _rowid_as_decided(connection, change)
        vector_before = _vector_at(connection, rowid) if vectors_stand else None
    if change.event == "UPDATE":
        _update_memory(connection, rowid, prepared, has_vector=vector_before is not None)
    elif change.event == "DELETE":
        _delete_memory(connection, rowid, has_vector=vector_before is not None)
    connection.execute(
        _INSERT_CHANGE,
        (
            *(commit_seq, change.memory_id, rowid, change.event),
            *(prepared.before, prepared.after, vector_before, prepared.evidence),
        ),
    )
    return rowid


def _keep_links(connection: apsw.Connection, rowid: int, change: Change, names: Mapping[str, Vector]) -> None:
    """Tie the memory to the entities that it names after the Change."""
    held = change.before.relations if change.before else ()
    wanted = change.after.relations if change.after else ()
    if held != wanted:
        unlink(connection, rowid)
        if change.after is not None:
            link(connection, rowid, change.after, names)


def _refuse_twin(connection: apsw.Connection, prepared: PreparedChange) -> None:
    assert prepared.values is not None, "an ADD has a Record after"
    memory_id = prepared.change.memory_id
    if connection.execute("SELECT 1 FROM memory WHERE id = ?", (memory_id,)).get is not None:
        raise ConflictError(f"memory {memory_id!r} exists already; ADD needs a new id")
    if prepared.change.unique:
        twin = connection.execute(_FIND_TWIN, prepared.values[2:8]).get
        if twin is not None:
            raise ConflictError(
                f"memory {twin!r} already says the same in this scope: {prepared.values[1]!r}"
            )


def _rowid_as_decided(connection: apsw.Connection, change: Change) -> int:
    """Return the rowid of the memory that a Change writes, if it is still what it was decided on."""
    row = connection.execute(f"{RECORD_SQL} WHERE m.id = ?", (change.memory_id,)).fetchone()
    if row is None:
        raise ConflictError(f"memory {change.memory_id!r} is no longer there; read again and decide again")
    stored = parse_row(row)
    if not same_record(stored, change.before):
        raise ConflictError(
            f"memory {change.memory_id!r} was changed by another writer (now {stored.text!r}); "
            "read again and decide again"
        )
    return int(row[0])


def same_record(one: Record | None, other: Record | None) -> bool:
    """Tell whether two Records are stored alike, JSON types included (1 is not true)."""
    if one is None or other is None:
        return one is other
    return render_record(one, canonical=True) == render_record(other, canonical=True)


def _insert_memory(connection: apsw.Connection, prepared: PreparedChange) -> int:
    assert prepared.change.after is not None, "an ADD has a Record after"
    assert prepared.values is not None, "an ADD has a Record after"
    connection.execute(_INSERT_MEMORY, (prepared.change.memory_id, *prepared.values))
    rowid = connection.last_insert_rowid()
    connection.execute("INSERT INTO memory_fts(rowid, text) VALUES (?, ?)", (rowid, prepared.keywords))
    _insert_categories(connection, rowid, prepared.change.after)
    if prepared.vector is not None:
        connection.execute("INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)", (rowid, prepared.vector))
    return rowid


def _update_memory(
    connection: apsw.Connection, rowid: int, prepared: PreparedChange, *, has_vector: bool
) -> None:
    before, after = prepared.change.before, prepared.change.after
    assert before is not None, "an UPDATE has a Record before"
    assert after is not None, "an UPDATE has a Record after"
    assert prepared.values is not None, "an UPDATE has a Record after"
    connection.execute(_UPDATE_MEMORY, (*prepared.values, rowid))
    if before.text != after.text:
        connection.execute("DELETE FROM memory_fts WHERE rowid = ?", (rowid,))
        connection.execute("INSERT INTO memory_fts(rowid, text) VALUES (?, ?)", (rowid, prepared.keywords))
    if before.categories != after.categories:
        connection.execute("DELETE FROM memory_category WHERE memory_rowid = ?", (rowid,))
        _insert_categories(connection, rowid, after)
    if prepared.vector is not None and has_vector:
        # In place: sqlite-vec does not use the gap again that a deletion leaves.
        connection.execute("UPDATE memory_vec SET embedding = ? WHERE rowid = ?", (prepared.vector, rowid))
    elif prepared.vector is not None:
        connection.execute("INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)", (rowid, prepared.vector))
    elif has_vector and before.text != after.text:
        connection.execute("DELETE FROM memory_vec WHERE rowid = ?", (rowid,))


def _delete_memory(connection: apsw.Connection, rowid: int, *, has_vector: bool) -> None:
    connection.execute("DELETE FROM memory WHERE rowid = ?", (rowid,))
    connection.execute("DELETE FROM memory_fts WHERE rowid = ?", (rowid,))
    connection.execute("DELETE FROM memory_category WHERE memory_rowid = ?", (rowid,))
    if has_vector:
        connection.execute("DELETE FROM memory_vec WHERE rowid = ?", (rowid,))


def _insert_categories(connection: apsw.Connection, rowid: int, record: Record) -> None:
    for position, category in enumerate(dict.fromkeys(record.categories)):
        connection.execute(
            "INSERT INTO memory_category(memory_rowid, category, position) VALUES (?, ?, ?)",
            (rowid, category, position),
        )


def _vector_at(connection: apsw.Connection, rowid: int) -> bytes | None:
    blob = connection.execute("SELECT embedding FROM memory_vec WHERE rowid = ?", (rowid,)).get
    return None if blob is None else bytes(blob)


def erase_everything(connection: apsw.Connection) -> None:
    """Empty every table; run it inside a write transaction. Numbers once used are never used again."""
    for table in ("memory_vec", "staged_vector"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute("INSERT INTO memory_fts(memory_fts) VALUES ('delete-all')")
    for table in _EMPTIED:
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM identity WHERE key <> 'generation'")
    start_generation(connection)


def start_generation(connection: apsw.Connection) -> None:
    """Tell every process that what it holds of the file's vectors is no longer theirs."""
    connection.execute(
        "INSERT INTO identity VALUES ('generation', '1') "
        "ON CONFLICT(key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
