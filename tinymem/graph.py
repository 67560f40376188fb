"""The graph: which people, places and things the memories name, and what hangs together through them.

It is kept only where `enable_graph=True` was said when a memory was written; it lives in the same file,
is written by the same commits, and goes with its memories.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinymem import arguments, render
from tinymem.annotate import speaker_of
from tinymem.core import DEFAULT_LIMIT
from tinymem.types import entity_key
from tinymem.understanding import Understanding


class Graph(Understanding):
    """The methods of `Memory` about entities and relations."""

    def entities(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """List what the memories name, most often named first.

        Returns:
            {"results": [{"name", "memories" (how many name it)}]}.

        Example:
            >>> memory = Memory(":memory:", enable_graph=True)
            >>> _ = memory.add("Sister Maya lives in Porto", user_id="ana", infer=False)
            >>> sorted(one["name"] for one in memory.entities(user_id="ana")["results"])
            ['Maya', 'Porto', 'ana']
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = self._where(scope, filters, False, False)
        most = arguments.parse_limit(limit, None, None)
        found = self._store.entities(condition, limit=most)
        return {"results": [{"name": one.name, "memories": one.memories} for one in found]}

    def related(self, memory_id: str, *, limit: int | None = None) -> dict[str, Any]:
        """Find the memories of the same owner that name what this one names, most in common first.

        Whoever the memories are about is named by nearly all of them, and does not count.

        Returns:
            {"results": [...]}; items as in `get`, each with "shared" (the entities in common).

        Raises:
            MemoryNotFoundError: unknown id.

        Example:
            >>> memory = Memory(":memory:", enable_graph=True)
            >>> id = memory.add("Sister Maya lives in Porto", user_id="ana", infer=False)["results"][0]["id"]
            >>> _ = memory.add("Sister Maya is a vet", user_id="ana", infer=False)
            >>> memory.related(id)["results"][0]["shared"]
            ['Maya']
        """
        record = self._existing(arguments.parse_id(memory_id, "memory_id"))
        most = arguments.parse_limit(limit, None, DEFAULT_LIMIT) or 0
        speaker = entity_key(speaker_of(record))
        names = {
            entity_key(name): name
            for triple in record.relations
            for name in (triple.source, triple.target)
            if entity_key(name) != speaker
        }
        owner = self._where(self._same_owner(record.scope), None, False, False)
        with self._store.snapshot():
            rows = [row for row, _ in self._store.naming(list(names.values()), owner, most + 1)]
            records = self._store.get_many(rows)
        results = []
        for row in rows:
            other = records[row]
            if other.id != record.id:
                keys = {entity_key(name) for each in other.relations for name in (each.source, each.target)}
                shared = [name for key, name in names.items() if key in keys]
                results.append({**render.render_record(other), "shared": shared})
        return {"results": results[:most]}
