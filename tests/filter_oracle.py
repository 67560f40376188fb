"""What a filter means, said a second time in plain Python on Records, for comparing with the SQL.

It reads the caller's dict directly and shares no line with tinymem's parser or compiler. `Table` holds
Records in a real file's tables and answers which of them a compiled filter selects.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from tinymem.store.connect import connect
from tinymem.store.filters import where
from tinymem.store.rows import COLUMNS, row_values
from tinymem.store.schema import migrate
from tinymem.types import Record

DAY = timedelta(days=1)
OPERATORS = {"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "icontains"}
NAMES = {"session_id": "run_id", "memory_id": "id", "memory_ids": "id"}


class Table:
    """An in-memory database with tinymem's own schema."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.connection = connect(":memory:")
        migrate(self.connection)
        self.fill(records)

    def fill(self, records: Sequence[Record]) -> None:
        places = ", ".join("?" * len(COLUMNS))
        with self.connection as db:
            db.execute("DELETE FROM memory; DELETE FROM memory_category")
            for rowid, record in enumerate(records, 1):
                names = ", ".join(COLUMNS)
                values = (rowid, *row_values(record))
                db.execute(f"INSERT INTO memory(rowid, {names}) VALUES (?, {places})", values)
                for place, category in enumerate(record.categories):
                    db.execute("INSERT INTO memory_category VALUES (?, ?, ?)", (rowid, category, place))

    def ids(self, filters: Mapping[str, Any] | None) -> list[str]:
        condition = where(filters)
        sql = f"SELECT m.id FROM memory AS m WHERE {condition.sql} ORDER BY m.rowid"
        return [row[0] for row in self.connection.execute(sql, condition.params)]


def holds(filters: Mapping[str, Any], record: Record) -> bool:
    """Tell whether a Record meets a filter dict."""
    return all(sibling_holds(key, value, record) for key, value in filters.items())


def sibling_holds(key: str, value: Any, record: Record) -> bool:
    if key in ("AND", "OR", "NOT"):
        if isinstance(value, Mapping):
            parts = [sibling_holds(inner, operand, record) for inner, operand in value.items()]
            if key == "NOT":
                return not parts or not all(parts)
        else:
            parts = [holds(inner, record) for inner in value]
        return {"AND": all, "OR": any, "NOT": lambda each: not any(each)}[key](parts)
    if key == "metadata":
        return metadata_holds(value, record.metadata or None)
    if key in ("keywords", "text"):
        return condition_holds(value, record.text, equal_words)
    if key == "categories":
        return condition_holds(value, list(record.categories) or None, lambda mine, asked: asked in mine)
    if key in ("created_at", "updated_at"):
        return condition_holds(value, getattr(record, key), within_moment)
    if key == "expiration_date":
        return condition_holds(value, record.expiration_date, lambda mine, asked: mine == utc_day(asked))
    name = NAMES.get(key, key)
    if name in ("user_id", "agent_id", "run_id", "app_id"):
        return condition_holds(value, getattr(record.scope, name), str.__eq__)
    if name in ("id", "actor_id", "role", "memory_type"):
        return condition_holds(value, getattr(record, name), str.__eq__)
    return condition_holds(value, resolve(record.metadata, key), same)


def condition_holds(value: Any, mine: Any, equal: Callable[[Any, Any], bool]) -> bool:
    """Tell whether a field's value (None when absent) meets a condition."""
    if isinstance(value, Mapping):
        return all(operator_holds(operator, mine, asked, equal) for operator, asked in value.items())
    if value == "*" and isinstance(value, str):
        return mine is not None
    if isinstance(value, (list, tuple, set, frozenset)):
        return operator_holds("in", mine, value, equal)
    return operator_holds("eq", mine, value, equal)


def operator_holds(operator: str, mine: Any, asked: Any, equal: Callable[[Any, Any], bool]) -> bool:
    if operator == "eq":
        return mine is None if asked is None else mine is not None and equal(mine, asked)
    if operator == "ne":
        return not operator_holds("eq", mine, asked, equal)
    if operator == "in":
        return any(operator_holds("eq", mine, each, equal) for each in asked)
    if operator == "nin":
        return not operator_holds("in", mine, asked, equal)
    if mine is None:
        return False
    if operator == "contains":
        return contains(mine, asked)
    if operator == "icontains":
        return contains(folded(mine), asked.casefold())
    return ordered(operator, mine, asked)


def contains(mine: Any, asked: Any) -> bool:
    if isinstance(mine, str):
        return isinstance(asked, str) and asked in mine
    if isinstance(mine, list):
        return any(same(each, asked) for each in mine)
    if isinstance(mine, dict) and isinstance(asked, dict):
        return all(key in mine and same(mine[key], each) for key, each in asked.items())
    return False


def folded(mine: Any) -> Any:
    """Fold the case of text and of a list's texts; nothing else has a case."""
    if isinstance(mine, list):
        return [each.casefold() for each in mine if isinstance(each, str)]
    return mine.casefold() if isinstance(mine, str) else None


def ordered(operator: str, mine: Any, asked: Any) -> bool:
    if isinstance(mine, datetime):
        first, end = period(asked)  # [first, end); a moment has end None
        if end is None:
            first = end = first
            return compare(operator, mine, first)
        return {"gt": mine >= end, "gte": mine >= first, "lt": mine < first, "lte": mine < end}[operator]
    if isinstance(mine, date):
        return compare(operator, mine, utc_day(asked))
    number, other = (not isinstance(each, bool) and isinstance(each, (int, float)) for each in (mine, asked))
    comparable = (number and other) or (isinstance(mine, str) and isinstance(asked, str))
    return comparable and compare(operator, mine, asked)


def compare(operator: str, mine: Any, asked: Any) -> bool:
    return bool(
        {"gt": mine > asked, "gte": mine >= asked, "lt": mine < asked, "lte": mine <= asked}[operator]
    )


def period(asked: Any) -> tuple[datetime, datetime | None]:
    """Return a moment and None, or the beginning of a day and of the next one."""
    if isinstance(asked, str):
        asked = (
            datetime.fromisoformat(asked.replace("Z", "+00:00"))
            if len(asked) > 10
            else date.fromisoformat(asked)
        )
    if isinstance(asked, datetime):
        return (asked if asked.tzinfo else asked.replace(tzinfo=timezone.utc)), None
    midnight = datetime(asked.year, asked.month, asked.day, tzinfo=timezone.utc)
    return midnight, midnight + DAY


def within_moment(mine: datetime, asked: Any) -> bool:
    first, end = period(asked)
    return mine == first if end is None else first <= mine < end


def utc_day(asked: Any) -> date:
    return period(asked)[0].astimezone(timezone.utc).date()


def metadata_holds(value: Any, mine: Any) -> bool:
    """Tell whether a metadata value meets what stands under `metadata`, at any depth."""
    if isinstance(value, Mapping) and not OPERATORS.issuperset(value):
        return all(metadata_holds(inner, resolve(mine, key)) for key, inner in value.items())
    return condition_holds(value, mine, same)


def resolve(mine: Any, key: str) -> Any:
    """Look a key up, the longest literal first, then shorter ones with the rest as a path."""
    if not isinstance(mine, dict):
        return None
    pieces = key.split(".")
    for count in range(len(pieces), 0, -1):
        head, rest = ".".join(pieces[:count]), pieces[count:]
        if head in mine:
            if not rest:
                return mine[head]
            below = resolve(mine[head], ".".join(rest))
            if below is not None:
                return below
    return None


def same(mine: Any, asked: Any) -> bool:
    """Tell whether two JSON values are equal, with JSON's types kept apart."""
    if isinstance(mine, bool) or isinstance(asked, bool):
        return mine is asked
    if isinstance(mine, (int, float)) and isinstance(asked, (int, float)):
        return mine == asked
    if isinstance(mine, list) and isinstance(asked, (list, tuple)):
        return len(mine) == len(asked) and all(map(same, mine, asked))
    if isinstance(mine, dict) and isinstance(asked, dict):
        return mine.keys() == asked.keys() and all(same(mine[key], asked[key]) for key in mine)
    return type(mine) is type(asked) and bool(mine == asked)


def equal_words(text: str, asked: str) -> bool:
    """Tell whether every word asked for stands in the text; enough for the words that tests use."""
    mine, wanted = (set(re.findall(r"[^\W_]+", plain(each))) for each in (text, asked))
    return bool(wanted) and wanted <= mine


def plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))
