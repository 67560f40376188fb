"""The three ways in which `add` finds what to store: by inference, word for word, as a procedure.

Each turns messages into Changes and writes nothing. Inference reads the candidates of every fact
in the file; deciding again after a lost race repeats only that and the reconciliation, never the
extraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinymem.arguments import check_length
from tinymem.errors import ConfigError
from tinymem.plan import Circumstances, new_record, plan_decisions, scope_of, texts_to_store
from tinymem.recall.search import search
from tinymem.store.filters import UNARCHIVED, Where, scope_where, unexpired_where
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
    Scope,
    Vector,
    text_hash,
)
from tinymem.understand.dialogue import speakers

CANDIDATES = 10  # memories that each fact is compared with
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

    def changes(self, facts: Sequence[Fact], messages: Sequence[Message]) -> tuple[Change, ...]:
        """Compare the Facts with what is stored now, and return what to write."""
        revived, new = self.settle(facts)
        vectors = dict(self.vectorise([fact.text for fact in new]))
        offered = [self.candidates(fact, vectors.get(fact.text)) for fact in new]
        decisions = self.reconciler.reconcile(new, offered) if new else []
        decisions = [*revived, *(self.without_twins(decision, decisions) for decision in decisions)]
        missing = [text for text in texts_to_store(decisions) if text not in vectors]
        vectors.update(self.vectorise(missing))
        return plan_decisions(decisions, messages, vectors, self.call, self.new_id)

    def settle(self, facts: Sequence[Fact]) -> tuple[list[Decision], list[Fact]]:
        """Decide about facts that are stored word for word, and return the others.

        Nothing happens to a memory that says the same, except that one which had expired (and is not
        immutable) becomes visible again. A request to forget says nothing, so it is never decided here.
        """
        revived: dict[str, Decision] = {}
        new: dict[tuple[str, str, bool], Fact] = {}
        for fact in facts:
            twin = None if fact.forget else self.twin(fact.text, scope_of(self.call.scope, fact.about))
            if twin is None:
                new.setdefault((fact.text, fact.about, fact.forget), fact)
            elif not self.is_visible(twin) and not twin.immutable:
                revived[twin.id] = Decision("UPDATE", fact, twin, twin.text)
        return list(revived.values()), list(new.values())

    def twin(self, text: str, scope: Scope) -> Record | None:
        """Return the memory of this scope that says exactly this, a visible one if there is one."""
        same = Where("m.hash = ? AND m.text = ?", (text_hash(text), text))
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
        twin = self.twin(text, target.scope)
        written = {other.target.id for other in others if other.target and other.event != "NONE"}
        if twin is None or twin.id in written or not self.is_visible(twin):
            return decision
        return replace(decision, event="DELETE", text=None)

    def candidates(self, fact: Fact, vector: Vector | None) -> list[Record]:
        """Return the visible memories of the fact's own scope that it may concern, nearest first."""
        scope = scope_of(self.call.scope, fact.about)
        visible = scope_where(scope, user_or_agent=True) & UNARCHIVED & unexpired_where(self.call.now.date())
        limit = FORGETTABLE if fact.forget else CANDIDATES
        return [hit.record for hit in search(self.store, fact.text, vector, visible, limit=limit)]


def extract_facts(extractor: Extractor, messages: Sequence[Message], call: Circumstances) -> Extraction:
    """Return the Facts of those who speak for the call's ids."""
    about = tuple(dict.fromkeys(role for speaker in speakers(call.scope) for role in speaker.about))
    return extractor.extract(messages, about, call.now.date())


def verbatim_changes(
    messages: Sequence[Message], call: Circumstances, vectorise: Vectorise, new_id: NewId
) -> tuple[Change, ...]:
    """Return one ADD for every message but the system's, word for word.

    Raises:
        ValidationError: a message is too long for one memory.
    """
    said = [message for message in messages if message.role != "system"]
    for place, message in enumerate(messages):
        check_length(message.content, f"messages[{place}]")
    vectors = vectorise([message.content for message in said])
    records = [new_record(message.content, message.role, message.name, call, new_id) for message in said]
    return tuple(Change("ADD", None, record, vectors.get(record.text)) for record in records)


def procedure_changes(
    llm: Llm | None,
    messages: Sequence[Message],
    call: Circumstances,
    prompt: str | None,
    vectorise: Vectorise,
    new_id: NewId,
) -> tuple[Change, ...]:
    """Return the ADD of a summary of how the conversation's task was done.

    Raises:
        ConfigError: no language model was given, and only one can write a summary.
    """
    if llm is None:
        raise ConfigError(
            "procedural_memory needs a language model to write it: pass llm='model.gguf' to Memory"
        )
    from tinymem.understand.instruct import summarise_procedure

    summary = summarise_procedure(llm, messages, prompt)
    record = new_record(summary, "assistant", None, call, new_id)
    return (Change("ADD", None, record, vectorise([summary]).get(summary)),)
