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
from tinymem.batches import Batches
from tinymem.core import retried
from tinymem.errors import ImmutableError
from tinymem.graph import Graph
from tinymem.keeping import Keeping
from tinymem.lifecycle import Lifecycle
from tinymem.plan import Circumstances
from tinymem.portable import Portable
from tinymem.privacy import Privacy
from tinymem.reading import Reading
from tinymem.redact import Redact, parse_redact
from tinymem.revise import UNSET, parse_revision
from tinymem.timeline import Timeline
from tinymem.types import Change, Commit, Message
from tinymem.understand.dialogue import parse_messages
from tinymem.understanding import Wishes


class Memory(Reading, Batches, Lifecycle, Timeline, Portable, Keeping, Privacy, Graph):
    """The memory of an assistant, kept in one SQLite file.

    Args:
        path: the file, created if missing; ":memory:" keeps nothing; None is TINYMEM_DB or the data folder.
        embedder: an `Embedder`, or the folder of an ONNX model; None is the bundled MiniLM.
        llm: an `Llm`, or the path of any chat GGUF; None lets the bundled models understand.
        reranker: a `Reranker`, or the path of an ONNX cross-encoder, that `search(rerank=True)` asks.
        extractor: finds facts; None is made from `llm`.
        reconciler: decides what facts do to memories; None is made from `llm`.
        clock: returns the present moment, aware.
        new_id: returns fresh ids of memories and commits.
        custom_instructions: added to the extraction prompt; needs `llm`.
        custom_categories: [{name: description}, ...] in place of the default categories.
        includes, excludes: topics (a text with commas, or a list) of which alone, or never, facts are stored.
        enable_graph: keep the entities and relations of what is stored.
        categorize: give memories categories; False leaves them without.
        keep_messages: store the source messages of every commit, so that memories can be traced.
        busy_timeout_s: seconds to wait for another process's write before `BusyError`.
        threads: CPU threads of each model; None is each engine's measured default.
        n_ctx: context length in tokens of a GGUF given by path; None is the engine's default.
        prefilter: let the bundled encoders spare `llm` calls about nothing and memories of no concern.
        key: a passphrase, or 32 random bytes, that encrypts the file; needs the extra `tinymem[encryption]`.
        redact: what happens to secrets (keys, tokens, passwords in URLs, card and account numbers) in what is
            to be stored, before any model sees it: "mask" replaces them by what they are, "refuse" is a
            ValidationError, a function turns every text (keys and numbers of metadata too) into what may be
            kept; None looks for none. An id with a secret is refused by both, and no function sees one. What
            an export of tinymem holds comes back as it was.
        max_memories, max_bytes: how much the file may hold; a write over it is a `MemoryQuotaExceededError`.
        max_resident_bytes: how much memory the file's vectors may take in full; None is 300 MB, enough for
            195,000. Of more, those that are likely to be near are read from the file.

    Raises:
        ConfigError: a setting cannot work.
        AuthenticationError: the key is missing or another one's, or the file is not encrypted.
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
        filters: Mapping[str, Any] | None = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
        custom_instructions: str | None = None,
        custom_categories: Sequence[Mapping[str, Any]] | None = None,
        includes: str | Sequence[str] | None = None,
        excludes: str | Sequence[str] | None = None,
        expiration_date: date | str | None = None,
        timestamp: datetime | str | float | None = None,
        immutable: bool = False,
        dry_run: bool = False,
        redact: Redact = UNSET,
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
            user_id, agent_id, run_id, app_id: whose memories; at least one, here or in `filters`, which may
                hold nothing else. `session_id` is `run_id`.
            metadata: JSON-like dict, stored with every memory that this call writes.
            infer: False stores every message word for word, duplicates included.
            memory_type: "procedural_memory" stores how a task was done: a summary by `llm`, or without one
                a record of the steps, word for word.
            prompt, custom_instructions: instructions of this call for the language model.
            custom_categories, includes, excludes: as in `Memory`, for this call.
            expiration_date: the last day (UTC) on which the memories are visible.
            timestamp: when it was said (Unix seconds, datetime, ISO); becomes `created_at`.
            immutable: refuse later updates.
            dry_run: decide, but write nothing; the ids are then those of no stored memory.
            redact: as in `Memory`, for this call; None keeps everything.
            output_format: "v1.0" returns the bare list of results.
            enable_graph: keep entities and relations; None is what the Memory was made with.
            version, async_mode: accepted for mem0's callers; without effect here.

        Returns:
            {"results": [{"id", "memory", "event", ("previous_memory")}], "commit_id"}; when a statement was
            not supported by the words it came from, or not wanted, "rejected"; with the graph "relations".

        Raises:
            ValidationError: an argument cannot be meant. EngineError: a model failed; nothing was written.
            ConflictError: other writers kept changing the same memories. StoreError: the file failed.

        Example:
            >>> memory = Memory(":memory:")
            >>> memory.add("The door code is 4711", user_id="ana", infer=False)["results"][0]["event"]
            'ADD'
        """
        redaction = self._redaction if redact is UNSET else parse_redact(redact)
        call = Circumstances(
            scope=redaction.scope(self._owner((user_id, agent_id, run_id, app_id, session_id), filters)),
            now=self._now(),
            metadata=redaction.metadata(arguments.parse_metadata(metadata)),
            created_at=arguments.parse_timestamp(timestamp),
            expiration_date=arguments.parse_expiration(expiration_date),
            immutable=arguments.parse_flag(immutable, "immutable"),
            memory_type=arguments.parse_memory_type(memory_type),
        )
        wishes = Wishes(
            instructions=arguments.parse_instructions(prompt, custom_instructions),
            topics=self._topics(includes, excludes),
            categorizer=self._categorizer(custom_categories) if self._categorize else None,
            graph=self._graph_wanted(enable_graph),
        )
        bare = arguments.parse_output_format(output_format)
        ways = (arguments.parse_flag(infer, "infer"), arguments.parse_flag(dry_run, "dry_run"))
        parsed = redaction.messages(parse_messages(messages, with_tools=call.memory_type is not None))
        extraction, commit = self._remember(parsed, call, wishes, *ways)
        if bare:
            return render.render_commit(commit, word_for_word=not infer)
        return render.render_add(extraction, commit, parsed, ways, graph=wishes.graph)

    def update(
        self,
        memory_id: str,
        data: str | Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        text: str | None = None,
        merge: bool = True,
        expiration_date: date | str | None = UNSET,
    ) -> dict[str, Any]:
        """Change a memory's text, metadata or expiration date; the old state stays in `history`.

        Args:
            memory_id: which memory.
            data: the new text, or (a dict) metadata, as in mem0.
            metadata: merged key by key, None removes a key; `merge=False` replaces all of it.
            text: the new text.
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
        revise = parse_revision(data, text, metadata, merge, expiration_date, self._redaction)

        def attempt() -> Commit:
            before = self._existing(memory_id)
            if before.immutable:
                raise ImmutableError(f"memory {memory_id!r} is immutable: delete it and add another instead")
            after = replace(revise(before), updated_at=self._now())
            vectors = self._vectors([after.text]) if after.text != before.text else {}
            change = Change("UPDATE", before, after, vectors.get(after.text))
            return self._annotated_commit("update", before.scope, (change,))

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
        show_archived: bool = False,
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
        commit = self._delete_where("delete_all", scope, filters, show_expired, show_archived)
        deleted, written = len(commit.changes), commit.id if commit.changes else None
        return {"message": "Memories deleted successfully!", "deleted": deleted, "commit_id": written}

    def reset(self) -> None:
        """Delete everything in the file: memories, history and messages. It cannot be undone.

        Example:
            >>> Memory(":memory:").reset()
        """
        self._store.reset()
