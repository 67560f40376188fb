"""The Store: one tinymem file, opened. `apply` is the only writer; everything else reads.

One connection and one lock serve all threads of a process; other processes open the file
themselves. A method sees one state of the file, and so do all reads inside `snapshot()`. Nothing
here knows a model: vectors come in as arrays, texts as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

import apsw

from tinymem.store import care, entities, ledger, outgoing, staging, timeline, transfer, writing
from tinymem.store.copies import shrink
from tinymem.store.days import MemoryDays
from tinymem.store.erasing import Erasing
from tinymem.store.filters import Where
from tinymem.store.lines import Dump, Line
from tinymem.store.log import Log
from tinymem.store.matches import find_matches, score_matches
from tinymem.store.mending import Mending
from tinymem.store.neighbours import Neighbours
from tinymem.store.opening import OpenFile
from tinymem.store.past import Past
from tinymem.store.rekeying import Rekeying
from tinymem.store.rows import RECORD_SQL, parse_row, parse_vector
from tinymem.store.undoing import Undoing
from tinymem.store.vectors import load_embedder
from tinymem.types import Commit, HistoryEntry, Message, Record, Scope, Vector

_VECTOR_OF = """
    SELECT embedding FROM memory_vec WHERE rowid = (SELECT m.rowid FROM memory m WHERE m.id = ?)
"""
_COUNTED = {
    "memories": "memory",
    "commits": "commits",
    "changes": "changes",
    "messages": "messages",
    "entities": "entity",
    "feedback": "feedback",
}
_COUNT_VECTORS = "SELECT count(*) FROM memory_vec"
_ORDERS = {
    "newest": "ORDER BY m.created_at DESC, m.rowid DESC",
    "oldest": "ORDER BY m.created_at, m.rowid",
}


class Store(Neighbours, MemoryDays, Erasing, Mending, Past, Undoing, Log, Rekeying, OpenFile):
    """One tinymem file. Open it once per process and share it between threads; close it in the end.

    `path` is the file's path, created if it is missing or empty, or `:memory:`; `key` is a passphrase or 32
    bytes that encrypt it; `busy_timeout_s` is how many seconds a call waits for another process that is
    writing; `quota` is how much it may hold; `resident_bytes` is how much memory vectors may take in full.

    Raises:
        ConfigError: The key can not be one, or this SQLite can not encrypt.
        NotADatabaseError: The path holds something else; it was left untouched.
        AuthenticationError: The key is missing or another one's, or the file is not encrypted.
        SchemaError: The file was written by a newer tinymem; it was left untouched.
        CorruptError: The file is ours and damaged.
        BusyError: Another process kept it locked while it had to be set up.
        StoreError: It can not be opened: the message says why.
    """

    def apply(
        self, *commits: Commit, keep_messages: bool = True, embedder: Mapping[str, Any] | None = None
    ) -> None:
        """Write a Commit, or several in their order, in one transaction: all of it or nothing.

        `embedder` is the identity of what made the vectors; it is recorded with a file's first vector.
        An UPDATE without a vector keeps the one that stands if the text stays, and drops it if not.

        Raises:
            ConflictError: What is stored is not what the Commit was decided on, an ADD's id or (with
                `unique`) text exists already, or the file's vectors were made by another embedder.
            ValidationError: A Change is malformed, or a Record can not be stored as it is.
            EmbeddingError: A vector is not a normalised float32 row of the embedder's dimension.
            MemoryQuotaExceededError: The file would grow over its quota; what only deletes is never refused.
            BusyError: Another process kept the file locked for longer than the busy timeout.
            DiskFullError: No space is left.
        """
        prepared = [writing.prepare(commit, embedder) for commit in commits]
        frees = all(change.event == "DELETE" for commit in commits for change in commit.changes)
        with self._writing(frees=frees) as connection:
            for each in prepared:
                writing.write(connection, each, keep_messages=keep_messages)

    def identity(self) -> dict[str, Any]:
        """Return what the file says about its vectors: `{"embedder": {...}}`, empty while it has none."""
        with self._open() as connection:
            embedder = load_embedder(connection)
        return {} if embedder is None else {"embedder": embedder}

    def vectors_match(self, embedder: Mapping[str, Any]) -> bool:
        """Tell whether an embedder's vectors may be compared with the file's, or the file has none."""
        stored = self.identity().get("embedder")
        return stored is None or writing.same_space(stored, json.loads(json.dumps(dict(embedder))))

    def get(self, memory_id: str) -> Record | None:
        """Return a memory by id, None if there is none."""
        with self._open() as connection:
            row = connection.execute(f"{RECORD_SQL} WHERE m.id = ?", (memory_id,)).fetchone()
        return None if row is None else parse_row(row)

    def get_many(self, rowids: Sequence[int]) -> dict[int, Record]:
        """Return memories by rowid; rowids without a memory are left out."""
        wanted = json.dumps([int(rowid) for rowid in rowids])
        with self._open() as connection:
            rows = connection.execute(
                f"{RECORD_SQL} WHERE m.rowid IN (SELECT value FROM json_each(?))", (wanted,)
            )
            return {row[0]: parse_row(row) for row in rows}

    def select(
        self,
        where: Where,
        *,
        order: Literal["newest", "oldest"] = "newest",
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Record]:
        """Return the memories that meet a condition, by `created_at`; `limit` None means all."""
        sql = f"{RECORD_SQL} WHERE {where.sql} {_ORDERS[order]} LIMIT ? OFFSET ?"
        with self._open() as connection:
            rows = connection.execute(sql, (*where.params, -1 if limit is None else limit, offset)).fetchall()
        return [parse_row(row) for row in rows]

    def count(self, where: Where) -> int:
        """Return how many memories meet a condition."""
        with self._open() as connection:
            found = connection.execute(f"SELECT count(*) FROM memory m WHERE {where.sql}", where.params).get
        return int(found)

    def nearest(self, vector: Vector, where: Where, limit: int) -> list[tuple[int, float]]:
        """Return (rowid, cosine -1..1) of the nearest memories that meet a condition, best first, exactly.

        Raises:
            EmbeddingError: The vector is not a normalised float32 row of the file's dimension.
        """
        with self._reading() as connection:
            self._held.follow(connection)
            return self._held.vectors.nearest(connection, vector, where, limit)

    def similarities(self, vector: Vector, rowids: Sequence[int]) -> dict[int, float]:
        """Return the cosine -1..1 of these memories by rowid; memories without a vector are left out.

        Raises:
            EmbeddingError: The vector is not a normalised float32 row of the file's dimension.
        """
        with self._reading() as connection:
            self._held.follow(connection)
            return self._held.vectors.similarities(connection, vector, rowids)

    def keyword_matches(self, query: str, where: Where, limit: int) -> list[tuple[int, float]]:
        """Return (rowid, BM25 above 0) of memories with any word of the query, best first."""
        with self._reading() as connection:
            self._held.follow(connection)
            return find_matches(connection, self._held.postings, query, where, limit)

    def read_ahead(self, query: str, where: Where, limit: int) -> None:
        """Read what `keyword_matches` of the same is going to ask for, if no other thread uses the file."""
        if self._lock.acquire(blocking=False):
            try:
                self.keyword_matches(query, where, limit)
            finally:
                self._lock.release()

    def keyword_scores(self, query: str, where: Where, rowids: Sequence[int]) -> dict[int, float]:
        """Return the BM25 of memories that meet a condition and hold any word of the query, by rowid."""
        with self._reading() as connection:
            self._held.follow(connection)
            return score_matches(connection, self._held.postings, query, where, rowids)

    def existing(self, memory_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that memories have."""
        sql = "SELECT id FROM memory WHERE id IN (SELECT value FROM json_each(?))"
        with self._open() as connection:
            return {str(found) for (found,) in connection.execute(sql, (json.dumps(list(memory_ids)),))}

    def vector_of(self, memory_id: str) -> Vector | None:
        """Return a memory's vector, float32 (dimension,), None if it has none."""
        with self._reading() as connection:
            if load_embedder(connection) is None:
                return None
            blob = connection.execute(_VECTOR_OF, (memory_id,)).get
        return None if blob is None else parse_vector(blob)

    def history(self, memory_id: str) -> list[HistoryEntry]:
        """Return every Change of one memory, oldest first; empty if the id never existed."""
        with self._open() as connection:
            return timeline.load_history(connection, memory_id)

    def messages_of(self, commit_id: str) -> list[Message]:
        """Return the messages that one commit was told, in order; empty if none were kept."""
        with self._open() as connection:
            return timeline.load_messages(connection, commit_id)

    def entities(self, where: Where, *, limit: int | None = None, offset: int = 0) -> list[entities.Entity]:
        """Return what the memories that meet a condition name, most often named first."""
        with self._open() as connection:
            return entities.load_entities(connection, where, limit, offset)

    def entity_names(self, scope: Scope) -> dict[str, Vector | None]:
        """Return the names of the entities of a scope's owner, with their vectors as far as known."""
        with self._open() as connection:
            return entities.load_names(connection, scope)

    def naming(self, names: Sequence[str], where: Where, limit: int) -> list[tuple[int, int]]:
        """Return (rowid, how many) of memories that name any of these entities, most of them first."""
        with self._open() as connection:
            return entities.find_naming(connection, names, where, limit)

    def owners(self, where: Where) -> list[ledger.Owner]:
        """Return whose memories meet a condition."""
        with self._reading() as connection:
            return ledger.load_owners(connection, where)

    def settings(self) -> dict[str, Any]:
        """Return the file's own settings."""
        with self._open() as connection:
            return ledger.load_settings(connection)

    def change_settings(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Change some of the file's own settings, None takes one back, and return all."""
        with self._writing() as connection:
            settings = {**ledger.load_settings(connection), **changed}
            kept = {name: value for name, value in settings.items() if value is not None}
            ledger.keep_settings(connection, kept)
        return kept

    def add_feedback(self, memory_id: str, verdict: str | None, reason: str | None, at: datetime) -> None:
        """Keep one verdict on a memory; None takes back all that was said of it.

        Raises:
            MemoryNotFoundError: No memory has this id.
        """
        with self._writing() as connection:
            ledger.add_feedback(connection, memory_id, verdict, reason, at)

    def feedback(self, memory_id: str) -> list[tuple[str, str | None, str]]:
        """Return (verdict, reason, time) of all feedback on a memory, oldest first."""
        with self._open() as connection:
            return ledger.load_feedback(connection, memory_id)

    def dump(self, condition: Where) -> Generator[Line, None, None]:
        """Yield what concerns the memories that meet a condition as lines, a header first.

        A selection has no settings; only `EVERYTHING` has the past of memories that were deleted.

        Raises:
            CorruptError: Something that is stored can not be read.
        """
        with self._reading() as connection:
            yield from outgoing.read_lines(connection, condition)

    def restore(self, dump: Dump, made: transfer.Made, *, keep_messages: bool) -> transfer.Restored:
        """Write what a dump says and the file does not hold, in one transaction: all of it or nothing.

        Raises:
            ValidationError: A line does not fit those before it, or lines are missing.
            ConflictError: Ids stand for something else in this file; lists them.
        """
        with self._writing() as connection:
            return transfer.restore_lines(connection, dump, made, keep_messages=keep_messages)

    def check(self, embedder: Mapping[str, Any] | None = None) -> list[str]:
        """Return what is wrong with the file, in plain words; empty when it is sound. Repairs nothing.

        With an embedder whose vectors the file has, or could have, memories without one are a problem too.
        """
        with self._reading() as connection:
            return care.find_problems(connection, embedder)

    def stats(self) -> dict[str, Any]:
        """Return how much the file holds, its size in bytes, its schema version and its embedder."""
        with self._reading() as connection:
            embedder = load_embedder(connection)
            counted: dict[str, Any] = {
                name: connection.execute(f"SELECT count(*) FROM {table}").get
                for name, table in _COUNTED.items()
            }
            counted["vectors"] = 0 if embedder is None else connection.execute(_COUNT_VECTORS).get
            counted["size_bytes"] = connection.pragma("page_count") * connection.pragma("page_size")
            counted["schema_version"] = connection.pragma("user_version")
            counted["embedder"] = embedder
        return counted

    def reembed(
        self,
        embed: Callable[[Sequence[str]], Vector],
        embedder: Mapping[str, Any],
        *,
        batch_size: int = 256,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Give every memory a vector of another embedder; return how many texts were embedded.

        `embed` turns up to `batch_size` texts into float32 (n, dimension), rows normalised, outside any
        transaction; `embedder` is its identity. `progress` is told (texts done, texts in all). Until the
        swap in the end, one transaction, the file stays in its old space; a run that was cut off goes on
        where it stopped.

        Raises:
            ValidationError: The embedder's identity has no name or no usable dimension.
            EmbeddingError: `embed` gave something else than one normalised row for each text.
            ConflictError: Another process began to re-embed the file with another embedder.
        """
        with self._writing() as connection:
            staging.begin(connection, embedder)
        done = 0
        while True:
            with self._reading() as connection:
                pending = staging.load_pending(connection)
            for start in range(0, len(pending), batch_size):
                hashes, texts = zip(*pending[start : start + batch_size], strict=True)
                rows = embed(texts)
                with self._writing() as connection:
                    staging.keep(connection, embedder, hashes, rows)
                if progress is not None:
                    progress(done + start + len(texts), done + len(pending))
            done += len(pending)
            with self._writing() as connection:
                if staging.swap(connection, embedder):
                    return done

    def reset(self) -> None:
        """Remove everything: memories, vectors, history, messages. The file stays, and stays ours.

        Raises:
            BusyError: Another process kept the file locked for longer than the busy timeout.
        """
        with self._writing(frees=True) as connection:
            writing.erase_everything(connection)
        # While another process reads, the space is not given back to the disk but used again later.
        with self._open() as connection, suppress(apsw.BusyError):
            shrink(connection)
