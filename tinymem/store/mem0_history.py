"""mem0's `history.db`, read: what mem0 wrote down about each memory that it added, changed or deleted.

The file is opened as one that nobody changes: no lock is taken and nothing is written, not even beside
it. What the rows mean is not judged here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tinymem.errors import ValidationError

_REQUIRED = ("id", "memory_id", "old_memory", "new_memory", "event", "created_at", "updated_at")
_LATER = ("actor_id", "role")  # not in the tables of mem0 0.1.60 and before
_BESIDE = ("-journal", "-wal")


@dataclass(frozen=True)
class HistoryRow:
    """One row of mem0's table, each value as it stands there."""

    id: Any
    memory_id: Any
    old_memory: Any
    new_memory: Any
    event: Any
    created_at: Any
    updated_at: Any
    actor_id: Any = None
    role: Any = None


def load_mem0_history(path: str) -> list[HistoryRow] | None:
    """Return the rows of a `history.db` in the order in which mem0 wrote them; None if it is none.

    Raises:
        ValidationError: it can not be read, or mem0 was interrupted in, or is in the midst of, a write.
    """
    try:
        uri = f"{Path(path).absolute().as_uri()}?immutable=1"
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            return _load_rows(connection, path)
        finally:
            connection.close()
    except apsw.NotADBError:
        return None
    except (apsw.Error, UnicodeDecodeError) as error:
        raise ValidationError(f"{path} can not be read (SQLite: {error}); is it damaged?") from error


def _load_rows(connection: apsw.Connection, path: str) -> list[HistoryRow] | None:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(history)")}
    if not columns.issuperset(_REQUIRED):
        return None
    beside = [path + ending for ending in _BESIDE if _holds_something(path + ending)]
    if beside:
        raise ValidationError(
            f"{path} is being written, or mem0 was interrupted: there is {beside[0]} beside it. Close mem0; "
            "if that file stays, open and close the history once with mem0 or sqlite3"
        )
    names = (*_REQUIRED, *(name for name in _LATER if name in columns))
    rows = connection.execute(f"SELECT {', '.join(names)} FROM history ORDER BY rowid")
    return [HistoryRow(**dict(zip(names, row, strict=True))) for row in rows]


def _holds_something(path: str) -> bool:
    return os.path.exists(path) and os.path.getsize(path) > 0
