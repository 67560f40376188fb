"""The rows of a damaged file, put together again: commits with their messages, memories with their changes.

Each is turned into a line of an export and checked as one; what makes no sense stays behind, and its table
counts as damaged from then on.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinymem.errors import CorruptError, ValidationError
from tinymem.store.lines import (
    MESSAGE,
    OURS,
    ChangeLine,
    CommitLine,
    Line,
    Parsed,
    encode_vector,
    parse_line,
)
from tinymem.store.pages import Row
from tinymem.store.remains import Remains
from tinymem.store.rows import COLUMNS, parse_record, render_record
from tinymem.store.vector_rows import NORM_TOLERANCE
from tinymem.store.vectors import length_of
from tinymem.store.writing import check_embedder

VECTORS = "memory_vec_vector_chunks00"
"""The table in which sqlite-vec keeps them."""


@dataclass
class Find:
    """What was found of one memory: its changes by number, and its states as rows, all with their rowids."""

    changes: dict[int, tuple[int, ChangeLine]] = field(default_factory=dict)
    rows: list[tuple[int, Line]] = field(default_factory=list)

    def is_whole(self) -> bool:
        """Tell whether the changes lead from nothing to the last of them."""
        held: str | None = None
        for _, change in self.in_order():
            if change.digest_before != held:
                return False
            held = change.digest_after
        return bool(self.changes)

    def in_order(self) -> list[tuple[int, ChangeLine]]:
        """Return the changes, oldest first."""
        return [self.changes[seq] for seq in sorted(self.changes)]

    @property
    def rowid(self) -> int:
        """The row that the memory had by its last change."""
        return self.changes[max(self.changes)][0]

    def last_state(self) -> Line | None:
        """Return what the last change left; None where it deleted the memory, or none was found."""
        if not self.changes:
            return None
        after = self.changes[max(self.changes)][1].after
        return None if after is None else json.loads(after)


class Finds:
    """All that was found: `commits` by number, and `finds` of memories by id.

    A commit that was lost stands for itself without more than the time of its changes; `lost_commits` counts
    those. `embedder` is whose vectors there are, None where that is not known; `vectors` are those of today's
    memories, by row; `broken` names the tables that are not whole.
    """

    def __init__(self, remains: Remains) -> None:
        self._remains = remains
        self.broken = set(remains.broken)
        self.embedder = self._find_embedder()
        self.commits: dict[int, CommitLine] = {}
        self._commit_ids: set[str] = set()
        self.lost_commits = 0
        self._find_commits()
        self.finds: dict[str, Find] = defaultdict(Find)
        self._find_changes()
        self._find_rows()
        self.vectors = dict(self._find_vectors())

    def settings(self) -> list[Parsed]:
        """Return the file's own settings as lines."""
        rows = [row.values for row in self._remains.rows["identity"]]
        lines = [{"kind": "setting", "key": key, "value": value} for key, value in rows if key not in OURS]
        return [line for line in (self.parsed("identity", each) for each in lines) if line is not None]

    def feedback(self) -> list[Parsed]:
        """Return what people thought of memories as lines."""
        rows = [row.values for row in sorted(self._remains.rows["feedback"], key=lambda row: row.rowid or 0)]
        keys = ("memory_id", "verdict", "reason", "at")
        lines = [{"kind": "feedback", **dict(zip(keys, values[1:], strict=True))} for values in rows]
        return [line for line in (self.parsed("feedback", each) for each in lines) if line is not None]

    def entities(self, wanted: Collection[tuple[str, str]]) -> list[Parsed]:
        """Return as lines the entities that have one of these owners and keys."""
        lines = [
            {"kind": "entity", "owner": owner, "name": name, "vector": self._encoded(vector)}
            for _, owner, key, name, vector in (row.values for row in self._remains.rows["entity"])
            if (owner, key) in wanted
        ]
        return [line for line in (self.parsed("entity", each) for each in lines) if line is not None]

    def parsed(self, table: str, line: Line) -> Any:
        """Return a line that makes sense, else None, and remember that its table is damaged."""
        try:
            dimension = None if self.embedder is None else int(self.embedder["dimension"])
            return parse_line(line, dimension, table)
        except ValidationError:
            self.broken.add(table)
            return None

    def _json(self, table: str, text: str | None) -> Any:
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            self.broken.add(table)
            return None

    def _find_embedder(self) -> dict[str, Any] | None:
        for row in self._remains.rows["identity"]:
            if row.values[0] == "embedder":
                try:
                    return check_embedder(json.loads(row.values[1]))
                except (ValueError, TypeError, RecursionError):
                    self.broken.add("identity")
        return None

    def _find_commits(self) -> None:
        told: dict[int, dict[int, Line]] = defaultdict(dict)
        for row in self._remains.all_rows("messages"):
            told[row.values[0]].setdefault(row.values[1], dict(zip(MESSAGE, row.values[1:], strict=True)))
        for row in self._remains.all_rows("commits"):
            _, commit_id, call, at, scope, engine = row.values
            head: Line = {"kind": "commit", "id": commit_id, "call": call, "at": at}
            head |= {"scope": self._json("commits", scope), "engine": self._json("commits", engine)}
            self._keep_commit(row.rowid or 0, head, told)
        known = dict(self.commits)
        for row in self._remains.all_rows("changes"):
            seq, state = row.values[1], self._json("changes", row.values[6] or row.values[5])
            if seq not in known and isinstance(state, dict):
                head = {"kind": "commit", "id": str(uuid.uuid4()), "call": "salvage", "scope": {}}
                self._keep_commit(seq, {**head, "at": state.get("updated_at"), "engine": {}}, told)
        self.lost_commits = len(self.commits) - len(known)

    def _keep_commit(self, seq: int, head: Line, told: Mapping[int, Mapping[int, Line]]) -> None:
        """Keep a commit that makes sense, with those of its messages that do."""
        if seq in self.commits or self.parsed("commits", {**head, "messages": []}) is None:
            return
        said = [one for _, one in sorted(told.get(seq, {}).items())]
        fitting = [one for one in said if self.parsed("messages", {**head, "messages": [one]}) is not None]
        if head["id"] not in self._commit_ids:
            self._commit_ids.add(head["id"])
            self.commits[seq] = self.parsed("commits", {**head, "messages": fitting})

    def _find_changes(self) -> None:
        for row in self._remains.all_rows("changes"):
            _, commit_seq, memory_id, rowid, event, before, after, vector, evidence = row.values
            commit = self.commits.get(commit_seq)
            line = {"kind": "change", "commit": "" if commit is None else commit.id, "event": event}
            line |= {"before": self._json("changes", before), "after": self._json("changes", after)}
            line |= {"evidence": self._json("changes", evidence), "vector_before": self._encoded(vector)}
            change = None if commit is None else self.parsed("changes", line)
            if change is not None and change.memory_id == memory_id and row.rowid is not None:
                self.finds[memory_id].changes.setdefault(row.rowid, (rowid, change))

    def _find_rows(self) -> None:
        categories: dict[int, dict[int, str]] = defaultdict(dict)
        for row in self._remains.all_rows("memory_category"):
            memory_rowid, category, position = row.values
            categories[memory_rowid].setdefault(position, category)
        # Two memories never had the same row, so a row tells whose it is where its id is damaged.
        owners = {rowid: name for name, find in self.finds.items() for rowid, _ in find.changes.values()}
        for row in self._remains.all_rows("memory"):
            assert row.rowid is not None, "a table has numbered rows"
            listed = [category for _, category in sorted(categories[row.rowid].items())]
            fields = self._fields(row, listed)
            if fields is not None:
                fields["id"] = owners.get(row.rowid, fields["id"])
                self.finds[fields["id"]].rows.append((row.rowid, fields))

    def _fields(self, row: Row, categories: Sequence[str]) -> Line | None:
        """Return a memory's row as an export has it, None if it makes no sense."""
        values = dict(zip(COLUMNS, row.values[1:], strict=False))
        metadata = self._json("memory", values["metadata"])
        try:
            record = parse_record(json.dumps({**values, "metadata": metadata, "categories": categories}))
            assert record is not None, "there is a text to parse"
            fields: Line = json.loads(render_record(record))
        except (CorruptError, ValidationError):
            self.broken.add("memory")
            return None
        return fields

    def _find_vectors(self) -> Iterator[tuple[int, bytes]]:
        """Yield (rowid, vector) from sqlite-vec's chunks."""
        if self.embedder is None:
            return
        size = 4 * int(self.embedder["dimension"])
        chunks = {row.values[0]: row.values[1] for row in self._remains.rows[VECTORS]}
        for row in self._remains.rows["memory_vec_chunks"]:
            _, places, valid, rowids = row.values
            vectors = chunks.get(row.rowid, b"")
            if not (len(vectors) == places * size and len(rowids) == places * 8 and len(valid) * 8 >= places):
                self.broken.add(VECTORS)
                continue
            numbers = np.frombuffer(rowids, dtype="<i8").tolist()
            for place, rowid in enumerate(numbers):
                vector = vectors[place * size : (place + 1) * size]
                if not valid[place // 8] >> place % 8 & 1:
                    continue
                if _is_normalised(vector):
                    yield rowid, vector
                else:
                    self.broken.add(VECTORS)

    def _encoded(self, vector: bytes | None) -> str | None:
        """Return a past vector as a line has it, None if it can not be one of this embedder."""
        if vector is None or self.embedder is None:
            return None
        fits = len(vector) == 4 * int(self.embedder["dimension"]) and _is_normalised(vector)
        return encode_vector(vector) if fits else None


def _is_normalised(vector: bytes) -> bool:
    return abs(length_of(vector) - 1) <= NORM_TOLERANCE
