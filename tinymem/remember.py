"""The three ways in which `add` finds what to store: by inference, word for word, as a procedure.

Each turns messages into Changes and writes nothing. Inference reads the candidates of every fact
in the file; deciding again after a lost race repeats only that and the reconciliation, never the
extraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinymem.errors import ConfigError
from tinymem.plan import Circumstances, new_record, plan_decisions, scope_of, texts_to_store
from tinymem.recall.search import search
from tinymem.store.filters import Where, scope_where, unexpired_where
from tinymem.store.store import Store
from tinymem.types import (
    Change,
    Extraction,
    Extractor,
    Fact,
    Llm,
    Message,
    NewId,
    Reconciler,
    Record,
    Vector,
)
from tinymem.understand.dialogue import speakers
from tinymem.understand.instruct import summarise_procedure

CANDIDATES = 10  # memories that each fact is compared with

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
        vectors = dict(self.vectorise([fact.text for fact in facts]))
        offered = [self.candidates(fact, vectors.get(fact.text)) for fact in facts]
        decisions = self.reconciler.reconcile(facts, offered) if facts else []
        missing = [text for text in texts_to_store(decisions) if text not in vectors]
        vectors.update(self.vectorise(missing))
        return plan_decisions(decisions, messages, vectors, self.call, self.new_id)

    def candidates(self, fact: Fact, vector: Vector | None) -> list[Record]:
        """Return the memories of the fact's own scope that it may concern: identical first, then nearest."""
        scope = scope_of(self.call.scope, fact.about)
        visible = scope_where(scope, user_or_agent=True) & unexpired_where(self.call.now.date())
        identical = self.store.select(visible & Where("m.text = ?", (fact.text,)), limit=1)
        hits = search(self.store, fact.text, vector, visible, limit=CANDIDATES)
        nearest = [hit.record for hit in hits if hit.record not in identical]
        return [*identical, *nearest]


def extract_facts(extractor: Extractor, messages: Sequence[Message], call: Circumstances) -> Extraction:
    """Return the Facts of those who speak for the call's ids."""
    about = tuple(dict.fromkeys(role for speaker in speakers(call.scope) for role in speaker.about))
    return extractor.extract(messages, about, call.now.date())


def verbatim_changes(
    messages: Sequence[Message], call: Circumstances, vectorise: Vectorise, new_id: NewId
) -> tuple[Change, ...]:
    """Return one ADD for every message but the system's, word for word."""
    said = [message for message in messages if message.role != "system"]
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
    summary = summarise_procedure(llm, messages, prompt)
    record = new_record(summary, "assistant", None, call, new_id)
    return (Change("ADD", None, record, vectorise([summary]).get(summary)),)
