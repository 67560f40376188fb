"""Keeping a file in good order for years: erase, copy, compact, mend, and move to another embedder.

Nothing here decides what a memory says: what is erased is gone, what is mended or embedded anew is made from
the texts that stand in the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinymem import arguments
from tinymem.batches import Progress, bar
from tinymem.errors import MemoryNotFoundError, ValidationError, shown
from tinymem.portable import EMBEDDED_AT_ONCE
from tinymem.store.beside import parse_path
from tinymem.store.filters import EVERYTHING, Where, scope_where, where
from tinymem.store.migrating import copies_left
from tinymem.understanding import Understanding

_ERASED = "Memories erased for good!"
_PENDING = (
    "Memories erased; but old pages are still on the disk, because another process is reading the file or "
    "there is no space to write it anew: call compact() later"
)


class Keeping(Understanding):
    """The methods of `Memory` that keep its file in order."""

    def erase(
        self,
        memory_id: str | None = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Erase memories for good: no byte of what they said stays in the file. It can not be undone.

        Text, vector, keywords, metadata, categories, entities, feedback and all of the past go, with the
        messages of every call that told them, whichever other memories came from those too, and where their
        owner told the same words again. Ids without a filter take all messages that were told for them. The
        file is then written anew. `delete` is the way that can be undone. Exports, backups and the copy that
        a migration left beside the file keep what they have.

        Args:
            memory_id: which memory, also one that was deleted.
            user_id, agent_id, run_id, app_id, filters: which memories, expired and archived ones included;
                those that were deleted are meant as they last stood.

        Returns:
            {"message", "erased" (how many), "commit_id" (of an empty commit that stays as a receipt; None
            where nothing met), "pending"}. "pending" is True while another process reads the file, or there
            is no space, and so old pages can not be overwritten: call `compact` then, until it goes through.

        Raises:
            ValidationError: neither an id nor a filter was given (`reset` erases everything), or a memory_id
                and others. MemoryNotFoundError: unknown id. BusyError: nothing was erased.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("The door code is 4711", user_id="ana", infer=False)
            >>> memory.erase(user_id="ana")["erased"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = scope_where(scope, user_or_agent=True) & where(filters)
        meant: Where | str = condition
        whose = scope if filters is None and memory_id is None else None
        if memory_id is not None:
            meant = arguments.parse_id(memory_id, "memory_id")
            if scope.ids() or filters is not None:
                raise ValidationError("erase takes a memory_id, or other ids and filters, not both")
        elif condition == EVERYTHING:
            raise ValidationError("erase needs an id or a filter; to erase everything call reset()")
        erasure = self._store.erase(meant, commit_id := self._new_id(), self._now(), whose)
        if memory_id is not None and not erasure.erased:
            raise MemoryNotFoundError(f"no memory ever had the id {memory_id!r}, or it was erased already")
        message = _PENDING if erasure.pending else _ERASED
        if erasure.erased and (copies := copies_left(self._store.path)):
            message += f" Copies from before a migration still have what they said: {', '.join(copies)}"
        return {
            "message": message,
            "erased": erasure.erased,
            "commit_id": commit_id if erasure.receipt else None,
            "pending": erasure.pending,
        }

    def backup(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Copy the file, while this and other processes go on reading and writing: one state, whole.

        To go back to a copy, close the file everywhere, delete its `-wal` and `-shm` if there are any, and
        move the copy to its path. Who has the file open all the same is told so at the next call, and the
        copy is not opened as long as the log of another file lies beside it.

        Args:
            path: the copy, under the same key if there is one; a tinymem file that is there, that has no
                other key and that nobody has open, is replaced when the copy is complete.

        Returns:
            {"path", "size_bytes"}.

        Raises:
            ValidationError: at the path is the memory's own file, one in use, or none of tinymem's.
            StoreError: the copy can not be written; what stood there stands there still.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> copy = memory.backup("copy.db")
            >>> Memory("copy.db").count(user_id="ana")
            1
        """
        target = _parse_target(path)
        return {"path": str(target), "size_bytes": self._store.backup(target)}

    def snapshot(
        self,
        path: str | os.PathLike[str],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write some memories to a new file, ready to ship: with vectors, history, messages and feedback.

        Args:
            path: the new file; see `backup`.
            user_id, agent_id, run_id, app_id, filters: which memories; see `export`.

        Returns:
            {"path", "memories", "commits", "changes", "messages", "feedback"}: how many of each.

        Raises:
            As `backup`. CorruptError: something that is stored does not fit; see `check`.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> _ = memory.add("Has a dog", user_id="bob", infer=False)
            >>> memory.snapshot("bob.db", user_id="bob")["memories"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = scope_where(scope, user_or_agent=True) & where(filters)
        target = _parse_target(path)
        counts = dict(self._store.write_part(target, condition))
        del counts["skipped"]  # nothing was there before
        return {"path": str(target), **counts}

    def compact(self) -> dict[str, Any]:
        """Make the file as small as what it holds, and overwrite for good what was erased.

        Returns:
            {"before_bytes", "after_bytes"}: the size of the file and its log.

        Raises:
            BusyError: another process read or wrote all the while; call it again.

        Example:
            >>> memory = Memory(":memory:")
            >>> sizes = memory.compact()
            >>> sizes["after_bytes"] <= sizes["before_bytes"]
            True
        """
        before, after = self._store.compact()
        return {"before_bytes": before, "after_bytes": after}

    def repair(self) -> list[str]:
        """Make anew what is broken and follows from the memories: keywords, vectors, entities, indexes.

        Texts, metadata and history are never touched; what is wrong with those `check` still says, and
        `tinymem.salvage` saves what can be read into a new file. Settings of the file that can not be meant
        are taken back.

        Returns:
            What was mended, in plain words; empty where nothing had to be.

        Example:
            >>> Memory(":memory:").repair()
            []
        """
        said = self._store.mend()
        if wrong := self._wrong_settings():
            self._store.change_settings(dict.fromkeys(wrong))
            said.append(f"settings of the file taken back that could not be meant: {shown(list(wrong))}")
        made = self._embed_missing()
        return [*said, f"vectors made anew from the texts: {made}"] if made else said

    def reembed(self, *, progress: Progress | bool | None = None) -> dict[str, Any]:
        """Give every memory a vector of this Memory's embedder, its past included.

        Until the swap in the end everybody goes on in the old space; a run that was cut off goes on where
        it stopped. Memories that are written meanwhile are embedded as well.

        Args:
            progress: called with (texts done, texts in all so far); True draws a bar on stderr.

        Returns:
            {"message", "embedded" (how many texts), "embedder" (its name)}.

        Raises:
            EmbeddingError: the embedder failed; the file is as it was.
            ConflictError: another process re-embeds the file with another embedder.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> memory.reembed()["embedded"]
            1
        """
        tell = bar if progress is True else progress or None
        if tell is not None and not callable(tell):
            raise ValidationError("progress must be a function of (done, total), True, or left out")
        identity = self._embedder.identity
        embedded = self._store.reembed(lambda texts: self._embed(texts, "document"), identity, progress=tell)
        name = str(identity["name"])
        return {"message": "Memories re-embedded successfully!", "embedded": embedded, "embedder": name}

    def _embed_missing(self) -> int:
        """Give the memories that lack one a vector, if this Memory's embedder can; return how many."""
        missing = self._store.unembedded()
        if not missing or not self._store.vectors_match(self._embedder.identity):
            return 0
        if not self._store.identity():
            self.reembed()  # the past has vectors of nobody knows whom
            return len(missing)
        for start in range(0, len(missing), EMBEDDED_AT_ONCE):
            rowids, hashes, texts = zip(*missing[start : start + EMBEDDED_AT_ONCE], strict=True)
            rows = list(zip(rowids, hashes, strict=True))
            self._store.keep_vectors(self._embedder.identity, rows, self._embed(texts, "document"))
        return len(missing)


def _parse_target(path: object) -> Path:
    """Return where a new file goes, symbolic links followed."""
    return Path(os.path.realpath(parse_path(path)))
