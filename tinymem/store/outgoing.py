"""A file as lines, or what concerns some of its memories: what `export` and `snapshot` write."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw

from tinymem.errors import CorruptError
from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.lines import MESSAGE, OURS, Line, encode_vector
from tinymem.store.rows import RECORD_SQL, parse_row, render_record
from tinymem.store.selection import engine_of, selected_ids, told_to
from tinymem.store.vectors import load_embedder

MESSAGES = f"SELECT {', '.join(MESSAGE)} FROM messages WHERE commit_seq = ? ORDER BY position"
_COMMITS = "SELECT k.seq, k.id, k.call, k.at, k.scope, k.engine FROM commits k"
CHANGES = (
    "SELECT k.id, c.event, c.before, c.after, c.evidence, c.vector_before "
    "FROM changes c JOIN commits k ON k.seq = c.commit_seq"
)
_ENTITIES = """
    SELECT e.owner, e.name, e.vector FROM entity e WHERE e.rowid IN (
        SELECT l.entity_rowid FROM memory_entity l JOIN memory m ON m.rowid = l.memory_rowid WHERE {condition}
    ) ORDER BY e.rowid
"""
_VECTOR = "SELECT embedding FROM memory_vec WHERE rowid = ?"
_FEEDBACK = "SELECT f.memory_id, f.verdict, f.reason, f.at FROM feedback f"


def read_lines(connection: apsw.Connection, condition: Where) -> Iterator[Line]:
    """Yield a file as lines, a header first: all of it, or what concerns the memories that meet a condition.

    Run it inside one read transaction. A selection has its memories' whole past, with the messages that it
    rests on (see `selection`), and no settings; only `EVERYTHING` has the past of deleted memories.

    Raises:
        CorruptError: Something that is stored can not be read.
    """
    embedder = load_embedder(connection)
    yield {"kind": "header", "schema": connection.pragma("user_version"), "embedder": embedder}
    try:
        if condition == EVERYTHING:
            yield from _setting_lines(connection)
        yield from _commit_lines(connection, condition)
        yield from _change_lines(connection, condition)
        yield from _entity_lines(connection, condition, has_vectors=embedder is not None)
        yield from _memory_lines(connection, condition, has_vectors=embedder is not None)
        yield from _feedback_lines(connection, condition)
    except (ValueError, TypeError) as error:
        raise CorruptError(f"the file can not be exported ({error}); run check()") from error


def _of_memories(column: str, condition: Where) -> str:
    """Narrow rows to those of the memories that meet a condition."""
    if condition == EVERYTHING:
        return ""
    return f"WHERE {column} IN (SELECT m.id FROM memory m WHERE {condition.sql})"


def _setting_lines(connection: apsw.Connection) -> Iterator[Line]:
    for key, value in connection.execute("SELECT key, value FROM identity ORDER BY key"):
        if key not in OURS:
            yield {"kind": "setting", "key": key, "value": value}


def _commit_lines(connection: apsw.Connection, condition: Where) -> Iterator[Line]:
    touching = _of_memories("c.memory_id", condition)
    narrowed = touching and f"WHERE k.seq IN (SELECT c.commit_seq FROM changes c {touching})"
    selected = selected_ids(connection, condition) if touching else set()
    rows = connection.execute(f"{_COMMITS} {narrowed} ORDER BY k.seq", condition.params)
    for seq, commit_id, call, at, scope, engine in rows:
        told = [dict(zip(MESSAGE, row, strict=True)) for row in connection.execute(MESSAGES, (seq,))]
        whose, engines = json.loads(scope), json.loads(engine)
        if touching:
            told, engines = told_to(connection, seq, told, selected), engine_of(engines, selected)
        yield dict(kind="commit", id=commit_id, call=call, at=at, scope=whose, engine=engines, messages=told)


def _change_lines(connection: apsw.Connection, condition: Where) -> Iterator[Line]:
    narrowed = _of_memories("c.memory_id", condition)
    rows = connection.execute(f"{CHANGES} {narrowed} ORDER BY c.seq", condition.params)
    for commit_id, event, before, after, evidence, vector in rows:
        states = {"before": before and json.loads(before), "after": after and json.loads(after)}
        words, encoded = json.loads(evidence), encode_vector(vector)
        yield dict(
            kind="change", commit=commit_id, event=event, **states, evidence=words, vector_before=encoded
        )


def _entity_lines(connection: apsw.Connection, condition: Where, *, has_vectors: bool) -> Iterator[Line]:
    rows = connection.execute(_ENTITIES.format(condition=condition.sql), condition.params)
    for owner, name, vector in rows:
        encoded = encode_vector(vector) if has_vectors else None
        yield {"kind": "entity", "owner": owner, "name": name, "vector": encoded}


def _memory_lines(connection: apsw.Connection, condition: Where, *, has_vectors: bool) -> Iterator[Line]:
    rows = connection.execute(f"{RECORD_SQL} WHERE {condition.sql} ORDER BY m.rowid", condition.params)
    for row in rows:
        vector = connection.execute(_VECTOR, row[:1]).get if has_vectors else None
        fields = json.loads(render_record(parse_row(row)))
        yield {"kind": "memory", "record": fields, "vector": encode_vector(vector)}


def _feedback_lines(connection: apsw.Connection, condition: Where) -> Iterator[Line]:
    narrowed = _of_memories("f.memory_id", condition)
    rows = connection.execute(f"{_FEEDBACK} {narrowed} ORDER BY f.seq", condition.params)
    for memory_id, verdict, reason, at in rows:
        yield {"kind": "feedback", "memory_id": memory_id, "verdict": verdict, "reason": reason, "at": at}
