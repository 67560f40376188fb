"""The log: what each call did to the file, and where each memory came from.

Reads `commits`, `changes` and `messages` for a person who asks; writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import apsw

from tinymem.store.opening import OpenFile
from tinymem.store.rows import parse_spans, parse_time, readable
from tinymem.store.selection import engine_of
from tinymem.types import Event, Message, Role, Scope, Span

_COMMITS = """
    SELECT k.seq, k.id, k.call, k.at, k.scope, k.engine,
        (SELECT count(*) FROM messages s WHERE s.commit_seq = k.seq)
    FROM commits k ORDER BY k.seq DESC LIMIT ? OFFSET ?
"""
_CHANGES = """
    SELECT memory_id, event, before ->> 'text', after ->> 'text' FROM changes
    WHERE commit_seq = ? ORDER BY seq
"""
_ORIGINS = """
    SELECT k.seq, k.id, k.call, k.at, k.engine, c.evidence, c.memory_id, c.event,
        c.before ->> 'text', c.after ->> 'text'
    FROM changes c JOIN commits k ON k.seq = c.commit_seq
    WHERE c.memory_id = ? ORDER BY c.seq
"""
_ERASED = "SELECT lost.value FROM commits k, json_each(k.engine, ?) AS lost WHERE k.call = 'erase'"
_MESSAGES = "SELECT position, role, content, name, at FROM messages WHERE commit_seq = ? ORDER BY position"


@dataclass(frozen=True)
class LoggedChange:
    """What a commit did to one memory: the texts before and after, None where it was not there."""

    memory_id: str
    event: Event
    before: str | None
    after: str | None


@dataclass(frozen=True)
class LoggedCommit:
    """A commit as the file tells of it; `messages` is how many were kept."""

    id: str
    call: str
    at: datetime
    scope: Scope
    engine: Mapping[str, Any]
    messages: int
    changes: tuple[LoggedChange, ...]


@dataclass(frozen=True)
class Origin:
    """Where one Change of a memory came from: call, model, and the messages that were kept, by index.

    `erased` says that messages were, because of a memory that came from them.
    """

    commit_id: str
    call: str
    at: datetime
    engine: Mapping[str, Any]
    change: LoggedChange
    evidence: tuple[Span, ...]
    messages: Mapping[int, Message]
    erased: bool


class Log(OpenFile):
    """What a Store tells of its commits."""

    def count_commits(self) -> int:
        """Return how many commits the file holds."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM commits").get)

    def commits(self, *, limit: int | None = None, offset: int = 0) -> list[LoggedCommit]:
        """Return the commits with what they changed, newest first; `limit` None means all.

        Raises:
            CorruptError: A commit can not be read.
        """
        with self._reading() as connection, readable("the log"):
            rows = connection.execute(_COMMITS, (-1 if limit is None else limit, offset))
            return [
                LoggedCommit(
                    *(
                        commit_id,
                        call,
                        parse_time(at),
                        Scope(**json.loads(scope)),
                        engine_of(json.loads(engine), ()),
                    ),
                    messages=messages,
                    changes=tuple(LoggedChange(*row) for row in connection.execute(_CHANGES, (seq,))),
                )
                for seq, commit_id, call, at, scope, engine, messages in rows
            ]

    def origins(self, memory_id: str) -> list[Origin]:
        """Return where each Change of one memory came from, oldest first; empty if the id never existed.

        Raises:
            CorruptError: A commit can not be read.
        """
        with self._reading() as connection, readable("the log"):
            erased = load_erased(connection, "messages_of")
            rows = connection.execute(_ORIGINS, (memory_id,))
            return [
                Origin(
                    *(commit_id, call, parse_time(at), engine_of(json.loads(engine), ())),
                    change=LoggedChange(*change),
                    evidence=parse_spans(evidence),
                    messages=_load_messages(connection, seq),
                    erased=commit_id in erased,
                )
                for seq, commit_id, call, at, engine, evidence, *change in rows
            ]


def load_erased(connection: apsw.Connection, lost: Literal["changes_of", "messages_of"]) -> set[str]:
    """Return the commits of which Changes, or messages, were erased, by what the receipts say."""
    return {str(commit_id) for (commit_id,) in connection.execute(_ERASED, (f"$.{lost}",))}


def _load_messages(connection: apsw.Connection, seq: int) -> dict[int, Message]:
    """Return the messages that are kept of a commit, by their index in what the call was told."""
    return {
        position: Message(cast(Role, role), content, name, None if at is None else parse_time(at))
        for position, role, content, name, at in connection.execute(_MESSAGES, (seq,))
    }
