"""The graph's nodes: which entities the memories name, kept in step with them by the same transaction.

A memory's relations stand in its own row; these two tables are an index over them, as the keywords are
over its text. An entity belongs to an owner (user, agent and app), so no two users share one; its
normalised name is its identity, and it goes with the last memory that names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apsw

from tinymem.store.filter_sql import Where
from tinymem.store.rows import parse_vector, render_vector
from tinymem.types import Record, Scope, Triple, Vector, entity_key

_INSERT = (
    "INSERT INTO entity(owner, key, name, vector) VALUES (?, ?, ?, ?) "
    "ON CONFLICT(owner, key) DO UPDATE SET vector = coalesce(entity.vector, excluded.vector) RETURNING rowid"
)
_ORPHANED = (
    "DELETE FROM entity WHERE rowid IN (SELECT value FROM json_each(?)) "
    "AND NOT EXISTS (SELECT 1 FROM memory_entity l WHERE l.entity_rowid = entity.rowid)"
)
_ENTITIES = """
    SELECT e.name, count(*) AS memories
    FROM memory m JOIN memory_entity l ON l.memory_rowid = m.rowid JOIN entity e ON e.rowid = l.entity_rowid
    WHERE {condition} GROUP BY e.key ORDER BY memories DESC, e.key LIMIT ? OFFSET ?
"""
_NAMING = """
    SELECT l.memory_rowid, count(*) FROM memory_entity l JOIN entity e ON e.rowid = l.entity_rowid
    JOIN memory m ON m.rowid = l.memory_rowid
    WHERE e.key IN (SELECT value FROM json_each(?)) AND {condition}
    GROUP BY l.memory_rowid ORDER BY 2 DESC, l.memory_rowid DESC LIMIT ?
"""


@dataclass(frozen=True)
class Entity:
    """Somebody or something that memories name, and how many of them do."""

    name: str
    memories: int


def owner_of(scope: Scope) -> str:
    """Return whose entities those of a scope are; sessions of one user share them."""
    ids = {name: value for name, value in scope.ids().items() if name != "run_id"}
    return json.dumps(ids or scope.ids(), ensure_ascii=False, sort_keys=True)


def names_of(relations: Sequence[Triple]) -> dict[str, str]:
    """Return the names in relations, each once, by key."""
    found: dict[str, str] = {}
    for triple in relations:
        for name in (triple.source, triple.target):
            found.setdefault(entity_key(name), name)
    return found


def link(connection: apsw.Connection, rowid: int, record: Record, vectors: Mapping[str, Vector]) -> None:
    """Tie a memory to the entities that its relations name; new ones are made."""
    owner = owner_of(record.scope)
    for key, name in names_of(record.relations).items():
        entity = connection.execute(_INSERT, (owner, key, name, render_vector(vectors.get(name)))).get
        connection.execute("INSERT INTO memory_entity VALUES (?, ?)", (rowid, entity))


def unlink(connection: apsw.Connection, rowid: int) -> None:
    """Untie a memory from its entities; those that no other memory names go."""
    tied = [
        entity
        for (entity,) in connection.execute(
            "DELETE FROM memory_entity WHERE memory_rowid = ? RETURNING entity_rowid", (rowid,)
        )
    ]
    if tied:
        connection.execute(_ORPHANED, (json.dumps(tied),))


def load_entities(connection: apsw.Connection, where: Where, limit: int | None, offset: int) -> list[Entity]:
    """Return the entities of the memories that meet a condition, those named most often first."""
    sql = _ENTITIES.format(condition=where.sql)
    rows = connection.execute(sql, (*where.params, -1 if limit is None else limit, offset))
    return [Entity(name, int(memories)) for name, memories in rows]


def load_names(connection: apsw.Connection, scope: Scope) -> dict[str, Vector | None]:
    """Return the names of an owner's entities with their vectors, as far as they have one."""
    sql = "SELECT name, vector FROM entity WHERE owner = ?"
    return {
        name: None if blob is None else parse_vector(blob)
        for name, blob in connection.execute(sql, (owner_of(scope),))
    }


def find_naming(
    connection: apsw.Connection, names: Sequence[str], where: Where, limit: int
) -> list[tuple[int, int]]:
    """Return (rowid, how many of the names) of memories that name any of these entities, most first."""
    keys = json.dumps([entity_key(name) for name in names], ensure_ascii=False)
    rows = connection.execute(_NAMING.format(condition=where.sql), (keys, *where.params, limit))
    return [(int(rowid), int(count)) for rowid, count in rows]


def wrong_links(connection: apsw.Connection) -> Iterator[str]:
    """Compare the index with the relations that the memories hold, and yield each difference."""
    sql = """
        SELECT m.rowid, m.relations,
            (SELECT json_group_array(e.key) FROM memory_entity l JOIN entity e ON e.rowid = l.entity_rowid
             WHERE l.memory_rowid = m.rowid)
        FROM memory m
    """
    for rowid, relations, keys in connection.execute(sql):
        wanted = names_of([Triple(*triple) for triple in json.loads(relations)])
        if set(wanted) != set(json.loads(keys)):
            yield f"the memory in row {rowid} is not tied to the entities that its relations name"
    for (name,) in connection.execute(
        "SELECT name FROM entity WHERE rowid NOT IN (SELECT entity_rowid FROM memory_entity)"
    ):
        yield f"entity {name!r} is named by no memory"
    for (rowid,) in connection.execute(
        "SELECT memory_rowid FROM memory_entity WHERE memory_rowid NOT IN (SELECT rowid FROM memory)"
    ):
        yield f"an entity is tied to row {rowid}, which is no memory"
