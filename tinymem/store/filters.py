"""Filters: what a caller asks of memories, as a condition over the table `memory` (alias `m`).

One language for search, get_all, count and delete_all: `filter_tree` reads it, `filter_values` reads
its operands, `filter_sql` compiles it, `filter_functions` holds what SQL asks of Python. This module
is their door, and knows the two conditions that every call adds: whose memories, and not expired.
All of it is pure, and a caller's value never becomes SQL text.

    {"user_id": "maya", "created_at": {"gte": "2024-07-01", "lte": "2024-07-31"}}
    {"OR": [{"categories": ["food"]}, {"metadata": {"rating": {"gte": 4}}}], "NOT": {"run_id": "*"}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tinymem.store.filter_functions import SQL_FUNCTIONS
from tinymem.store.filter_sql import EVERYTHING, Where, compile_filter
from tinymem.store.filter_tree import Node, parse_filter
from tinymem.types import Scope

__all__ = [
    "EVERYTHING",
    "SQL_FUNCTIONS",
    "UNARCHIVED",
    "Node",
    "Where",
    "compile_filter",
    "parse_filter",
    "rows_where",
    "scope_where",
    "unexpired_where",
    "where",
]


def where(filters: Mapping[str, Any] | None) -> Where:
    """Parse and compile a filter dict; None asks nothing.

    Raises:
        ValidationError: the filter is not in the language, or holds too many values.
    """
    return EVERYTHING if filters is None else compile_filter(parse_filter(filters))


def scope_where(scope: Scope, *, user_or_agent: bool) -> Where:
    """Compile the ids given at top level.

    With `user_or_agent`, user_id and agent_id together mean that user's and that agent's memories
    (what an `add` with both wrote); otherwise, and for all other ids, every id narrows.
    """
    ids = scope.ids()
    parts = [f"m.{name} = ?" for name in ids]
    if user_or_agent and scope.user_id is not None and scope.agent_id is not None:
        parts[:2] = [f"({parts[0]} OR {parts[1]})"]
    return Where(" AND ".join(parts), tuple(ids.values())) if parts else EVERYTHING


def rows_where(rowids: Sequence[int]) -> Where:
    """Compile "one of these rows"."""
    return Where("m.rowid IN (SELECT value FROM json_each(?))", (json.dumps(list(rowids)),))


UNARCHIVED = Where("m.archived = 0", ())
"""The condition that a memory is not archived."""


def unexpired_where(today: date) -> Where:
    """Compile "visible on this day": a memory is seen through its expiration date."""
    return Where("(m.expiration_date IS NULL OR m.expiration_date >= ?)", (today.isoformat(),))
