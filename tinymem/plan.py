"""From what was decided to what will be written: Decisions become Changes of one Commit.

Pure: takes Decisions, vectors and the call's circumstances, returns Changes. Reads no file, runs
no model, looks at no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tinymem.errors import EngineError
from tinymem.types import Change, Decision, Fact, Message, Metadata, NewId, Record, Scope, Vector


@dataclass(frozen=True)
class Circumstances:
    """What a call says about everything it stores, besides the text."""

    scope: Scope
    now: datetime
    metadata: Metadata = field(default_factory=dict)
    created_at: datetime | None = None
    expiration_date: date | None = None
    immutable: bool = False
    memory_type: str | None = None


def scope_of(scope: Scope, role: str) -> Scope:
    """Return the scope of what this role said: with both ids, the user's own, or the agent's."""
    if scope.user_id is None or scope.agent_id is None:
        return scope
    return replace(scope, agent_id=None) if role == "user" else replace(scope, user_id=None)


def new_record(text: str, role: str, name: str | None, call: Circumstances, new_id: NewId) -> Record:
    """Return the Record that a call adds for one text."""
    created = call.created_at or call.now
    return Record(
        id=new_id(),
        text=text,
        scope=scope_of(call.scope, role),
        created_at=created,
        updated_at=created,
        metadata=dict(call.metadata),
        actor_id=name,
        role=role,
        memory_type=call.memory_type,
        expiration_date=call.expiration_date,
        immutable=call.immutable,
    )


def changed_record(record: Record, text: str, call: Circumstances) -> Record:
    """Return a Record after an update that `add` decided on.

    Its ids and age stay, new metadata is merged in, a Record that had expired is visible again, and it
    may not change any more if the call says so.
    """
    kept = record.expiration_date
    if kept is not None and kept < call.now.date():
        kept = None
    return replace(
        record,
        text=text,
        updated_at=call.now,
        metadata={**record.metadata, **call.metadata},
        expiration_date=call.expiration_date or kept,
        immutable=call.immutable,
        archived=False,
    )


def plan_decisions(
    decisions: Sequence[Decision],
    messages: Sequence[Message],
    vectors: Mapping[str, Vector],
    call: Circumstances,
    new_id: NewId,
) -> tuple[Change, ...]:
    """Return the Changes of an inferring `add`; NONE leaves no trace.

    A fact that would update an immutable Record is added beside it, and nothing inferred deletes one. Of a
    request to forget nothing is stored, whatever was decided about it.

    Args:
        decisions: at least one for every Fact.
        messages: the call's messages, which the Facts' indices mean.
        vectors: the embedding of every text that a Decision stores, by text; a missing one is stored without.
        call: what the call says about everything it stores.
        new_id: makes the ids of new Records.

    Raises:
        EngineError: a Decision does not say what it does to which Record.
    """
    changes: list[Change] = []
    added: set[tuple[str, Scope]] = set()
    for decision in decisions:
        if decision.event == "NONE" or (decision.event == "DELETE" and is_immutable(decision)):
            continue
        if decision.fact.forget and decision.event != "DELETE":
            continue
        if decision.event == "ADD" or (decision.event == "UPDATE" and is_immutable(decision)):
            record = fact_record(decision.fact, messages, call, new_id)
            if (record.text, record.scope) in added:
                continue
            added.add((record.text, record.scope))
            vector = vectors.get(record.text)
            changes.append(Change("ADD", None, record, vector, decision.fact.spans, unique=True))
        else:
            changes.append(change_target(decision, vectors, call))
    return tuple(changes)


def is_immutable(decision: Decision) -> bool:
    """Tell whether inference may not touch the Decision's target."""
    return decision.target is not None and decision.target.immutable


def change_target(decision: Decision, vectors: Mapping[str, Vector], call: Circumstances) -> Change:
    """Return the Change of a Decision that updates or deletes its target."""
    target, text, spans = decision.target, decision.text, decision.fact.spans
    if decision.event == "DELETE" and target:
        return Change("DELETE", target, None, None, spans)
    if decision.event == "UPDATE" and target and text:
        return Change("UPDATE", target, changed_record(target, text, call), vectors.get(text), spans)
    raise EngineError(
        f"the reconciler decided {decision.event!r} about {decision.fact.text!r} without a target or its new "
        "text; nothing was stored"
    )


def fact_record(fact: Fact, messages: Sequence[Message], call: Circumstances, new_id: NewId) -> Record:
    """Return the Record of a new Fact, tagged with who said it."""
    return new_record(fact.text, fact.about, messages[fact.message].name, call, new_id)


def texts_to_store(decisions: Sequence[Decision]) -> list[str]:
    """Return the texts that need a vector, each once."""
    texts = [
        decision.fact.text if decision.event == "ADD" else decision.text
        for decision in decisions
        if decision.event in ("ADD", "UPDATE")
    ]
    return list(dict.fromkeys(text for text in texts if text))
