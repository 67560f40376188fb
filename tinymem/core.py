"""What every method of Memory stands on: the file, the engines, the clock, and one way to write.

`MemoryCore` builds engines on first use and turns Changes into one applied Commit. It has no
public pipeline of its own: those are `Memory`'s.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from types import TracebackType
from typing import Any, Literal, TypeVar

from tinymem import arguments, config, render
from tinymem.errors import ConfigError, ConflictError, EmbeddingError, MemoryNotFoundError, ValidationError
from tinymem.plan import Circumstances
from tinymem.remember import Inference, extract_facts, procedure_changes, verbatim_changes
from tinymem.store.filters import Where, scope_where, unexpired_where, where
from tinymem.store.store import Store
from tinymem.types import (
    Change,
    Clock,
    Commit,
    Embedder,
    Extraction,
    Extractor,
    Llm,
    Message,
    NewId,
    Reconciler,
    Record,
    Scope,
    Vector,
)

DEFAULT_LIMIT = 100  # results of a search, memories on a page
TRIES = 8  # times a call decides anew when another writer moved what it had decided on

Result = TypeVar("Result")
Self = TypeVar("Self", bound="MemoryCore")


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(timezone.utc)


def random_id() -> str:
    """Return a fresh random UUID."""
    return str(uuid.uuid4())


def retried(attempt: Callable[[], Result]) -> Result:
    """Run an attempt again while other writers move what it decided on, at most `TRIES` times."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except ConflictError:
            continue
    return attempt()


class MemoryCore:
    """The file and the engines of one Memory; see `Memory` for the arguments."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        embedder: Embedder | str | os.PathLike[str] | None = None,
        llm: Llm | str | os.PathLike[str] | None = None,
        extractor: Extractor | None = None,
        reconciler: Reconciler | None = None,
        clock: Clock = utc_now,
        new_id: NewId = random_id,
        custom_instructions: str | None = None,
        keep_messages: bool = True,
        busy_timeout_s: float = 5.0,
        threads: int | None = None,
        n_ctx: int | None = None,
        prefilter: bool = True,
    ) -> None:
        config.check_settings(extractor, reconciler, clock, new_id, custom_instructions, busy_timeout_s)
        self._threads = None if threads is None else arguments.parse_count(threads, "threads", 1)
        self._prefilter = arguments.parse_flag(prefilter, "prefilter")
        self._keep_messages = arguments.parse_flag(keep_messages, "keep_messages")
        self._llm = config.build_llm(llm, self._threads, n_ctx)
        if custom_instructions is not None and self._llm is None:
            raise ConfigError("custom_instructions need a language model: pass llm='model.gguf'")
        self._embedder = config.build_embedder(embedder, self._threads)
        self._owned = [
            mine for mine, given in ((self._llm, llm), (self._embedder, embedder)) if mine is not given
        ]
        self._extractor, self._reconciler = extractor, reconciler
        self._engine = config.describe_engine(self._llm, extractor, reconciler)
        self._instructions = custom_instructions
        self._clock = clock
        self._new_id: NewId = lambda: arguments.parse_id(new_id(), "what new_id returned")
        self._building = threading.Lock()
        self._store = Store(config.database_path(path), busy_timeout_s=busy_timeout_s)

    @classmethod
    def from_config(cls: type[Self], config_dict: Mapping[str, Any]) -> Self:
        """Return a Memory made from a dictionary, flat or shaped like mem0's.

        Flat keys: `path`, `llm` (a GGUF's path), `embedder` (an ONNX folder), `n_ctx`, `threads`,
        `prefilter`, `custom_instructions`; mem0's sections `vector_store`, `llm` and `embedder` are
        understood too.

        Raises:
            ConfigError: a key is unknown or asks for something that needs a network.

        Example:
            >>> Memory.from_config({"vector_store": {"config": {"path": ":memory:"}}}).count()
            0
        """
        return cls(**vars(config.parse_config(config_dict)))

    def check(self) -> list[str]:
        """Return what is wrong with the file, in plain words; empty when it is sound.

        Example:
            >>> Memory(":memory:").check()
            []
        """
        return self._store.check()

    def stats(self) -> dict[str, Any]:
        """Return how much the file holds, its size in bytes, its schema and its embedder.

        Example:
            >>> Memory(":memory:").stats()["memories"]
            0
        """
        return self._store.stats()

    def close(self) -> None:
        """Close the file, leaving it a single file, and free a GGUF loaded by path. Safe to call twice.

        Engines passed in stay open, and the bundled models are shared by all Memories of the process.

        Example:
            >>> memory = Memory(":memory:")
            >>> memory.close()
        """
        self._store.close()
        for engine in self._owned:
            if (close := getattr(engine, "close", None)) is not None:
                close()

    def __enter__(self: Self) -> Self:
        """Return the memory itself; `close` runs at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    # -- what the pipelines share

    def _now(self) -> datetime:
        now = self._clock()
        if not isinstance(now, datetime) or now.tzinfo is None:
            raise ConfigError(f"clock must return an aware datetime, got {now!r}")
        return now.astimezone(timezone.utc)

    def _today(self) -> date:
        return self._now().date()

    def _scope(self, ids: tuple[object, ...], *, required: bool = False) -> Scope:
        scope = arguments.parse_scope(*ids)
        if required and not scope.ids():
            raise ValidationError(
                "add needs to know whose memory it is: give user_id, agent_id, run_id or app_id"
            )
        return scope

    def _where(self, scope: Scope, filters: Mapping[str, Any] | None, show_expired: bool) -> Where:
        condition = scope_where(scope, user_or_agent=True) & where(filters)
        if arguments.parse_flag(show_expired, "show_expired"):
            return condition
        return condition & unexpired_where(self._today())

    def _existing(self, memory_id: str) -> Record:
        record = self._store.get(memory_id)
        if record is None:
            raise MemoryNotFoundError(f"no memory has the id {memory_id!r}: `get_all` lists those that exist")
        return record

    def _vectors(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the embedding of each text, or {} where the file's vectors are another embedder's."""
        texts = list(dict.fromkeys(texts))
        if not texts or not self._store.vectors_match(self._embedder.identity):
            return {}
        return dict(zip(texts, self._embed(texts, "document"), strict=True))

    def _query_vector(self, query: str) -> Vector | None:
        """Return the embedding of a query, or None where the file has no vectors of this embedder."""
        if not self._store.vectors_match(self._embedder.identity):
            return None
        row: Vector = self._embed([query], "query")[0]
        return row

    def _embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> Vector:
        rows = self._embedder.embed(texts, kind=kind)
        if len(rows) != len(texts):
            raise EmbeddingError(f"the embedder returned {len(rows)} vectors for {len(texts)} texts")
        return rows

    def _understanding(self, instructions: str | None) -> tuple[Extractor, Reconciler]:
        """Return what finds facts and what reconciles them; built on first use."""
        with self._building:
            if self._extractor is None:
                self._extractor = self._built_extractor(self._instructions)
            if self._reconciler is None:
                self._reconciler = config.build_reconciler(self._llm, self._threads, self._prefilter)
        if instructions is None:
            return self._extractor, self._reconciler
        return self._built_extractor(instructions), self._reconciler

    def _built_extractor(self, instructions: str | None) -> Extractor:
        return config.build_extractor(self._llm, instructions, self._threads, self._prefilter)

    def _commit(
        self,
        call: str,
        scope: Scope,
        changes: tuple[Change, ...],
        messages: Sequence[Message] = (),
        *,
        inferred: bool = False,
        dry_run: bool = False,
    ) -> Commit:
        """Write the Changes as one commit; a commit without Changes, or a dry run, writes nothing."""
        engine = self._engine if inferred else {}
        commit = Commit(self._new_id(), call, self._now(), changes, scope, tuple(messages), engine)
        if changes and not dry_run:
            identity = self._embedder.identity
            self._store.apply(commit, keep_messages=self._keep_messages, embedder=identity)
        return commit

    def _remember(
        self, messages: Sequence[Message], call: Circumstances, prompt: str | None, infer: bool, dry_run: bool
    ) -> tuple[Extraction, Commit]:
        """Find what to store and write it; decide anew when another writer was faster."""
        self._store.identity()  # a closed or broken file is found out before the models run

        def write(changes: tuple[Change, ...], inferred: bool = True) -> Commit:
            return self._commit("add", call.scope, changes, messages, inferred=inferred, dry_run=dry_run)

        if call.memory_type is not None:
            summary = procedure_changes(self._llm, messages, call, prompt, self._vectors, self._new_id)
            return Extraction(), write(summary)
        if not infer:
            return Extraction(), retried(
                lambda: write(verbatim_changes(messages, call, self._vectors, self._new_id), inferred=False)
            )
        extractor, reconciler = self._understanding(prompt)
        extraction = extract_facts(extractor, messages, call)
        inference = Inference(self._store, reconciler, self._vectors, self._new_id, call)
        return extraction, retried(lambda: write(inference.changes(extraction.facts, messages)))

    def _page(self, condition: Where, page: object, page_size: object, limit: int | None) -> dict[str, Any]:
        """Return one page of a listing, with mem0's keys; `limit` is another name of the page's size."""
        number = 1 if page is None else arguments.parse_count(page, "page", 1)
        asked = next(each for each in (page_size, limit, DEFAULT_LIMIT) if each is not None)
        size = arguments.parse_count(asked, "page_size", 1)
        with self._store.snapshot():
            count = self._store.count(condition)
            records = self._store.select(condition, limit=size, offset=(number - 1) * size)
        return {
            "count": count,
            "next": number + 1 if number * size < count else None,
            "previous": number - 1 if number > 1 else None,
            "results": [render.render_record(record) for record in records],
        }
