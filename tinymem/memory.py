"""Memory: everything an assistant knows, in one file.

Every public method is its pipeline, readable from top to bottom: parse the arguments, read, let
the models decide, write one commit, render. Models run before the write; what a call writes is
one transaction. No method ever touches the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tinymem import arguments, render
from tinymem.core import DEFAULT_LIMIT, MemoryCore, retried
from tinymem.errors import ImmutableError, MemoryNotFoundError, ValidationError
from tinymem.plan import Circumstances
from tinymem.recall.search import search as search_store
from tinymem.revise import UNSET, parse_revision
from tinymem.store.filters import EVERYTHING, where
from tinymem.types import Change, Commit, HistoryItem, MemoryItem, Message
from tinymem.understand.dialogue import parse_messages


class Memory(MemoryCore):
    """The memory of an assistant, kept in one SQLite file.

    Args:
        path: the file, created if missing; ":memory:" keeps nothing; None is TINYMEM_DB or the data folder.
        embedder: an `Embedder`, or the folder of an ONNX model; None is the bundled MiniLM.
        llm: an `Llm`, or the path of any chat GGUF; None lets the bundled models understand.
        extractor: finds facts; None is made from `llm`.
        reconciler: decides what facts do to memories; None is made from `llm`.
        clock: returns the present moment, aware.
        new_id: returns fresh ids of memories and commits.
        custom_instructions: added to the extraction prompt; needs `llm`.
        keep_messages: store the source messages of every commit, so that memories can be traced.
        busy_timeout_s: seconds to wait for another process's write before `BusyError`.
        threads: CPU threads of each model; None is each engine's measured default.
        n_ctx: context length in tokens of a GGUF given by path; None is the engine's default.
        prefilter: let the bundled encoders spare `llm` calls about nothing and memories of no concern.

    Raises:
        ConfigError: a setting cannot work.
        StoreError: the file cannot be opened (`NotADatabaseError`, `SchemaError`, `CorruptError`, ...).

    Example:
        >>> with Memory(":memory:") as memory:
        ...     added = memory.add("I'm allergic to peanuts.", user_id="ana")
        ...     added["results"][0]["memory"]
        'Is allergic to peanuts'
    """

    # -- writing

    def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[Mapping[str, Any] | Message],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
        expiration_date: date | str | None = None,
        timestamp: datetime | str | float | None = None,
        immutable: bool = False,
        dry_run: bool = False,
        output_format: str | None = None,
        version: str | None = None,
        async_mode: bool | None = None,
        enable_graph: bool | None = None,
    ) -> Any:
        """Remember what a conversation says, or (infer=False) its messages word for word.

        With infer=True facts are extracted, compared with what is stored, and written as ADD, UPDATE (a fact
        that supersedes keeps the id; the old text stays in `history`) or DELETE. With `user_id` the user's
        statements count, with `agent_id` the assistant's, with both each under its own id.

        Args:
            messages: a text (the user's), a message {"role", "content", ("name")}, or a list of them.
            user_id, agent_id, run_id, app_id: whose memories; at least one. `session_id` is `run_id`.
            metadata: JSON-like dict, stored with every memory that this call writes.
            infer: False stores every message word for word, duplicates included.
            memory_type: "procedural_memory" stores a summary of how a task was done (needs `llm`).
            prompt: instructions of this call for the language model.
            expiration_date: the last day (UTC) on which the memories are visible.
            timestamp: when it was said (Unix seconds, datetime, ISO); becomes `created_at`.
            immutable: refuse later updates.
            dry_run: decide, but write nothing; the ids are then those of no stored memory.
            output_format: "v1.0" returns the bare list of results.
            version, async_mode, enable_graph: accepted for mem0's callers; without effect here.

        Returns:
            {"results": [{"id", "memory", "event", ("previous_memory")}], "commit_id"} and, when
            a statement was not supported by the words it came from, "rejected".

        Raises:
            ValidationError: an argument cannot be meant. EngineError: a model failed; nothing was written.
            ConflictError: other writers kept changing the same memories. StoreError: the file failed.

        Example:
            >>> memory = Memory(":memory:")
            >>> memory.add("The door code is 4711", user_id="ana", infer=False)["results"][0]["event"]
            'ADD'
        """
        call = Circumstances(
            scope=self._scope((user_id, agent_id, run_id, app_id, session_id), required=True),
            now=self._now(),
            metadata=arguments.parse_metadata(metadata),
            created_at=arguments.parse_timestamp(timestamp),
            expiration_date=arguments.parse_expiration(expiration_date),
            immutable=arguments.parse_flag(immutable, "immutable"),
            memory_type=arguments.parse_memory_type(memory_type),
        )
        bare = arguments.parse_output_format(output_format)
        ways = (arguments.parse_flag(infer, "infer"), arguments.parse_flag(dry_run, "dry_run"))
        parsed = parse_messages(messages)
        extraction, commit = self._remember(parsed, call, arguments.parse_prompt(prompt), *ways)
        results = render.render_commit(commit, word_for_word=not infer)
        if bare:
            return results
        rejected = render.render_rejections(extraction, parsed)
        written = commit.id if commit.changes and not dry_run else None
        return {"results": results, "commit_id": written, **({"rejected": rejected} if rejected else {})}

    def update(
        self,
        memory_id: str,
        data: str | Mapping[str, Any] | None = None,
        *,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        merge: bool = True,
        expiration_date: date | str | None = UNSET,
    ) -> dict[str, Any]:
        """Change a memory's text, metadata or expiration date; the old state stays in `history`.

        Args:
            memory_id: which memory.
            data: the new text, or (a dict) metadata, as in mem0.
            text: the new text.
            metadata: merged key by key, None removes a key; `merge=False` replaces all of it.
            merge: see `metadata`.
            expiration_date: the last day on which it is visible; None clears it.

        Raises:
            ValidationError: nothing to change. MemoryNotFoundError: unknown id.
            ImmutableError: it may not change.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> memory.update(id, "Likes green tea")["message"]
            'Memory updated successfully!'
        """
        arguments.parse_id(memory_id, "memory_id")
        revise = parse_revision(data, text, metadata, merge, expiration_date)

        def attempt() -> Commit:
            before = self._existing(memory_id)
            if before.immutable:
                raise ImmutableError(f"memory {memory_id!r} is immutable: delete it and add another instead")
            after = replace(revise(before), updated_at=self._now())
            vectors = self._vectors([after.text]) if after.text != before.text else {}
            change = Change("UPDATE", before, after, vectors.get(after.text))
            return self._commit("update", before.scope, (change,))

        return {"message": "Memory updated successfully!", "commit_id": retried(attempt).id}

    def delete(self, memory_id: str) -> dict[str, Any]:
        """Delete a memory; its history stays readable.

        Raises:
            MemoryNotFoundError: unknown id.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> memory.delete(id)["message"]
            'Memory deleted successfully!'
        """
        arguments.parse_id(memory_id, "memory_id")

        def attempt() -> Commit:
            before = self._existing(memory_id)
            return self._commit("delete", before.scope, (Change("DELETE", before),))

        return {"message": "Memory deleted successfully!", "commit_id": retried(attempt).id}

    def delete_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        show_expired: bool = False,
    ) -> dict[str, Any]:
        """Delete exactly the memories that `get_all` shows for the same arguments, in one commit.

        Raises:
            ValidationError: neither an id nor a filter was given: `reset` is the way to delete everything.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> memory.delete_all(user_id="ana")["deleted"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        if not scope.ids() and (not filters or where(filters) == EVERYTHING):
            raise ValidationError("delete_all needs an id or a filter; to delete everything call reset()")

        def attempt() -> Commit:
            doomed = self._store.select(self._where(scope, filters, show_expired))
            return self._commit("delete_all", scope, tuple(Change("DELETE", record) for record in doomed))

        commit = retried(attempt)
        deleted, written = len(commit.changes), commit.id if commit.changes else None
        return {"message": "Memories deleted successfully!", "deleted": deleted, "commit_id": written}

    def reset(self) -> None:
        """Delete everything in the file: memories, history and messages. It cannot be undone.

        Example:
            >>> Memory(":memory:").reset()
        """
        self._store.reset()

    # -- reading

    def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
        explain: bool = False,
        show_expired: bool = False,
        output_format: str | None = None,
        version: str | None = None,
        rerank: bool | None = None,
        enable_graph: bool | None = None,
    ) -> Any:
        """Find memories by meaning and by words.

        Args:
            query: a question or keywords.
            user_id, agent_id, run_id, app_id: whose memories; none searches the whole file.
            filters: see the README's filter language; applied before ranking.
            limit, top_k: how many at most, 100 by default.
            threshold: the lowest score wanted, 0..1.
            explain: add `score_details` to every result.
            show_expired: also find memories whose expiration date has passed.
            output_format: "v1.0" returns the bare list of results.
            version, rerank, enable_graph: accepted for mem0's callers; without effect here.

        Returns:
            {"results": [...]}, best first; items as in `get`, with `score` (0..1, higher is better).

        Raises:
            ValidationError: an argument or filter cannot be meant.
            EmbeddingError: the query could not be embedded.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Is allergic to peanuts", user_id="ana", infer=False)
            >>> memory.search("What should ana not eat?", user_id="ana")["results"][0]["memory"]
            'Is allergic to peanuts'
        """
        asked = arguments.parse_text(query, "query")
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = self._where(scope, filters, show_expired)
        most = arguments.parse_limit(limit, top_k, DEFAULT_LIMIT) or 0
        least = arguments.parse_threshold(threshold)
        explaining = arguments.parse_flag(explain, "explain")
        bare = arguments.parse_output_format(output_format)
        vector = self._query_vector(asked)
        found = search_store(self._store, asked, vector, condition, limit=most, threshold=least)
        results = [render.render_hit(hit, explaining) for hit in found]
        return results if bare else {"results": results}

    def get(self, memory_id: str) -> MemoryItem | None:
        """Return one memory, expired or not, or None when the id is unknown or deleted.

        Example:
            >>> Memory(":memory:").get("nobody") is None
            True
        """
        record = self._store.get(arguments.parse_id(memory_id, "memory_id"))
        return None if record is None else render.render_record(record)

    def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        top_k: int | None = None,
        page: int | None = None,
        page_size: int | None = None,
        show_expired: bool = False,
        output_format: str | None = None,
        version: str | None = None,
        enable_graph: bool | None = None,
    ) -> Any:
        """List memories, newest first.

        Args:
            user_id, agent_id, run_id, app_id: whose memories; none lists the whole file.
            filters: see the README's filter language.
            limit, top_k: how many at most (with `page`: on a page); all by default.
            page, page_size: page numbers start at 1; page_size is 100 by default.
            show_expired: also list memories whose expiration date has passed.
            output_format: "v1.0" returns the bare list.
            version, enable_graph: accepted for mem0's callers; without effect here.

        Returns:
            {"results": [...]}; with `page` or `page_size` also "count", "next" and "previous"
            (page numbers, or None).

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> [item["memory"] for item in memory.get_all(user_id="ana")["results"]]
            ['Likes tea']
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = self._where(scope, filters, show_expired)
        most = arguments.parse_limit(limit, top_k, None)
        bare = arguments.parse_output_format(output_format)
        if page is not None or page_size is not None:
            paged = self._page(condition, page, page_size, most)
            return paged["results"] if bare else paged
        records = self._store.select(condition, limit=most)
        results = [render.render_record(record) for record in records]
        return results if bare else {"results": results}

    def count(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        show_expired: bool = False,
    ) -> int:
        """Count the memories that `get_all` shows for the same arguments.

        Example:
            >>> Memory(":memory:").count(user_id="ana")
            0
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        return self._store.count(self._where(scope, filters, show_expired))

    def history(self, memory_id: str) -> list[HistoryItem]:
        """Return every change of one memory, oldest first, also after it was deleted.

        Returns:
            Rows of {"id", "memory_id", "old_memory", "new_memory", "event", "action" (the same),
            "created_at", "updated_at", "is_deleted", "actor_id", "role", "commit_id"}.

        Raises:
            MemoryNotFoundError: no memory ever had this id.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> [row["event"] for row in memory.history(id)]
            ['ADD']
        """
        entries = self._store.history(arguments.parse_id(memory_id, "memory_id"))
        if not entries:
            raise MemoryNotFoundError(
                f"no memory ever had the id {memory_id!r}: `get_all` lists those that exist"
            )
        return render.render_history(entries)
