"""How messages become what is stored: the wishes of a call, the models, the annotations, one commit.

What a call says goes before what the Memory was made with, and that before what the file says of itself.
Models are built on first use and run before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tinymem import arguments, config
from tinymem.annotate import Annotator, Missing, record_of
from tinymem.core import MemoryCore, retried
from tinymem.plan import Circumstances, scope_of
from tinymem.remember import (
    Inference,
    extract_facts,
    procedure_changes,
    said_at,
    unwanted_left_out,
    verbatim_changes,
    wanted_messages,
    without_unwanted,
)
from tinymem.types import (
    Change,
    Commit,
    Extraction,
    Extractor,
    Message,
    Reconciler,
    Record,
    Scope,
    Vector,
)

SAME_CONVERSATION = timedelta(hours=1)

if TYPE_CHECKING:
    from tinymem.understand.categorize import Categorizer, Topics


@dataclass(frozen=True)
class Wishes:
    """How one `add` wants its messages understood: what None leaves out, the Memory or the file decides."""

    instructions: str | None
    topics: Topics | None
    categorizer: Categorizer | None
    graph: bool


class Understanding(MemoryCore):
    """What the writing methods of `Memory` share besides the file."""

    def _understanding(self, wishes: Wishes) -> tuple[Extractor, Reconciler]:
        """Return what finds facts, as a call wishes it, and what reconciles them; built on first use."""
        told = self._told(wishes)
        with self._building:
            if self._reconciler is None:
                self._reconciler = config.build_reconciler(self._llm, self._threads, self._prefilter)
            if told is not None:
                return self._built_extractor(told), self._reconciler
            if self._extractor is None:
                self._extractor = self._built_extractor(None)
        return self._extractor, self._reconciler

    def _built_extractor(self, instructions: str | None) -> Extractor:
        return config.build_extractor(self._llm, instructions, self._threads, self._prefilter)

    def _told(self, wishes: Wishes) -> str | None:
        """Return what a language model is told besides its task, if anything.

        An extractor of the caller's own gives way to the call's instructions only, and so do the bundled
        models, which can follow none: that is an error.
        """
        if self._llm is None or self._own_extractor:
            return wishes.instructions
        own = wishes.instructions or self._setting("custom_instructions")
        said = [*([] if wishes.topics is None else ordered(wishes.topics)), *([own] if own else [])]
        return "\n".join(said) or None

    def _annotated_commit(
        self, call: str, scope: Scope, changes: tuple[Change, ...], missing: Missing | None = None
    ) -> Commit:
        """Annotate what the Changes store as this Memory does by default, and write them as one commit.

        `missing` computes their vectors where they have none so far.
        """
        categorizer = self._categorizer(None) if self._categorize else None
        annotator = self._annotator(categorizer, self._graph_wanted(None))
        annotated, names = annotator.annotate(changes, lambda change: record_of(change).updated_at, missing)
        return self._commit(call, scope, annotated, names=names)

    def _last_said(self, messages: Sequence[Message], call: Circumstances) -> dict[Scope, str]:
        """Return the id of what was said before in each scope, where a conversation is told in several calls.

        It is one if its messages have names or a session (`run_id`), and no hour has passed.
        """
        if call.scope.run_id is None and not any(message.name for message in messages):
            return {}
        now = call.created_at or call.now
        scopes = {scope_of(call.scope, role) for role in ("user", "assistant")}
        last = {scope: self._store.last_said(scope, now - SAME_CONVERSATION, now) for scope in scopes}
        return {scope: memory_id for scope, memory_id in last.items() if memory_id is not None}

    def _annotator(self, categorizer: Categorizer | None, graph: bool) -> Annotator:
        relate = config.build_relations(self._llm) if graph else None

        def known(record: Record) -> Mapping[str, Vector | None]:
            return self._store.entity_names(record.scope)

        return Annotator(categorizer, relate, known, self._embedded, self._vectors)

    def _setting(self, name: str) -> Any:
        """Return a setting of this Memory, else of its file, else None."""
        given = self._given.get(name)
        return self._store.settings().get(name) if given is None else given

    def _graph_wanted(self, given: bool | None) -> bool:
        """Tell whether entities and relations are wanted: by the call, else the Memory, else the file."""
        if given is not None:
            return arguments.parse_flag(given, "enable_graph")
        return bool(self._setting("enable_graph"))

    def _categorizer(self, custom: Sequence[Mapping[str, Any]] | None) -> Categorizer:
        """Return what sorts into the categories of a call, else the Memory, else the file, else mem0's."""
        arguments.check_amount(custom, "custom_categories")
        return config.build_categorizer(
            self._embedder, self._setting("custom_categories") if custom is None else custom
        )

    def _topics(
        self, includes: str | Sequence[str] | None, excludes: str | Sequence[str] | None
    ) -> Topics | None:
        """Return which topics are wanted, or None where no call, Memory or file says anything about it."""
        arguments.check_amount([includes, excludes], "includes and excludes")
        wanted = self._setting("includes") if includes is None else includes
        unwanted = self._setting("excludes") if excludes is None else excludes
        if wanted is None and unwanted is None:
            return None
        return config.build_topics(self._embedder, wanted, unwanted)

    def _remember(
        self, messages: Sequence[Message], call: Circumstances, wishes: Wishes, infer: bool, dry_run: bool
    ) -> tuple[Extraction, Commit]:
        """Find what to store and write it; decide anew when another writer was faster."""
        self._store.identity()  # a closed or broken file is found out before the models run
        annotator = self._annotator(wishes.categorizer, wishes.graph)

        def write(
            changes: tuple[Change, ...],
            found: Extraction,
            repeated: tuple[tuple[str, int], ...] = (),
            inferred: bool = True,
        ) -> Commit:
            annotated, names = annotator.annotate(changes, lambda change: said_at(change, messages, call))
            told = without_unwanted(messages, found)
            ways = {"inferred": inferred, "dry_run": dry_run}
            return self._commit("add", call.scope, annotated, told, **ways, names=names, repeated=repeated)

        if call.memory_type is not None:
            instructions = wishes.instructions
            summary = procedure_changes(self._llm, messages, call, instructions, self._vectors, self._new_id)
            return Extraction(), write(summary, Extraction(), inferred=self._llm is not None)
        if not infer:
            wanted, unwanted = wanted_messages(messages, wishes.topics, self._embedded)
            last = self._last_said(messages, call)
            say = partial(verbatim_changes, messages, wanted, call, self._vectors, self._new_id, last)
            return unwanted, retried(lambda: write(say(), unwanted, inferred=False))
        extractor, reconciler = self._understanding(wishes)
        extraction = extract_facts(extractor, messages, call)
        extraction = unwanted_left_out(extraction, wishes.topics, self._embedded)
        inference = Inference(self._store, reconciler, self._vectors, self._new_id, call)

        def infer_anew() -> Commit:
            changes, repeated = inference.changes(extraction.facts, messages)
            return write(changes, extraction, repeated)

        return extraction, retried(infer_anew)


def ordered(topics: Topics) -> list[str]:
    """Return the wanted and unwanted topics as orders to a language model."""
    said = (
        ("Extract only facts about", topics.includes),
        ("Never extract facts about", topics.excludes),
    )
    return [f"{order}: {', '.join(names)}." for order, names in said if names]
