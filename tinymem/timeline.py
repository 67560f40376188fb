"""What happened to the file: take a call back, list the calls, say where a memory came from.

Nothing of the past is ever rewritten: a commit is undone by a new one, which can be undone as well.
"""

from __future__ import annotations

from typing import Any

from tinymem import arguments
from tinymem.core import retried
from tinymem.errors import ConflictError, MemoryNotFoundError
from tinymem.render import render_commit
from tinymem.store.log import LoggedChange, LoggedCommit, Origin
from tinymem.store.undoing import Undo
from tinymem.types import Change, Commit, Message, Span, render_time
from tinymem.understanding import Understanding

SHOWN = 20  # commits that one error lists at most


class Timeline(Understanding):
    """The methods of `Memory` about what was done to it."""

    def undo(self, commit_id: str, *, with_later: bool = False) -> dict[str, Any]:
        """Take back what one call wrote, in a commit of its own; undoing that one does it again.

        Every memory is as it was before: text, metadata, vector, categories, relations, dates, archived or
        not, deleted or not.

        Args:
            commit_id: the `commit_id` that the call returned; `log` lists all.
            with_later: also undo the commits that were built on it, because they changed the same memories,
                or memories of such commits.

        Returns:
            {"message", "commit_id" (None where nothing had to change), "undone" (the ids of the commits, the
            one asked for first), "results" (as in `add`)}.

        Raises:
            MemoryNotFoundError: no commit has this id.
            ConflictError: others were built on it, and `with_later` is False; lists them.
            ValidationError: the commit holds no changes, or what it wrote was erased.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> deleted = memory.delete(id)
            >>> memory.undo(deleted["commit_id"])["results"][0]["event"]
            'ADD'
            >>> memory.get(id)["memory"]
            'Likes tea'
        """
        asked = arguments.parse_id(commit_id, "commit_id")
        all_of_them = arguments.parse_flag(with_later, "with_later")

        def attempt() -> tuple[Undo, Commit | None]:
            undo = self._store.way_back(asked)
            refused = len(undo.commits) > 1 and not all_of_them
            return undo, None if refused else self._commit_back(undo)

        undo, commit = retried(attempt)
        if commit is None:
            raise ConflictError(refusal(undo))
        return {
            "message": "Commit undone successfully!",
            "commit_id": commit.id if commit.changes else None,
            "undone": list(undo.commits),
            "results": render_commit(commit),
        }

    def log(
        self, *, limit: int | None = None, page: int | None = None, page_size: int | None = None
    ) -> dict[str, Any]:
        """List the commits of the file, newest first: which call changed which memories.

        Args:
            limit: how many at most (with `page`: on a page); all by default.
            page, page_size: page numbers start at 1; page_size is 100 by default.

        Returns:
            {"results": [{"commit_id", "call", "at", the ids it was called with ("user_id", ...), "engine"
            (what decided; {} where nothing was inferred), "changes": [{"id", "memory", "event",
            ("previous_memory")}], "messages" (how many are kept)}]}; with `page` or `page_size` also
            "count", "next" and "previous", as in `get_all`.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> _ = memory.delete(id)
            >>> [commit["call"] for commit in memory.log()["results"]]
            ['delete', 'add']
        """
        most = arguments.parse_limit(limit, None, None)
        if page is None and page_size is None:
            return {"results": [render_logged(each) for each in self._store.commits(limit=most)]}
        commits, paging = self._page(
            self._store.count_commits,
            lambda size, skipped: self._store.commits(limit=size, offset=skipped),
            *(page, page_size, most),
        )
        return {**paging, "results": [render_logged(each) for each in commits]}

    def why(self, memory_id: str) -> dict[str, Any]:
        """Say where a memory came from, also after it was changed or deleted.

        Returns:
            {"id", "memory" (its text, None where it is deleted), "changes"}: every change, oldest first, as
            {"commit_id", "call", "at", "memory", "event", ("previous_memory"), "engine" ("model", and
            "prompts", the version of the prompts for an `llm`; {} where nothing was inferred), "source",
            "messages", "evidence"}. "messages" are those that the call was told, {"index", "role", "name",
            "content", "at"}; "evidence" is the words that the change rests on, {"text", "message" (its
            index), "role", "start", "end"}. "source" says what became of the messages: "kept"; "none", the
            call was told none; "not kept", because of `keep_messages=False` or of something unwanted in the
            same message; "erased", all or some.

        Raises:
            MemoryNotFoundError: no memory ever had this id.

        Example:
            >>> memory = Memory(":memory:")
            >>> added = memory.add("I'm allergic to peanuts.", user_id="ana")
            >>> (change,) = memory.why(added["results"][0]["id"])["changes"]
            >>> change["evidence"][0]["text"], change["engine"]["model"]
            ("I'm allergic to peanuts.", 'bundled')
        """
        asked = arguments.parse_id(memory_id, "memory_id")
        origins = self._store.origins(asked)
        if not origins:
            raise MemoryNotFoundError(
                f"no memory ever had the id {memory_id!r}: `get_all` lists those that exist"
            )
        changes = [render_origin(each) for each in origins]
        return {"id": asked, "memory": origins[-1].change.after, "changes": changes}

    def _commit_back(self, undo: Undo) -> Commit:
        """Write what undoes commits, as one; the vectors are the file's own, those of names are made anew."""
        names = self._vectors([name for change in undo.changes for name in new_names(change)])
        now, key = self._now(), self._new_id()
        commit = Commit(key, "undo", now, undo.changes, undo.scope, names=names, decided_on=undo.last)
        if undo.changes:
            self._store.apply(commit, embedder=undo.embedder or self._embedder.identity)
        return commit


def new_names(change: Change) -> list[str]:
    """Return the names in the relations of a Change, if it brings them back."""
    if change.after is None or (change.before and change.before.relations == change.after.relations):
        return []
    return [name for each in change.after.relations for name in (each.source, each.target)]


def refusal(undo: Undo) -> str:
    """Say why commits that were built on another keep it from being undone alone."""
    asked, *later = undo.commits
    more = f" and {len(later) - SHOWN} more" if len(later) > SHOWN else ""
    return (
        f"commit {asked!r} can not be undone alone: the commits {later[:SHOWN]}{more} were built on it; "
        "undo those first, or all of them at once with with_later=True"
    )


def render_logged(commit: LoggedCommit) -> dict[str, Any]:
    """Render a commit as `log` shows it."""
    return {
        "commit_id": commit.id,
        "call": commit.call,
        "at": render_time(commit.at),
        **commit.scope.ids(),
        "engine": dict(commit.engine),
        "changes": [{"id": each.memory_id, **render_texts(each)} for each in commit.changes],
        "messages": commit.messages,
    }


def render_texts(change: LoggedChange) -> dict[str, Any]:
    """Render what a Change did to a text, with the keys of `add`."""
    text = change.before if change.after is None else change.after
    previous = {"previous_memory": change.before} if change.event == "UPDATE" else {}
    return {"memory": text, "event": change.event, **previous}


def render_origin(origin: Origin) -> dict[str, Any]:
    """Render where one Change came from, as `why` shows it."""
    told = origin.call == "add" or bool(origin.evidence)
    missing = "erased" if origin.erased else "not kept" if told else "none"
    cited = [origin.messages.get(span.message) for span in origin.evidence] or [*origin.messages.values()]
    kept = any(message is not None and message.content for message in cited) and not origin.erased
    return {
        "commit_id": origin.commit_id,
        "call": origin.call,
        "at": render_time(origin.at),
        **render_texts(origin.change),
        "engine": dict(origin.engine),
        "source": "kept" if kept else missing,
        "messages": [render_message(index, each) for index, each in origin.messages.items()],
        "evidence": [render_span(span, origin.messages.get(span.message)) for span in origin.evidence],
    }


def render_message(index: int, message: Message) -> dict[str, Any]:
    """Render a source message."""
    at = None if message.at is None else render_time(message.at)
    return {"index": index, "role": message.role, "name": message.name, "content": message.content, "at": at}


def render_span(span: Span, message: Message | None) -> dict[str, Any]:
    """Render words that a Change rests on; text and role are None where their message is not there.

    A message that told something unwanted is there without its words.
    """
    return {
        "text": message.content[span.start : span.end] if message and message.content else None,
        "message": span.message,
        "role": None if message is None else message.role,
        "start": span.start,
        "end": span.end,
    }
