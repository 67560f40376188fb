"""Records as SQL rows and as JSON: the only place that knows how a Record is written down.

Both ways round-trip exactly, times to the microsecond and metadata with its JSON types and the order
of its keys. Nothing here touches a connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timezone
from typing import Any

import numpy as np

from tinymem.errors import CorruptError, ValidationError
from tinymem.types import EventDate, Record, Scope, Span, Triple, Vector, render_time, text_hash

REPEATED = "repeated"
"""Beside a commit's engine: [id of a memory that said it already, place of the message that told it], ..."""

SCOPE_COLUMNS = ("user_id", "agent_id", "run_id", "app_id")

COLUMNS = (
    *("id", "text", "hash", *SCOPE_COLUMNS, "actor_id", "role", "memory_type", "metadata"),
    *("created_at", "updated_at", "expiration_date", "immutable"),
    *("archived", "event_date", "event_end", "event_precision", "relations", "follows"),
)
"""The columns of table `memory` after its rowid, in the order of `row_values`."""

_UNSET: dict[str, Any] = dict.fromkeys((*SCOPE_COLUMNS, "actor_id", "role", "memory_type", "expiration_date"))
_UNSET |= dict.fromkeys(("event_date", "event_end", "event_precision", "follows"))
_UNSET |= {"immutable": 0, "archived": 0, "relations": "[]"}
"""What columns hold where nothing was said; past memories are written without those, and a fifth shorter."""

RECORD_SQL = (
    "SELECT m.rowid, "
    + ", ".join(f"m.{name}" for name in COLUMNS)
    + ", (SELECT json_group_array(c.category ORDER BY c.position) FROM memory_category c"
    + " WHERE c.memory_rowid = m.rowid) FROM memory m"
)
"""Selects rows for `parse_row`; a WHERE about `m` may follow."""


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def row_values(record: Record) -> tuple[Any, ...]:
    """Return the values of `COLUMNS` for a Record.

    Raises:
        ValidationError: The metadata is not JSON, a time is naive, or a text is not Unicode.
    """
    return (
        record.id,
        record.text,
        text_hash(require_unicode(record.text)),
        *(getattr(record.scope, name) for name in SCOPE_COLUMNS),
        record.actor_id,
        record.role,
        record.memory_type,
        render_metadata(record.metadata),
        render_moment(record.created_at),
        render_moment(record.updated_at),
        record.expiration_date.isoformat() if record.expiration_date else None,
        int(record.immutable),
        int(record.archived),
        *event_values(record.event),
        render_relations(record.relations),
        record.follows,
    )


def parse_row(row: Sequence[Any]) -> Record:
    """Build a Record from a row of `RECORD_SQL`.

    Raises:
        CorruptError: The row holds what tinymem never writes.
    """
    _, id_, text, hash_, user, agent, run, app, actor, role, kind, metadata = row[:12]
    try:
        if text_hash(text) != hash_:
            raise ValueError("its text is not the one that was stored")
        return Record(
            id=id_,
            text=text,
            scope=Scope(user, agent, run, app),
            created_at=parse_time(row[12]),
            updated_at=parse_time(row[13]),
            metadata=json.loads(metadata) if metadata != "{}" else {},
            categories=tuple(json.loads(row[22])) if row[22] != "[]" else (),
            actor_id=actor,
            role=role,
            memory_type=kind,
            expiration_date=date.fromisoformat(row[14]) if row[14] else None,
            immutable=bool(row[15]),
            archived=bool(row[16]),
            event=parse_event(*row[17:20]),
            relations=tuple(Triple(*triple) for triple in json.loads(row[20])) if row[20] != "[]" else (),
            follows=row[21],
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptError(f"memory {id_!r} can not be read ({error}); run check()") from error


def render_record(record: Record, *, canonical: bool = False, values: tuple[Any, ...] | None = None) -> str:
    """Render a Record as JSON; `canonical` sorts all keys, so that equal Records give equal text.

    `values` are its `row_values`, where they are known already.

    Raises:
        ValidationError: As `row_values`.
    """
    fields = said(dict(zip(COLUMNS, values or row_values(record), strict=True)))
    fields["metadata"] = record.metadata
    fields["categories"] = list(dict.fromkeys(record.categories))
    text = (_sorted if canonical else _compact)(fields)
    return require_unicode(text)


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a past memory that say something: older versions wrote all of them."""
    return {name: value for name, value in fields.items() if name not in _UNSET or value != _UNSET[name]}


def parse_record(text: str | None) -> Record | None:
    """Build a Record from what `render_record` wrote; None stays None.

    Raises:
        CorruptError: The text is something else.
    """
    if text is None:
        return None
    values, categories = parse_values(text)
    return parse_row([None, *values, json.dumps(categories)])


def parse_values(text: str) -> tuple[list[Any], list[str]]:
    """Return the values of `COLUMNS`, and the categories, as `render_record` wrote them.

    Raises:
        CorruptError: The text is something else.
    """
    with readable("a past memory"):
        fields = {**_UNSET, **json.loads(text)}
        fields["metadata"] = _compact(fields["metadata"])
        return [fields[name] for name in COLUMNS], fields["categories"]


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Call it damage when what is stored can not be read as tinymem writes it.

    Raises:
        CorruptError: It can not.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptError(f"{what} can not be read ({error!r}); run check()") from error


def render_metadata(metadata: dict[str, Any]) -> str:
    """Render metadata as a JSON object.

    Raises:
        ValidationError: It would not come back as it is: it holds something that JSON can not.
    """
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        faithful = isinstance(metadata, dict) and (text == "{}" or json.loads(text) == metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"metadata {metadata!r} can not be stored as JSON: {error}") from error
    if not faithful:
        raise ValidationError(
            f"metadata {metadata!r} would change when stored as JSON; use a dict with str keys that holds "
            "dict, list, str, int, float, bool and None only"
        )
    return text


def event_values(event: EventDate | None) -> tuple[str | None, str | None, str | None]:
    """Return the values of an event's three columns."""
    if event is None:
        return None, None, None
    return event.start.isoformat(), event.end.isoformat(), event.precision


def parse_event(start: str | None, end: str | None, precision: Any) -> EventDate | None:
    """Build an event from what `event_values` returned."""
    if start is None or end is None:
        return None
    return EventDate(date.fromisoformat(start), date.fromisoformat(end), precision)


def render_relations(relations: Sequence[Triple]) -> str:
    """Render relations as a JSON list of [source, relationship, target].

    Raises:
        ValidationError: A name is not Unicode.
    """
    listed = [[each.source, each.relationship, each.target] for each in relations]
    return require_unicode(_compact(listed))


def parse_time(text: str) -> datetime:
    """Parse what `render_time` wrote: an aware datetime in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no offset")
    return moment.astimezone(timezone.utc)


def render_spans(spans: Sequence[Span]) -> str:
    """Render evidence as a JSON list of [message, start, end]."""
    return _compact([[span.message, span.start, span.end] for span in spans])


def parse_spans(text: str) -> tuple[Span, ...]:
    """Build evidence from what `render_spans` wrote."""
    return tuple(Span(*triple) for triple in json.loads(text))


def render_vector(vector: Vector | None) -> bytes | None:
    """Return a vector as sqlite-vec stores it: float32, little-endian; None stays None."""
    return None if vector is None else vector.astype("<f4", copy=False).tobytes()


def parse_vector(blob: bytes) -> Vector:
    """Return the vector that `render_vector` wrote, as an array of its own."""
    return np.frombuffer(blob, dtype="<f4").astype(np.float32)


def render_moment(moment: datetime) -> str:
    """Render a time as `render_time` does.

    Raises:
        ValidationError: The time is naive.
    """
    if moment.tzinfo is None:
        raise ValidationError(f"time {moment.isoformat()} has no time zone; use an aware datetime")
    return render_time(moment)


def require_unicode(text: str) -> str:
    """Return the text as it is.

    Raises:
        ValidationError: It holds half of a surrogate pair, which no UTF-8 can hold.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(f"text {text!r} is not Unicode: {error}; send it as UTF-8") from error
    return text
