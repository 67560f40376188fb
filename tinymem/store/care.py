"""Is the file sound? Every rule that the writer keeps, checked from what is stored.

Damage is reported, never repaired: each examination yields sentences for a person, and what SQLite
can not read becomes one more of them. Run it inside a read transaction; it writes to memory only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import apsw

from tinymem.errors import CorruptError, StoreError
from tinymem.store.context import indexed_rows, unsourced
from tinymem.store.entities import wrong_links
from tinymem.store.ledger import load_settings
from tinymem.store.rows import RECORD_SQL, parse_row, parse_time, render_record, said
from tinymem.store.schema import TOKENIZER
from tinymem.store.vector_rows import NORM_TOLERANCE
from tinymem.store.vectors import length_of, load_embedder, load_unembedded
from tinymem.store.writing import same_space
from tinymem.types import render_time, text_hash

SHOWN = 20  # rows that one sentence lists at most

_DIFFERENCE = """
    SELECT DISTINCT doc FROM (
        SELECT term, doc, col, offset FROM temp.{one} EXCEPT SELECT term, doc, col, offset FROM temp.{other}
    )
"""

_ORPHANS = (
    (
        "SELECT memory_rowid FROM memory_category WHERE memory_rowid NOT IN (SELECT rowid FROM memory)",
        "a category belongs to row {}, which is no memory",
    ),
    (
        "SELECT seq FROM changes WHERE commit_seq NOT IN (SELECT seq FROM commits)",
        "change {} belongs to no commit",
    ),
    (
        "SELECT DISTINCT commit_seq FROM messages WHERE commit_seq NOT IN (SELECT seq FROM commits)",
        "messages belong to commit number {}, which is not there",
    ),
)


def find_problems(connection: apsw.Connection, embedder: Mapping[str, Any] | None = None) -> list[str]:
    """Return what is wrong with the file, in plain words; empty when it is sound.

    With an embedder whose vectors the file has, or could have, memories without one are a problem too.
    """
    problems: list[str] = []
    for examine in EXAMINATIONS:
        try:
            problems += examine(connection)
        except (apsw.Error, StoreError, ValueError, TypeError, KeyError) as error:
            problems.append(f"the {examine.__name__.removeprefix('examine_')} can not be read: {error}")
    if embedder is not None:
        with suppress(apsw.Error, StoreError, ValueError, TypeError, KeyError):  # then it was said already
            problems += _missing_vectors(connection, embedder)
    return problems


def examine_pages(connection: apsw.Connection) -> Iterator[str]:
    """Let SQLite examine pages, indexes and the keyword index's own structure."""
    for (finding,) in connection.execute("PRAGMA integrity_check"):
        if finding != "ok":
            yield f"SQLite finds damage: {finding}"


def examine_memories(connection: apsw.Connection) -> Iterator[str]:
    """Read every memory: its hash, its metadata and its times."""
    for row in connection.execute(RECORD_SQL):
        memory_id, text, hash_, metadata = row[1], row[2], row[3], row[11]
        if hash_ != text_hash(str(text)):
            yield f"memory {memory_id!r} has hash {hash_!r}, which is not that of its text"
        if not _is_object(metadata):
            yield f"memory {memory_id!r} has metadata that is not a JSON object: {metadata!r}"
        for name, moment in (("created_at", row[12]), ("updated_at", row[13])):
            if not _is_time(moment):
                yield f"memory {memory_id!r} has a malformed {name}: {moment!r}"
        if row[14] is not None and not _is_day(row[14]):
            yield f"memory {memory_id!r} has a malformed expiration_date: {row[14]!r}"
        for name, day in (("event_date", row[17]), ("event_end", row[18])):
            if day is not None and not _is_day(day):
                yield f"memory {memory_id!r} has a malformed {name}: {day!r}"


def examine_keywords(connection: apsw.Connection) -> Iterator[str]:
    """Index every memory again, in memory, and compare the two indexes word by word."""
    try:
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.again USING fts5(text, context, content='', tokenize='{TOKENIZER}')"
        )
        connection.execute("CREATE VIRTUAL TABLE temp.again_words USING fts5vocab(temp, again, 'instance')")
        older = unsourced(connection)
        rows = ((row, text, "" if row in older else around) for row, text, around in indexed_rows(connection))
        connection.executemany("INSERT INTO temp.again(rowid, text, context) VALUES (?, ?, ?)", rows)
        for one, other, complaint in (
            ("again_words", "indexed_places", "a memory in row {} is not in the keyword index as it reads"),
            (
                "indexed_places",
                "again_words",
                "the keyword index holds words for row {} that no memory there has",
            ),
        ):
            for (rowid,) in connection.execute(_DIFFERENCE.format(one=one, other=other)):
                yield complaint.format(rowid)
    finally:
        for table in ("again_words", "again"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")


def examine_vectors(connection: apsw.Connection) -> Iterator[str]:
    """Read every vector: it belongs to a memory, and is a normalised row of the embedder's dimension."""
    embedder = load_embedder(connection)
    if embedder is None:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'memory_vec'").get:
            yield "the file has vectors and does not say which embedder made them"
        return
    size = 4 * int(embedder["dimension"])
    memories = {rowid for (rowid,) in connection.execute("SELECT rowid FROM memory")}
    for rowid, blob in connection.execute("SELECT rowid, embedding FROM memory_vec"):
        if rowid not in memories:
            yield f"a vector belongs to row {rowid}, which is no memory"
        if len(blob) != size:
            yield f"the vector of row {rowid} has {len(blob)} bytes instead of {size}"
        elif not abs(length_of(blob) - 1) <= 2 * NORM_TOLERANCE:
            yield f"the vector of row {rowid} is not normalised"
    sql = "SELECT seq FROM changes WHERE vector_before IS NOT NULL AND length(vector_before) <> ?"
    for (seq,) in connection.execute(sql, (size,)):
        yield f"change {seq} keeps a vector that does not have {size} bytes"


def _missing_vectors(connection: apsw.Connection, embedder: Mapping[str, Any]) -> Iterator[str]:
    """Name memories that only words find; those of a session with another embedder are such."""
    stored = load_embedder(connection)
    if stored is not None and not same_space(stored, embedder):
        return
    bare = load_unembedded(connection)
    if bare:
        shown = ", ".join(str(rowid) for rowid, _, _ in bare[:SHOWN])
        more = f" and {len(bare) - SHOWN} more" if len(bare) > SHOWN else ""
        yield f"no vector stands for the memories in rows {shown}{more}: only words find them until repair()"


def examine_links(connection: apsw.Connection) -> Iterator[str]:
    """Find rows that point at rows which are not there."""
    for sql, complaint in _ORPHANS:
        for (culprit,) in connection.execute(sql):
            yield complaint.format(culprit)
    yield from wrong_links(connection)


def examine_commits(connection: apsw.Connection) -> Iterator[str]:
    """Read when and for whom every commit was made."""
    for commit_id, at, scope, engine in connection.execute("SELECT id, at, scope, engine FROM commits"):
        if not _is_time(at):
            yield f"commit {commit_id!r} has a malformed time: {at!r}"
        if not (_is_object(scope) and _is_object(engine)):
            yield f"commit {commit_id!r} has a scope or engine that is not a JSON object"


def examine_settings(connection: apsw.Connection) -> Iterator[str]:
    """Read the file's own settings."""
    load_settings(connection)
    yield from ()


def examine_history(connection: apsw.Connection) -> Iterator[str]:
    """Replay every Change from the beginning: each starts where the one before ended, the last at today."""
    states: dict[str, tuple[int, str]] = {}
    sql = "SELECT seq, memory_id, memory_rowid, before, after FROM changes ORDER BY seq"
    for seq, memory_id, rowid, before, after in connection.execute(sql):
        held = states.pop(memory_id, None)
        if (None if held is None else held[1]) != _canonical(before):
            yield f"change {seq} of memory {memory_id!r} does not start from what the one before it left"
        if held is not None and held[0] != rowid:
            yield f"change {seq} of memory {memory_id!r} moves it from row {held[0]} to row {rowid}"
        if after is not None:
            states[memory_id] = (rowid, _canonical(after) or "")
    for row in connection.execute(RECORD_SQL):
        held = states.pop(row[1], None)
        if held is None:
            yield f"memory {row[1]!r} is not in the history"
        elif held != (row[0], _standing(row)):
            yield f"memory {row[1]!r} is not what its history says: {row[2]!r}"
    for memory_id in states:
        yield f"memory {memory_id!r} should be there by its history, and is not"


EXAMINATIONS: tuple[Callable[[apsw.Connection], Iterator[str]], ...] = (
    examine_pages,
    examine_memories,
    examine_keywords,
    examine_vectors,
    examine_links,
    examine_commits,
    examine_settings,
    examine_history,
)


def _standing(row: Sequence[Any]) -> str | None:
    """Return a memory's row as its history would say it, None if it can not be read."""
    try:
        return render_record(parse_row(row), canonical=True)
    except CorruptError:
        return None


def _canonical(text: str | None) -> str | None:
    if text is None:
        return None
    return json.dumps(said(json.loads(text)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def _is_time(text: Any) -> bool:
    try:
        return bool(render_time(parse_time(text)) == text)
    except (TypeError, ValueError):
        return False


def _is_day(text: Any) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == str(text)
    except (TypeError, ValueError):
        return False
