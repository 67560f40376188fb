"""The three ways in which `add` finds what to store: by inference, word for word, as a procedure.

Each turns messages into Changes and writes nothing. Inference reads the candidates of every fact
in the file; deciding again after a lost race repeats only that and the reconciliation, never the
extraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tinymem.arguments import check_length, parse_text
from tinymem.plan import Circumstances, new_record, plan_decisions, scope_of, texts_to_store
from tinymem.recall.search import Asked, search
from tinymem.store.filters import EVERYTHING, UNARCHIVED, Where, scope_where, unexpired_where
from tinymem.store.store import Store
from tinymem.types import (
    Change,
    Decision,
    Extraction,
    Extractor,
    Fact,
    Llm,
    Message,
    NewId,
    Reconciler,
    Record,
    Rejection,
    Scope,
    Span,
    Vector,
    text_hash,
)
from tinymem.understand.dialogue import speakers

if TYPE_CHECKING:
    from tinymem.understand.categorize import Topics

CANDIDATES = 10  # memories that each fact is compared with
UNWANTED = "it is on a topic that is not to be stored"
FORGETTABLE = 100  # ... and that a request to forget may mean

Vectorise = Callable[[Sequence[str]], Mapping[str, Vector]]


@dataclass(frozen=True)
class Inference:
    """What inference works with: the file, the models, and what the call says about what it stores."""

    store: Store
    reconciler: Reconciler
    vectorise: Vectorise
    new_id: NewId
    call: Circumstances

    def changes(
        self, facts: Sequence[Fact], messages: Sequence[Message]
    ) -> tuple[tuple[Change, ...], tuple[tuple[str, int], ...]]:
        """Compare the Facts with what is stored; return what to write, and which messages told nothing new.

        The latter as (id of the memory that says it already, place of the message).
        """
        settled, new = self.settle(facts, messages)
        vectors = dict(self.vectorise([fact.text for fact in new]))
        offered = [self.candidates(fact, vectors.get(fact.text), messages) for fact in new]
        decisions = self.reconciler.reconcile(new, offered) if new else []
        decisions = [*settled, *(self.without_twins(decision, decisions) for decision in decisions)]
        missing = [text for text in texts_to_store(decisions) if text not in vectors]
        vectors.update(self.vectorise(missing))
        repeated = [
            (one.target.id, span.message)
            for one in decisions
            if one.event == "NONE" and one.target
            for span in one.fact.spans
        ]
        changes = plan_decisions(decisions, messages, vectors, self.call, self.new_id)
        return changes, tuple(dict.fromkeys(repeated))

    def settle(self, facts: Sequence[Fact], messages: Sequence[Message]) -> tuple[list[Decision], list[Fact]]:
        """Decide about facts that are stored word for word, and return the others.

        Nothing happens to a memory that says the same, except that one which had expired (and is not
        immutable) becomes visible again. A request to forget says nothing, so it is never decided here.
        """
        settled: dict[str, Decision] = {}
        new: dict[tuple[str, str, bool], Fact] = {}
        for fact in facts:
            scope, actor = scope_of(self.call.scope, fact.about), messages[fact.message].name
            twin = None if fact.forget else self.twin(fact.text, scope, actor)
            if twin is None:
                new.setdefault((fact.text, fact.about, fact.forget), fact)
            elif self.is_visible(twin) or twin.immutable:
                settled[twin.id] = Decision("NONE", fact, twin)
            else:
                settled[twin.id] = Decision("UPDATE", fact, twin, twin.text)
        return list(settled.values()), list(new.values())

    def twin(self, text: str, scope: Scope, actor: str | None) -> Record | None:
        """Return the memory of this scope that says exactly this of the same actor, best a visible one."""
        same = Where("m.hash = ? AND m.text = ?", (text_hash(text), text)) & of_actor(actor)
        twins = self.store.select(scope_where(scope, user_or_agent=True) & same)
        return max(twins, key=self.is_visible, default=None)

    def is_visible(self, record: Record) -> bool:
        """Tell whether a memory is neither archived nor expired."""
        if record.archived:
            return False
        return record.expiration_date is None or record.expiration_date >= self.call.now.date()

    def without_twins(self, decision: Decision, others: Sequence[Decision]) -> Decision:
        """Turn an UPDATE to what another memory says, and goes on saying, into a DELETE."""
        target, text = decision.target, decision.text
        if decision.event != "UPDATE" or target is None or text is None or text == target.text:
            return decision
        twin = self.twin(text, target.scope, target.actor_id)
        written = {other.target.id for other in others if other.target and other.event != "NONE"}
        if twin is None or twin.id in written or not self.is_visible(twin):
            return decision
        return replace(decision, event="DELETE", text=None)

    def candidates(self, fact: Fact, vector: Vector | None, messages: Sequence[Message]) -> list[Record]:
        """Return the visible memories of the fact's own scope and actor that it may concern, best first."""
        scope = scope_of(self.call.scope, fact.about)
        visible = scope_where(scope, user_or_agent=True) & UNARCHIVED & unexpired_where(self.call.now.date())
        visible &= of_actor(messages[fact.message].name)
        limit = FORGETTABLE if fact.forget else CANDIDATES
        return [hit.record for hit in search(self.store, Asked(fact.text, vector), visible, limit=limit)]


def of_actor(actor: str | None) -> Where:
    """Compile "said by this person, or by nobody named": what one says is not what another one is."""
    if actor is None:
        return EVERYTHING
    return Where("(m.actor_id IS NULL OR m.actor_id = ?)", (actor,))


def extract_facts(extractor: Extractor, messages: Sequence[Message], call: Circumstances) -> Extraction:
    """Return the Facts of those who speak for the call's ids, with their names where several speak."""
    from tinymem.understand.attribution import attributed
    from tinymem.understand.orders import orders_rejected

    about = tuple(dict.fromkeys(role for speaker in speakers(call.scope) for role in speaker.about))
    said = (call.created_at or call.now).date()
    extraction = orders_rejected(extractor.extract(messages, about, said), messages)
    for fact in extraction.facts:
        parse_text(fact.text, "a fact that the extractor found")
    return replace(extraction, facts=tuple(attributed(fact, messages) for fact in extraction.facts))


def unwanted_left_out(extraction: Extraction, topics: Topics | None, embed: Vectorise) -> Extraction:
    """Return the extraction without facts on topics that are not to be stored; they are rejected.

    A request to forget stores nothing, so it is always let through.
    """
    if topics is None:
        return extraction
    stored = [fact for fact in extraction.facts if not fact.forget]
    allowed = allowed_texts(topics, [fact.text for fact in stored], embed)
    unwanted = [Rejection(one.text, UNWANTED, one.message) for one in stored if one.text not in allowed]
    kept = [fact for fact in extraction.facts if fact.forget or fact.text in allowed]
    return Extraction(tuple(kept), (*extraction.rejected, *unwanted))


def wanted_messages(
    messages: Sequence[Message], topics: Topics | None, embed: Vectorise
) -> tuple[list[int], Extraction]:
    """Return the places of the messages that may be stored word for word, and the others as rejections."""
    said = [place for place, message in enumerate(messages) if message.role != "system"]
    if topics is None:
        return said, Extraction()
    allowed = allowed_texts(topics, [messages[place].content for place in said], embed)
    wanted = [place for place in said if messages[place].content in allowed]
    unwanted = [Rejection(messages[place].content, UNWANTED, place) for place in said if place not in wanted]
    return wanted, Extraction((), tuple(unwanted))


def allowed_texts(topics: Topics, texts: Sequence[str], embed: Vectorise) -> set[str]:
    """Return those of the texts that are on topics which are to be stored."""
    vectors = embed(texts)
    allowed = topics.allowed(texts, [vectors[text] for text in texts])
    return {text for text, wanted in zip(texts, allowed, strict=True) if wanted}


def without_unwanted(messages: Sequence[Message], extraction: Extraction) -> list[Message]:
    """Return the messages as they may be kept: those that told something unwanted without their words."""
    told = {each.message for each in extraction.rejected if each.reason == UNWANTED}
    return [replace(one, content="") if place in told else one for place, one in enumerate(messages)]


def linked(changes: Sequence[Change], last: Mapping[Scope, str]) -> tuple[Change, ...]:
    """Return ADDs of consecutive messages, each Record with the one of its scope that it followed.

    `last` says what the first of each scope followed: words of one owner never help to find another's.
    """
    newest = dict(last)
    found: list[Change] = []
    for change in changes:
        assert change.after is not None, "an ADD has a Record after"
        scope = change.after.scope
        found.append(replace(change, after=replace(change.after, follows=newest.get(scope))))
        newest[scope] = change.after.id
    return tuple(found)


def verbatim_changes(
    messages: Sequence[Message],
    wanted: Sequence[int],
    call: Circumstances,
    vectorise: Vectorise,
    new_id: NewId,
    last: Mapping[Scope, str],
) -> tuple[Change, ...]:
    """Return one ADD for each of the wanted messages (places in `messages`), word for word.

    `last` holds, by scope, the id of the memory that was said before them, as far as it is known.

    Raises:
        ValidationError: a message is too long for one memory.
    """
    for place in wanted:
        check_length(messages[place].content, f"messages[{place}]")
    vectors = vectorise([messages[place].content for place in wanted])
    changes = []
    for place in wanted:
        said = messages[place]
        record = new_record(said.content, said.role, said.name, call, new_id)
        spans = (Span(place, 0, len(said.content)),)
        changes.append(Change("ADD", None, record, vectors.get(record.text), spans))
    return linked(changes, last)


def said_at(change: Change, messages: Sequence[Message], call: Circumstances) -> datetime:
    """Return when that was said which a Change stores: its message's own time, or else the call's."""
    source = [messages[span.message] for span in change.evidence[:1]]
    moment = next((message.at for message in (*source, *messages) if message.at), None)
    return moment or call.created_at or call.now


def procedure_changes(
    llm: Llm | None,
    messages: Sequence[Message],
    call: Circumstances,
    prompt: str | None,
    vectorise: Vectorise,
    new_id: NewId,
) -> tuple[Change, ...]:
    """Return the ADD of how the conversation's task was done: a summary, or without a model its steps.

    Raises:
        ValidationError: the steps are too long for one memory.
    """
    if llm is None:
        from tinymem.understand.procedure import recorded_procedure

        summary = recorded_procedure(messages)
    else:
        from tinymem.understand.instruct import summarise_procedure

        summary = summarise_procedure(llm, messages, prompt)
    check_length(summary, "the record of the task")
    record = new_record(summary, "assistant", None, call, new_id)
    return (Change("ADD", None, record, vectorise([summary]).get(summary)),)
