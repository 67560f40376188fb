"""A filter tree as SQL over the table `memory` (alias `m`): text with `?` places, and parameters.

Every value a caller gave is bound, metadata keys too; only names from our own tables are written
into the text. Ids, times and roles become plain comparisons that indexes serve; long lists travel
as one bound JSON array. Within an AND cheap conditions stand first. NULL never escapes: `Not` is
`IS NOT TRUE`, so an absent value is simply not equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinymem.errors import ValidationError
from tinymem.store.filter_tree import (
    AllOf,
    AnyOf,
    Contains,
    Equal,
    Field,
    Node,
    Not,
    Ordered,
    Present,
)
from tinymem.store.filter_values import Period

MAX_PARAMETERS = 30_000  # SQLite binds at most 32,766, and the statement around a filter binds some
SAFE_INTEGER = 2**53  # beyond it SQLite might read a JSON number as a neighbouring float

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,16}", re.ASCII)
_SIGN = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Where:
    """A compiled condition over table `memory` (alias `m`): SQL text with `?` places, and its parameters."""

    sql: str
    params: tuple[object, ...]

    def __and__(self, other: Where) -> Where:
        """Return the condition that holds where both hold."""
        if self.sql == "1":
            return other
        if other.sql == "1":
            return self
        return Where(f"({self.sql}) AND ({other.sql})", self.params + other.params)


EVERYTHING = Where("1", ())
"""The condition that every memory meets."""

NOTHING = Where("0", ())
"""The condition that no memory meets."""


def compile_filter(node: Node) -> Where:
    """Compile a filter tree.

    Raises:
        ValidationError: the filter binds more values than one SQL statement can.
    """
    where = _compile(node)
    if len(where.params) > MAX_PARAMETERS:
        raise ValidationError(
            f"the filter compares with {len(where.params)} values in separate conditions, at most "
            f"{MAX_PARAMETERS} fit one question: put values of one field into an 'in' list, or ask in parts"
        )
    return where


def _compile(node: Node) -> Where:
    if isinstance(node, AllOf):
        return _join([_compile(child) for child in sorted(node.children, key=_cost)], "AND")
    if isinstance(node, AnyOf):
        return _join([_compile(child) for child in sorted(node.children, key=_cost)], "OR")
    if isinstance(node, Not):
        return _compile_not(node.child)
    if isinstance(node, Present):
        return _compile_present(node.field)
    if isinstance(node, Equal):
        return _compile_equal(node)
    if isinstance(node, Ordered):
        return _compile_ordered(node)
    return _compile_contains(node)


def _join(parts: Sequence[Where], word: str) -> Where:
    """Join conditions as a balanced tree: SQLite counts a long flat chain as deep.

    Constants fold, so that a filter that asks nothing in any wording compiles to `EVERYTHING`.
    """
    neutral, deciding = (EVERYTHING, NOTHING) if word == "AND" else (NOTHING, EVERYTHING)
    if deciding in parts:
        return deciding
    parts = [part for part in parts if part != neutral]
    if not parts:
        return neutral
    level = [part.sql for part in parts]
    width = 64
    while len(level) > 1:
        level = [f" {word} ".join(level[at : at + width]) for at in range(0, len(level), width)]
        level = [f"({sql})" for sql in level]
    return Where(level[0], tuple(value for part in parts for value in part.params))


def _cost(node: Node) -> int:
    """Rank a condition by what one row costs: column 0, other table 1, JSON 2, Python 3."""
    if isinstance(node, (AllOf, AnyOf)):
        return max(map(_cost, node.children), default=0)
    if isinstance(node, Not):
        return _cost(node.child)
    if node.field.kind == "words" or (isinstance(node, Contains) and node.fold):
        return 3
    if node.field.kind == "metadata":
        return 2 if _json_path(node.field) else 3
    return 1 if node.field.kind == "categories" else 0


def _compile_not(child: Node) -> Where:
    """Compile an opposite; what is false or NULL for a row is true here."""
    if isinstance(child, Present) and child.field.kind in ("id", "time", "day"):
        return Where(f"m.{child.field.name} IS NULL", ())
    if isinstance(child, Equal) and child.field.kind == "id" and len(child.values) == 1:
        return Where(f"m.{child.field.name} IS NOT ?", child.values)
    where = _compile(child)
    if where in (EVERYTHING, NOTHING):
        return NOTHING if where == EVERYTHING else EVERYTHING
    return Where(f"({where.sql}) IS NOT TRUE", where.params)


def _compile_present(field: Field) -> Where:
    if field.kind == "categories":
        return Where("EXISTS (SELECT 1 FROM memory_category AS c WHERE c.memory_rowid = m.rowid)", ())
    if field.kind != "metadata":
        return Where(f"m.{field.name} IS NOT NULL", ())
    if not field.path:
        return Where("EXISTS (SELECT 1 FROM json_each(m.metadata))", ())
    if path := _json_path(field):
        return Where("json_extract(m.metadata, ?) IS NOT NULL", (path,))
    return Where("tinymem_value(m.metadata, ?) IS NOT NULL", (_python_path(field),))


def _compile_equal(node: Equal) -> Where:
    if not node.values:
        return NOTHING
    if node.field.kind in ("time", "day"):
        return _equal_periods(node.field, [value for value in node.values if isinstance(value, Period)])
    values = [str(value) for value in node.values]
    if node.field.kind == "words":
        return _join([Where("tinymem_has_words(m.text, ?)", (value,)) for value in values], "OR")
    if node.field.kind == "metadata":
        return _equal_metadata(node.field, values)
    if node.field.kind == "id":
        return _is_one_of(f"m.{node.field.name}", values)
    if node.field.kind == "flag":
        return _is_one_of(f"m.{node.field.name}", [int(value) for value in values])
    category = _is_one_of("c.category", values)
    return _some_category(category)


def _is_one_of(expression: str, values: Sequence[object], before: tuple[object, ...] = ()) -> Where:
    """Compare an expression, which binds `before`, with one bound value or with a bound JSON array."""
    if len(values) == 1:
        return Where(f"{expression} = ?", (*before, values[0]))
    return Where(f"{expression} IN (SELECT value FROM json_each(?))", (*before, json.dumps(values)))


def _some_category(condition: Where) -> Where:
    sql = f"EXISTS (SELECT 1 FROM memory_category AS c WHERE c.memory_rowid = m.rowid AND {condition.sql})"
    return Where(sql, condition.params)


def _equal_periods(field: Field, periods: Sequence[Period]) -> Where:
    """Compile "within one of these": moments are equal, days hold the moment."""
    column = f"m.{field.name}"
    if field.kind == "day":
        return _is_one_of(column, [period.day for period in periods])
    moments = [period.first for period in periods if period.first == period.last]
    days = [period for period in periods if period.first != period.last]
    parts = [_is_one_of(column, moments)] if moments else []
    if len(days) == 1:
        parts.append(Where(f"{column} BETWEEN ? AND ?", (days[0].first, days[0].last)))
    elif days:
        parts.append(_is_one_of(f"substr({column}, 1, 10)", [period.day for period in days]))
    return _join(parts, "OR")


def _compile_ordered(node: Ordered) -> Where:
    """Compile an ordering: after a day is after its end, from a day is from its beginning."""
    if isinstance(node.value, str):
        return _ordered_metadata(node.field, node.operator, node.value)
    bound = node.value.last if node.operator in ("gt", "lte") else node.value.first
    if node.field.kind == "day":
        bound = node.value.day
    return Where(f"m.{node.field.name} {_SIGN[node.operator]} ?", (bound,))


def _compile_contains(node: Contains) -> Where:
    field, value = node.field, node.value
    if field.kind == "metadata":
        return _metadata_contains(node)
    if field.kind == "categories":
        folded = Where("tinymem_casefold(c.category) = ?", (value.casefold(),))
        return _some_category(folded if node.fold else Where("c.category = ?", (value,)))
    if node.fold:
        return Where(f"instr(tinymem_casefold(m.{field.name}), ?) > 0", (value.casefold(),))
    return Where(f"instr(m.{field.name}, ?) > 0", (value,))


def _json_path(field: Field) -> str | None:
    """Return SQLite's path for keys without any special character, None for all others."""
    if field.path and all(_PLAIN_KEY.fullmatch(key) for key in field.path):
        return "$." + ".".join(field.path)
    return None


def _python_path(field: Field) -> str:
    return json.dumps(field.path)


def _small_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and abs(int(text)) <= SAFE_INTEGER


def _equal_metadata(field: Field, values: Sequence[str]) -> Where:
    """Compare canonical JSON; lists of only strings, or one small integer or bool, stay within SQLite."""
    path, first = _json_path(field), values[0]
    if path and all(value.startswith('"') for value in values):
        strings = _is_one_of("json_extract(m.metadata, ?)", [json.loads(value) for value in values], (path,))
        return Where(f"(json_type(m.metadata, ?) = 'text' AND {strings.sql})", (path, *strings.params))
    if path and len(values) == 1 and first in ("true", "false"):
        return Where("json_type(m.metadata, ?) = ?", (path, first))
    if path and len(values) == 1 and _small_integer(first):
        sql = (
            "CASE json_type(m.metadata, ?) WHEN 'integer' THEN json_extract(m.metadata, ?) = ? "
            "WHEN 'real' THEN tinymem_value(m.metadata, ?) = ? END"
        )
        return Where(sql, (path, path, int(first), _python_path(field), first))
    return _is_one_of("tinymem_value(m.metadata, ?)", values, (_python_path(field),))


def _ordered_metadata(field: Field, operator: str, value: str) -> Where:
    """Compare numbers with numbers and strings with strings; SQLite's text order is Python's."""
    path, sign = _json_path(field), _SIGN[operator]
    python = f"tinymem_order(m.metadata, ?, ?) {sign} 0"
    if path and value.startswith('"'):
        sql = f"(json_type(m.metadata, ?) = 'text' AND json_extract(m.metadata, ?) {sign} ?)"
        return Where(sql, (path, path, json.loads(value)))
    if path and _small_integer(value):
        sql = (
            f"CASE json_type(m.metadata, ?) WHEN 'integer' THEN json_extract(m.metadata, ?) {sign} ? "
            f"WHEN 'real' THEN {python} END"
        )
        return Where(sql, (path, path, int(value), _python_path(field), value))
    return Where(python, (_python_path(field), value))


def _metadata_contains(node: Contains) -> Where:
    path = _json_path(node.field)
    if path and not node.fold and node.value.startswith('"'):
        sql = (
            "CASE json_type(m.metadata, ?) WHEN 'text' THEN instr(json_extract(m.metadata, ?), ?) > 0 "
            "WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(m.metadata, ?) AS j "
            "WHERE j.type = 'text' AND j.value = ?) END"
        )
        value = json.loads(node.value)
        return Where(sql, (path, path, value, path, value))
    name = "tinymem_icontains" if node.fold else "tinymem_contains"
    return Where(f"{name}(m.metadata, ?, ?)", (_python_path(node.field), node.value))
