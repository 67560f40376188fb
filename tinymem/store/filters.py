"""Filters: what a caller asks of memories, as a condition over the table `memory` (alias `m`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tinymem.types import Scope


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


def unexpired_where(today: date) -> Where:
    """Compile "visible on this day": a memory is seen through its expiration date."""
    return Where("(m.expiration_date IS NULL OR m.expiration_date >= ?)", (today.isoformat(),))
