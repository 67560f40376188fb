"""What mem0 remembers, as Commits of ours: its answers, as objects or JSON files, and its local stores.

Each memory's past is made again from mem0's history and ends at what mem0 holds now. Nothing is dropped in
silence: what cannot be meant is refused, by the name of the item. No text is changed and no vector taken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from tinymem.arguments import (
    ID_NAMES,
    PROCEDURAL,
    check_length,
    parse_expiration,
    parse_flag,
    parse_id,
    parse_metadata,
    parse_scope,
    parse_text,
    show,
)
from tinymem.errors import ValidationError
from tinymem.foreign_stores import Found, Item, read_stores
from tinymem.store.mem0_history import HistoryRow
from tinymem.types import Change, Clock, Commit, Metadata, NewId, Record, Scope, Triple
from tinymem.understand.dialogue import parse_moment

DERIVED = ("hash", "score", "score_details", "structured_attributes", "text_lemmatized")
"""Keys of mem0 that say nothing of their own: they follow from the text, the time or a query."""

TEXT_NAMES = ("memory", "data", "text")
GIVE_IDS = "give user_id=, agent_id=, run_id= or app_id="


def read_foreign(source: object, scope: Scope, clock: Clock, new_id: NewId) -> list[Commit] | None:
    """Return what mem0 stored as Commits with call "import", oldest first; None if the source is not mem0's.

    Args:
        source: the answer of mem0's `get_all` or `search` (a list, or a dict with "results"); the path of a
            .json file with one; the path of a `history.db`, or of a folder that is or directly contains
            mem0's local stores; or a list of such paths, for stores that belong together.
        scope: fills in the ids that a memory does not have itself.
        clock: the present moment, for what says no time and for what mem0 lost.
        new_id: makes the ids of Commits, and of memories that have none.

    Each Commit has one Change, at mem0's time (naive times are UTC, none is later than now), without a
    vector. Where a history has a memory, its Changes are that history's; else it is one ADD when it was last
    updated. What mem0 keeps of the past is only text, actor and role, so past Records have the present
    metadata. A memory that the history has and the Qdrant or Chroma folder has not ends deleted, now at the
    latest. Deleted memories belong to `scope`, be it empty. Keys of an item that mean nothing here are
    kept in its metadata, those of `DERIVED` and the relations of a whole answer are not. The library that
    reads a Qdrant folder unpickles it: import only folders that you trust, and close mem0 first.

    Raises:
        ValidationError: an item or row, which the message names, is broken, twice there or nobody's.
        ConfigError: the library that reads a Qdrant or Chroma folder is not installed.

    Example:
        >>> from tinymem.testing import FrozenClock, counting_ids
        >>> item = {"id": "m1", "memory": "Likes tea", "created_at": "2025-05-01T08:00:00-07:00"}
        >>> answer = {"results": [item]}
        >>> (commit,) = read_foreign(answer, Scope(user_id="ana"), FrozenClock(), counting_ids())
        >>> commit.at.isoformat(), commit.changes[0].after.text
        ('2025-05-01T15:00:00+00:00', 'Likes tea')
    """
    found = _find(source)
    if found is None:
        return None
    now = clock().astimezone(timezone.utc)
    stored = _parse_items(found.items or [], scope, now, new_id)
    pasts = _parse_history(found.history)
    replays = []
    for memory_id in {**stored, **pasts}:
        replay = Replay(memory_id, stored.get(memory_id), scope, now)
        replay.run(pasts.get(memory_id, []), lost=found.items is not None)
        replays += replay.changes
    replays.sort(key=lambda dated: dated[0])
    return [Commit(new_id(), "import", at, (change,), _scope_of(change)) for at, change in replays]


def _find(source: object) -> Found | None:
    """Return what stands in a source, None where it is not of a kind that holds memories of mem0."""
    paths = _paths(source)
    answer = source
    if len(paths) == 1 and paths[0].lower().endswith(".json"):
        answer = _load_json(os.path.expanduser(paths[0]))
    elif paths:
        return read_stores(paths)
    return Found(_listed(answer), []) if isinstance(answer, (Mapping, list, tuple)) else None


def _paths(source: object) -> list[str]:
    """Return the path, or the list of nothing but paths, that a source is; nothing if it is another thing."""
    given = source if isinstance(source, (list, tuple)) else [source]
    paths = [os.fsdecode(each) for each in given if isinstance(each, (str, os.PathLike))]
    return paths if len(paths) == len(given) else []


def _load_json(path: str) -> object:
    """Return what a .json file holds, None if there is no such file or it is more than one JSON text."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError) as problem:
        if getattr(problem, "msg", "") == "Extra data":  # JSON Lines
            return None
        raise ValidationError(f"{path} can not be read as JSON: {problem}") from problem


def _listed(answer: Mapping[str, Any] | Sequence[Any]) -> list[Item]:
    """Return the items of an answer: a list, or what stands under "results"."""
    if not isinstance(answer, Mapping):
        return [(f"results[{place}]", item) for place, item in enumerate(answer)]
    items = answer.get("results")
    if not isinstance(items, (list, tuple)):
        raise ValidationError(f"an answer of mem0 has a list of memories as 'results', got {show(answer)}")
    count = answer.get("count")
    is_page = answer.get("next") is not None or answer.get("previous") is not None
    if is_page or (isinstance(count, int) and count > len(items)):
        raise ValidationError(
            f"this is a page of {len(items)} memories, and there are more (count is {show(count)}): "
            "put the results of all pages into one list, so that none is missing"
        )
    return _listed(items)


def _parse_items(items: list[Item], scope: Scope, now: datetime, new_id: NewId) -> dict[str, Record]:
    """Return the memories by id."""
    records: dict[str, Record] = {}
    for where, item in items:
        if not isinstance(item, Mapping):
            raise ValidationError(f"{where} is no memory: a dict is needed, got {show(item)}")
        try:
            record = parse_item(item, scope, now, new_id)
        except ValidationError as problem:
            named = f" (id is {show(item['id'])})" if "id" in item else ""
            raise ValidationError(f"{where}{named}: {problem}") from problem
        if record.id in records:
            raise ValidationError(f"{where}: memory {record.id!r} stands there for the second time")
        records[record.id] = record
    return records


def parse_item(item: Mapping[str, Any], scope: Scope, now: datetime, new_id: NewId) -> Record:
    """Return one memory as mem0 shows it as a Record.

    Raises:
        ValidationError: something in it cannot be stored, or it does not say whose memory it is.
    """
    left = {key: value for key, value in item.items() if value is not None and key not in DERIVED}
    name = next((name for name in TEXT_NAMES if name in left), "memory")
    text = parse_kept_text(left.pop(name, ""), name)
    memory_id = _parse_name(left.pop("id", None), "id") or parse_id(new_id(), "id")
    whose = _parse_whose(left, scope)
    created = parse_moment(left.pop("created_at", None), "created_at")
    updated = parse_moment(left.pop("updated_at", None), "updated_at")
    role = left.pop("role", None)
    record = Record(
        id=memory_id,
        text=text,
        scope=whose,
        created_at=created or updated or now,
        updated_at=updated or created or now,
        categories=_parse_categories(left.pop("categories", [])),
        actor_id=_parse_name(left.pop("actor_id", None), "actor_id"),
        role=_parse_name(left.pop("attributed_to", None) if role is None else role, "role"),
        expiration_date=parse_expiration(left.pop("expiration_date", None)),
        immutable=parse_flag(left.pop("immutable", False), "immutable"),
        relations=_parse_relations(left.pop("relations", [])),
    )
    metadata = _merged(parse_metadata(left.pop("metadata", None)), parse_metadata(left, "the memory"))
    procedural = metadata.get("memory_type") == PROCEDURAL
    if procedural:
        del metadata["memory_type"]
    return replace(record, metadata=metadata, memory_type=PROCEDURAL if procedural else None)


def parse_kept_text(value: object, name: str) -> str:
    """Return the text of a memory exactly as it is, blanks around it too; it must hold something."""
    parse_text(value, name)
    assert isinstance(value, str), "parse_text refuses the rest"
    check_length(value, name)
    return value


def _parse_name(value: object, name: str) -> str | None:
    """Return an id or name; mem0 also takes numbers, which become their digits."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return None if value is None else parse_id(str(value) if is_number else value, name)


def _parse_whose(left: dict[str, Any], scope: Scope) -> Scope:
    """Take the ids out of an item, and fill in those that it does not have."""
    names = (*ID_NAMES, "session_id")
    given = {name: _parse_name(left.pop(name, None), name) for name in names}
    ids = {**scope.ids(), **parse_scope(**given).ids()}
    if not ids:
        raise ValidationError(f"it does not say whose memory it is: {GIVE_IDS}")
    return Scope(**ids)


def _parse_categories(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValidationError(f"categories must be a list of texts, got {show(value)}")
    return tuple(dict.fromkeys(parse_kept_text(each, "a category") for each in value))


def _parse_relations(value: object) -> tuple[Triple, ...]:
    """Return the relations of an item; mem0 calls the third part "target" or "destination"."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, Mapping) for each in value):
        raise ValidationError(f"relations must be a list of dicts, got {show(value)}")
    triples = []
    for each in value:
        parts = (each.get("source"), each.get("relationship"), each.get("target", each.get("destination")))
        names = ("the source", "the relationship", "the target")
        triples.append(
            Triple(
                *(parse_text(part, f"{name} of a relation") for part, name in zip(parts, names, strict=True))
            )
        )
    return tuple(triples)


def _merged(metadata: Metadata, others: Metadata) -> Metadata:
    """Return metadata with the item's keys that mean nothing here."""
    for key, value in others.items():
        if metadata.setdefault(key, value) != value:
            raise ValidationError(
                f"{key!r} is {show(value)} beside metadata and {show(metadata[key])} within"
            )
    return metadata


def _scope_of(change: Change) -> Scope:
    record = change.after or change.before
    assert record is not None, "a Change has a Record before or after"
    return record.scope


@dataclass(frozen=True)
class Event:
    """One row of mem0's history; what the row leaves out is None. `where` names it in messages."""

    where: str
    kind: str
    old: str | None
    new: str | None
    at: datetime | None
    created_at: datetime | None
    actor_id: str | None
    role: str | None


def _parse_history(rows: Sequence[HistoryRow]) -> dict[str, list[Event]]:
    """Return the past of every memory by id, in the order in which mem0 wrote it down."""
    pasts: dict[str, list[Event]] = {}
    latest: datetime | None = None
    for row in rows:
        where = f"history row {show(row.id)}"
        try:
            memory_id = parse_id(row.memory_id, "memory_id")
            event = parse_event(row, where, latest)
        except ValidationError as problem:
            raise ValidationError(f"{where}: {problem}") from problem
        latest = event.at
        pasts.setdefault(memory_id, []).append(event)
    return pasts


def parse_event(row: HistoryRow, where: str, latest: datetime | None) -> Event:
    """Return what one row tells; `latest` is the time of the row before, for a row that has none.

    Raises:
        ValidationError: it holds no such thing.
    """
    kind = row.event.upper() if isinstance(row.event, str) else row.event
    if kind not in ("ADD", "UPDATE", "DELETE"):
        raise ValidationError(f"the event must be ADD, UPDATE or DELETE, got {show(row.event)}")
    created = parse_moment(row.created_at, "created_at")
    updated = parse_moment(row.updated_at, "updated_at")
    return Event(
        where=where,
        kind=kind,
        old=None if row.old_memory in (None, "") else parse_kept_text(row.old_memory, "old_memory"),
        new=None if row.new_memory is None else parse_kept_text(row.new_memory, "new_memory"),
        at=(created if kind == "ADD" else updated) or latest,  # of deletions older mem0s kept no time
        created_at=created,
        actor_id=_parse_name(row.actor_id, "actor_id"),
        role=_parse_name(row.role, "role"),
    )


@dataclass
class Replay:
    """Makes the past of one memory again, Change by Change; `stored` is what mem0 holds of it now."""

    memory_id: str
    stored: Record | None
    scope: Scope
    now: datetime
    state: Record | None = None
    changes: list[tuple[datetime, Change]] = field(default_factory=list)

    def run(self, past: Sequence[Event], *, lost: bool) -> None:
        """Follow the past to what is stored; where nothing is, it ends deleted if it was `lost`.

        Raises:
            ValidationError: a row does not fit those before it, or the memory belongs to nobody.
        """
        for event in past:
            self._follow(event)
        if self.stored is not None:
            self._end_at(self.stored)
        elif lost:
            self._move(None, self.now)
        elif self.state is not None and not self.scope.ids():
            raise ValidationError(
                f"mem0's history does not say whose memory {self.memory_id!r} is: {GIVE_IDS}, or put "
                "the paths of history.db and of the Qdrant or Chroma folder into one list"
            )

    def _follow(self, event: Event) -> None:
        """Make one row's Change, and before it the one by which its old text came about, if none did."""
        if event.kind == "ADD" and self.state is not None:
            raise ValidationError(f"{event.where}: it adds memory {self.memory_id!r}, which is there already")
        if event.old is not None and (self.state is None or self.state.text != event.old):
            self._say(event.old, event, event.created_at if self.state is None else event.at)
        if event.kind == "DELETE" and self.state is not None:
            self._move(None, self._time(event.at))
        elif event.kind != "DELETE" and event.new is not None:
            self._say(event.new, event, event.at)
        else:
            raise ValidationError(f"{event.where}: a row with event {event.kind} has to say the text")

    def _say(self, text: str, event: Event, wanted: datetime | None) -> None:
        """Let the memory say a text, in the words of whom the row names."""
        at = self._time(wanted)
        first = event.created_at or at
        kept = self.stored or self.state or Record(self.memory_id, text, self.scope, first, first)
        actor, role = event.actor_id or kept.actor_id, event.role or kept.role
        self._move(replace(kept, text=text, updated_at=at, actor_id=actor, role=role), at)

    def _end_at(self, stored: Record) -> None:
        """Let the last Change end at what is stored, or make one that does."""
        if self.state is not None and self.state.text == stored.text:
            at, change = self.changes[-1]
            self.changes[-1] = (at, replace(change, after=stored))
        else:
            self._move(stored, self._time(max(stored.created_at, stored.updated_at)))

    def _time(self, wanted: datetime | None) -> datetime:
        """Return when a Change was made: as said, but not before the one before it and not after now."""
        earliest = self.changes[-1][0] if self.changes else None
        at = min(wanted or earliest or self.now, self.now)
        return at if earliest is None else max(at, earliest)

    def _move(self, after: Record | None, at: datetime) -> None:
        before, self.state = self.state, after
        if before is not None or after is not None:
            event: Literal["ADD", "UPDATE", "DELETE"]
            event = "ADD" if before is None else "DELETE" if after is None else "UPDATE"
            self.changes.append((at, Change(event, before, after)))
