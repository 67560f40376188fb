"""What stands around a memory in its conversation, and who speaks in them: lookups that search asks for.

Memories that were stored word for word say which one they followed (`Record.follows`); a memory that has
gone is a gap, not an error. Reads a few rows by their indexes, and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from tinymem.store.filters import Where, rows_where
from tinymem.store.opening import OpenFile
from tinymem.store.rows import SCOPE_COLUMNS
from tinymem.types import Scope, render_time

_AROUND = """
    SELECT m.rowid, p.rowid, q.rowid,
        (SELECT n.rowid FROM memory n WHERE n.follows = m.id ORDER BY n.rowid LIMIT 1),
        substr(rtrim(m.text), -1) IN ('?', '？', '؟')
    FROM memory m LEFT JOIN memory p ON p.id = m.follows LEFT JOIN memory q ON q.id = p.follows
    WHERE m.rowid IN (SELECT value FROM json_each(?))
"""
_ANY_FOLLOWS = "SELECT 1 FROM memory WHERE follows IS NOT NULL LIMIT 1"
# Most words are nobody's name: the index says so before any memory is looked at.
_SPEAKERS = """
    SELECT (
        SELECT m.actor_id FROM memory m WHERE m.actor_id = one.value COLLATE NOCASE AND {condition} LIMIT 1
    )
    FROM json_each(?) one
    WHERE EXISTS (SELECT 1 FROM memory n WHERE n.actor_id = one.value COLLATE NOCASE)
"""
_SAID_BY = """
    SELECT m.rowid FROM memory m WHERE m.actor_id = ? COLLATE NOCASE
    AND m.rowid IN (SELECT value FROM json_each(?))
"""
_LAST = """
    SELECT m.id FROM memory m WHERE {condition} AND m.role IS NOT NULL AND m.created_at BETWEEN ? AND ?
    ORDER BY m.created_at DESC, m.rowid DESC LIMIT 1
"""


@dataclass(frozen=True)
class Around:
    """The rows of the memories said before, two before, and after one memory; None where there is none.

    `asks` says whether the memory itself ends in a question.
    """

    before: int | None
    earlier: int | None
    after: int | None
    asks: bool = False


Rowid = int | None


class Neighbours(OpenFile):
    """What `Store` says of conversations."""

    def around(self, rowids: Sequence[int]) -> dict[int, Around]:
        """Return what stands around each of these memories; those that stand alone are left out."""
        wanted = json.dumps([int(rowid) for rowid in rowids])
        with self._open() as connection:
            if connection.execute(_ANY_FOLLOWS).get is None:
                return {}
            found = connection.execute(_AROUND, (wanted,))
            rows = cast("Iterable[tuple[int, Rowid, Rowid, Rowid, int]]", found)
            return {
                row: Around(before, earlier, after, bool(asks))
                for row, before, earlier, after, asks in rows
                if (before, after) != (None, None)
            }

    def meeting(self, where: Where, rowids: Sequence[int]) -> set[int]:
        """Return those of the memories that meet a condition."""
        wanted = rows_where(rowids) & where
        with self._open() as connection:
            rows = connection.execute(f"SELECT m.rowid FROM memory m WHERE {wanted.sql}", wanted.params)
            return {int(rowid) for (rowid,) in rows}

    def speakers(self, names: Sequence[str], where: Where) -> list[str]:
        """Return those of the names under which a memory that meets a condition was said, as spelt there."""
        wanted = json.dumps(list(names), ensure_ascii=False)
        sql = _SPEAKERS.format(condition=f"({where.sql})")
        with self._open() as connection:
            found = connection.execute(sql, (*where.params, wanted))
            return list(dict.fromkeys(str(name) for (name,) in found if name is not None))

    def said_by(self, name: str, rowids: Sequence[int]) -> set[int]:
        """Return those of the memories that were said by somebody of this name."""
        with self._open() as connection:
            rows = connection.execute(_SAID_BY, (name, json.dumps([int(rowid) for rowid in rowids])))
            return {int(rowid) for (rowid,) in rows}

    def last_said(self, scope: Scope, since: datetime, until: datetime) -> str | None:
        """Return the id of the newest memory of exactly this scope that was created between two times."""
        ids = scope.ids()
        same = (f"m.{name} = ?" if name in ids else f"m.{name} IS NULL" for name in SCOPE_COLUMNS)
        sql = _LAST.format(condition=" AND ".join(same))
        with self._open() as connection:
            found = connection.execute(sql, (*ids.values(), render_time(since), render_time(until))).get
        return None if found is None else str(found)
