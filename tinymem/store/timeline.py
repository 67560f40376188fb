"""The past: what was done to a memory, by which call, from which words.

Reads `commits`, `changes` and `messages`, which are only ever appended to; writes nothing.
"""

from __future__ import annotations

from typing import cast

import apsw

from tinymem.store.rows import parse_record, parse_spans, parse_time
from tinymem.types import HistoryEntry, Message, Role

_HISTORY = """
    SELECT k.id, k.call, k.at, c.event, c.before, c.after, c.evidence
    FROM changes c JOIN commits k ON k.seq = c.commit_seq
    WHERE c.memory_id = ? ORDER BY c.seq
"""

_MESSAGES = """
    SELECT s.role, s.name, s.content, s.at
    FROM messages s JOIN commits k ON k.seq = s.commit_seq
    WHERE k.id = ? ORDER BY s.position
"""


def load_history(connection: apsw.Connection, memory_id: str) -> list[HistoryEntry]:
    """Return every Change of one memory, oldest first; empty if the id never existed."""
    return [
        HistoryEntry(
            commit_id=commit_id,
            call=call,
            at=parse_time(at),
            event=event,
            before=parse_record(before),
            after=parse_record(after),
            evidence=parse_spans(evidence),
        )
        for commit_id, call, at, event, before, after, evidence in connection.execute(_HISTORY, (memory_id,))
    ]


def load_messages(connection: apsw.Connection, commit_id: str) -> list[Message]:
    """Return the messages that one commit was told, in order; empty if none were kept."""
    return [
        Message(role=cast(Role, role), content=content, name=name, at=None if at is None else parse_time(at))
        for role, name, content, at in connection.execute(_MESSAGES, (commit_id,))
    ]
