"""How Records, Changes and history look to callers: mem0's keys, in plain dictionaries.

Pure functions from our nouns to TypedDicts; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tinymem.store.ledger import Owner
from tinymem.types import (
    AddItem,
    Change,
    Commit,
    Extraction,
    HistoryEntry,
    HistoryItem,
    Hit,
    MemoryItem,
    Message,
    Record,
    RejectedItem,
    RelationItem,
    Triple,
    render_time,
)


def render_record(record: Record) -> MemoryItem:
    """Render a Record as `get` shows it; ids, actor, role and dates only where they are set."""
    item: dict[str, Any] = {
        "id": record.id,
        "memory": record.text,
        "hash": record.hash,
        "metadata": record.metadata,
        "categories": list(record.categories),
        "created_at": render_time(record.created_at),
        "updated_at": render_time(record.updated_at),
    }
    item.update(record.scope.ids())
    for name in ("actor_id", "role", "memory_type"):
        if (value := getattr(record, name)) is not None:
            item[name] = value
    if record.expiration_date is not None:
        item["expiration_date"] = record.expiration_date.isoformat()
    for name in ("immutable", "archived"):
        if getattr(record, name):
            item[name] = True
    if record.event is not None:
        item["event_date"], item["event_end"] = record.event.start.isoformat(), record.event.end.isoformat()
        item["event_precision"] = record.event.precision
    if record.relations:
        item["relations"] = render_relations(record.relations)
    return cast(MemoryItem, item)


def render_relations(relations: Iterable[Triple]) -> list[RelationItem]:
    """Render relations as mem0's `relations` lists them."""
    return [
        {"source": each.source, "relationship": each.relationship, "target": each.target}
        for each in relations
    ]


def render_hit(hit: Hit, explain: bool) -> MemoryItem:
    """Render a Hit as `search` shows it: the Record with its score, and the score's parts if asked for."""
    item = render_record(hit.record)
    item["score"] = hit.score
    if explain:
        item["score_details"] = dict(hit.parts)
    return item


def render_judged(record: Record, verdicts: Sequence[tuple[str, str | None, str]]) -> MemoryItem:
    """Render a Record with the latest of (verdict, reason, time) that somebody gave it."""
    item = render_record(record)
    if verdicts:
        item["feedback"], item["feedback_reason"], _ = verdicts[-1]
    return item


def render_fields(item: MemoryItem, wanted: frozenset[str] | None) -> MemoryItem:
    """Leave of an item the keys that are wanted; None wants all."""
    if wanted is None:
        return item
    return cast(MemoryItem, {key: value for key, value in item.items() if key in wanted})


def render_results(
    items: Sequence[MemoryItem],
    records: Sequence[Record],
    bare: bool,
    graph: bool,
    paging: Mapping[str, Any] | None = None,
) -> Any:
    """Render a listing as mem0 does: the list alone, or a dict with paging and, asked for, the relations."""
    if bare:
        return list(items)
    related = {"relations": listed_relations(records)} if graph else {}
    return {**(paging or {}), "results": list(items), **related}


def listed_relations(records: Iterable[Record]) -> list[RelationItem]:
    """Return the relations of several memories, each once."""
    return render_relations(dict.fromkeys(each for record in records for each in record.relations))


def render_owner(owner: Owner) -> dict[str, Any]:
    """Render who has memories, with mem0's keys."""
    return {
        "type": owner.field.removesuffix("_id"),
        "id": owner.id,
        "name": owner.id,
        "total_memories": owner.memories,
        "created_at": owner.first,
        "updated_at": owner.last,
    }


def render_add(
    extraction: Extraction,
    commit: Commit,
    messages: Sequence[Message],
    ways: tuple[bool, bool],
    *,
    graph: bool,
) -> dict[str, Any]:
    """Render what an `add` did; `ways` are its `infer` and `dry_run`."""
    infer, dry_run = ways
    answer: dict[str, Any] = {"results": render_commit(commit, word_for_word=not infer)}
    answer["commit_id"] = commit.id if commit.changes and not dry_run else None
    if rejected := render_rejections(extraction, messages):
        answer["rejected"] = rejected
    if graph:
        after = [change.after for change in commit.changes if change.after]
        before = [change.before for change in commit.changes if change.before]
        new, old = listed_relations(after), listed_relations(before)
        answer["relations"] = {
            "added_entities": [each for each in new if each not in old],
            "deleted_entities": [each for each in old if each not in new],
        }
    return answer


def render_change(change: Change, *, word_for_word: bool) -> AddItem:
    """Render one Change as `add` reports it; `word_for_word` (infer=False) adds who said it, or None."""
    record = change.after or change.before
    assert record is not None, "a Change has a Record before or after"
    item: dict[str, Any] = {"id": record.id, "memory": record.text, "event": change.event}
    if change.event == "UPDATE" and change.before is not None:
        item["previous_memory"] = change.before.text
    if word_for_word:
        item["actor_id"], item["role"] = record.actor_id, record.role
    return cast(AddItem, item)


def render_commit(commit: Commit, *, word_for_word: bool = False) -> list[AddItem]:
    """Render the Changes of a commit, in the order in which they were made."""
    return [render_change(change, word_for_word=word_for_word) for change in commit.changes]


def render_rejections(extraction: Extraction, messages: Sequence[Message]) -> list[RejectedItem]:
    """Render what was extracted but not supported, with the message that it was taken from."""
    return [
        {"text": each.text, "reason": each.reason, "message": messages[each.message].content}
        for each in extraction.rejected
    ]


def render_history(entries: Iterable[HistoryEntry]) -> list[HistoryItem]:
    """Render the history of one memory, oldest first, with mem0's keys and `action` beside `event`."""
    return [render_history_entry(number, entry) for number, entry in enumerate(entries, start=1)]


def render_history_entry(number: int, entry: HistoryEntry) -> HistoryItem:
    """Render one past Change; its id is the commit's with the Change's number in this memory's history."""
    record = entry.after or entry.before
    assert record is not None, "a past Change has a Record before or after"
    return {
        "id": f"{entry.commit_id}:{number}",
        "memory_id": record.id,
        "old_memory": entry.before.text if entry.before else None,
        "new_memory": entry.after.text if entry.after else None,
        "event": entry.event,
        "action": entry.event,
        "created_at": render_time(record.created_at),
        "updated_at": render_time(entry.at),
        "is_deleted": entry.event == "DELETE",
        "actor_id": record.actor_id,
        "role": record.role,
        "commit_id": entry.commit_id,
    }
