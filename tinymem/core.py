"""What every method of Memory stands on: the file, the engines, the clock, and one way to write.

`MemoryCore` builds engines on first use and turns Changes into one applied Commit. It has no
public pipeline of its own: those are `Memory`'s.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tinymem import arguments, config
from tinymem.admitting import wrong_settings
from tinymem.errors import (
    ConfigError,
    ConflictError,
    CorruptError,
    EmbeddingError,
    MemoryNotFoundError,
    ValidationError,
    shown,
)
from tinymem.meanwhile import meanwhile
from tinymem.redact import Redact, parse_redact
from tinymem.store.filters import EVERYTHING, UNARCHIVED, Where, scope_where, unexpired_where, where
from tinymem.store.quota import Quota
from tinymem.store.store import Store
from tinymem.store.vectors import RESIDENT_BYTES
from tinymem.types import (
    Change,
    Clock,
    Commit,
    Embedder,
    Extractor,
    Llm,
    Message,
    NewId,
    Reconciler,
    Record,
    Reranker,
    Scope,
    Vector,
)

if TYPE_CHECKING:
    pass

DEFAULT_LIMIT = 100  # results of a search, memories on a page
TRIES = 8  # times a call decides anew when another writer moved what it had decided on

Result = TypeVar("Result")
Listed = TypeVar("Listed")
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
        reranker: Reranker | str | os.PathLike[str] | None = None,
        extractor: Extractor | None = None,
        reconciler: Reconciler | None = None,
        clock: Clock = utc_now,
        new_id: NewId = random_id,
        custom_instructions: str | None = None,
        custom_categories: Sequence[Mapping[str, Any]] | None = None,
        includes: str | Sequence[str] | None = None,
        excludes: str | Sequence[str] | None = None,
        enable_graph: bool | None = None,
        categorize: bool = True,
        keep_messages: bool = True,
        busy_timeout_s: float = 5.0,
        threads: int | None = None,
        n_ctx: int | None = None,
        prefilter: bool = True,
        key: str | bytes | None = None,
        redact: Redact = None,
        max_memories: int | None = None,
        max_bytes: int | None = None,
        max_resident_bytes: int | None = None,
    ) -> None:
        config.check_settings(extractor, reconciler, clock, new_id, custom_instructions, busy_timeout_s)
        most = arguments.MOST_THREADS
        self._threads = None if threads is None else arguments.parse_count(threads, "threads", 1, most)
        self._prefilter = arguments.parse_flag(prefilter, "prefilter")
        self._categorize = arguments.parse_flag(categorize, "categorize")
        self._given = arguments.parse_settings(
            {
                "custom_instructions": custom_instructions,
                "custom_categories": custom_categories,
                "includes": includes,
                "excludes": excludes,
                "enable_graph": enable_graph,
            }
        )
        self._keep_messages = arguments.parse_flag(keep_messages, "keep_messages")
        self._llm = config.build_llm(llm, self._threads, n_ctx)
        if custom_instructions is not None and self._llm is None:
            raise ConfigError("custom_instructions need a language model: pass llm='model.gguf'")
        self._embedder = config.build_embedder(embedder, self._threads)
        self._reranker = config.build_reranker(reranker, self._threads)
        self._owned = [
            mine for mine, given in ((self._llm, llm), (self._embedder, embedder)) if mine is not given
        ]
        self._extractor, self._reconciler = extractor, reconciler
        self._own_extractor = extractor is not None
        self._engine = config.describe_engine(self._llm, extractor, reconciler)
        self._clock = clock
        self._new_id: NewId = lambda: arguments.parse_id(new_id(), "what new_id returned")
        self._building = threading.Lock()
        self._redaction = parse_redact(redact)
        quota = Quota(*map(arguments.parse_quota, (max_memories, max_bytes), ("max_memories", "max_bytes")))
        database = config.database_path(path)
        resident_bytes = arguments.parse_quota(max_resident_bytes, "max_resident_bytes") or RESIDENT_BYTES
        self._store = Store(
            database, key=key, busy_timeout_s=busy_timeout_s, quota=quota, resident_bytes=resident_bytes
        )

    @classmethod
    def from_config(cls: type[Self], config_dict: Mapping[str, Any]) -> Self:
        """Return a Memory made from a dictionary, flat or shaped like mem0's.

        Flat keys: `path`, `llm` (a GGUF's path), `embedder` (an ONNX folder), `reranker` (a cross-encoder's),
        `n_ctx`, `threads`, `prefilter`, `custom_instructions`, `custom_categories`, `includes`, `excludes`,
        `enable_graph`, `key`, `redact`, `max_memories`, `max_bytes`,
        `max_resident_bytes`; mem0's sections `vector_store`, `llm`, `embedder` and `reranker` are understood
        too.

        Raises:
            ConfigError: a key is unknown or asks for something that needs a network.

        Example:
            >>> Memory.from_config({"vector_store": {"config": {"path": ":memory:"}}}).count()
            0
        """
        return cls(**vars(config.parse_config(config_dict)))

    def check(self) -> list[str]:
        """Return what is wrong with the file, in plain words; empty when it is sound.

        A memory without a vector, where this Memory's embedder could have made it one, is named too; what
        follows from the memories `repair` makes anew. So is a setting of the file that can not be meant.

        Example:
            >>> Memory(":memory:").check()
            []
        """
        wrong = self._wrong_settings().values()
        return [*self._store.check(self._embedder.identity), *wrong]

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
            raise ConfigError(f"clock must return an aware datetime, got {shown(now)}")
        return now.astimezone(timezone.utc)

    def _wrong_settings(self) -> dict[str, str]:
        """Return what is wrong with the settings of the file, by name; none where they can not be read."""
        try:
            return wrong_settings(self._store.settings())
        except CorruptError:
            return {}

    def _scope(self, ids: tuple[object, ...]) -> Scope:
        return arguments.parse_scope(*ids)

    def _owner(self, ids: tuple[object, ...], filters: Mapping[str, Any] | None) -> Scope:
        """Return whose memories an `add` writes: the ids, which mem0 also takes inside `filters`."""
        inside = self._scope(arguments.parse_id_filters(filters))
        scope = replace(inside, **self._scope(ids).ids())
        if not scope.ids():
            raise ValidationError(
                "add needs to know whose memory it is: give user_id, agent_id, run_id or app_id"
            )
        return scope

    def _same_owner(self, scope: Scope) -> Scope:
        """Return the scope of all sessions of the same user, agent and app."""
        return replace(scope, run_id=None) if set(scope.ids()) != {"run_id"} else scope

    def _where(
        self,
        scope: Scope,
        filters: Mapping[str, Any] | None,
        show_expired: bool,
        show_archived: bool,
        moment: datetime | None = None,
    ) -> Where:
        """Return which memories a call means; what had expired at the moment, else today, is left out."""
        condition = scope_where(scope, user_or_agent=True) & where(filters)
        if not arguments.parse_flag(show_archived, "show_archived"):
            condition &= UNARCHIVED
        if not arguments.parse_flag(show_expired, "show_expired"):
            condition &= unexpired_where((moment or self._now()).date())
        return condition

    def _delete_where(
        self,
        call: str,
        scope: Scope,
        filters: Mapping[str, Any] | None,
        show_expired: bool,
        show_archived: bool,
    ) -> Commit:
        """Delete what a scope and a filter select, in one commit; neither would select everything."""
        if not scope.ids() and (not filters or where(filters) == EVERYTHING):
            raise ValidationError(f"{call} needs an id or a filter; to delete everything call reset()")

        def attempt() -> Commit:
            doomed = self._store.select(self._where(scope, filters, show_expired, show_archived))
            return self._commit(call, scope, tuple(Change("DELETE", record) for record in doomed))

        return retried(attempt)

    def _existing(self, memory_id: str) -> Record:
        record = self._store.get(memory_id)
        if record is None:
            raise MemoryNotFoundError(f"no memory has the id {memory_id!r}: `get_all` lists those that exist")
        return record

    def _vectors(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the embedding of each text, or {} where the file's vectors are another embedder's."""
        if not texts or not self._store.vectors_match(self._embedder.identity):
            return {}
        return self._embedded(texts)

    def _embedded(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the embedding of each text, whatever the file's vectors are."""
        texts = list(dict.fromkeys(texts))
        return dict(zip(texts, self._embed(texts, "document"), strict=True)) if texts else {}

    def _query_vector(self, query: str, aside: Callable[[], None] | None = None) -> Vector | None:
        """Return the embedding of a query, or None where the file has no vectors of this embedder.

        What can be done `aside` is done on another thread while the query is embedded.
        """
        if not self._store.vectors_match(self._embedder.identity):
            return None
        with nullcontext() if aside is None else meanwhile(aside):
            row: Vector = self._embed([query], "query")[0]
        return row

    def _embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> Vector:
        rows = self._embedder.embed(texts, kind=kind)
        if len(rows) != len(texts):
            raise EmbeddingError(f"the embedder returned {len(rows)} vectors for {len(texts)} texts")
        return rows

    def _commit(
        self,
        call: str,
        scope: Scope,
        changes: tuple[Change, ...],
        messages: Sequence[Message] = (),
        *,
        inferred: bool = False,
        dry_run: bool = False,
        names: Mapping[str, Vector] | None = None,
        repeated: tuple[tuple[str, int], ...] = (),
    ) -> Commit:
        """Write the Changes as one commit; a commit without Changes, or a dry run, writes nothing."""
        engine = self._engine if inferred else {}
        told = tuple(messages)
        commit = Commit(
            self._new_id(), call, self._now(), changes, scope, told, engine, names or {}, {}, repeated
        )
        if changes and not dry_run:
            identity = self._embedder.identity
            self._store.apply(commit, keep_messages=self._keep_messages, embedder=identity)
        return commit

    def _page(
        self,
        count: Callable[[], int],
        select: Callable[[int, int], list[Listed]],
        page: object,
        page_size: object,
        limit: int | None,
    ) -> tuple[list[Listed], dict[str, Any]]:
        """Return one page of a listing, and mem0's keys about it; `limit` also names the page's size.

        `select` returns as many as its first argument says, after as many as its second.
        """
        number = 1 if page is None else arguments.parse_count(page, "page", 1)
        asked = next(each for each in (page_size, limit, DEFAULT_LIMIT) if each is not None)
        size = arguments.parse_count(asked, "page_size", 1)
        with self._store.snapshot():
            total, listed = count(), select(size, (number - 1) * size)
        following = number + 1 if number * size < total else None
        return listed, {"count": total, "next": following, "previous": number - 1 if number > 1 else None}
