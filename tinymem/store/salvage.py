"""Salvage: whatever can still be read of a damaged file, in a new one that is sound.

The damaged file is only ever read, and never by SQLite (of an encrypted one a copy, see `unsealing`). A
memory stands in it twice, in its row and in its last change, and each change says what it began from: so one
is made good by the other, and gaps show. A memory with its whole past comes over as it was, one whose past
has gaps begins anew as it last stood.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tinymem.errors import AuthenticationError, NotADatabaseError, StoreError
from tinymem.store.beside import parse_path, written_beside
from tinymem.store.connect import mapped_errors, read_header
from tinymem.store.copies import is_ours
from tinymem.store.encryption import MAGIC, check_key, is_encrypted
from tinymem.store.entities import names_of, owner_of
from tinymem.store.finds import VECTORS, Find, Finds
from tinymem.store.lines import Dump, Line, Parsed, digest_of_state, encode_vector
from tinymem.store.pages import Pages
from tinymem.store.remains import Remains, collect
from tinymem.store.rows import parse_record
from tinymem.store.store import Store
from tinymem.store.unsealing import unsealed
from tinymem.types import render_time

SHOWN = 20  # ids that one sentence lists at most

_IDS = "sqlite_autoindex_memory_1"  # what SQLite calls the index that keeps ids unique

_CALLED = {
    "memory": "memories",
    "memory_category": "categories",
    "commits": "commits",
    "changes": "history",
    "messages": "source messages",
    "feedback": "feedback",
    "identity": "settings",
}
_NO_CONTENTS = (
    "the file's table of contents could not be read: everything was recognised by its looks, vectors are "
    "left out, and what was deleted may have come back"
)
_NO_VECTORS = (
    "which embedder made the vectors could not be read, so they are left out: reembed() makes new ones"
)


def salvage(
    path: str | os.PathLike[str], to: str | os.PathLike[str], *, key: str | bytes | None = None
) -> dict[str, Any]:
    """Save what can be read of a damaged file into a new one; nobody should have the damaged one open.

    It is only read: truncated, with pages missing or bits flipped, even without its beginning. Memories come
    with ids, texts, metadata, times, categories and relations, and as far as they are whole with vectors,
    history, messages and feedback.

    Args:
        path: the damaged file; its log (`-wal`), if there is one beside it, is read too.
        to: the new file, where nothing may be yet.
        key: what an encrypted file was encrypted with; the new one is encrypted with it too. Of such a file
            whole pages are lost, because what was changed can not be told from what was not.

    Returns:
        {"memories", "commits", "lost"}: how many of each the new file holds, and in sentences what was lost;
        empty where nothing was. A commit "salvage" holds the memories whose own history is not whole.

    Raises:
        NotADatabaseError: nothing in the file looks like tinymem's.
        AuthenticationError: the key is missing or another's, or the file is not encrypted.
        ValidationError: a path can not be one. ConfigError: the key can not be one.
        StoreError: it can not be read, or the new file can not be written.

    Example:
        >>> from tinymem import Memory
        >>> with Memory("damaged.db") as memory:
        ...     _ = memory.add("Likes tea", user_id="ana", infer=False)
        >>> salvage("damaged.db", "saved.db")
        {'memories': 1, 'commits': 1, 'lost': []}
    """
    source, target = (os.path.realpath(parse_path(each)) for each in (path, to))
    if not os.path.isfile(source):
        raise StoreError(f"{source} is not an ordinary file; give the path of the damaged file")
    if os.path.lexists(target):
        raise StoreError(f"{target} is there already; give the path of a new file")
    key = check_key(key, source)
    with mapped_errors(source), closing(_pages(source, key, Path(target).parent)) as pages:
        remains = collect(pages)
        ours = is_ours(pages.header)
    finds = Finds(remains)
    if not (finds.commits or finds.finds or ours):
        raise NotADatabaseError(f"{source} holds nothing that tinymem wrote")
    rescue = _Rescue(finds, remains)
    lines = rescue.lines()
    with written_beside(Path(target)) as part, closing(Store(str(part), key=key)) as store:
        dump = Dump(source, finds.embedder, ((source, line) for line in lines))
        counts = store.take(dump)
    return {"memories": counts["memories"], "commits": counts["commits"], "lost": rescue.lost()}


def _pages(source: str, key: str | bytes | None, folder: Path) -> Pages:
    """Open a damaged file; a copy of an encrypted one stands in the folder of the new file meanwhile."""
    header = read_header(source)
    if key is None:
        if is_encrypted(header):
            raise AuthenticationError(f"{source} is encrypted: give its key, salvage(path, to, key=...)")
        return Pages(source)
    if header.startswith(MAGIC):
        raise AuthenticationError(f"{source} is not encrypted: leave out the key")
    try:
        return Pages(source, unsealed(source, key, folder))
    except OSError as error:
        raise StoreError(
            f"{folder} can not be written to: {error}; check the folder and its space"
        ) from error


class _Rescue:
    """Decides what of the finds is saved; `lines` says it as an export does, `lost` what was not."""

    def __init__(self, finds: Finds, remains: Remains) -> None:
        self._finds = finds
        self._remains = remains
        self._saved: dict[str, tuple[int, Line]] = {}
        self._begun_anew: list[str] = []
        self._past_lost: list[str] = []
        self._by_history: list[str] = []
        self._present = self._present_ids()
        self._embedded = 0

    def _present_ids(self) -> set[str]:
        """Return the ids of memories that were there, as far as that can be known; of deleted ones a few."""
        present = {row.values[0] for row in self._remains.rows[_IDS]}
        if _IDS in self._remains.broken and "memory" in self._finds.broken:
            found = self._finds.finds.items()
            present |= {name for name, find in found if find.last_state() is not None}
        return present

    def lines(self) -> list[Parsed]:
        """Return all that is saved, in the order of an export."""
        finds = self._finds
        kept: list[tuple[int, Parsed]] = []
        for memory_id, find in finds.finds.items():
            state, whole = self._decide(memory_id, find)
            if state is not None:
                self._saved[memory_id] = state
            if whole:
                kept += [(seq, change) for seq, (_, change) in find.changes.items()]
            else:
                (self._past_lost if state is None else self._begun_anew).append(memory_id)
        commits: list[Parsed] = [finds.commits[seq] for seq in sorted(finds.commits)]
        changes = [change for _, change in sorted(kept, key=lambda one: one[0])]
        anew = self._beginning_anew() if self._begun_anew else []
        memories = [
            self._memory(rowid, fields)
            for rowid, fields in sorted(self._saved.values(), key=lambda one: one[0])
        ]
        commits += anew[:1]
        changes += anew[1:]
        return [*finds.settings(), *commits, *changes, *self._entities(), *memories, *finds.feedback()]

    def _entities(self) -> list[Parsed]:
        """Return the entities that the saved memories name."""
        records = [parse_record(json.dumps(fields)) for _, fields in self._saved.values()]
        return self._finds.entities(
            {
                (owner_of(record.scope), key)
                for record in records
                if record is not None
                for key in names_of(record.relations)
            }
        )

    def _decide(self, memory_id: str, find: Find) -> tuple[tuple[int, Line] | None, bool]:
        """Return a memory as it last stood, None where it is not saved, and whether its past is whole."""
        last = find.last_state()
        told = {self._mark(json.loads(change.after)) for _, change in find.in_order() if change.after}
        newer = [row for row in find.rows if self._mark(row[1]) not in told]
        past_is_whole = "changes" not in self._finds.broken
        whole = find.is_whole()
        if find.rows and not (whole and (past_is_whole or not newer)):
            return max(newer or find.rows, key=lambda row: str(row[1]["updated_at"])), False
        if last is None or find.rows or (whole and past_is_whole):
            return (None if last is None else (find.rowid, last)), whole
        if memory_id not in self._present:  # deleted, by a change that is lost
            return None, False
        self._by_history.append(memory_id)
        return (find.rowid, last), whole

    def _mark(self, fields: Line) -> str:
        """Return what two equal states of a memory have in common, as far as categories can be read."""
        unsure = "memory_category" in self._finds.broken
        return digest_of_state({**fields, "categories": []} if unsure else fields)

    def _beginning_anew(self) -> list[Parsed]:
        """Return a commit, and in it the first changes of the memories whose past is not whole."""
        now, commit_id = render_time(datetime.now(timezone.utc)), str(uuid.uuid4())
        told: Line = {"scope": {}, "engine": {}, "messages": []}
        commit = {"kind": "commit", "id": commit_id, "call": "salvage", "at": now, **told}
        change: Line = {"kind": "change", "commit": commit_id, "event": "ADD", "before": None, "evidence": []}
        change["vector_before"] = None
        states = [self._saved[memory_id][1] for memory_id in self._begun_anew]
        lines = [commit, *({**change, "after": state} for state in states)]
        return [self._finds.parsed("changes", line) for line in lines]

    def _memory(self, rowid: int, fields: Line) -> Parsed:
        """Return a memory as a line, with its vector if that is of this text."""
        rows = self._finds.finds[fields["id"]].rows
        its_own = "changes" not in self._finds.broken or any(row["text"] == fields["text"] for _, row in rows)
        vector = self._finds.vectors.get(rowid) if its_own else None
        self._embedded += vector is not None
        line = {"kind": "memory", "record": fields, "vector": encode_vector(vector)}
        parsed: Parsed = self._finds.parsed("memory", line)
        return parsed

    def lost(self) -> list[str]:
        """Return what was lost, in sentences."""
        finds, said = self._finds, []
        if not self._remains.has_contents:
            said.append(_NO_CONTENTS)
        said += [
            f"not all of the {name} could be read" for table, name in _CALLED.items() if table in finds.broken
        ]
        missing = self._present - self._saved.keys()
        if missing:
            said.append(f"memories that could not be saved: {_listed(missing)}")
        if "memory" in finds.broken and _IDS in self._remains.broken:
            said.append("whether there were other memories is not known")
        if self._by_history:
            shown = _listed(self._by_history)
            said.append(f"memories as history last shows them, perhaps not as they were: {shown}")
        if finds.lost_commits:
            said.append(f"commits of which only the changes are known: {finds.lost_commits}")
        if self._begun_anew:
            said.append(f"memories whose history is not whole and begins anew: {_listed(self._begun_anew)}")
        if past := set(self._past_lost) - missing:
            said.append(f"deleted memories whose history is not whole and left out: {_listed(past)}")
        if finds.embedder is None and "identity" in finds.broken:
            said.append(_NO_VECTORS)
        elif finds.broken & {"memory_vec_chunks", VECTORS}:
            bare = len(self._saved) - self._embedded
            said.append(f"{bare} memories are saved without their vectors: repair() makes those anew")
        return said


def _listed(ids: Collection[str]) -> str:
    shown = ", ".join(repr(one) for one in sorted(ids)[:SHOWN])
    return shown + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
