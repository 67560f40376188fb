"""What `add_many` takes: every item parsed once, with an id that is the same in every run.

An item's id is made of its text, whose it is, when it was said, and how many equal ones stand before it,
so that a load that was cut off can be repeated. Pure functions; nothing here touches a file.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from tinymem import arguments
from tinymem.errors import ValidationError, shown
from tinymem.redact import NOTHING_REDACTED, Redaction
from tinymem.types import Metadata, Record, Scope, render_time

NAMESPACE = uuid.UUID("6f1d7f0e-6a55-4d3c-9a8e-74696e796d65")
TEXT_KEYS = ("memory", "text", "data", "content")
ROLES = ("user", "assistant")
KEYS = frozenset(
    (*TEXT_KEYS, *arguments.ID_NAMES, "session_id", "metadata", "timestamp", "created_at", "expiration_date")
) | {"immutable", "role", "actor_id", "name", "id", "memory_type"}


@dataclass(frozen=True)
class Item:
    """One memory to be loaded."""

    text: str
    scope: Scope
    metadata: Metadata
    created_at: datetime | None = None
    expiration_date: date | None = None
    immutable: bool = False
    role: str = "user"
    name: str | None = None
    id: str = ""

    def record(self, now: datetime) -> Record:
        """Return the Record of the item, stored now."""
        created = self.created_at or now
        return Record(
            id=self.id,
            text=self.text,
            scope=self.scope,
            created_at=created,
            updated_at=created,
            metadata=self.metadata,
            actor_id=self.name,
            role=self.role,
            expiration_date=self.expiration_date,
            immutable=self.immutable,
        )


def parse_item(
    value: object, place: int, scope: Scope, metadata: Metadata, redaction: Redaction = NOTHING_REDACTED
) -> Item:
    """Return one item; `scope` and `metadata` are those of the call, `redaction` what is done to its words.

    Raises:
        ValidationError: names the item's place and what is wrong with it.
    """
    at = f"items[{place}]"
    if isinstance(value, str):
        value = {"memory": value}
    if not isinstance(value, Mapping):
        raise ValidationError(f"{at} must be a text or a dict, got {arguments.show(value)}")
    if unknown := [key for key in value if key not in KEYS]:
        raise ValidationError(f"{at} has unknown keys {shown(unknown)}: use {', '.join(sorted(KEYS))}")
    try:
        return _redacted(_item(value, scope, metadata), redaction)
    except ValidationError as problem:
        raise ValidationError(f"{at}: {problem}") from problem


def _item(value: Mapping[str, Any], scope: Scope, metadata: Metadata) -> Item:
    texts = [value[key] for key in TEXT_KEYS if value.get(key) is not None]
    if len(texts) != 1:
        raise ValidationError(f"give its text under one of {', '.join(TEXT_KEYS)}")
    own = [value.get(name) for name in (*arguments.ID_NAMES, "session_id")]
    merged = (
        replace(scope, **arguments.parse_scope(*own).ids()) if any(one is not None for one in own) else scope
    )
    if not merged.ids():
        raise ValidationError("whose memory is it? give user_id, agent_id, run_id or app_id")
    role = value.get("role", "user")
    if role not in ROLES:
        raise ValidationError(f"role must be one of {', '.join(ROLES)}, got {arguments.show(role)}")
    name = value.get("actor_id", value.get("name"))
    moment = value.get("timestamp", value.get("created_at"))
    return Item(
        text=arguments.parse_text(texts[0], "its text"),
        scope=merged,
        metadata={**metadata, **arguments.parse_metadata(value.get("metadata"))},
        created_at=arguments.parse_timestamp(moment),
        expiration_date=arguments.parse_expiration(value.get("expiration_date")),
        immutable=arguments.parse_flag(value.get("immutable", False), "immutable"),
        role=role,
        name=None if name is None else arguments.parse_id(name, "actor_id"),
        id="" if value.get("id") is None else arguments.parse_id(value["id"], "id"),
    )


def _redacted(item: Item, redaction: Redaction) -> Item:
    if redaction.rule is None:
        return item
    return replace(
        item,
        text=redaction.text(item.text, "its text"),
        metadata=redaction.metadata(item.metadata, "its metadata"),
        name=item.name and redaction.name(item.name, "actor_id"),
        scope=redaction.scope(item.scope),
        id=redaction.id(item.id, "id"),
    )


_key = json.JSONEncoder(sort_keys=True).encode


def numbered(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items with an id each; equal ones get different ids, the same in every run."""
    seen: Counter[str] = Counter()
    for item in items:
        if item.id:
            yield item
            continue
        said = None if item.created_at is None else render_time(item.created_at)
        key = _key([item.text, item.scope.ids(), said, item.role, item.name])
        seen[key] += 1
        yield replace(item, id=str(uuid.uuid5(NAMESPACE, f"{key}#{seen[key]}")))
