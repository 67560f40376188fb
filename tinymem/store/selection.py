"""What goes along when some memories leave a file: of the messages that were told, those that they rest on.

A call may have told of several people, and of more than was asked for. So a message comes with a selection
only if one of its memories cites it, and where the call made other memories as well, only with the cited
words: the rest becomes blanks, so that every place in it stays right.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import apsw

from tinymem.store.filters import Where
from tinymem.store.lines import MESSAGE, Line
from tinymem.store.rows import REPEATED

CONTENT = MESSAGE.index("content")

_CHANGES = "SELECT memory_id, evidence FROM changes WHERE commit_seq = ?"


def selected_ids(connection: apsw.Connection, condition: Where) -> set[str]:
    """Return the ids of the memories that meet a condition."""
    sql = f"SELECT m.id FROM memory m WHERE {condition.sql}"
    return {str(memory_id) for (memory_id,) in connection.execute(sql, condition.params)}


def told_to(
    connection: apsw.Connection, commit_seq: int, messages: Sequence[Line], selected: Container[str]
) -> list[Line]:
    """Return what of a commit's messages goes along with the memories that were selected."""
    changes = list(connection.execute(_CHANGES, (commit_seq,)))
    users = {message["position"] for message in messages if message["role"] == "user"}
    cited: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for memory_id, evidence in changes:
        own, *around = (json.loads(evidence) if memory_id in selected else []) or [None]
        # What a user said before an assistant's statement is the user's.
        for place, start, end in [own, *(each for each in around if each[0] not in users)] if own else ():
            cited[place].append((start, end))
    if all(memory_id in selected for memory_id, _ in changes):
        whole = not cited  # a procedure is made of all that was told
        return [message for message in messages if whole or message["position"] in cited]
    return [
        {**message, "content": only(message["content"], cited[message["position"]])}
        for message in messages
        if message["position"] in cited
    ]


def only(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a text with blanks for all but these spans of characters.

    >>> only("I live in Rome. I am ill.", [(0, 15)])
    'I live in Rome.          '
    """
    kept = [False] * len(text)
    for start, end in spans:
        kept[start:end] = [True] * (min(end, len(text)) - start)
    return "".join(character if keep else " " for character, keep in zip(text, kept, strict=True))


def engine_of(engine: Mapping[str, Any], selected: Container[str]) -> dict[str, Any]:
    """Return what decided about a commit, without ids of memories that were not selected."""
    repeated = [pair for pair in engine.get(REPEATED, ()) if pair[0] in selected]
    rest = {key: value for key, value in engine.items() if key != REPEATED}
    return {**rest, REPEATED: repeated} if repeated else rest


def same_head(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two commits are one, by call, time, scope and engine, whatever was selected of it."""
    *rest, engine = one
    *others, other_engine = other
    return rest == others and engine_of(json.loads(engine), ()) == engine_of(json.loads(other_engine), ())


def fit_together(held: Iterable[Sequence[Any]], told: Iterable[Sequence[Any]]) -> bool:
    """Tell whether two selections of a commit's messages, rows with position and content, can be of one."""
    there = {row[0]: row for row in held}
    return all(_fits(there[row[0]], row) for row in told if row[0] in there)


def _fits(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Tell whether two messages differ only where one of them has blanks."""
    text, other_text = one[CONTENT], other[CONTENT]
    pairs = zip(text, other_text, strict=False)
    alike = len(text) == len(other_text) and all(a == b or " " in (a, b) for a, b in pairs)
    return alike and all(
        a == b for place, (a, b) in enumerate(zip(one, other, strict=True)) if place != CONTENT
    )
