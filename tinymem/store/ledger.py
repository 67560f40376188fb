"""What a file keeps besides memories: its own settings, and what people thought of memories.

Both are plain rows, written as they come; neither is part of a memory's history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from tinymem.errors import MemoryNotFoundError
from tinymem.store.filter_sql import Where
from tinymem.store.rows import SCOPE_COLUMNS, readable, render_moment

_OWNERS = """
    SELECT ?, m.{column}, count(*), min(m.created_at), max(m.updated_at)
    FROM memory m WHERE m.{column} IS NOT NULL AND {condition} GROUP BY m.{column}
"""


@dataclass(frozen=True)
class Owner:
    """One user, agent, run or app (`field` says which), with how many memories and from when to when."""

    field: str
    id: str
    memories: int
    first: str
    last: str


def load_settings(connection: apsw.Connection) -> dict[str, Any]:
    """Return the file's own settings; {} while it has none.

    Raises:
        CorruptError: What stands there are no settings.
    """
    text = connection.execute("SELECT value FROM identity WHERE key = 'settings'").get
    if text is None:
        return {}
    with readable("the settings of the file"):
        settings = json.loads(text)
        if not isinstance(settings, dict):
            raise TypeError(f"they are {text!r:.60}")
    return settings


def keep_settings(connection: apsw.Connection, settings: Mapping[str, Any]) -> None:
    """Replace the file's own settings."""
    connection.execute(
        "INSERT INTO identity VALUES ('settings', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
        (json.dumps(dict(settings), ensure_ascii=False),),
    )


def take_settings(connection: apsw.Connection, others: Mapping[str, Any], *, wanted: bool) -> tuple[int, int]:
    """Take, if wanted, the settings of another file that this one does not have.

    Returns how many were taken, and how many were not that would change something.
    """
    own = load_settings(connection)
    new = {name: value for name, value in others.items() if name not in own} if wanted else {}
    if wanted:
        keep_settings(connection, {**own, **new})
    return len(new), sum({**own, **new}.get(name) != value for name, value in others.items())


def load_owners(connection: apsw.Connection, where: Where) -> list[Owner]:
    """Return whose memories meet a condition, by kind of id, then by id."""
    found: list[Owner] = []
    for column in SCOPE_COLUMNS:
        rows = connection.execute(
            f"{_OWNERS.format(column=column, condition=where.sql)} ORDER BY 2", (column, *where.params)
        )
        found += [Owner(*row) for row in rows]
    return found


def add_feedback(
    connection: apsw.Connection, memory_id: str, verdict: str | None, reason: str | None, at: datetime
) -> None:
    """Keep one verdict on a memory; None takes back what was said before.

    Raises:
        MemoryNotFoundError: No memory has this id.
    """
    if connection.execute("SELECT 1 FROM memory WHERE id = ?", (memory_id,)).get is None:
        raise MemoryNotFoundError(f"no memory has the id {memory_id!r}: `get_all` lists those that exist")
    if verdict is None:
        connection.execute("DELETE FROM feedback WHERE memory_id = ?", (memory_id,))
        return
    connection.execute(
        "INSERT INTO feedback(memory_id, verdict, reason, at) VALUES (?, ?, ?, ?)",
        (memory_id, verdict, reason, render_moment(at)),
    )


def load_feedback(connection: apsw.Connection, memory_id: str) -> list[tuple[str, str | None, str]]:
    """Return (verdict, reason, time) of all feedback on a memory, oldest first."""
    sql = "SELECT verdict, reason, at FROM feedback WHERE memory_id = ? ORDER BY seq"
    return [(str(verdict), reason, str(at)) for verdict, reason, at in connection.execute(sql, (memory_id,))]
