"""Many memories at once: change or delete them in one commit, or load thousands quickly.

`batch_update` and `batch_delete` are all or nothing. `add_many` writes a few large commits; a run that
was cut off can be repeated with the same items, and what is stored already is not stored again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from tinymem import arguments
from tinymem.bulk import Item, numbered, parse_item
from tinymem.core import retried
from tinymem.errors import ImmutableError, MemoryNotFoundError, ValidationError
from tinymem.remember import UNWANTED, allowed_texts
from tinymem.revise import Revision, parse_revision_item
from tinymem.types import Change, Commit, Record, Vector
from tinymem.understanding import Understanding

LOADED_AT_ONCE = 2_000  # items of `add_many` in one commit
EMBEDDED_AT_ONCE = 256

Progress = Callable[[int, int | None], None]


class Batches(Understanding):
    """The methods of `Memory` that write many memories at once."""

    def batch_update(self, memories: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Change several memories in one commit: all of them or none.

        Args:
            memories: dicts of "memory_id" and what `update` takes: "text" (or "data"), "metadata", "merge",
                "expiration_date".

        Returns:
            {"message", "updated" (how many), "commit_id"}.

        Raises:
            ValidationError: an entry is malformed, or two change the same memory.
            MemoryNotFoundError: some ids are unknown; the message lists them. ImmutableError: likewise.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> memory.batch_update([{"memory_id": id, "text": "Likes green tea"}])["updated"]
            1
        """
        asked = arguments.parse_batch(memories, "batch_update")
        revisions = {
            memory_id: parse_revision_item(entry, self._redaction) for memory_id, entry in asked.items()
        }
        commit = retried(lambda: self._update_all(revisions))
        count = len(commit.changes)
        message = f"Successfully updated {count} memories"
        return {"message": message, "updated": count, "commit_id": commit.id}

    def batch_delete(self, memories: Sequence[Mapping[str, Any] | str]) -> dict[str, Any]:
        """Delete several memories in one commit: all of them or none.

        Args:
            memories: dicts of "memory_id", or bare ids.

        Returns:
            {"message", "deleted" (how many), "commit_id"}.

        Raises:
            ValidationError: an entry is malformed, or an id stands twice.
            MemoryNotFoundError: some ids are unknown; the message lists them.

        Example:
            >>> memory = Memory(":memory:")
            >>> id = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
            >>> memory.batch_delete([{"memory_id": id}])["deleted"]
            1
        """
        asked = list(arguments.parse_batch(memories, "batch_delete"))

        def attempt() -> Commit:
            doomed = [Change("DELETE", record) for record in self._all_existing(asked)]
            return self._commit("batch_delete", arguments.NOBODY, tuple(doomed))

        commit = retried(attempt)
        count = len(commit.changes)
        message = f"Successfully deleted {count} memories"
        return {"message": message, "deleted": count, "commit_id": commit.id}

    def add_many(
        self,
        items: Iterable[str | Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        progress: Progress | bool | None = None,
    ) -> dict[str, Any]:
        """Load many memories word for word: embedded in batches, written in a few commits.

        A run that was cut off may be repeated with the same items: what is stored already is skipped. Ids
        are made from an item's place among equal ones, its text and whose it is, unless it has an "id".

        Args:
            items: texts, or dicts of "memory" (or "text", "data", "content") and, where they differ from
                the arguments, "user_id", "agent_id", "run_id", "app_id", "metadata", "timestamp" (or
                "created_at"), "expiration_date", "immutable", "role", "actor_id" (or "name"), "id".
            metadata: stored with every memory; an item's own keys win.
            progress: called with (items done, items in all or None); True draws a bar on stderr.

        Returns:
            {"added", "skipped", "ids" (of all items, in order), "commit_ids"}; when texts were not wanted
            (`includes`, `excludes`) "rejected", and those are not stored.

        Raises:
            ValidationError: an item cannot be meant; those of the commits before it are stored.

        Example:
            >>> memory = Memory(":memory:")
            >>> memory.add_many(["Likes tea", "Has a dog"], user_id="ana")["added"]
            2
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        shared = arguments.parse_metadata(metadata)
        tell = bar if progress is True else progress or (lambda done, total: None)
        if not callable(tell):
            raise ValidationError("progress must be a function of (done, total), True, or left out")
        if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Iterable):
            raise ValidationError(f"items must be a list of texts and dicts, got {arguments.show(items)}")
        total = len(items) if isinstance(items, Sequence) else None
        parsed = numbered(
            parse_item(item, place, scope, shared, self._redaction) for place, item in enumerate(items)
        )
        done: dict[str, Any] = {"added": 0, "skipped": 0, "ids": [], "commit_ids": []}
        for group in grouped(parsed, LOADED_AT_ONCE):
            commit, unwanted = self._loaded(group)
            done["ids"] += [item.id for item in group]
            done["added"] += len(commit.changes)
            done["skipped"] += len(group) - len(commit.changes) - len(unwanted)
            done["commit_ids"] += [commit.id] if commit.changes else []
            if unwanted:
                done.setdefault("rejected", []).extend(unwanted)
            tell(len(done["ids"]), total)
        return done

    def _loaded(self, group: Sequence[Item]) -> tuple[Commit, list[dict[str, str]]]:
        """Store those items of a group that are not stored yet, in one commit; return it and the unwanted."""
        return retried(lambda: self._load(group))

    def _load(self, group: Sequence[Item]) -> tuple[Commit, list[dict[str, str]]]:
        known = self._store.existing([item.id for item in group])
        new: dict[str, Item] = {}
        for item in group:
            if item.id not in known:
                new.setdefault(item.id, item)
        now = self._now()
        topics = self._topics(None, None)
        asked = [item.text for item in new.values()]
        wanted = set(asked) if topics is None else allowed_texts(topics, asked, self._embedded)
        records = [item.record(now) for item in new.values() if item.text in wanted]
        unwanted = [
            {"id": item.id, "text": item.text, "reason": UNWANTED}
            for item in new.values()
            if item.text not in wanted
        ]
        texts = [record.text for record in records]
        changes = tuple(Change("ADD", None, record) for record in records)
        embed = partial(self._vectors_in_parts, texts)
        return self._annotated_commit("add_many", arguments.NOBODY, changes, embed), unwanted

    def _vectors_in_parts(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the embedding of each text, embedded so many at once."""
        parts = [texts[start : start + EMBEDDED_AT_ONCE] for start in range(0, len(texts), EMBEDDED_AT_ONCE)]
        return {text: vector for part in parts for text, vector in self._vectors(part).items()}

    def _update_all(self, revisions: Mapping[str, Revision]) -> Commit:
        before = self._all_existing(list(revisions))
        if fixed := [record.id for record in before if record.immutable]:
            raise ImmutableError(f"memories {fixed} are immutable: delete them and add others instead")
        now = self._now()
        after = [replace(revisions[record.id](record), updated_at=now) for record in before]
        changed = [new.text for old, new in zip(before, after, strict=True) if new.text != old.text]
        vectors = self._vectors(changed)
        changes = tuple(
            Change("UPDATE", old, new, vectors.get(new.text) if new.text != old.text else None)
            for old, new in zip(before, after, strict=True)
        )
        return self._annotated_commit("batch_update", arguments.NOBODY, changes)

    def _all_existing(self, ids: Sequence[str]) -> list[Record]:
        """Return the memories with these ids, in their order.

        Raises:
            MemoryNotFoundError: lists the ids that no memory has.
        """
        with self._store.snapshot():
            found = {memory_id: self._store.get(memory_id) for memory_id in ids}
        if unknown := [memory_id for memory_id, record in found.items() if record is None]:
            raise MemoryNotFoundError(f"no memories have the ids {unknown}: nothing was written")
        return [record for record in found.values() if record is not None]


def grouped(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of at most `size`."""
    each = iter(items)
    while group := list(islice(each, size)):
        yield group


def bar(done: int, total: int | None) -> None:
    """Draw on stderr how far a loading has come."""
    if total is None:
        sys.stderr.write(f"\r{done} memories")
    else:
        filled = 30 * done // max(1, total)
        sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {done} of {total} memories")
    sys.stderr.write("\n" if done == total else "")
    sys.stderr.flush()
