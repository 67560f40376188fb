"""What happens to memories over the years: archived, judged, sorted anew; and whose there are.

Archiving hides a memory and keeps it; feedback is kept beside it. The settings of a file travel with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinymem import arguments, render
from tinymem.core import retried
from tinymem.errors import ConfigError
from tinymem.revise import UNSET
from tinymem.types import Change, Commit, Record, Vector
from tinymem.understanding import Understanding


class Lifecycle(Understanding):
    """The methods of `Memory` about what becomes of memories and whose they are."""

    def archive(self, memory_id: str) -> dict[str, Any]:
        """Hide a memory from `search` and `get_all` without deleting it; `show_archived=True` shows it.

        Raises:
            MemoryNotFoundError: unknown id.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> _ = memory.archive(id)
            >>> memory.count(user_id="ana"), memory.count(user_id="ana", show_archived=True)
            (0, 1)
        """
        return self._archived(memory_id, True, "Memory archived successfully!")

    def unarchive(self, memory_id: str) -> dict[str, Any]:
        """Show an archived memory again.

        Raises:
            MemoryNotFoundError: unknown id.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> _ = memory.archive(id), memory.unarchive(id)
            >>> memory.count(user_id="ana")
            1
        """
        return self._archived(memory_id, False, "Memory unarchived successfully!")

    def feedback(
        self, memory_id: str, feedback: str | None = None, feedback_reason: str | None = None
    ) -> dict[str, Any]:
        """Keep what somebody thinks of a memory; `get` shows the latest, and exports carry all.

        Args:
            memory_id: which memory.
            feedback: "POSITIVE", "NEGATIVE" or "VERY_NEGATIVE"; None takes back what was said before.
            feedback_reason: why.

        Raises:
            ValidationError: an unknown verdict. MemoryNotFoundError: unknown id.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> _ = memory.feedback(id, "POSITIVE")
            >>> memory.get(id)["feedback"]
            'POSITIVE'
        """
        asked = arguments.parse_id(memory_id, "memory_id")
        verdict, reason = arguments.parse_feedback(feedback, feedback_reason)
        reason = reason and self._redaction.text(reason, "feedback_reason")
        self._store.add_feedback(asked, verdict, reason, self._now())
        return {"message": "Feedback stored", "id": asked, "feedback": verdict, "feedback_reason": reason}

    def users(
        self, *, filters: Mapping[str, Any] | None = None, show_expired: bool = False
    ) -> dict[str, Any]:
        """List the users, agents, runs and apps that have memories.

        Returns:
            {"results": [{"type" ("user", "agent", "run", "app"), "id", "name" (the id), "total_memories",
            "created_at" (of the oldest), "updated_at" (the last change)}], "count"}.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> [(one["type"], one["id"], one["total_memories"]) for one in memory.users()["results"]]
            [('user', 'ana', 1)]
        """
        owners = self._store.owners(self._where(arguments.NOBODY, filters, show_expired, True))
        return {"results": [render.render_owner(owner) for owner in owners], "count": len(owners)}

    def delete_users(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        run_id: str | None = None,
    ) -> dict[str, Any]:
        """Delete everything of a user, agent, app or run, expired and archived memories too, in one commit.

        Raises:
            ValidationError: no id was given: `reset` is the way to delete everything.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> memory.delete_users(user_id="ana")["deleted"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, None))
        commit = self._delete_where("delete_users", scope, None, True, True)
        deleted, written = len(commit.changes), commit.id if commit.changes else None
        return {"message": "Entity deleted successfully.", "deleted": deleted, "commit_id": written}

    def recategorize(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        custom_categories: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Sort memories into categories anew, in one commit; texts and ages stay as they are.

        Args:
            user_id, agent_id, run_id, app_id, filters: which memories; none of them means all in the file.
            custom_categories: the categories; None is those of the Memory, else of the file, else the
                default ones.

        Returns:
            {"checked", "changed", "commit_id"}.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Plays tennis on Sundays", user_id="ana", infer=False)
            >>> rackets = [{"racket games": "tennis, squash, badminton"}]
            >>> memory.recategorize(custom_categories=rackets)["checked"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = self._where(scope, filters, True, True)
        categorizer = self._categorizer(custom_categories)

        def attempt() -> tuple[int, Commit]:
            records = self._store.select(condition)
            found = categorizer.assign([one.text for one in records], self._vectors_of(records))
            changes = [
                Change("UPDATE", record, replace(record, categories=categories))
                for record, categories in zip(records, found, strict=True)
                if categories != record.categories
            ]
            return len(records), self._commit("recategorize", scope, tuple(changes))

        checked, commit = retried(attempt)
        written = commit.id if commit.changes else None
        return {"checked": checked, "changed": len(commit.changes), "commit_id": written}

    def configure(
        self,
        *,
        custom_categories: Sequence[Mapping[str, Any]] | None = UNSET,
        includes: str | Sequence[str] | None = UNSET,
        excludes: str | Sequence[str] | None = UNSET,
        enable_graph: bool | None = UNSET,
        custom_instructions: str | None = UNSET,
    ) -> dict[str, Any]:
        """Set what this file does by default, for whoever opens it; None takes a setting back.

        What a call says goes first, then what the Memory was made with, then these settings.

        Args:
            custom_categories: [{name: description}, ...] in place of the default categories.
            includes, excludes: topics of which alone, or of which never, facts are stored.
            enable_graph: keep entities and relations.
            custom_instructions: added to the extraction prompt of every `llm` that works on this file.

        Returns:
            All settings of the file.

        Raises:
            ConfigError: instructions were given, and this Memory has no `llm` to follow them.

        Example:
            >>> Memory(":memory:").configure(excludes="health")
            {'excludes': ['health']}
        """
        given = {
            "custom_categories": custom_categories,
            "includes": includes,
            "excludes": excludes,
            "enable_graph": enable_graph,
            "custom_instructions": custom_instructions,
        }
        asked = arguments.parse_settings({name: value for name, value in given.items() if value is not UNSET})
        kept = {name: self._redaction.setting(value, name) for name, value in asked.items()}
        asked = arguments.parse_settings(kept)
        if not asked:
            return self._store.settings()
        if asked.get("custom_instructions") is not None and self._llm is None:
            raise ConfigError("custom_instructions need a language model: pass llm='model.gguf' to Memory")
        return self._store.change_settings(asked)

    def _vectors_of(self, records: Sequence[Record]) -> list[Vector]:
        """Return the vectors of stored memories: the file's, where they are of this embedder."""
        stored: dict[str, Vector | None] = {}
        if self._store.vectors_match(self._embedder.identity):
            with self._store.snapshot():
                stored = {record.text: self._store.vector_of(record.id) for record in records}
        missing = [record.text for record in records if stored.get(record.text) is None]
        made = self._embedded(missing)
        known = {text: vector for text, vector in stored.items() if vector is not None} | made
        return [known[record.text] for record in records]

    def _archived(self, memory_id: str, archived: bool, message: str) -> dict[str, Any]:
        arguments.parse_id(memory_id, "memory_id")

        def attempt() -> Commit:
            before = self._existing(memory_id)
            if before.archived == archived:
                return self._commit("archive", before.scope, ())
            after = replace(before, archived=archived)
            return self._commit("archive", before.scope, (Change("UPDATE", before, after),))

        commit = retried(attempt)
        return {"message": message, "commit_id": commit.id if commit.changes else None}
