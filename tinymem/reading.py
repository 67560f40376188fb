"""Reading: find, list, count and look at memories. Nothing here ever writes.

Every method parses its arguments, compiles one condition, and asks the file once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tinymem import arguments, render
from tinymem.core import DEFAULT_LIMIT
from tinymem.errors import MemoryNotFoundError
from tinymem.recall.events import days_of_event
from tinymem.recall.names import possible_names, without_names
from tinymem.recall.rerank import judged, reranked
from tinymem.recall.search import Asked, pool_of
from tinymem.recall.search import search as search_store
from tinymem.recall.when import Time
from tinymem.store.filters import Where
from tinymem.store.store import Store
from tinymem.types import HistoryItem, MemoryItem
from tinymem.understand.asking import asking_of
from tinymem.understanding import Understanding


class Reading(Understanding):
    """The methods of `Memory` that only read."""

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
        categories: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        limit: int | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
        fields: Sequence[str] | None = None,
        explain: bool = False,
        show_expired: bool = False,
        show_archived: bool = False,
        as_of: datetime | date | str | float | None = None,
        reference_date: datetime | date | str | None = None,
        rerank: bool | None = None,
        output_format: str | None = None,
        version: str | None = None,
        enable_graph: bool | None = None,
        keyword_search: bool | None = None,
        filter_memories: bool | None = None,
        latest_only: bool | None = None,
    ) -> Any:
        """Find memories by meaning and by words.

        Args:
            query: a question or keywords. What happened or was said at the time that it names ("last summer",
                "before 2024", "since the wedding") comes up; so does what tells a date, if it asks for one.
            user_id, agent_id, run_id, app_id: whose memories; none searches the whole file.
            filters: see the README's filter language; applied before ranking.
            categories: only memories in one of these.
            metadata: only memories whose metadata is like this.
            limit, top_k: how many at most, 100 by default.
            threshold: the lowest score wanted, 0..1. It keeps 95 % of right answers, and drops most of what a
                question finds that nothing answers, at 0.25 among facts and 0.6 among messages with names.
            fields: the keys wanted of every result, all by default; `id` and `memory` are always there.
            explain: add `score_details` to every result.
            show_expired, show_archived: also find memories that have expired, or are archived.
            as_of: answer as at this moment (datetime, date: its end, ISO text, Unix seconds; naive is UTC).
            reference_date: the day (date, datetime, ISO text) from which "yesterday" or "last summer" in the
                query are seen, as on the caller's calendar; None is today in UTC, or the day of `as_of`.
            rerank: let the Memory's `reranker` read the query with each of the best `limit` (30 at least) and
                judge anew: `score`, and what `threshold` applies to, is then its verdict. Without a reranker
                it is accepted for mem0's callers and has no effect.
            output_format: "v1.0" returns the bare list of results.
            enable_graph: add the relations of what was found; None is what the Memory was made with.
            version, keyword_search, filter_memories, latest_only: accepted for mem0's callers; without effect
                here.

        Returns:
            {"results": [...]}, best first; items as in `get`, with `score` (0..1, higher is better). With
            the graph also "relations".

        Raises:
            ValidationError: an argument or filter cannot be meant.
            EmbeddingError: the query could not be embedded. EngineError: the reranker failed.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Is allergic to peanuts", user_id="ana", infer=False)
            >>> memory.search("What should ana not eat?", user_id="ana")["results"][0]["memory"]
            'Is allergic to peanuts'
        """
        asked = arguments.parse_text(query, "query")
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        narrowed = arguments.narrowed(filters, categories=categories, metadata=metadata)
        moment = arguments.parse_as_of(as_of, self._now())
        condition = self._where(scope, narrowed, show_expired, show_archived, moment)
        most = arguments.parse_limit(limit, top_k, DEFAULT_LIMIT) or 0
        least = arguments.parse_threshold(threshold)
        today = arguments.parse_reference(reference_date, moment or self._now())
        wished = rerank is not None and arguments.parse_flag(rerank, "rerank")
        explaining = arguments.parse_flag(explain, "explain")
        wanted = arguments.parse_fields(fields)
        form = (arguments.parse_output_format(output_format), self._graph_wanted(enable_graph))
        with self._store.as_of(moment) as store:
            if wished and self._reranker is not None:
                meant = self._asked(asked, store, condition, today, judged(most))
                found = search_store(store, meant, condition, limit=judged(most))
                found = reranked(found, asked, self._reranker, limit=most, threshold=least)
            else:
                meant = self._asked(asked, store, condition, today, most)
                found = search_store(store, meant, condition, limit=most, threshold=least)
        results = [render.render_fields(render.render_hit(hit, explaining), wanted) for hit in found]
        return render.render_results(results, [hit.record for hit in found], *form)

    def _asked(self, query: str, store: Store, condition: Where, today: date, limit: int) -> Asked:
        """Return a query as it is searched for: who spoke and when it was count by themselves.

        Its words are looked up while it is embedded.
        """
        named = store.speakers(possible_names(query), condition)
        speaker = named[0] if len({name.casefold() for name in named}) == 1 else None
        asking = asking_of(query, today)
        days, text = asking.days, query
        if asking.event is not None:
            words = without_names(asking.event, named)
            event = days_of_event(store, Asked(asking.event, self._query_vector(words)), condition)
            if event is not None:
                days, text = asking.beside(*event, today), asking.rest
        time = Time(*(days or (None, None)), asking.when) if days or asking.when else None
        vector = self._query_vector(
            without_names(text, named), lambda: store.read_ahead(query, condition, pool_of(limit))
        )
        return Asked(query, vector, speaker, time)

    def get(self, memory_id: str, *, as_of: datetime | date | str | float | None = None) -> MemoryItem | None:
        """Return one memory, expired or archived or not, or None when the id is unknown or deleted.

        With `feedback` and `feedback_reason` where `feedback()` was given. With `as_of` it is the memory as
        it stood at that moment, without feedback; see `search`.

        Example:
            >>> Memory(":memory:").get("nobody") is None
            True
        """
        asked = arguments.parse_id(memory_id, "memory_id")
        moment = arguments.parse_as_of(as_of, self._now())
        if moment is not None:
            past = self._store.get_as_of(asked, moment)
            return None if past is None else render.render_record(past)
        with self._store.snapshot():
            record = self._store.get(asked)
            verdicts = [] if record is None else self._store.feedback(asked)
        return None if record is None else render.render_judged(record, verdicts)

    def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        categories: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        keywords: str | None = None,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        limit: int | None = None,
        top_k: int | None = None,
        page: int | None = None,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        show_expired: bool = False,
        show_archived: bool = False,
        as_of: datetime | date | str | float | None = None,
        output_format: str | None = None,
        version: str | None = None,
        enable_graph: bool | None = None,
        latest_only: bool | None = None,
    ) -> Any:
        """List memories, newest first.

        Args:
            user_id, agent_id, run_id, app_id: whose memories; none lists the whole file.
            filters: see the README's filter language.
            categories: only memories in one of these.
            metadata: only memories whose metadata is like this.
            keywords: only memories that hold all of these words.
            start_date, end_date: only memories created from and until then, both included.
            limit, top_k: how many at most (with `page`: on a page); all by default.
            page, page_size: page numbers start at 1; page_size is 100 by default.
            fields: the keys wanted of every memory, all by default; `id` and `memory` are always there.
            show_expired, show_archived: also list memories that have expired, or are archived.
            as_of: list them as they stood at this moment; see `search`.
            output_format: "v1.0" returns the bare list.
            enable_graph: add the relations of what is listed; None is what the Memory was made with.
            version, latest_only: accepted for mem0's callers; without effect here.

        Returns:
            {"results": [...]}; with `page` or `page_size` also "count", "next" and "previous"
            (page numbers, or None). With the graph also "relations".

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> [item["memory"] for item in memory.get_all(user_id="ana")["results"]]
            ['Likes tea']
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        narrowed = arguments.narrowed(
            filters,
            categories=categories,
            metadata=metadata,
            keywords=keywords,
            created=(start_date, end_date),
        )
        moment = arguments.parse_as_of(as_of, self._now())
        condition = self._where(scope, narrowed, show_expired, show_archived, moment)
        most = arguments.parse_limit(limit, top_k, None)
        wanted = arguments.parse_fields(fields)
        form = (arguments.parse_output_format(output_format), self._graph_wanted(enable_graph))
        paging: dict[str, Any] | None = None
        with self._store.as_of(moment) as store:
            if page is None and page_size is None:
                records = store.select(condition, limit=most)
            else:
                records, paging = self._page(
                    lambda: store.count(condition),
                    lambda size, skipped: store.select(condition, limit=size, offset=skipped),
                    *(page, page_size, most),
                )
        results = [render.render_fields(render.render_record(record), wanted) for record in records]
        return render.render_results(results, records, *form, paging=paging)

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
        show_archived: bool = False,
        as_of: datetime | date | str | float | None = None,
    ) -> int:
        """Count the memories that `get_all` shows for the same arguments.

        Example:
            >>> Memory(":memory:").count(user_id="ana")
            0
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        moment = arguments.parse_as_of(as_of, self._now())
        condition = self._where(scope, filters, show_expired, show_archived, moment)
        with self._store.as_of(moment) as store:
            return store.count(condition)

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
